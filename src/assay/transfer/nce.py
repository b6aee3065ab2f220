"""NCE: minus the conditional entropy of the target's classes given the source head's decisions.

Tran, Nguyen and Hassner (2019), Transferability and Hardness of Supervised Classification Tasks, ICCV, eq. 5.
The direction matters: it is the target given the source.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.transfer.factorisation import labels_of
from assay.transfer.leep import head_probabilities


def nce(probabilities: NDArray[Any], y: NDArray[Any], *, corrected: bool = False) -> float:
    """−H(Y | Z) in nats, where Z is the head's most probable class.

    Args:
        probabilities: (n, z) of the source head.
        y: (n,) classes of the target task.
        corrected: True adds Miller and Madow's correction for the plug-in entropy of few rows, which is
            (occupied cells − occupied columns)/(2n), and keeps the result within its range.

    Returns:
        Between −H(Y) and 0; higher is better.
    """
    theta = head_probabilities(probabilities)
    labels = labels_of(y, len(theta))
    n = len(theta)
    counts = np.zeros((labels.c, theta.shape[1]))
    np.add.at(counts, (labels.codes, theta.argmax(axis=1)), 1.0)
    columns = counts.sum(axis=0)
    filled = counts > 0
    entropy = -float((counts[filled] * np.log((counts / np.maximum(columns, 1))[filled])).sum()) / n
    if corrected:
        entropy += float(filled.sum() - (columns > 0).sum()) / (2 * n)
    most = -float((labels.shares * np.log(labels.shares)).sum())
    return -min(max(entropy, 0.0), most)
