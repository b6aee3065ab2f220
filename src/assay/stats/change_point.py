"""Did a curve break once, or is it the same throughout? A permutation test that pays for looking everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError

Floats = NDArray[np.float64]

_MOST_EXACT = 5040


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The most likely single break of a curve."""

    at: int
    """The first window after it."""
    step: float
    """Weighted mean after the break less the mean before it."""
    p_value: float
    """The chance of so large a step, anywhere, when the windows are exchangeable."""
    exact: bool
    """Whether all orders were counted rather than sampled."""


def change_point(values: Floats, weights: Floats, *, resamples: int = 4999, rng: np.random.Generator) -> Break:
    """The most likely single break of w windows, with a p-value that pays for the search.

    A steady trend also rejects: read it beside the slope. Windows are permuted whole, so that what differs between
    windows anyway does not count as a break.

    Args:
        values: (w,) scores in order of time, w at least 5.
        weights: (w,) positive, such as the inverse of the variances; a weight stays with its window.
        resamples: random orders when w is above 7.
        rng: draws the orders.

    Returns:
        The break.

    Raises:
        ShapeError: fewer than five windows.

    References:
        Maximally selected statistics: Hothorn and Zeileis (2008), Generalized maximally selected statistics.
    """
    w = len(values)
    if w < 5 or len(weights) != w:
        raise ShapeError(f"a break needs five or more windows, each with a weight; got {w} and {len(weights)}")
    observed, at, step = _largest(values[None, :], weights[None, :])
    exact = factorial(w) <= _MOST_EXACT
    orders = (
        np.array(list(permutations(range(w)))) if exact else rng.permuted(np.tile(np.arange(w), (resamples, 1)), axis=1)
    )
    reached = _largest(values[orders], weights[orders])[0] >= observed[0] * (1 - 1e-12)
    p_value = reached.mean() if exact else (reached.sum() + 1) / (resamples + 1)
    return Break(at=int(at[0]), step=float(step[0]), p_value=float(p_value), exact=exact)


def _largest(values: Floats, weights: Floats) -> tuple[Floats, NDArray[np.int_], Floats]:
    """Per row: the largest |difference of means| over its standard error, where, and the difference itself."""
    before, total = np.cumsum(weights, axis=1)[:, :-1], weights.sum(axis=1, keepdims=True)
    product = values * weights
    left = np.cumsum(product, axis=1)[:, :-1]
    after = total - before
    step = (product.sum(axis=1, keepdims=True) - left) / after - left / before
    statistic = np.abs(step) / np.sqrt(1 / before + 1 / after)
    at = statistic.argmax(axis=1)
    rows = np.arange(len(values))
    return statistic[rows, at], at + 1, step[rows, at]
