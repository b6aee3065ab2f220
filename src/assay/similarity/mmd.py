"""Maximum mean discrepancy and the kernel inception distance: unbiased, with a standard error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError
from assay.similarity.pooled import Floats, Pooled, Rows, matrix

Kernel = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """A squared discrepancy with its standard error."""

    value: float
    """Unbiased; it may be below 0 when the distributions are near each other."""
    standard_error: float
    """Of the value, over items."""


def polynomial_kernel(a: Floats, b: Floats) -> Floats:
    """(n, m) cubic kernel (a·b/d + 1)³ of the kernel inception distance (Bińkowski et al., 2018, section 4)."""
    return (a @ b.T / a.shape[1] + 1.0) ** 3


def rbf_kernel(bandwidth: float) -> Kernel:
    """The Gaussian kernel exp(−‖a − b‖² / (2·bandwidth²))."""

    def kernel(a: Floats, b: Floats) -> Floats:
        return np.exp(-squared_distances(a, b) / (2.0 * bandwidth**2))

    return kernel


def median_bandwidth(a: Floats, b: Floats, most: int = 1000) -> float:
    """The median distance between items of both sets, from at most `most` of each, evenly spaced."""
    pooled = np.concatenate([x[np.linspace(0, len(x) - 1, min(len(x), most)).astype(int)] for x in (a, b)])
    distances = squared_distances(pooled, pooled)[np.triu_indices(len(pooled), 1)]
    return float(np.sqrt(max(np.median(distances), 1e-12)))


def squared_distances(a: Floats, b: Floats) -> Floats:
    """(n, m) squared Euclidean distances, never below 0."""
    cross = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * a @ b.T
    return np.maximum(cross, 0.0)


def mmd(a: NDArray[Any], b: NDArray[Any], *, kernel: Kernel | None = None) -> Discrepancy:
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
    x, y = matrix(a), matrix(b)
    if x.shape[1] != y.shape[1]:
        raise ShapeError(f"features of width {x.shape[1]} and {y.shape[1]} cannot be compared")
    k = kernel or rbf_kernel(median_bandwidth(x, y))
    return discrepancy(k(x, x), k(y, y), k(x, y), same=np.array_equal(x, y))


def kid(a: NDArray[Any], b: NDArray[Any]) -> Discrepancy:
    """Kernel inception distance: `mmd` with the cubic kernel of Bińkowski et al. (2018), section 4."""
    return mmd(a, b, kernel=polynomial_kernel)


def discrepancy(inside_x: Floats, inside_y: Floats, across: Floats, *, same: bool = False) -> Discrepancy:
    """The unbiased statistic and its standard error from the three kernel matrices.

    Args:
        inside_x: (n, n) within the first set.
        inside_y: (m, m) within the second.
        across: (n, m) between them.
        same: Both sets are the same items: then an item isn't paired with itself across the sets either, and the
            statistic is 0.

    Notes:
        The variance has a part of order 1/n, from the items' own contributions, and one of order 1/n², from pairs,
        which is all there is when the distributions are equal.
    """
    n, m = across.shape
    rows_x = (inside_x.sum(axis=1) - np.diag(inside_x)) / (n - 1)
    rows_y = (inside_y.sum(axis=1) - np.diag(inside_y)) / (m - 1)
    value = 0.0 if same else rows_x.mean() + rows_y.mean() - 2.0 * across.mean()
    single_x, pairs_x = _parts(inside_x, rows_x, across.mean(axis=1))
    single_y, pairs_y = _parts(inside_y, rows_y, across.mean(axis=0))
    crossed = across - across.mean(axis=1, keepdims=True) - across.mean(axis=0) + across.mean()
    pairs = 2.0 * pairs_x / (n * (n - 1)) + 2.0 * pairs_y / (m * (m - 1)) + 4.0 * (crossed**2).mean() / (n * m)
    # The spread of the contributions holds a share of the pairs' noise, which is counted among the pairs.
    noise_x = pairs_x / (n - 1) + (crossed**2).mean() / m
    noise_y = pairs_y / (m - 1) + (crossed**2).mean() / n
    single = 4.0 * max((single_x - noise_x) / n + (single_y - noise_y) / m, 0.0)
    return Discrepancy(value=float(value), standard_error=float(np.sqrt(single + pairs)))


def _parts(inside: Floats, rows: Floats, across: Floats) -> tuple[float, float]:
    """(variance of the items' contributions, variance of what pairs add) within one set."""
    k = inside - np.diag(np.diag(inside))
    n = len(k)
    centred = k - rows[:, None] - rows[None, :] + rows.mean()
    np.fill_diagonal(centred, 0.0)
    return float((rows - across).var(ddof=1)), float((centred**2).sum() / (n * (n - 1)))


class MmdOfRows:
    """The squared discrepancy between rows of a pool, from one kernel matrix."""

    def __init__(self, pool: Pooled, kind: Literal["rbf", "cubic"]) -> None:
        self._pool, self._kind = pool, kind

    @cached_property
    def kernel(self) -> Floats:
        """(n + m, n + m)."""
        pool = self._pool
        if self._kind == "rbf":
            return np.exp(-pool.squares / (2.0 * median_bandwidth(pool.x[pool.a], pool.x[pool.b]) ** 2))
        # The cubic kernel depends on the origin, so that the pooled mean is put back.
        shift = pool.x @ pool.centre
        products = pool.gram + shift[:, None] + shift[None, :] + pool.centre @ pool.centre
        return (products / pool.x.shape[1] + 1.0) ** 3

    def exact(self) -> Discrepancy:
        """Of the whole sets, with the standard error."""
        k, a, b = self.kernel, self._pool.a, self._pool.b
        same = np.array_equal(self._pool.x[a], self._pool.x[b])
        return discrepancy(k[np.ix_(a, a)], k[np.ix_(b, b)], k[np.ix_(a, b)], same=same)

    def __call__(self, a: Rows, b: Rows) -> float:
        """The statistic between two sets of rows."""
        return float(self.many([(a, b)])[0])

    def many(self, draws: Sequence[tuple[Rows, Rows]]) -> Floats:
        """(r,) the statistics of many draws, by two products with the kernel matrix."""
        first, second = (self._indicators([draw[side] for draw in draws]) for side in (0, 1))
        own = np.diag(self.kernel)
        to_first, to_second = self.kernel @ first, self.kernel @ second
        n, m = first.sum(axis=0), second.sum(axis=0)
        inside_first = ((first * to_first).sum(axis=0) - own @ first) / (n * (n - 1))
        inside_second = ((second * to_second).sum(axis=0) - own @ second) / (m * (m - 1))
        return inside_first + inside_second - 2.0 * (first * to_second).sum(axis=0) / (n * m)

    def _indicators(self, rows: Sequence[Rows]) -> Floats:
        found = np.zeros((len(self.kernel), len(rows)))
        for column, chosen in enumerate(rows):
            found[chosen, column] = 1.0
        return found
