"""Metrics that average over classes: precision, recall, F1, balanced accuracy; and Matthews' coefficient.

Without item i only the counts of two classes change (its own and the predicted one), so all n leave-one-out values of
a multiclass metric cost as much as a handful; items of one (class, prediction) pair share theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from assay.metrics.answers import Answers
from assay.metrics.metric import CLASSIFICATION, LABELLED, Metric, Shares, pseudo_values

Part = Literal["precision", "recall", "f1"]
Average = Literal["binary", "micro", "macro", "weighted"]
Counts = NDArray[np.float64]
_TINY = 1e-300

_SKLEARN: dict[Part, Callable[..., Any]] = {
    "precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score,
}  # fmt: skip


def _ratio(part: Part, hits: Counts, said: Counts, true: Counts) -> Counts:
    """The metric of a class from its counts; 0 where its denominator is 0, as in scikit-learn's averages."""
    over = {"precision": said, "recall": true, "f1": (said + true) / 2}[part]
    return np.divide(hits, over, out=np.zeros_like(hits), where=over > 0)


def _totals(answers: Answers) -> tuple[Counts, Counts, Counts]:
    """(c,) items of each class that are right, that were predicted to be of it, and that are of it."""
    truth, label = answers.target, answers.label
    if answers.multilabel:
        sums = [rows.sum(axis=0) for rows in (truth * label, label, truth)]
    else:
        sums = [np.bincount(codes, minlength=answers.classes) for codes in (truth[truth == label], label, truth)]
    return sums[0].astype(np.float64), sums[1].astype(np.float64), sums[2].astype(np.float64)


def _with_and_without(answers: Answers, part: Part, average: Average) -> tuple[float, NDArray[np.float64]]:
    """The metric, and its (n,) values without each item."""
    if answers.multilabel:
        return _rows_with_and_without(answers, part, average)
    n, c = answers.n, answers.classes
    codes, back = np.unique(answers.target * c + answers.label, return_inverse=True)
    i, j = codes // c, codes % c
    same = (i == j).astype(np.float64)
    hits, said, true = _totals(answers)
    old = _ratio(part, hits, said, true)
    new_own = _ratio(part, hits[i] - same, said[i] - same, true[i] - 1)
    new_other = _ratio(part, hits[j] - same, said[j] - 1, true[j] - same)
    if average == "micro":
        value, without = hits.sum() / n, (hits.sum() - same) / max(n - 1, 1)
    elif average == "binary":
        value, without = old[1], np.where(i == 1, new_own, np.where(j == 1, new_other, old[1]))
    elif average == "weighted":
        changed = new_own * (true[i] - 1) - old[i] * true[i] + (1 - same) * true[j] * (new_other - old[j])
        value, without = (old @ true) / n, (old @ true + changed) / max(n - 1, 1)
    else:
        there = true + said
        gone = (there[i] - same == 1).astype(float) + (1 - same) * (there[j] == 1)
        changed = new_own - old[i] + (1 - same) * (new_other - old[j])
        present = float((there > 0).sum())
        value, without = old.sum() / present, (old.sum() + changed) / np.maximum(present - gone, 1)
    return float(value), without[back]


def _rows_with_and_without(answers: Answers, part: Part, average: Average) -> tuple[float, NDArray[np.float64]]:
    """The same for multilabel targets, where an item may change the counts of every label."""
    truth, label = answers.target, answers.label
    hits, said, true = _totals(answers)
    if average == "micro":
        less = [rows.sum(axis=1) for rows in (truth * label, label, truth)]
        totals = [np.array([float(total.sum())]) for total in (hits, said, true)]
        left = [total - rows for total, rows in zip(totals, less, strict=True)]
        return float(_ratio(part, *totals)[0]), _ratio(part, *left)
    cases = [(t, s) for t in (0, 1) for s in (0, 1)]
    table = np.stack([_ratio(part, hits - t * s, said - s, true - t) for t, s in cases])
    weight = np.stack([true - t for t, _ in cases]) if average == "weighted" else np.ones_like(table)
    at = (2 * truth + label, np.arange(answers.classes))
    old, share = _ratio(part, hits, said, true), true if average == "weighted" else np.ones_like(true)
    without = (table * weight)[at].sum(axis=1) / np.maximum(weight[at].sum(axis=1), _TINY)
    return float(old @ share / max(share.sum(), _TINY)), without


