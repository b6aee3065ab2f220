"""Tables of a classification: one row a class, and which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import UsageError
from assay.estimate import Estimate
from assay.finding import Row
from assay.metrics.answers import Answers, read_classes
from assay.metrics.intervals import interval
from assay.stats.proportion import wilson


def per_class(
    target: Any, label: Any, score: Any = None, *, classes: Sequence[str], level: float = 0.95, groups: Any = None
) -> list[Row]:
    """One row a class: `class`, `items`, `predicted`, Estimates `precision`, `recall`, `f1`, and `auroc` with scores.

    Args:
        target: (n,) class codes, or (n, c) 0/1.
        label: the predictions in the same form, or None.
        score: (n, c) probabilities, or None.
        classes: names in the order of the codes.
        level: confidence level.
        groups: (n,) the group of each item.

    Raises:
        UsageError: for predictions that cannot be read, or fewer names than classes.
    """
    answers = _named(target, label, score, classes)
    rows: list[Row] = []
    for code, name in enumerate(classes):
        truth, said = _of_class(answers.target, code), _of_class(answers.label, code)
        row: dict[str, Any] = {"class": name, "items": int(truth.sum()), "predicted": int(said.sum())}
        for metric in ("precision", "recall"):
            row[metric] = _share_of(metric, truth, said, level, groups)
        row["f1"] = interval("f1", truth, said, level=level, groups=groups)
        if answers.score is not None:
            column = answers.score[:, code]
            row["auroc"] = interval("auroc", truth, said, column, level=level, groups=groups)
        rows.append(row)
    return rows


def confusion(target: Any, label: Any, *, classes: Sequence[str]) -> list[Row]:
    """One row for each pair of classes: `true`, `predicted`, `items`, and `share` of the true class's items.

    `share` is an Estimate with Wilson's interval; a class without items has none, with the reason.

    Raises:
        UsageError: for multilabel targets, or fewer names than classes.
    """
    answers = _named(target, label, None, classes)
    if answers.multilabel:
        raise UsageError("a confusion table is for one class an item; multilabel targets have one table a label")
    counts = confusion_counts(answers.target, answers.label, len(classes))
    rows: list[Row] = []
    for i, true in enumerate(classes):
        total = int(counts[i].sum())
        for j, said in enumerate(classes):
            rows.append({"true": true, "predicted": said, "items": int(counts[i, j]),
                         "share": _share(int(counts[i, j]), total, 0.95)})  # fmt: skip
    return rows


def confusion_counts(target: NDArray[Any], label: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """(c, c) items by true class (row) and predicted class (column)."""
    codes = np.asarray(target, dtype=np.int64) * classes + np.asarray(label, dtype=np.int64)
    return np.bincount(codes, minlength=classes * classes).reshape(classes, classes)


def _named(target: Any, label: Any, score: Any, classes: Sequence[str]) -> Answers:
    answers = read_classes(target, label, score)
    highest = answers.classes if answers.multilabel else int(max(answers.target.max(), answers.label.max())) + 1
    if highest > len(classes):
        raise UsageError(f"there are {highest} classes and {len(classes)} names")
    return answers


def _of_class(codes: NDArray[Any], code: int) -> NDArray[np.int64]:
    return (codes[:, code] if codes.ndim == 2 else codes == code).astype(np.int64)


def _share_of(name: str, truth: NDArray[np.int64], said: NDArray[np.int64], level: float, groups: Any) -> Estimate:
    """Precision or recall of one class, as a share of the items predicted to be, or being, of it."""
    if groups is not None:
        return interval(name, truth, said, level=level, groups=groups)
    among = said if name == "precision" else truth
    if not among.any():
        why = "no item was predicted to be of this class" if name == "precision" else "no item is of this class"
        return Estimate.unknown(name, why, unit="fraction", n=0)
    return _share(int((truth & said).sum()), int(among.sum()), level).renamed(name)


def _share(count: int, total: int, level: float) -> Estimate:
    if not total:
        return Estimate.unknown("share", "no item is of this class", unit="fraction", n=0)
    low, high = wilson(count, total, level=level)
    return Estimate(name="share", value=count / total, low=low, high=high, level=level, n=total, unit="fraction",
                    method="Wilson score", population="other such items")  # fmt: skip
