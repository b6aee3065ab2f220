"""Means over tasks against formulas: which population, which interval, and when there is none."""

import numpy as np
import pytest
import scipy.stats

from assay.errors import ShapeError
from assay.stats.means import combine, means_of_these_tasks, means_over_tasks, unseen_share
from assay.stats.task_errors import item_errors, reported_errors, seed_errors, size_errors


def test_few_tasks_give_students_t(rng):
    """Up to 4 tasks the interval is Student's t over tasks, named for other such tasks."""
    scores = rng.normal(70, 10, 4)
    low, high = scipy.stats.t.interval(0.95, 3, loc=scores.mean(), scale=scipy.stats.sem(scores))

    found = means_over_tasks(scores, rng=rng)[0]

    assert (found.value, found.low, found.high) == pytest.approx((scores.mean(), low, high))
    assert found.population == "other such tasks"


def test_from_five_tasks_on_half_of_the_skewness_is_removed():
    """Hall's cubic of the studentised mean is at Student's quantile at both ends before it is averaged with Student's.

    Even scores keep Student's interval.
    """
    scores = np.array([0.1, 0.6, 0.7, 0.75, 0.8, 0.82])
    n, mean, sd = 6, scores.mean(), scores.std(ddof=1)
    quantile, skew = scipy.stats.t.ppf(0.975, n - 1), scipy.stats.skew(scores)
    found = means_over_tasks(scores, rng=np.random.default_rng(0))[0]
    plain = np.array(scipy.stats.t.interval(0.95, n - 1, loc=mean, scale=sd / np.sqrt(n)))
    z = (mean - (2 * np.array([found.low, found.high]) - plain)) / sd

    cubic = np.sqrt(n) * (z + skew * z**2 / 3 + skew**2 * z**3 / 27 + skew / (6 * n))

    assert cubic == pytest.approx([quantile, -quantile])
    assert found.low < plain[0]
    even = means_over_tasks([1.0, 2, 3, 4, 5], rng=np.random.default_rng(0))[0]
    assert (even.low, even.high) == pytest.approx(scipy.stats.t.interval(0.95, 4, loc=3, scale=np.sqrt(0.5)))


def test_from_eight_tasks_on_skewness_is_corrected(rng):
    """With a long left tail the interval reaches further down than Student's t."""
    scores = 1 - rng.exponential(0.1, 20)
    t_low, t_high = scipy.stats.t.interval(0.95, 19, loc=scores.mean(), scale=scipy.stats.sem(scores))

    found = means_over_tasks(scores, rng=rng)[0]

    assert found.low < t_low
    assert found.high < t_high
    assert "bootstrap-t" in found.method


@pytest.mark.parametrize("tasks", [1, 3, 10, 57])
def test_a_kind_of_task_with_the_unseen_share_is_missed_once_in_twenty(tasks):
    """None of the tasks drawn is of that kind with probability 5 %, by the binomial distribution."""
    assert scipy.stats.binom.pmf(0, tasks, unseen_share(tasks)) == pytest.approx(0.05)


def test_one_task_has_a_mean_and_no_interval(rng):
    """One task says nothing of other tasks; no score at all has a reason."""
    one, none = means_over_tasks(np.array([[0.5], [np.nan]]), rng=rng)

    assert one.value == 0.5
    assert one.low is None
    assert "one task" in one.method
    assert none.value is None


def test_a_skipped_task_is_corrected_for(rng):
    """A model that skipped the hardest task is not rewarded for it."""
    scores = np.array([[0.9, 0.8, 0.2], [0.9, 0.8, np.nan], [0.8, 0.7, 0.1]])

    full, partial, _ = means_over_tasks(scores, rng=rng)

    assert partial.value == pytest.approx(full.value)
    assert "corrected for 1 tasks" in partial.method


def test_seeds_give_the_pooled_standard_error():
    """With equal noise the variance of M is σ² / (S T), and with one seed it is unknown."""
    rng = np.random.default_rng(3)
    runs = rng.normal(size=(1, 4, 5))
    expected = runs[0].var(axis=1, ddof=1).sum() / 5 / 16

    errors = seed_errors(runs, np.ones_like(runs, bool))

    assert errors.variance.sum() / 16 == pytest.approx(expected)
    alone = means_of_these_tasks(seed_errors(runs[:, :, :1], np.ones((1, 4, 1), bool)))[0]
    assert alone.low is None
    assert "one run says nothing" in alone.method


