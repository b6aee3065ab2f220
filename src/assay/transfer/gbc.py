"""GBC: how much the classes overlap as Gaussians, by the Bhattacharyya coefficient.

Pándy, Agostinelli, Uijlings, Ferrari and Mensink (2022), Transferability Estimation using Bhattacharyya Class
Separability, CVPR, eq. 3-5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from assay.errors import UsageError
from assay.transfer.factorisation import Factorisation, Floats, labels_of

DIMENSIONS = 64
FLOOR = 1e-4
"""Least variance, as a share of the mean variance within classes."""


def gbc(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, log: bool = False) -> float:
    """Minus the mean overlap of two classes.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.
        log: True gives −ln of the mean overlap, in [0, ∞), which still tells easy tasks apart where the overlap itself
            is 0 to many digits. The order of models is the same.

    Returns:
        In [−1, 0]; higher is better.

    Raises:
        UsageError: when no feature varies.

    Notes:
        Sum over ordered pairs of classes divided by c(c − 1). Principal components (64 at most), diagonal covariances
        with the variance term of every dimension, a floor relative to the variance within classes. A class with one
        row takes the pooled variance.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    if data.centred.rank == 0:
        raise UsageError("no feature varies; classes can't be separated")
    rows = data.centred.scores[:, :DIMENSIONS]
    means = labels.means(rows)
    variances = _variances(rows, means, labels.onehot, labels.counts)
    overlap = float(logsumexp(_log_overlaps(means, variances)) - np.log(labels.c * (labels.c - 1)))
    overlap = min(overlap, 0.0)
    return -overlap if log else -float(np.exp(overlap))


def _variances(rows: Floats, means: Floats, onehot: Floats, counts: NDArray[np.int_]) -> Floats:
    """(c, k) variance of each class in each dimension, floored."""
    squares = onehot.T @ rows**2 - counts[:, None] * means**2
    pooled = np.maximum(squares.sum(axis=0) / len(rows), 0)
    own = np.where(counts[:, None] > 1, squares / counts[:, None], pooled)
    floor = FLOOR * max(float(pooled.mean()), float(rows.var(axis=0).mean()) * 1e-6)
    return np.maximum(own, floor)


def _log_overlaps(means: Floats, variances: Floats) -> Floats:
    """Log Bhattacharyya coefficients of all ordered pairs of different classes."""
    logs = 0.5 * np.log(variances).sum(axis=1)
    out: list[Floats] = []
    for a in range(len(means)):
        middle = (variances[a] + variances) / 2
        distance = ((means[a] - means) ** 2 / middle).sum(axis=1) / 8
        distance += 0.5 * (np.log(middle).sum(axis=1) - logs[a] - logs)
        out.append(-np.delete(distance, a))
    return np.concatenate(out)
