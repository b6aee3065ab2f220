"""Centred kernel alignment, without the bias that makes wide features look alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError, UsageError
from assay.similarity.mmd import squared_distances


def linear_cka(a: NDArray[np.float64], b: NDArray[np.float64], *, debiased: bool = True) -> float:
    """Similarity of two models' features of the same items; 1 is equal up to rotation and scale, about 0 unrelated.

    Args:
        a: (n, d) features of one model.
        b: (n, e) features of the other, items in the same order.
        debiased: Use the unbiased estimator of the Hilbert–Schmidt independence criterion; the plain one tends to 1 as
            the widths grow past n.

    Raises:
        ShapeError: when the numbers of items differ.
        UsageError: for fewer than four items, or constant features.

    References:
        Kornblith et al. (2019), Similarity of neural network representations revisited, section 3.
        Nguyen, Raghu and Kornblith (2021), Do wide and deep networks learn the same things?, equation 3.
    """
    x, y = _pair(a, b)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return kernel_alignment(x @ x.T, y @ y.T, debiased=debiased)


def rbf_cka(a: NDArray[np.float64], b: NDArray[np.float64], *, bandwidth: float = 1.0, debiased: bool = True) -> float:
    """As `linear_cka` with Gaussian kernels; `bandwidth` is in units of each set's median distance."""
    x, y = _pair(a, b)
    return kernel_alignment(_rbf(x, bandwidth), _rbf(y, bandwidth), debiased=debiased)


def kernel_alignment(k: NDArray[np.float64], m: NDArray[np.float64], *, debiased: bool) -> float:
    """CKA of two (n, n) kernel matrices."""
    hsic = _unbiased_hsic if debiased else _biased_hsic
    own = hsic(k, k) * hsic(m, m)
    if own <= 0:
        raise UsageError("features that do not vary cannot be aligned")
    return float(hsic(k, m) / np.sqrt(own))


def _pair(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ShapeError(f"features of the same items are needed; got {x.shape} and {y.shape}")
    if len(x) < 4:
        raise UsageError(f"at least four items are needed; got {len(x)}")
    return x, y


def _rbf(x: NDArray[np.float64], bandwidth: float) -> NDArray[np.float64]:
    distances = squared_distances(x, x)
    scale = np.median(distances[np.triu_indices(len(x), 1)])
    return np.exp(-distances / (2.0 * bandwidth**2 * max(float(scale), 1e-12)))


def _unbiased_hsic(k: NDArray[np.float64], m: NDArray[np.float64]) -> float:
    """Song et al. (2012), Feature selection via dependence maximization, equation 5."""
    n = len(k)
    p, q = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    rows_p, rows_q = p.sum(axis=1), q.sum(axis=1)
    total = (p * q).sum() + rows_p.sum() * rows_q.sum() / ((n - 1) * (n - 2)) - 2.0 * (rows_p @ rows_q) / (n - 2)
    return float(total / (n * (n - 3)))


def _biased_hsic(k: NDArray[np.float64], m: NDArray[np.float64]) -> float:
    centred = k - k.mean(axis=0) - k.mean(axis=1, keepdims=True) + k.mean()
    return float((centred * m).sum() / (len(k) - 1) ** 2)
