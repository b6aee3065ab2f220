"""What an interval of a metric says: its ends, its population, and the reason where it cannot be given."""

import numpy as np
import pytest
from sklearn import metrics as sk

from assay.errors import ShapeError, UsageError
from assay.metrics import METRICS, Metric, contributions, difference, interval
from assay.stats.proportion import paired_difference, wilson

TARGET = np.array([0, 1] * 30)
LABEL = np.where(np.arange(60) % 7 == 0, 1 - TARGET, TARGET)
SCORE = np.column_stack([0.3 + 0.4 * (LABEL == 0), 0.7 - 0.4 * (LABEL == 0)])


def test_accuracy_has_wilsons_interval():
    """The interval of accuracy is Wilson's for the number of right items."""
    estimate = interval("accuracy", TARGET, LABEL)

    assert (estimate.low, estimate.high) == pytest.approx(wilson(int((TARGET == LABEL).sum()), 60))
    assert (estimate.n, estimate.unit, estimate.level) == (60, "fraction", 0.95)
    assert estimate.population == "other such items"


def test_recall_and_precision_are_shares_of_their_own_items():
    """Binary recall and precision have Wilson's interval over the items they are shares of."""
    hits = int(((TARGET == 1) & (LABEL == 1)).sum())

    recall, precision = interval("recall", TARGET, LABEL), interval("precision", TARGET, LABEL)
    assert (recall.low, recall.high) == pytest.approx(wilson(hits, 30))
    assert (precision.low, precision.high) == pytest.approx(wilson(hits, int(LABEL.sum())))


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_has_an_interval_around_its_value(name, rng):
    """On ordinary answers an interval is closed, holds the value, stays in range and widens with the level."""
    metric = METRICS[name]
    if metric.kinds == ("regression",):
        target = rng.normal(size=200)
        answers = (target, target + rng.normal(size=200), None)
    else:
        classes = 2 if metric.kinds == ("binary",) else 15
        target = rng.integers(0, classes, 400)
        score = rng.dirichlet(np.ones(classes), 400) + 0.15 * np.eye(classes)[target] * rng.random((400, 1))
        answers = (target, None, score / score.sum(axis=1, keepdims=True))
    estimate, wider = interval(metric, *answers), interval(metric, *answers, level=0.99)

    assert metric.range[0] <= estimate.low < estimate.value < estimate.high <= metric.range[1]
    assert wider.low <= estimate.low
    assert wider.high >= estimate.high
    assert wider.width > estimate.width
    assert estimate.value == pytest.approx(metric(*answers))


@pytest.mark.parametrize(
    "name", ["f1_macro", "matthews", "f1_weighted", "balanced_accuracy", "auroc", "recall", "accuracy"]
)
def test_perfect_answers_still_have_an_interval(name):
    """Where no item is wrong the lower end is below 1: so many items cannot rule out a few errors."""
    score = np.eye(2)[TARGET] * 0.8 + 0.1
    estimate = interval(name, TARGET, None, score)

    assert estimate.value == 1.0
    assert 0.7 < estimate.low < 0.97
    assert estimate.high == 1.0


def test_answers_that_are_all_wrong_have_an_upper_end_above_0():
    """Where no item is right the upper end is above 0."""
    estimate = interval("f1_macro", TARGET, 1 - TARGET)

    assert estimate.value == 0.0
    assert 0.02 < estimate.high < 0.2


def test_constant_errors_tell_no_spread():
    """Where all items have the same loss there is a value, no interval, and the method says why."""
    estimate = interval("mae", np.arange(5.0), np.arange(5.0) + 1)

    assert estimate.value == 1.0
    assert estimate.low is None
    assert estimate.level is None
    assert estimate.method == "no interval: all items have the same loss"


def test_one_item_has_a_value_and_no_false_precision():
    """A single item gives its value; accuracy keeps Wilson's wide interval, others none."""
    assert interval("accuracy", [1], [1]).low < 0.25
    assert interval("log_loss", [1], None, [[0.4, 0.6]]).method == "no interval: two items are needed"
    assert interval("auroc", [0, 1], None, [0.2, 0.7]).method == "no interval: two items of each class are needed"


@pytest.mark.parametrize(
    "name", ["accuracy", "f1_macro", "recall_macro", "auroc", "log_loss", "calibration_error", "brier"]
)
def test_groups_of_copies_widen_and_groups_of_one_do_not(name, rng):
    """Four copies of each item, told as groups, give about the interval of the items alone; so do groups of one."""
    target = rng.integers(0, 2, 120)
    positive = np.clip(0.5 + 0.25 * (2 * target - 1) + 0.25 * rng.normal(size=120), 0.02, 0.98)
    score = np.column_stack([1 - positive, positive])
    alone = interval(name, target, None, score)
    ones = interval(name, target, None, score, groups=[f"g{i}" for i in range(120)])
    copies = interval(
        name, np.repeat(target, 4), None, np.repeat(score, 4, axis=0), groups=np.repeat(np.arange(120), 4)
    )
    naive = interval(name, np.repeat(target, 4), None, np.repeat(score, 4, axis=0))

    assert ones.width == pytest.approx(alone.width, rel=0.15)
    assert copies.width == pytest.approx(alone.width, rel=0.15)
    assert naive.width < 0.7 * copies.width
    assert (copies.n, copies.population) == (120, "other such groups")


