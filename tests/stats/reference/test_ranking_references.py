"""Published numbers and other people's definitions that the ranking statistics must reproduce."""

import numpy as np
import pytest
import scipy.stats

from assay.stats.aggregates import iqm, mean, median, optimality_gap
from assay.stats.agreement import friedman, kendall_tau_b, kendall_w, weighted_tau
from assay.stats.differences import probability_of_superiority
from assay.stats.power import detectable_effect, items_needed, paired_runs_needed


def test_demsar_average_ranks_friedman_and_nemenyi():
    """Demšar's example: χ² 9.28, F 3.69 and a critical difference of 1.25 from his mean ranks."""
    from_means = np.repeat([[3.143], [2.000], [2.893], [1.964]], 14, axis=1)

    found = friedman(from_means)

    assert round(found.chi2, 2) == 9.28
    assert round(found.f, 2) == 3.69
    assert round(friedman(from_means, level=0.95).critical_difference, 2) == 1.25
    assert found.mean_ranks.tolist() == pytest.approx([3.143, 2.0, 2.893, 1.964])


def test_nemenyi_uses_the_studentised_range_over_root_two():
    """Critical values are those of Demšar's table 5: 1.960 for two models, 2.569 for four, 3.164 for ten."""
    for models, value in ((2, 1.960), (4, 2.569), (10, 3.164)):
        ranks = np.tile(np.arange(1.0, models + 1)[:, None], (1, 20))
        scale = np.sqrt(models * (models + 1) / (6 * 20))
        assert friedman(ranks).critical_difference / scale == pytest.approx(value, abs=0.001)


def _definition_of_iqm(runs):
    """The mean of the middle half of a list: ⌊n/4⌋ values are cut at each end, as SciPy's trimmed mean does."""
    ordered = sorted(float(value) for value in np.ravel(runs))
    cut = int(0.25 * len(ordered))
    middle = ordered[cut : len(ordered) - cut]
    return sum(middle) / len(middle)


@pytest.mark.parametrize("seed", range(20))
def test_aggregates_of_runs_equal_their_definitions(seed):
    """Interquartile mean, mean, median and optimality gap of (seeds × tasks) equal the definitions to 1e-12."""
    rng = np.random.default_rng(seed)
    runs = rng.normal(0.8, 0.5, size=(rng.integers(1, 12), rng.integers(1, 30)))

    assert abs(iqm(runs.ravel()[None])[0] - _definition_of_iqm(runs)) < 1e-12
    assert abs(iqm(runs.ravel()[None])[0] - scipy.stats.trim_mean(runs, proportiontocut=0.25, axis=None)) < 1e-12
    gap = sum(1.0 - min(float(value), 1.0) for value in runs.ravel()) / runs.size
    assert abs(optimality_gap(runs) - gap) < 1e-12
    table = runs.mean(axis=0)[None]
    assert abs(mean(table)[0] - np.mean(np.mean(runs, axis=0))) < 1e-12
    assert abs(median(table)[0] - np.median(np.mean(runs, axis=0))) < 1e-12
    assert abs(iqm(table)[0] - _definition_of_iqm(table)) < 1e-12


@pytest.mark.parametrize("seed", range(10))
def test_probability_of_improvement_equals_its_definition(seed):
    """The mean over tasks of the Mann–Whitney share, as rliable counts it, to 1e-12."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, size=(7, 5)).astype(float), rng.integers(0, 6, size=(7, 8)).astype(float)
    shares = [
        np.mean([1.0 if x > y else 0.5 if x == y else 0.0 for x in a[task] for y in b[task]]) for task in range(7)
    ]

    assert abs(probability_of_superiority(a, b).value - np.mean(shares)) < 1e-12


@pytest.mark.parametrize("seed", range(10))
def test_aggregates_and_improvement_equal_rliable(seed):
    """The package rliable 1.2, run beside: its four aggregates and its probability of improvement, to 1e-12."""
    theirs = pytest.importorskip("rliable.metrics", reason="rliable is not installed")
    rng = np.random.default_rng(seed)
    t = int(rng.integers(1, 30))
    runs, other = (np.round(rng.normal(0.8, 0.5, size=(rng.integers(5, 12), t)), 1) for _ in range(2))

    assert abs(iqm(runs.ravel()[None])[0] - theirs.aggregate_iqm(runs)) < 1e-12
    assert abs(optimality_gap(runs) - theirs.aggregate_optimality_gap(runs)) < 1e-12
    table = runs.mean(axis=0)[None]
    assert abs(mean(table)[0] - theirs.aggregate_mean(runs)) < 1e-12
    assert abs(median(table)[0] - theirs.aggregate_median(runs)) < 1e-12
    improvement = probability_of_superiority(runs.T, other.T).value
    assert abs(improvement - theirs.probability_of_improvement(runs, other)) < 1e-12


@pytest.mark.parametrize("seed", range(10))
def test_weighted_tau_equals_scipy(seed):
    """Vigna's weighted tau with its default hyperbolic weights, ties in one list included."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=30), np.round(rng.normal(size=30), 1)

    assert weighted_tau(x, y) == pytest.approx(scipy.stats.weightedtau(x, y).statistic, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_kendall_tau_b_equals_scipy_with_ties(seed):
    """Kendall's tau-b of lists with many ties."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, 40), rng.integers(0, 6, 40)

    assert kendall_tau_b(x, y) == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)


def test_kendall_w_agrees_with_the_tie_corrected_friedman_statistic(rng):
    """W is SciPy's Friedman χ² over t (m − 1), ties included."""
    scores = rng.integers(0, 5, size=(6, 9)).astype(float)
    chi2 = scipy.stats.friedmanchisquare(*scores).statistic

    assert kendall_w(scores).value == pytest.approx(chi2 / (9 * 5))


def test_kendall_w_gives_the_mean_spearman_correlation(rng):
    """(t W − 1)/(t − 1) is the mean Spearman correlation between tasks."""
    scores = rng.normal(size=(8, 5))
    rho = scipy.stats.spearmanr(scores).statistic
    mean_rho = rho[np.triu_indices(5, 1)].mean()

    assert (5 * kendall_w(scores).value - 1) / 4 == pytest.approx(mean_rho)


def test_bouthillier_needs_29_paired_runs():
    """A probability of superiority of 0.75, both errors 5 %: 29 paired runs."""
    assert paired_runs_needed(0.75, alpha=0.05, beta=0.05) == 29


def test_miller_needs_969_items():
    """ω² = 1/9 and a difference of 0.03 at 5 % and 80 %: 969 items."""
    assert items_needed(0.03, 1 / 9) == 969


def test_paired_power_equals_the_textbook():
    """A paired t test of 34 pairs finds half a standard deviation with 80 % (Cohen's tables: n = 34)."""
    assert detectable_effect(1.0, 34) == pytest.approx(0.5, abs=0.01)
