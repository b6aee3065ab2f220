"""LEEP: how well the source head's probabilities tell the target's classes, through their joint distribution.

Nguyen, Hassner, Seeger and Archambeau (2020), LEEP: A New Measure to Evaluate Transferability of Learned
Representations, ICML, eq. 2. The logarithm is part of the definition.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError, ShapeError
from assay.transfer.factorisation import Floats, labels_of


def leep(probabilities: NDArray[Any], y: NDArray[Any]) -> float:
    """Mean log likelihood of the labels under the expected empirical predictor.

    It needs a source head, and it is a plug-in on the same rows: optimistic where the head has far more classes than
    there are rows. Numbers of tasks with different classes can't be compared.

    Args:
        probabilities: (n, z) of the source head; rows sum to 1.
        y: (n,) classes of the target task.

    Returns:
        At most 0; higher is better. A head that says nothing gives −H(Y).

    Raises:
        ShapeError: unless probabilities are (n, z).
        DataError: when they are negative, not finite, or do not sum to 1.
    """
    theta = head_probabilities(probabilities)
    labels = labels_of(y, len(theta))
    joint = labels.onehot.T @ theta / len(theta)
    marginal = joint.sum(axis=0)
    conditional = np.divide(joint, marginal, out=np.zeros_like(joint), where=marginal > 0)
    likelihood = (theta @ conditional.T)[np.arange(len(theta)), labels.codes]
    return min(0.0, float(np.mean(np.log(np.maximum(likelihood, np.finfo(np.float64).tiny)))))


def head_probabilities(probabilities: NDArray[Any]) -> Floats:
    """The probabilities in float64, checked and made to sum to 1."""
    theta = np.asarray(probabilities, dtype=np.float64)
    if theta.ndim != 2 or theta.shape[1] < 1:
        raise ShapeError(f"probabilities of the source head are (n, z); got shape {theta.shape}")
    if not np.isfinite(theta).all() or (theta < 0).any():
        raise DataError("probabilities of the source head must be finite and not negative; are these logits?")
    totals = theta.sum(axis=1, keepdims=True)
    if np.abs(totals - 1).max() > 1e-3:
        raise DataError(f"probabilities of the source head must sum to 1 in each row; one row sums to "
                        f"{float(totals[np.abs(totals - 1).argmax(), 0]):.4g}")  # fmt: skip
    return theta / totals