def test_few_groups_give_no_interval():
    """Fewer than five groups give a value without an interval, and the method says how many are needed."""
    estimate = interval("f1_macro", TARGET, LABEL, groups=np.arange(60) % 4)

    assert estimate.value is not None
    assert estimate.low is None
    assert estimate.method == "no interval: 4 groups are too few, 5 are needed"
    with pytest.raises(ShapeError, match="groups are"):
        interval("accuracy", TARGET, LABEL, groups=[1, 2])


def test_levels_outside_0_to_1_are_refused():
    """A level in per cent is a usage error."""
    with pytest.raises(UsageError, match="between 0 and 1, such as 0.95; got 95"):
        interval("accuracy", TARGET, LABEL, level=95)


def test_differences_are_paired():
    """The difference of two models that err on the same items is far narrower than their intervals side by side."""
    other = LABEL.copy()
    other[:2] = 1 - other[:2]
    found = difference("accuracy", TARGET, (LABEL, None), (other, None))
    only_first = int(((LABEL == TARGET) & (other != TARGET)).sum())
    only_second = int(((LABEL != TARGET) & (other == TARGET)).sum())

    assert (found.low, found.high) == pytest.approx(paired_difference(only_first, only_second, 60))
    assert found.name == "accuracy_difference"
    assert found.width < interval("accuracy", TARGET, LABEL).width
    back = difference("f1_macro", TARGET, (other, None), (LABEL, None))
    forth = difference("f1_macro", TARGET, (LABEL, None), (other, None))
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low))


def test_a_difference_needs_both_values():
    """Where one model's metric is undefined the difference is unknown, and the reason names the model."""
    found = difference("matthews", TARGET, (LABEL, None), (np.zeros(60, dtype=int), None))

    assert found.reason == "the second has no matthews: all items were predicted to be of one class"
    same = difference("f1_macro", TARGET, (LABEL, None), (LABEL, None))
    assert same.value == 0.0
    assert same.method == "no interval: the two differ on no item"


def test_contributions_average_to_the_metric():
    """The mean of contributions is the metric, exactly for shares and means and nearly for others."""
    for name in ("accuracy", "auroc", "balanced_accuracy", "log_loss", "f1_macro"):
        value = METRICS[name](TARGET, LABEL, SCORE)
        assert contributions(name, TARGET, LABEL, SCORE).mean() == pytest.approx(value, abs=0.005)
    with pytest.raises(UsageError, match="matthews: all items were predicted"):
        contributions("matthews", TARGET, np.zeros(60, dtype=int))


def _agreement(answers):
    """Cohen's kappa of two classes."""
    target, label = answers.target.mean(), answers.label.mean()
    chance = target * label + (1 - target) * (1 - label)
    return float(((answers.target == answers.label).mean() - chance) / (1 - chance))


def _kappa():
    """A metric of another package: only its value is known."""
    return Metric(
        name="kappa", kinds=("binary", "multiclass"), range=(-1.0, 1.0), unit="",
        value=_agreement,
    )  # fmt: skip


def test_a_metric_that_brings_only_its_value_is_bootstrapped():
    """Its interval is BCa with the stated number of resamples; without a generator it is refused."""
    estimate = interval(_kappa(), TARGET, LABEL, rng=np.random.default_rng(0), resamples=1000)
    again = interval(_kappa(), TARGET, LABEL, rng=np.random.default_rng(0), resamples=1000)

    assert estimate == again
    assert estimate.low < sk.cohen_kappa_score(TARGET, LABEL) < estimate.high
    assert estimate.method == "BCa bootstrap, 1,000 resamples"
    grouped = interval(_kappa(), TARGET, LABEL, rng=np.random.default_rng(0), groups=np.arange(60) // 3)
    assert grouped.n == 20
    with pytest.raises(UsageError, match="needs rng="):
        interval(_kappa(), TARGET, LABEL)
    with pytest.raises(UsageError, match="at least 1,000 resamples; got 50"):
        interval(_kappa(), TARGET, LABEL, rng=np.random.default_rng(0), resamples=50)
    with pytest.raises(UsageError, match="brings no contributions"):
        difference(_kappa(), TARGET, (LABEL, None), (TARGET, None))


def test_intervals_are_fast():
    """Macro-F1 and AUROC of 5,000 items take well under a tenth of a second."""
    import time

    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 5000)
    score = target + rng.normal(size=5000)
    answers = (target, (score > 0.5).astype(int), np.column_stack([-score, score]))
    for name in ("f1_macro", "auroc"):
        interval(name, *answers)
        start = time.process_time()
        interval(name, *answers)
        assert time.process_time() - start < 0.1
