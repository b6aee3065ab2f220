"""Maximum mean discrepancy and the kernel inception distance: unbiased, with a standard error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError

Kernel = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """A squared discrepancy with its standard error."""

    value: float
    """Unbiased; it may be below 0 when the distributions are near each other."""
    standard_error: float
    """Of the value, over items."""


def polynomial_kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) cubic kernel (a·b/d + 1)³ of the kernel inception distance (Bińkowski et al., 2018, section 4)."""
    return (a @ b.T / a.shape[1] + 1.0) ** 3


def rbf_kernel(bandwidth: float) -> Kernel:
    """The Gaussian kernel exp(−‖a − b‖² / (2·bandwidth²))."""

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(-squared_distances(a, b) / (2.0 * bandwidth**2))

    return kernel


def median_bandwidth(a: NDArray[np.float64], b: NDArray[np.float64], most: int = 1000) -> float:
    """The median distance between items of both sets, from at most `most` of each."""
    pooled = np.concatenate([a[:most], b[:most]])
    distances = squared_distances(pooled, pooled)[np.triu_indices(len(pooled), 1)]
    return float(np.sqrt(max(np.median(distances), 1e-12)))


def squared_distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) squared Euclidean distances, never below 0."""
    cross = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * a @ b.T
    return np.maximum(cross, 0.0)


def mmd(a: NDArray[np.float64], b: NDArray[np.float64], *, kernel: Kernel | None = None) -> Discrepancy:
    """Squared maximum mean discrepancy by the unbiased U-statistic; about 0 is equal.

    Use it when the sets are small or far from normal; the Fréchet distance looks at means and covariances only.

    Args:
        a: (n, d) features.
        b: (m, d) features.
        kernel: Gaussian with the median distance as bandwidth where None.

    Returns:
        The value and its standard error from the items' own contributions.

    Raises:
        ShapeError: when widths differ or a set has fewer than two items.

    References:
        Gretton et al. (2012), A kernel two-sample test, lemma 6.
        Sutherland et al. (2017), Generative models and model criticism, section 3 (variance).
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ShapeError(f"two sets of at least two items and one width are needed; got {x.shape} and {y.shape}")
    k = kernel or rbf_kernel(median_bandwidth(x, y))
    inside_x, inside_y, across = k(x, x), k(y, y), k(x, y)
    return discrepancy(inside_x, inside_y, across)


def kid(a: NDArray[np.float64], b: NDArray[np.float64]) -> Discrepancy:
    """Kernel inception distance: `mmd` with the cubic kernel of Bińkowski et al. (2018), section 4."""
    return mmd(a, b, kernel=polynomial_kernel)


def discrepancy(
    inside_x: NDArray[np.float64], inside_y: NDArray[np.float64], across: NDArray[np.float64]
) -> Discrepancy:
    """The unbiased statistic and its standard error from the three kernel matrices."""
    n, m = across.shape
    rows_x = (inside_x.sum(axis=1) - np.diag(inside_x)) / (n - 1)
    rows_y = (inside_y.sum(axis=1) - np.diag(inside_y)) / (m - 1)
    value = rows_x.mean() + rows_y.mean() - 2.0 * across.mean()
    spread_x = (rows_x - across.mean(axis=1)).var(ddof=1) / n
    spread_y = (rows_y - across.mean(axis=0)).var(ddof=1) / m
    return Discrepancy(value=float(value), standard_error=float(2.0 * np.sqrt(spread_x + spread_y)))
