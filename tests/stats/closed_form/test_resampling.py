"""Resampling by weights against brute force and closed forms."""

import numpy as np
import pytest
from scipy import stats

from assay.errors import ShapeError, UsageError
from assay.stats.bootstrap import (
    bca_interval,
    bootstrap_means,
    percentile_interval,
    resample_weights,
)


def _weights(n, resamples, seed, groups=None):
    return np.concatenate(
        list(resample_weights(n, resamples=resamples, rng=np.random.default_rng(seed), groups=groups))
    )


def test_means_are_those_of_the_drawn_items(rng):
    """Each resampled mean equals the one computed from the items that its weights name."""
    values = rng.normal(size=(30, 3))
    weights = _weights(30, 50, 1).astype(int)
    means = bootstrap_means(values, resamples=50, rng=np.random.default_rng(1))

    for row in range(50):
        drawn = np.repeat(np.arange(30), weights[row])
        assert means[row] == pytest.approx(values[drawn].mean(axis=0))


def test_the_spread_of_means_is_the_standard_error(rng):
    """Resampled means of n items spread by the standard deviation over √n."""
    values = rng.normal(size=400)
    draws = bootstrap_means(values, resamples=4000, rng=rng)

    assert draws.std() == pytest.approx(values.std() / 20, rel=0.05)
    assert draws.mean() == pytest.approx(values.mean(), abs=4 * values.std() / 20 / np.sqrt(4000))


def test_groups_are_drawn_whole(rng):
    """Items of one group share their weight, and the spread of means is that of group sums."""
    groups = np.repeat(np.arange(40), 5)
    weights = _weights(200, 30, 2, groups)
    assert (weights.reshape(30, 40, 5) == weights.reshape(30, 40, 5)[:, :, :1]).all()

    values = np.repeat(rng.normal(size=40), 5)
    draws = bootstrap_means(values, resamples=4000, rng=rng, groups=groups)
    assert draws.std() == pytest.approx(values.std() / np.sqrt(40), rel=0.05)


def test_batches_do_not_change_the_draws(monkeypatch):
    """Weights are the same rows whether drawn at once or in small batches."""
    whole = _weights(50, 40, 3)
    monkeypatch.setattr("assay.stats.bootstrap._CELLS", 350)
    assert np.array_equal(_weights(50, 40, 3), whole)


def test_bca_agrees_with_scipy(rng):
    """On one sample our BCa interval of a skewed mean agrees with SciPy's to Monte-Carlo error."""
    sample = rng.exponential(size=60)
    theirs = stats.bootstrap(
        (sample,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(0)
    ).confidence_interval
    draws = bootstrap_means(sample, resamples=20_000, rng=rng)[:, 0]
    without = (sample.sum() - sample) / 59

    assert bca_interval(sample.mean(), draws, without) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    plain = percentile_interval(draws)
    assert bca_interval(sample.mean(), draws, without)[1] > plain[1]


def test_bca_refuses_few_resamples_and_one_sided_ones(rng):
    """BCa needs 1,000 resamples, and says unknown where all lie on one side of the value."""
    with pytest.raises(UsageError, match="at least 1,000 resamples; got 999"):
        bca_interval(0.0, np.zeros(999), np.zeros(10))
    assert np.isnan(bca_interval(2.0, rng.random(1000), rng.random(10))).all()


def test_faulty_arguments_are_refused(rng):
    """Groups that do not fit are named, and no items at all are refused."""
    with pytest.raises(ShapeError, match="groups are"):
        next(resample_weights(5, resamples=2, rng=rng, groups=[1, 2]))
    with pytest.raises(UsageError, match="needs items"):
        next(resample_weights(0, resamples=2, rng=rng))
