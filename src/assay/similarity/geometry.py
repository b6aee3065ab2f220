"""Representational similarity analysis and orthogonal Procrustes: two models' geometry of the same items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from assay.errors import ShapeError, UsageError


def rsa(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman correlation of the dissimilarities (1 − correlation) between all pairs of items; 1 is equal.

    Args:
        a: (n, d) features of one model.
        b: (n, e) features of the other, items in the same order.

    Raises:
        ShapeError: when the numbers of items differ.
        UsageError: for fewer than three items.

    References:
        Kriegeskorte, Mur and Bandettini (2008), Representational similarity analysis, section 3.
    """
    _check(a, b, 3)
    upper = np.triu_indices(len(a), 1)
    x, y = rankdata(_dissimilarity(a)[upper]), rankdata(_dissimilarity(b)[upper])
    return float(np.corrcoef(x, y)[0, 1])


def procrustes_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Squared distance after the best rotation, for features centred and of unit norm; 0 is equal, 2 unrelated.

    Args:
        a: (n, d) features of one model.
        b: (n, e) features of the other, items in the same order.

    Raises:
        ShapeError: when the numbers of items differ.
        UsageError: for fewer than two items or constant features.

    References:
        Ding, Denain and Steinhardt (2021), Grounding representation similarity, equation 3.
    """
    _check(a, b, 2)
    x, y = _normalised(a), _normalised(b)
    if min(x.shape[1], y.shape[1]) > len(x):
        x, y = np.linalg.qr(x.T)[1].T, np.linalg.qr(y.T)[1].T
    nuclear = np.linalg.svd(x.T @ y, compute_uv=False).sum()
    return float(max(0.0, 2.0 - 2.0 * nuclear))


def _check(a: NDArray[np.float64], b: NDArray[np.float64], least: int) -> None:
    if a.ndim != 2 or b.ndim != 2 or len(a) != len(b):
        raise ShapeError(f"features of the same items are needed; got {a.shape} and {b.shape}")
    if len(a) < least:
        raise UsageError(f"at least {least} items are needed; got {len(a)}")


def _dissimilarity(x: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = np.asarray(x, dtype=np.float64) - x.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.where(norms > 0, norms, 1.0)
    return 1.0 - unit @ unit.T


def _normalised(x: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = np.asarray(x, dtype=np.float64) - x.mean(axis=0)
    norm = np.linalg.norm(centred)
    if norm == 0:
        raise UsageError("features that do not vary cannot be compared")
    return centred / norm
