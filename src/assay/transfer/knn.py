"""Leave-one-out nearest neighbours: accuracy, or R² for real targets, without training anything.

Cover and Hart (1967), Nearest neighbor pattern classification; as a transferability score: k-NN as a simple and
effective estimator of transferability (2025), arXiv 2503.18528.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import UsageError
from assay.transfer.factorisation import Factorisation, Floats, labels_of, targets_of

BLOCK = 1024


def knn_loo(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, k: int = 5) -> float:
    """Share of rows that their k nearest other rows name rightly; R² of their mean for real targets.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes, or (n,) or (n, t) real targets.
        k: Neighbours, by cosine similarity.

    Returns:
        Accuracy in [0, 1], or R² (at most 1, averaged over columns); higher is better. Duplicated rows find
        themselves and make it too good.

    Raises:
        UsageError: unless 1 <= k < n.
    """
    targets, labels = targets_of(y, Factorisation.of(x).n)
    if labels is not None:
        return float(knn_hits(x, y, k=k).mean())
    guess = _neighbour_mean(Factorisation.of(x), targets, k, tie=0.0)
    return r_squared(targets, guess)


def knn_hits(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, k: int = 5) -> NDArray[np.bool_]:
    """(n,) whether the k nearest other rows name each row rightly; equal votes go to the more similar class."""
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    return _neighbour_mean(data, labels.onehot, k, tie=1e-6).argmax(axis=1) == labels.codes


def r_squared(targets: Floats, guess: Floats) -> float:
    """R² averaged over columns; a constant column counts as 0."""
    error, spread = ((targets - guess) ** 2).sum(axis=0), ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), 0.0)))


def _neighbour_mean(data: Factorisation, targets: Floats, k: int, *, tie: float) -> Floats:
    """(n, t) mean target of the k nearest other rows; `tie` times their similarity breaks equal votes."""
    if not 1 <= k < data.n:
        raise UsageError(f"k is at least 1 and less than the number of rows ({data.n}); got {k}")
    norms = np.linalg.norm(data.x, axis=1, keepdims=True)
    rows = np.divide(data.x, norms, out=np.zeros_like(data.x), where=norms > 0)
    out = np.empty((data.n, targets.shape[1]))
    for start in range(0, data.n, BLOCK):
        block = slice(start, min(start + BLOCK, data.n))
        near = rows[block] @ rows.T
        own = np.arange(block.start, block.stop)
        near[own - block.start, own] = -np.inf
        at = np.argpartition(-near, k - 1, axis=1)[:, :k]
        weight = 1.0 + tie * np.take_along_axis(near, at, axis=1)
        out[block] = (targets[at] * weight[:, :, None]).sum(axis=1) / k
    return out