def test_degrees_of_freedom_lie_between_satterthwaite_and_welch():
    """Equal parts with f each give between k f and k (f + 2) − 2; a known variance has no limit."""
    total, df = combine(np.ones(3), np.full(3, 2.0))

    assert total == 3
    assert df == pytest.approx((3 * 2 + 3 * 4 - 2) / 2)
    assert combine(np.array([1.0]), np.array([np.inf]))[1] >= 1e9
    assert combine(np.array([np.nan]), np.array([1.0]))[0] is None


def test_sizes_give_agresti_and_coulls_interval():
    """One task: the interval is Agresti and Coull's, and never of width 0 at 100 %."""
    z2 = scipy.stats.norm.ppf(0.975) ** 2
    n, k = 50, 45
    centre = (k + z2 / 2) / (n + z2)
    reach = np.sqrt(z2 * centre * (1 - centre) / (n + z2))

    found = means_of_these_tasks(size_errors(np.array([[k / n]]), np.ones((1, 1), bool), np.array([[float(n)]])))[0]

    assert (found.low, found.high) == pytest.approx((centre - reach, centre + reach), abs=1e-6)
    perfect = means_of_these_tasks(size_errors(np.ones((1, 1)), np.ones((1, 1), bool), np.array([[50.0]])))[0]
    assert perfect.low < 0.97
    assert perfect.high >= 1.0


def test_items_of_one_seed_give_the_standard_error_of_the_mean(rng):
    """Scored items: the variance of a task's score is s² / n."""
    block = rng.normal(size=(2, 1, 40))

    errors = item_errors([block])

    assert errors.variance[:, 0].sum(axis=1) == pytest.approx(block[:, 0].var(axis=1, ddof=1) / 40)
    assert errors.population == "these tasks again, with other items"


def test_shared_items_make_the_covariance_full(rng):
    """The variance of a difference equals that of the paired differences over n."""
    block = rng.normal(size=(2, 1, 200)) + rng.normal(size=200) * 3

    errors = item_errors([block])

    c = errors.shared[0]
    paired = (block[0, 0] - block[1, 0]).var(ddof=1) / 200
    assert c[0, 0] + c[1, 1] - 2 * c[0, 1] == pytest.approx(paired)


def test_seeds_and_items_are_crossed():
    """With items and seeds the variance is (MS_seed + MS_item − MS_rest) / (s n)."""
    rng = np.random.default_rng(8)
    block = rng.normal(size=(1, 4, 30)) + 2 * rng.normal(size=(1, 4, 1)) + 2 * rng.normal(size=(1, 1, 30))
    runs = block[0]
    rows, columns, grand = runs.mean(1), runs.mean(0), runs.mean()
    ms_seed = 30 * ((rows - grand) ** 2).sum() / 3
    ms_item = 4 * ((columns - grand) ** 2).sum() / 29
    ms_rest = ((runs - rows[:, None] - columns + grand) ** 2).sum() / (3 * 29)

    errors = item_errors([block])

    assert errors.variance[0, 0].sum() == pytest.approx((ms_seed + ms_item - ms_rest) / 120)
    assert errors.population == "these tasks again, with other seeds and items"


def test_right_and_wrong_items_are_counted():
    """Items that are only 0 and 1 are counted as test sizes are."""
    block = np.zeros((1, 1, 20))
    block[0, 0, :20] = 1

    found = means_of_these_tasks(item_errors([block]))[0]

    assert found.value == 1.0
    assert found.low < 0.9


def test_reported_errors_are_taken_at_their_word():
    """Standard errors of another tool add up as known variances."""
    errors = reported_errors(np.array([[0.5, 0.7]]), np.ones((1, 2), bool), np.array([[0.03, 0.04]]))

    found = means_of_these_tasks(errors)[0]

    assert found.width == pytest.approx(2 * 1.959964 * 0.05 / 2, rel=1e-5)


def test_sizes_belong_to_shares_only():
    """A loss above 1 has no binomial error, and a size is positive."""
    with pytest.raises(ShapeError, match="between 0 and 1"):
        size_errors(np.array([[3.0]]), np.ones((1, 1), bool), np.array([[10.0]]))
    with pytest.raises(ShapeError, match="size"):
        size_errors(np.array([[0.5]]), np.ones((1, 1), bool), np.array([[np.nan]]))
    with pytest.raises(ShapeError):
        seed_errors(np.ones((2, 2)), np.ones((2, 2), bool))
