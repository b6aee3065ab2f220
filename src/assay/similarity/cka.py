"""Centred kernel alignment, without the bias that makes wide features look alike."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError, UsageError
from assay.similarity.mmd import squared_distances
from assay.similarity.pooled import Floats, Rows, centred, matrix


def linear_cka(a: NDArray[Any], b: NDArray[Any], *, debiased: bool = True) -> float:
    """Similarity of two models' features of the same items; 1 is equal up to rotation and scale, about 0 unrelated.

    Args:
        a: (n, d) features of one model.
        b: (n, e) features of the other, items in the same order.
        debiased: Use the unbiased estimator of the Hilbert–Schmidt independence criterion; the plain one tends to 1 as
            the widths grow past n.

    Raises:
        ShapeError: when the numbers of items differ.
        UsageError: for fewer than four items, or constant features.

    Notes:
        HSIC(K, L) / √(HSIC(K, K) · HSIC(L, L)) with K = XXᵀ of centred features.

    References:
        Kornblith et al. (2019), Similarity of neural network representations revisited, section 3.
        Nguyen, Raghu and Kornblith (2021), Do wide and deep networks learn the same things?, equation 3.
    """
    x, y = same_items(a, b, 4)
    return kernel_alignment(linear_kernel(x), linear_kernel(y), debiased=debiased)


def rbf_cka(a: NDArray[Any], b: NDArray[Any], *, bandwidth: float = 1.0, debiased: bool = True) -> float:
    """As `linear_cka` with Gaussian kernels; `bandwidth` is in units of each set's median distance."""
    x, y = same_items(a, b, 4)
    return kernel_alignment(gaussian_kernel(x, bandwidth), gaussian_kernel(y, bandwidth), debiased=debiased)


def kernel_alignment(k: Floats, m: Floats, *, debiased: bool) -> float:
    """CKA of two (n, n) kernel matrices."""
    hsic = _unbiased_hsic if debiased else _biased_hsic
    own = hsic(k, k) * hsic(m, m)
    if own <= 0:
        raise UsageError("features that do not vary cannot be aligned")
    return float(hsic(k, m) / np.sqrt(own))


def linear_kernel(x: Floats) -> Floats:
    """(n, n) inner products of centred rows."""
    moved = x - x.mean(axis=0)
    return moved @ moved.T


def gaussian_kernel(x: Floats, bandwidth: float = 1.0) -> Floats:
    """(n, n) Gaussian kernel, the bandwidth in units of the median distance."""
    distances = squared_distances(x, x)
    scale = float(np.median(distances[np.triu_indices(len(x), 1)]))
    return np.exp(-distances / (2.0 * bandwidth**2 * max(scale, 1e-300)))


class CkaOfRows:
    """1 − debiased CKA between some items of one model and of another, from two kernel matrices."""

    def __init__(self, x: Floats, y: Floats, kind: Literal["linear", "rbf"]) -> None:
        kernel = linear_kernel if kind == "linear" else gaussian_kernel
        self._kernels = kernel(x), kernel(y)

    def __call__(self, a: Rows, b: Rows) -> float:
        """The distance when item aᵢ of the first model goes with item bᵢ of the second."""
        k, m = (kernel[np.ix_(rows, rows)] for kernel, rows in zip(self._kernels, (a, b), strict=True))
        return 1.0 - kernel_alignment(k, m, debiased=True)


def same_items(a: NDArray[Any], b: NDArray[Any], least: int) -> tuple[Floats, Floats]:
    """Features of two models, checked to be of the same items.

    Raises:
        ShapeError: when the numbers of items differ.
        UsageError: for fewer than `least` items.
    """
    x, y = np.asarray(a), np.asarray(b)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ShapeError(f"features of the same items are needed; got {x.shape} and {y.shape}")
    if len(x) < least:
        raise UsageError(f"at least {least} items are needed; got {len(x)}")
    return matrix(x), matrix(y)


def _unbiased_hsic(k: Floats, m: Floats) -> float:
    """Song et al. (2012), Feature selection via dependence maximization, equation 5."""
    n = len(k)
    own = np.diag(k) * np.diag(m)
    rows_k, rows_m = k.sum(axis=1) - np.diag(k), m.sum(axis=1) - np.diag(m)
    products = float(np.vdot(k, m)) - float(own.sum())
    total = products + rows_k.sum() * rows_m.sum() / ((n - 1) * (n - 2)) - 2.0 * (rows_k @ rows_m) / (n - 2)
    return float(total / (n * (n - 3)))


def _biased_hsic(k: Floats, m: Floats) -> float:
    return float(np.vdot(centred(k), m) / (len(k) - 1) ** 2)
