"""Shares of items: accuracy, top-k accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from assay.metrics.answers import Answers
from assay.metrics.metric import CLASSIFICATION, LABELLED, Metric


def _right(answers: Answers) -> NDArray[np.float64]:
    same = answers.target == answers.label
    return (same.all(axis=1) if answers.multilabel else same).astype(np.float64)


ACCURACY = Metric(
    name="accuracy", kinds=LABELLED, form="share", items=_right,
    value=lambda answers: sk.accuracy_score(answers.target, answers.label),
)  # fmt: skip
"""Share of items whose class is right; for multilabel, of items with every label right."""


def _top(k: int) -> Metric:
    def items(answers: Answers) -> NDArray[np.float64]:
        """Whether the class is among the k highest scores; ties go to the higher code, as in scikit-learn."""
        assert answers.score is not None
        best = np.argsort(answers.score, axis=1, kind="mergesort")[:, ::-1][:, :k]
        return (best == answers.target[:, None]).any(axis=1).astype(np.float64)

    def value(answers: Answers) -> float:
        assert answers.score is not None
        score = answers.score[:, 1] if answers.classes == 2 else answers.score
        return float(sk.top_k_accuracy_score(answers.target, score, k=k, labels=np.arange(answers.classes)))

    def undefined(answers: Answers) -> str | None:
        return f"with {answers.classes} classes every answer is among the first {k}" if answers.classes <= k else None

    return Metric(
        name=f"top_{k}", kinds=CLASSIFICATION, form="share", needs_score=True, value=value, items=items,
        undefined=undefined,
    )  # fmt: skip


TOP_2, TOP_3, TOP_5, TOP_10 = _top(2), _top(3), _top(5), _top(10)
"""Share of items whose class is among the k most probable."""
