"""How far the source's own head already tells the target's classes: LEEP and NCE on a scale that tasks share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import UsageError
from assay.transfer.leep import leep
from assay.transfer.nce import nce


def leep_similarity(probabilities: NDArray[Any], y: NDArray[Any]) -> float:
    """1 + LEEP / H(Y): 1 where the source head decides the target's classes, about 0 where it says nothing of them.

    It is asymmetric, and a plug-in on the same rows: optimistic where the head has far more classes than there are
    rows; hold it against the same with shuffled labels.

    Args:
        probabilities: (n, z) of the source head on the target's items; rows sum to 1.
        y: (n,) classes of the target, at least two.

    Raises:
        ShapeError: when lengths do not agree.
        UsageError: with a single class, whose entropy is 0.

    References:
        Nguyen, Hassner, Seeger and Archambeau (2020), LEEP, equation 2.
    """
    return 1.0 + leep(probabilities, y) / entropy(y)


def nce_similarity(probabilities: NDArray[Any], y: NDArray[Any], *, corrected: bool = True) -> float:
    """1 − H(Y | Z) / H(Y), with Z the head's most probable class: the share of the target's entropy that it explains.

    Args:
        probabilities: (n, z) of the source head on the target's items.
        y: (n,) classes of the target, at least two.
        corrected: True takes off the bias of few rows (Miller and Madow).

    Raises:
        ShapeError: when lengths do not agree.
        UsageError: with a single class.

    References:
        Tran, Nguyen and Hassner (2019), Transferability and hardness of supervised classification tasks, equation 5.
    """
    return 1.0 + nce(probabilities, y, corrected=corrected) / entropy(y)


def entropy(y: NDArray[Any]) -> float:
    """H(Y) in nats.

    Raises:
        UsageError: with a single class.
    """
    shares = np.unique(np.asarray(y).astype(str), return_counts=True)[1] / len(y)
    if len(shares) < 2:
        raise UsageError("a task of one class has no entropy to explain; at least two classes are needed")
    return -float((shares * np.log(shares)).sum())
