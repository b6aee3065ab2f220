"""Choosing one of several settings on validation rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Predicted


def best_setting(candidates: Iterable[Predicted], target: NDArray[Any], kind: str) -> tuple[int, list[float]]:
    """The position of the best candidate, and the score of each, higher being better.

    Classes are scored by accuracy, labels of a multilabel task by their pooled F1, regression by R². Where
    scores are equal the smaller loss decides, and then the earlier candidate, so that a grid is listed with the
    strongest penalty first.

    Args:
        candidates: Predictions of each setting for the same rows.
        target: Their targets.
        kind: The kind of task.
    """
    judged = [(score_of(candidate, target, kind), _loss(candidate, target, kind)) for candidate in candidates]
    scores, losses = [score for score, _ in judged], [loss for _, loss in judged]
    index = min(range(len(scores)), key=lambda i: (-round(scores[i], 12), losses[i], i))
    return index, scores


def score_of(predicted: Predicted, target: NDArray[Any], kind: str) -> float:
    """Accuracy, F1 over all labels pooled, or R²."""
    if kind == "multilabel":
        right = float((predicted.label * target).sum())
        said = float(predicted.label.sum() + target.sum())
        return 2.0 * right / said if said else 1.0
    if kind != "regression":
        return float(np.mean(predicted.label == target))
    target = target.astype(np.float64)
    spread = float(((target - target.mean()) ** 2).sum())
    error = float(((predicted.label - target) ** 2).sum())
    return 1.0 - error / spread if spread > 0 else -error


def _loss(predicted: Predicted, target: NDArray[Any], kind: str) -> float:
    if kind == "regression" or predicted.score is None:
        return float(np.mean((predicted.label - target) ** 2))
    score = np.clip(predicted.score, 1e-12, 1.0 - 1e-12)
    if kind == "multilabel":
        return float(-np.mean(np.where(target > 0, np.log(score), np.log1p(-score))))
    return float(-np.log(score[np.arange(len(score)), np.asarray(target, dtype=np.int64)]).mean())
