"""Fréchet distance between two sets of features, each taken as a normal distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Mean and a factor of the covariance of a set of features; enough for the distance, so it can be stored."""

    mean: NDArray[np.float64]
    """(d,)."""
    factor: NDArray[np.float64]
    """(k, d) with factorᵀ·factor the covariance; k at most d."""
    n: int
    """Items behind it."""

    @property
    def trace(self) -> float:
        """Trace of the covariance."""
        return float((self.factor**2).sum())


def moments(x: NDArray[np.float64]) -> Moments:
    """Mean and covariance of (n, d) features, the covariance as a factor with at most d rows.

    Raises:
        ShapeError: unless two-dimensional with at least two rows.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise ShapeError(f"features are (n, d) with at least two rows; got shape {x.shape}")
    mean = x.mean(axis=0)
    factor = (x - mean) / np.sqrt(len(x) - 1)
    if len(x) > x.shape[1]:
        factor = np.linalg.qr(factor)[1]
    return Moments(mean=mean, factor=factor, n=len(x))


def frechet_distance(a: NDArray[np.float64] | Moments, b: NDArray[np.float64] | Moments) -> float:
    """Squared Fréchet distance of the normal distributions fitted to two sets of features; 0 is equal.

    Use it to compare data sets under one extractor. It is biased upward by about d/n: compare sets of equal size, or
    look at the distance between two halves of one set.

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
    """
    p = a if isinstance(a, Moments) else moments(a)
    q = b if isinstance(b, Moments) else moments(b)
    if p.mean.shape != q.mean.shape:
        raise ShapeError(f"features of width {len(p.mean)} and {len(q.mean)} cannot be compared")
    cross = np.linalg.svd(p.factor @ q.factor.T, compute_uv=False).sum()
    gap = ((p.mean - q.mean) ** 2).sum()
    return float(max(0.0, gap + p.trace + q.trace - 2.0 * cross))
