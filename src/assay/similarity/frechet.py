"""Fréchet distance between two sets of features, each taken as a normal distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError
from assay.similarity.pooled import Floats, Pooled, Rows, centred, matrix, nuclear


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Mean and a factor of the covariance of a set of features: enough for the distance, so it can be stored."""

    mean: Floats
    """(d,)."""
    factor: Floats
    """(k, d) with factorᵀ·factor the covariance; k at most d."""
    n: int
    """Items behind it."""

    @property
    def trace(self) -> float:
        """Trace of the covariance."""
        return float((self.factor**2).sum())

    @property
    def covariance(self) -> Floats:
        """(d, d)."""
        return self.factor.T @ self.factor

    @classmethod
    def of_covariance(cls, mean: NDArray[Any], covariance: NDArray[Any], n: int) -> Moments:
        """From a mean and a covariance, such as published statistics of a data set.

        Args:
            mean: (d,).
            covariance: (d, d), symmetric, without negative eigenvalues beyond rounding.
            n: Items behind them, at least two.

        Raises:
            ShapeError: when they do not fit each other or the covariance is none.
        """
        centre, spread = np.asarray(mean, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
        if centre.ndim != 1 or spread.shape != (len(centre), len(centre)) or n < 2:
            raise ShapeError(f"a mean (d,), a covariance (d, d) and n ≥ 2 are needed; got {centre.shape}, "
                             f"{spread.shape} and n = {n}")  # fmt: skip
        values, vectors = np.linalg.eigh((spread + spread.T) / 2)
        largest = max(float(values[-1]), 0.0)
        asymmetry = float(np.abs(spread - spread.T).max())
        if values[0] < -1e-6 * largest or asymmetry > 1e-6 * max(largest, 1e-300):
            raise ShapeError("the covariance must be symmetric with no negative eigenvalue; its least is "
                             f"{values[0]:.3g}, its largest {largest:.3g}")  # fmt: skip
        kept = values > 1e-14 * largest
        return cls(mean=centre, factor=(vectors[:, kept] * np.sqrt(values[kept])).T, n=n)


def moments(x: NDArray[Any]) -> Moments:
    """Mean and covariance of (n, d) features, the covariance as a factor with at most d rows.

    Raises:
        ShapeError: unless two-dimensional with at least two rows.
        DataError: unless finite.
    """
    x = matrix(x)
    mean = x.mean(axis=0)
    factor = (x - mean) / np.sqrt(len(x) - 1)
    if len(x) > x.shape[1]:
        factor = np.linalg.qr(factor)[1]
    return Moments(mean=mean, factor=factor, n=len(x))


def frechet_distance(a: NDArray[Any] | Moments, b: NDArray[Any] | Moments) -> float:
    """Squared Fréchet distance of the normal distributions fitted to two sets of features; 0 is equal.

    Use it to compare data sets under one extractor. It is biased upward, about in proportion to d/n: compare sets of
    equal size, or look at the distance between two halves of one set.

    Args:
        a: (n, d) features, or their `moments`.
        b: (m, d) features, or their `moments`.

    Returns:
        ‖μa − μb‖² + tr Σa + tr Σb − 2 tr (Σa Σb)^½, in squared units of the features.

    Raises:
        ShapeError: when the widths differ.

    Notes:
        tr (Σa Σb)^½ is the nuclear norm of Fa·Fbᵀ for factors FᵀF = Σ, which needs no matrix square root and gives no
        complex numbers.

    References:
        Dowson and Landau (1982), The Fréchet distance between multivariate normal distributions, equation 4.
        Heusel et al. (2017), GANs trained by a two time-scale update rule, equation 6.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(100, 4))
        >>> round(frechet_distance(x, x + [1, 0, 0, 0]), 6)
        1.0
    """
    p = a if isinstance(a, Moments) else moments(a)
    q = b if isinstance(b, Moments) else moments(b)
    if p.mean.shape != q.mean.shape:
        raise ShapeError(f"features of width {len(p.mean)} and {len(q.mean)} cannot be compared")
    gap = ((p.mean - q.mean) ** 2).sum()
    return float(max(0.0, gap + p.trace + q.trace - 2.0 * nuclear(p.factor @ q.factor.T)))


class FrechetOfRows:
    """The Fréchet distance between rows of a pool, from inner products computed once."""

    def __init__(self, pool: Pooled) -> None:
        self._pool = pool

    def __call__(self, a: Rows, b: Rows) -> float:
        """The distance between two sets of rows."""
        pool = self._pool
        if pool.x.shape[1] < min(len(a), len(b)):
            return frechet_distance(pool.x[a], pool.x[b])
        across = pool.gram[np.ix_(a, b)]
        trace_a, middle_a = _trace(pool, a)
        trace_b, middle_b = _trace(pool, b)
        gap = middle_a + middle_b - 2.0 * float(across.mean())
        cross = nuclear(centred(across)) / np.sqrt((len(a) - 1) * (len(b) - 1))
        return float(max(0.0, gap + trace_a + trace_b - 2.0 * cross))


def _trace(pool: Pooled, rows: Rows) -> tuple[float, float]:
    """(trace of the covariance, squared norm of the mean) of some rows."""
    middle = float((pool.x[rows].mean(axis=0) ** 2).sum())
    own = float((pool.gram[rows, rows]).sum())
    return (own - len(rows) * middle) / (len(rows) - 1), middle