def _classwise(part: Part, average: Average) -> Metric:
    def value(answers: Answers) -> float:
        return float(_SKLEARN[part](answers.target, answers.label, average=average, zero_division=0))

    def items(answers: Answers) -> NDArray[np.float64]:
        return pseudo_values(*_with_and_without(answers, part, average))

    def undefined(answers: Answers) -> str | None:
        if average == "binary" and part == "precision" and not answers.label.any():
            return "no item was predicted to be of class 1"
        if average == "binary" and part == "recall" and not answers.target.any():
            return "no item is of class 1"
        if not answers.target.any() and not answers.label.any() and (answers.multilabel or average == "binary"):
            return "no item is, or was predicted to be, of class 1"
        return None

    def shares(answers: Answers) -> Shares | None:
        """What the metric is a mean of shares of, where it is one."""
        hits, said, true = _totals(answers)
        over = said if part == "precision" else true
        if average == "micro" or (average == "weighted" and part == "recall"):
            return None if answers.multilabel else (hits.sum(keepdims=True), true.sum(keepdims=True))
        if part == "f1" or average == "weighted":
            return None
        present = said + true > 0 if average == "macro" and not answers.multilabel else np.ones(len(hits), dtype=bool)
        return (hits[1:], over[1:]) if average == "binary" else (hits[present], over[present])

    kinds = ("binary",) if average == "binary" else LABELLED
    name = part if average == "binary" else f"{part}_{average}"
    return Metric(name=name, kinds=kinds, value=value, items=items, undefined=undefined, shares=shares)


PRECISION, PRECISION_MICRO = _classwise("precision", "binary"), _classwise("precision", "micro")
PRECISION_MACRO, PRECISION_WEIGHTED = _classwise("precision", "macro"), _classwise("precision", "weighted")
RECALL, RECALL_MICRO = _classwise("recall", "binary"), _classwise("recall", "micro")
RECALL_MACRO, RECALL_WEIGHTED = _classwise("recall", "macro"), _classwise("recall", "weighted")
F1, F1_MICRO = _classwise("f1", "binary"), _classwise("f1", "micro")
F1_MACRO, F1_WEIGHTED = _classwise("f1", "macro"), _classwise("f1", "weighted")


def _balanced_items(answers: Answers) -> NDArray[np.float64]:
    """Pseudo-values of the mean recall over the classes that occur in the target."""
    hits, _, true = _totals(answers)
    right = (answers.target == answers.label).astype(np.float64)
    recall = _ratio("recall", hits, hits, true)
    own = true[answers.target]
    new = np.divide(hits[answers.target] - right, own - 1, out=np.zeros(answers.n), where=own > 1)
    present = (true > 0).sum()
    total = recall.sum() - recall[answers.target] + new
    without = total / np.maximum(np.where(own > 1, present, present - 1), 1)
    return pseudo_values(float(recall.sum() / present), without)


def _balanced_shares(answers: Answers) -> Shares:
    hits, _, true = _totals(answers)
    return hits[true > 0], true[true > 0]


BALANCED_ACCURACY = Metric(
    name="balanced_accuracy", kinds=CLASSIFICATION, items=_balanced_items, shares=_balanced_shares,
    value=lambda answers: _SKLEARN["recall"](
        answers.target, answers.label, labels=np.unique(answers.target), average="macro", zero_division=0
    ),
)  # fmt: skip
"""Mean recall over the classes that occur in the target; scikit-learn's, without its warning for other predictions."""


def _matthews_items(answers: Answers) -> NDArray[np.float64]:
    n = float(answers.n)
    _, said, true = _totals(answers)
    same = (answers.target == answers.label).astype(np.float64)
    sums = np.array([same.sum(), true @ said, said @ said, true @ true])
    i, j = answers.target, answers.label
    without = _matthews(
        n - 1, sums[0] - same, sums[1] - true[j] - said[i] + same, sums[2] - 2 * said[j] + 1, sums[3] - 2 * true[i] + 1
    )
    value = float(_matthews(n, *(np.array([total]) for total in sums))[0])
    return pseudo_values(value, np.where(np.isnan(without), value, without))


def _matthews(n: float, right: Counts, both: Counts, said: Counts, true: Counts) -> Counts:
    below = np.sqrt(np.maximum((n * n - said) * (n * n - true), 0.0))
    return np.divide(right * n - both, below, out=np.full(np.shape(below), np.nan), where=below > 0)


def _matthews_undefined(answers: Answers) -> str | None:
    if len(np.unique(answers.target)) < 2:
        return "all items are of one class"
    return "all items were predicted to be of one class" if len(np.unique(answers.label)) < 2 else None


MATTHEWS = Metric(
    name="matthews", kinds=CLASSIFICATION, items=_matthews_items, range=(-1.0, 1.0), unit="",
    value=lambda answers: sk.matthews_corrcoef(answers.target, answers.label), undefined=_matthews_undefined,
)  # fmt: skip
"""Matthews' correlation of classes and predictions (Gorodkin 2004 for more than two classes)."""
