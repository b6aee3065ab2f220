"""What must not change a metric or its interval: the order of items, the codes of classes, the scale of scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.metrics import METRICS, interval

ENDS = [name for name in METRICS if METRICS[name].kinds != ("regression",)]


def _answers(seed, n, c):
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(c), np.arange(c), rng.integers(0, c, n)])
    score = rng.dirichlet(np.ones(c), len(target)) + 0.5 * np.eye(c)[target]
    return target, None, score / score.sum(axis=1, keepdims=True)


def _same(one, two):
    assert one.reason == two.reason
    for end in ("value", "low", "high"):
        a, b = getattr(one, end), getattr(two, end)
        assert (a is None) == (b is None)
        if a is not None:
            assert a == pytest.approx(b, abs=1e-9)


@settings(max_examples=80)
@given(name=st.sampled_from(ENDS), seed=st.integers(0, 10_000), n=st.integers(4, 60), c=st.integers(2, 5))
def test_the_order_of_items_does_not_matter(name, seed, n, c):
    """Shuffled items give the same value and interval."""
    target, _, score = _answers(seed, n, c)
    order = np.random.default_rng(seed + 1).permutation(len(target))

    _same(interval(name, target, None, score), interval(name, target[order], None, score[order]))


@settings(max_examples=80)
@given(
    name=st.sampled_from(["accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "precision_macro", "matthews",
                          "auroc", "average_precision", "log_loss", "brier", "calibration_error"]),
    seed=st.integers(0, 10_000), n=st.integers(4, 60),
)  # fmt: skip
def test_the_codes_of_classes_do_not_matter(name, seed, n):
    """Renumbered classes, with the columns of the scores moved along, give the same value and interval."""
    target, _, score = _answers(seed, n, 4)
    new = np.random.default_rng(seed).permutation(4)
    moved = np.empty_like(score)
    moved[:, new] = score

    _same(interval(name, target, None, score), interval(name, new[target], None, moved))


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), n=st.integers(6, 80), name=st.sampled_from(["auroc", "average_precision"]))
def test_a_monotone_scale_of_scores_does_not_matter(seed, n, name):
    """Metrics of order see only the order of scores."""
    target, _, score = _answers(seed, n, 2)
    odds = np.log(score[:, 1] / score[:, 0])

    _same(interval(name, target, None, odds), interval(name, target, None, np.exp(odds / 3)))


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000), n=st.integers(10, 60), shift=st.floats(-5, 5), scale=st.floats(0.1, 10),
    name=st.sampled_from(["mae", "rmse", "r2", "spearman"]),
)  # fmt: skip
def test_the_unit_of_a_regression_target(seed, n, shift, scale, name):
    """In another unit errors scale with it, and R² and Spearman's correlation stay as they are."""
    rng = np.random.default_rng(seed)
    target = rng.normal(size=n)
    value = target + rng.normal(size=n)
    before, after = interval(name, target, value), interval(name, shift + scale * target, shift + scale * value)
    factor = scale if name in ("mae", "rmse") else 1.0

    for end in ("value", "low", "high"):
        assert getattr(after, end) == pytest.approx(factor * getattr(before, end), rel=1e-6, abs=1e-9)


@settings(max_examples=60)
@given(
    name=st.sampled_from(ENDS), seed=st.integers(0, 10_000), n=st.integers(1, 30), c=st.integers(2, 4),
    grouped=st.booleans(),
)  # fmt: skip
def test_ends_lie_around_the_value_and_in_range(name, seed, n, c, grouped):
    """Whatever the answers, an interval holds its value, stays in the metric's range, and no end is NaN."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, c, n)
    score = rng.dirichlet(np.full(c, 0.3), n)
    estimate = interval(name, target, None, score, groups=rng.integers(0, 8, n) if grouped else None)

    if estimate.value is not None and estimate.low is not None:
        least, most = METRICS[name].range
        assert least <= estimate.low <= estimate.value <= estimate.high <= most
