"""Arrays in, numbers with intervals out: the statistics behind every lens, usable alone.

NumPy and SciPy only. Each function names its assumptions, its formula and its source.
"""

from assay.stats.aggregates import borda, bradley_terry, iqm, mean, median, optimality_gap, standardised_mean, win_rate
from assay.stats.agreement import concordance, friedman, irrelevant_model, kendall_tau_b, kendall_w, weighted_tau
from assay.stats.anytime import expected_delay, raise_bound
from assay.stats.bootstrap import bca_interval, bootstrap_means, percentile_interval
from assay.stats.change_point import change_point
from assay.stats.components import variance_components
from assay.stats.differences import paired_differences, probability_best, probability_of_superiority
from assay.stats.expected_maximum import expected_maximum, maximum_band
from assay.stats.forecast import choose_forecast
from assay.stats.label_shift import bbse, class_terms, em_shares
from assay.stats.means import means_of_these_tasks, means_over_tasks, unseen_share
from assay.stats.multiplicity import holm
from assay.stats.overlap import effective_size
from assay.stats.power import detectable_effect, items_needed, paired_power, paired_runs_needed, units_needed
from assay.stats.proportion import clopper_pearson, mcnemar_exact_p, mcnemar_mid_p, paired_difference, wilson
from assay.stats.rank_sets import rank_sets
from assay.stats.reliability import dependability, generalizability, predicted_reliability
from assay.stats.schemes import corrected_resampled_t, schemes
from assay.stats.stability import deletion_robustness, leave_one_task_out, small_subset, worst_weights
from assay.stats.versions import compare_versions, implausible_scores, task_agreement

__all__ = [
    "bbse",
    "bca_interval",
    "bootstrap_means",
    "borda",
    "bradley_terry",
    "change_point",
    "choose_forecast",
    "class_terms",
    "clopper_pearson",
    "compare_versions",
    "concordance",
    "corrected_resampled_t",
    "deletion_robustness",
    "dependability",
    "detectable_effect",
    "effective_size",
    "em_shares",
    "expected_delay",
    "expected_maximum",
    "friedman",
    "generalizability",
    "holm",
    "implausible_scores",
    "iqm",
    "irrelevant_model",
    "items_needed",
    "kendall_tau_b",
    "kendall_w",
    "leave_one_task_out",
    "maximum_band",
    "mcnemar_exact_p",
    "mcnemar_mid_p",
    "mean",
    "means_of_these_tasks",
    "means_over_tasks",
    "median",
    "optimality_gap",
    "paired_difference",
    "paired_differences",
    "paired_power",
    "paired_runs_needed",
    "percentile_interval",
    "predicted_reliability",
    "probability_best",
    "probability_of_superiority",
    "raise_bound",
    "rank_sets",
    "schemes",
    "small_subset",
    "standardised_mean",
    "task_agreement",
    "units_needed",
    "unseen_share",
    "variance_components",
    "weighted_tau",
    "wilson",
    "win_rate",
    "worst_weights",
]
