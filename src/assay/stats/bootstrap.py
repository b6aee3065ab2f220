"""Resampling items, or whole groups of them, by integer weights: the same weights serve every model, so all is paired.

A resample is a row of weights that says how often each item was drawn. Sums over items become matrix products, and a
metric of counts (a confusion table) is computed for all resamples at once. Nothing here is the first choice for one
metric's interval: `assay.metrics.interval` covers better and takes milliseconds. Use these for joint questions about
many models (how often is each the best?) and for statistics without a formula.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from assay.errors import ShapeError, UsageError

FEWEST_FOR_BCA = 1000
_CELLS = 4_000_000


def resample_weights(
    n: int, *, resamples: int, rng: np.random.Generator, groups: ArrayLike | None = None
) -> Iterator[NDArray[np.float64]]:
    """Weights of all resamples, in batches (b, n) that keep memory small.

    Args:
        n: items.
        resamples: how many rows in all.
        rng: draws them.
        groups: (n,) group of each item; then whole groups are drawn, and items of one group share their weight.

    Raises:
        UsageError: for fewer than one resample or item.
        ShapeError: for groups of another length.

    References:
        B. Efron (1979), Bootstrap methods: another look at the jackknife, section 2; for groups A. C. Davison,
        D. V. Hinkley (1997), Bootstrap methods and their application, section 3.8, strategy 1.
    """
    if n < 1 or resamples < 1:
        raise UsageError(f"resampling needs items and resamples; got {n} and {resamples}")
    codes: NDArray[np.int_] | None = None
    units = n
    if groups is not None:
        names = np.asarray(groups)
        if names.shape != (n,):
            raise ShapeError(f"groups are (n,), one an item; got {names.shape} for {n:,} items")
        codes = np.unique(names, return_inverse=True)[1]
        units = int(codes.max()) + 1
    batch = max(1, _CELLS // max(n, 1))
    for start in range(0, resamples, batch):
        drawn = rng.multinomial(units, np.full(units, 1 / units), size=min(batch, resamples - start))
        yield (drawn if codes is None else drawn[:, codes]).astype(np.float64)


def bootstrap_means(
    values: ArrayLike, *, resamples: int, rng: np.random.Generator, groups: ArrayLike | None = None
) -> NDArray[np.float64]:
    """(resamples, m) means over items of each of m columns, all from the same resamples.

    Args:
        values: (n, m) one number an item and model, or (n,).
        resamples: how many.
        rng: draws them.
        groups: (n,) group of each item.

    Raises:
        ShapeError: for values of another shape.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> right = rng.random((200, 3)) < [0.9, 0.8, 0.5]
        >>> draws = bootstrap_means(right, resamples=1000, rng=rng)
        >>> bool((draws.argmax(axis=1) == 0).mean() > 0.9)
        True
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim not in (1, 2):
        raise ShapeError(f"values are (n,) or (n, m); got {table.shape}")
    table = table.reshape(len(table), -1)
    batches = resample_weights(len(table), resamples=resamples, rng=rng, groups=groups)
    return np.concatenate([weights @ table / weights.sum(axis=1, keepdims=True) for weights in batches])


def percentile_interval(draws: ArrayLike, *, level: float = 0.95) -> tuple[Any, Any]:
    """The quantiles of resampled statistics along the first axis; NaN draws are left out.

    It covers too little for few items and for statistics near the end of their range.
    """
    table = np.asarray(draws, dtype=np.float64)
    low, high = np.nanquantile(table, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return (float(low), float(high)) if table.ndim == 1 else (low, high)


def bca_interval(value: float, draws: ArrayLike, without: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval of one statistic.

    Args:
        value: the statistic.
        draws: (b,) resampled statistics, at least 1,000: its ends lie further out than those of the percentiles.
        without: (n,) the statistic without each item (or each block of items).
        level: confidence level.

    Returns:
        Lower and upper ends; (NaN, NaN) where all draws lie on one side of the value, so that the bias is unknown.

    Raises:
        UsageError: for fewer than 1,000 draws.

    References:
        B. Efron (1987), Better bootstrap confidence intervals, equations 2.3 and 6.6.
    """
    found, left = np.asarray(draws, dtype=np.float64), np.asarray(without, dtype=np.float64)
    if len(found) < FEWEST_FOR_BCA:
        raise UsageError(f"a BCa interval needs at least {FEWEST_FOR_BCA:,} resamples; got {len(found):,}")
    below = (np.count_nonzero(found < value) + np.count_nonzero(found == value) / 2) / len(found)
    if not 0 < below < 1:
        return float("nan"), float("nan")
    bias = stats.norm.ppf(below)
    off = left.mean() - left
    power = (off @ off) ** 1.5
    skew = float((off**3).sum() / (6 * power)) if power > 0 else 0.0
    at = bias + stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(found, stats.norm.cdf(bias + at / (1 - skew * at)))
    return float(low), float(high)
