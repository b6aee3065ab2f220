"""Differences of models, chances of superiority, resampling schemes: against SciPy and formulas."""

import numpy as np
import pytest
import scipy.stats

from assay.errors import ShapeError, UsageError
from assay.stats.differences import (
    paired_differences,
    probability_best,
    probability_of_superiority,
)
from assay.stats.multiplicity import holm
from assay.stats.schemes import corrected_resampled_t, schemes


def test_pairs_are_scipys_paired_t_with_holm(rng):
    """Every p-value is that of a paired t test on shared tasks, and Holm's family is all pairs."""
    scores = np.where(rng.random((5, 9)) > 0.2, rng.normal(size=(5, 9)), np.nan)

    found = paired_differences(scores)

    raw = []
    for a in range(5):
        for b in range(a + 1, 5):
            both = np.isfinite(scores[a]) & np.isfinite(scores[b])
            test = scipy.stats.ttest_rel(scores[a, both], scores[b, both])
            assert found.p_value[a, b] == pytest.approx(test.pvalue)
            estimate = found.estimate(a, b)
            interval = test.confidence_interval()
            assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high))
            raw.append(test.pvalue)
    assert found.p_holm[np.triu_indices(5, 1)] == pytest.approx(holm(raw))


def test_pairs_without_shared_tasks_or_spread():
    """No shared task is unknown; a constant difference has p 0, and no difference p 1."""
    scores = np.array([[1.0, 2, 3, np.nan], [2, 3, 4, np.nan], [1, 2, 3, np.nan], [np.nan, np.nan, np.nan, 1]])

    found = paired_differences(scores)

    assert found.estimate(0, 3).value is None
    assert found.p_value[0, 1] == 0
    assert found.p_value[0, 2] == 1
    with pytest.raises(ShapeError):
        paired_differences(np.ones(3))


def test_few_runs_are_not_enough():
    """Four runs give no probability of superiority; one run against many is no evidence either."""
    assert "4 runs" in probability_of_superiority(np.ones((1, 4)), np.zeros((1, 4))).reason
    assert probability_of_superiority([[8.0]], [[5, 5, 8, 7, 8]]).value is None


def test_superiority_of_paired_runs_is_wilsons_interval():
    """One task, paired: the share of won pairs with Wilson's interval."""
    a, b = np.arange(10.0)[None], np.r_[np.arange(7) - 0.5, np.arange(7, 10) + 0.5][None]
    interval = scipy.stats.binomtest(7, 10).proportion_ci(method="wilson")

    found = probability_of_superiority(a, b, paired=True)

    assert found.value == pytest.approx(0.7)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_separated_runs_leave_room_for_doubt():
    """When every run of A beats every run of B the interval still does not begin at 1."""
    found = probability_of_superiority(np.arange(5.0)[None] + 10, np.arange(5.0)[None])

    assert found.value == 1.0
    assert 0.5 < found.low < 0.95
    with pytest.raises(ShapeError):
        probability_of_superiority(np.ones((2, 5)), np.ones((3, 5)))


def test_equal_models_share_the_chance_to_be_best():
    """Without any real difference between models each gets 1/m, and a clear leader nearly all."""
    rng = np.random.default_rng(1)
    flat = np.tile(rng.normal(size=8), (4, 1)) + np.where(np.eye(4, 8) > 0, 0.5, 0.0)
    none = probability_best(flat - flat.mean(axis=1, keepdims=True), np.ones((4, 8), bool), rng=rng)
    clear = probability_best(np.arange(4.0)[:, None] * 5 + rng.normal(size=(4, 8)), np.ones((4, 8), bool), rng=rng)

    assert none == pytest.approx([0.25] * 4)
    assert clear[3] > 0.99
    assert clear.sum() == pytest.approx(1)
    assert probability_best(np.ones((4, 2)), np.ones((4, 2), bool), rng=rng) is None


def test_resampling_schemes_follow_nadeau_and_bengio():
    """Five folds cost five fits and have variance (1/5 + 1/4) of one fold's."""
    found = {scheme.name: scheme for scheme in schemes(1000)}

    assert found["one hold-out"].fits == 1
    folds = found["5-fold cross-validation"]
    assert folds.fits == 5
    assert folds.error == pytest.approx(np.sqrt(1 / 5 + 1 / 4))
    loo = found["leave-one-out"]
    assert loo.fits == 1000
    assert loo.error == pytest.approx(np.sqrt((1 / 1000 + 1 / 999) * 200))
    with pytest.raises(UsageError):
        schemes(6)


def test_corrected_resampled_t_is_wider_than_the_plain_one(rng):
    """T = d̄ / √((1/J + n_test/n_train) s²), with J − 1 degrees of freedom."""
    d = rng.normal(0.5, 1, 10)
    error = np.sqrt((1 / 10 + 1 / 9) * d.var(ddof=1))
    reach = scipy.stats.t.ppf(0.975, 9) * error

    found = corrected_resampled_t(d, test=10, train=90)

    assert (found.low, found.high) == pytest.approx((d.mean() - reach, d.mean() + reach))
    assert corrected_resampled_t(d[:1], test=10, train=90).value is None
    with pytest.raises(ShapeError):
        corrected_resampled_t(np.ones((2, 2)), test=1, train=9)
