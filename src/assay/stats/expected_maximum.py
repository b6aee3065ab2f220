"""The best of a budget: what score the best of b randomly chosen configurations is expected to have.

The plug-in form (drawing with replacement from the observed scores) is biased low for budgets near the number of
configurations. The U-statistic used here is unbiased for every budget up to that number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from assay.errors import UsageError


def expected_maximum(scores: NDArray[np.float64], budgets: NDArray[np.int_]) -> NDArray[np.float64]:
    """(b,) unbiased expected maximum of each budget.

    Use it to compare models or spaces at equal effort. Budgets beyond half of the configurations rest on few of them;
    show the band.

    Args:
        scores: (n,) one score a configuration, higher is better, drawn independently from the space.
        budgets: (b,) numbers of configurations, each between 1 and n.

    Returns:
        (b,) in the unit of the scores.

    Raises:
        UsageError: for a budget below 1 or above n.

    Notes:
        Σ_i C(i − 1, b − 1) / C(n, b) · y_(i), with y_(i) the i-th smallest score: the mean over all subsets of size b.

    References:
        Dodge, Gururangan, Card, Schwartz and Smith (2019), Show your work, section 3 (the biased form).
        Dodge, Card, Schwartz and Smith (2021), Expected validation performance, section 3 (this form).
    """
    return np.sort(np.asarray(scores, dtype=float)) @ maximum_weights(len(scores), budgets)


def maximum_weights(n: int, budgets: NDArray[np.int_]) -> NDArray[np.float64]:
    """(n, b) weight of the i-th smallest of n scores in the expected maximum of each budget."""
    b = np.asarray(budgets, dtype=int)
    if b.size and (b.min() < 1 or b.max() > n):
        raise UsageError(f"a budget lies between 1 and the number of configurations, {n}; got {b.min()} to {b.max()}")
    i = np.arange(1, n + 1)[:, None]
    possible = i >= b[None, :]
    with np.errstate(invalid="ignore"):
        log = _log_choose(np.maximum(i - 1, b - 1), b - 1) - _log_choose(np.full_like(b, n), b)
    return np.where(possible, np.exp(log), 0.0)


def maximum_band(
    scores: NDArray[np.float64], budgets: NDArray[np.int_], *, level: float = 0.95, resamples: int = 1000,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """(low, high), each (b,): percentile band of the expected maximum over resampled configurations."""
    y = np.asarray(scores, dtype=float)
    drawn = np.sort(y[rng.integers(len(y), size=(resamples, len(y)))], axis=1)
    curves = drawn @ maximum_weights(len(y), budgets)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(curves, [tail, 1.0 - tail], axis=0)
    return low, high


def _log_choose(n: NDArray[np.int_], k: NDArray[np.int_]) -> NDArray[np.float64]:
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
