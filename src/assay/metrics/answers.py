"""What a model said and what was right, checked once for all metrics.

Classes are codes from 0. A score is one column of probabilities a class; for two classes one column, of class 1, will
do. A label that is not given is the most probable class, or, for multilabel, every label from one half on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Targets and predictions of n items."""

    target: NDArray[Any]
    """(n,) class codes or numbers, or (n, c) 0/1."""
    label: NDArray[Any]
    """The same shape."""
    score: NDArray[np.float64] | None
    """(n, c) probabilities or other scores; None where there are none."""
    classes: int
    """c; 0 for numbers."""

    @property
    def multilabel(self) -> bool:
        """Whether an item may have several labels."""
        return self.target.ndim == 2

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.target)


def read_classes(target: Any, label: Any, score: Any) -> Answers:
    """Class codes with labels or scores, or both.

    Raises:
        ShapeError: for arrays that do not fit each other.
        UsageError: for codes that are no whole numbers, for NaN, or where label and score are both missing.
    """
    truth = _codes(target, "target")
    scores = _scores(score, truth)
    if label is None and scores is None:
        raise UsageError("a metric needs labels or scores; both are missing")
    said = _codes(label, "label") if label is not None else _from_scores(scores, truth)
    if said.shape != truth.shape:
        raise ShapeError(f"label is {said.shape}, target is {truth.shape}")
    if not len(truth):
        raise UsageError("a metric needs at least one item")
    if truth.ndim == 2:
        if max(truth.max(initial=0), said.max(initial=0)) > 1:
            raise UsageError("multilabel targets and labels are 0 or 1")
        return Answers(target=truth, label=said, score=scores, classes=truth.shape[1])
    highest = int(max(truth.max(), said.max())) + 1
    if scores is not None and highest > scores.shape[1]:
        raise ShapeError(f"scores have {scores.shape[1]} columns, but class {highest - 1} occurs")
    return Answers(
        target=truth, label=said, score=scores, classes=max(2, highest, 0 if scores is None else scores.shape[1])
    )


def read_numbers(target: Any, label: Any) -> Answers:
    """Numbers and predicted numbers, (n,) each.

    Raises:
        ShapeError: for arrays that do not fit each other.
        UsageError: for NaN or infinity, or no items.
    """
    if label is None:
        raise UsageError("a metric of regression needs predicted values as label")
    truth, said = np.asarray(target, dtype=np.float64), np.asarray(label, dtype=np.float64)
    if truth.ndim == 2 and truth.shape[1] == 1:
        truth = truth[:, 0]
    said = said.reshape(truth.shape) if said.size == truth.size else said
    if truth.ndim != 1 or said.shape != truth.shape:
        raise ShapeError(f"targets and values are (n,); got {truth.shape} and {said.shape}")
    if not len(truth):
        raise UsageError("a metric needs at least one item")
    if not (np.isfinite(truth).all() and np.isfinite(said).all()):
        raise UsageError("targets or predicted values hold NaN or infinity")
    return Answers(target=truth, label=said, score=None, classes=0)


def _codes(values: Any, what: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim not in (1, 2):
        raise ShapeError(f"{what} is (n,), or (n, c) for multilabel; got {array.shape}")
    whole = array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.round(array)).all()
    if array.dtype.kind not in "iub" and not whole:
        raise UsageError(f"{what} holds class codes, whole numbers from 0; got such as {array.ravel()[:3].tolist()}")
    codes = array.astype(np.int64)
    if codes.size and codes.min() < 0:
        raise UsageError(f"{what} holds class codes from 0; got {int(codes.min())}")
    return codes


def _scores(score: Any, truth: NDArray[np.int64]) -> NDArray[np.float64] | None:
    if score is None:
        return None
    scores = np.asarray(score, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise UsageError("scores hold NaN or infinity")
    if truth.ndim == 1 and (scores.ndim == 1 or scores.shape[1:] == (1,)):
        positive = scores.reshape(-1)
        scores = np.column_stack([1 - positive, positive])
    if scores.ndim != 2 or len(scores) != len(truth) or (truth.ndim == 2 and scores.shape != truth.shape):
        raise ShapeError(f"scores are (n, c), one row an item; got {np.shape(score)} for targets {truth.shape}")
    return scores


def _from_scores(scores: NDArray[np.float64] | None, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    assert scores is not None
    return (scores >= 0.5).astype(np.int64) if truth.ndim == 2 else scores.argmax(axis=1)
