"""Metrics of order: the area under the ROC curve, and average precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from assay.metrics.answers import Answers
from assay.metrics.metric import LABELLED, Metric, pseudo_values


@dataclass(frozen=True, slots=True)
class Placements:
    """For one class against the rest, where each item stands among the items of the other side."""

    positive: NDArray[np.bool_]
    """(n,) whether the item is of the class."""
    place: NDArray[np.float64]
    """(n,) for an item of the class the share of others below it, for another the share of the class above it."""

    @property
    def m(self) -> int:
        """Items of the class."""
        return int(self.positive.sum())

    @property
    def area(self) -> float:
        """The area under the curve."""
        return float(self.place[self.positive].mean())


def placements(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> Placements:
    """Structural components of the area under the ROC curve, in O(n log n); ties count one half.

    References:
        E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Comparing the areas under two or more correlated
        receiver operating characteristic curves, equations 5 and 6.
        X. Sun, W. Xu (2014), Fast implementation of DeLong's algorithm, section III.
    """
    m = int(positive.sum())
    among_all = stats.rankdata(score)
    place = np.empty(len(score))
    place[positive] = (among_all[positive] - stats.rankdata(score[positive])) / (len(score) - m)
    place[~positive] = 1 - (among_all[~positive] - stats.rankdata(score[~positive])) / m
    return Placements(positive, place)


def sides(answers: Answers) -> list[Placements]:
    """The placements of class 1 for two classes, else of every class against the rest."""
    assert answers.score is not None
    if answers.multilabel:
        return [placements(answers.target[:, k] == 1, answers.score[:, k]) for k in range(answers.classes)]
    first = 1 if answers.classes == 2 else 0
    return [placements(answers.target == k, answers.score[:, k]) for k in range(first, answers.classes)]


def _one_sided(answers: Answers) -> str | None:
    """Why some class cannot be set against the rest."""
    truth = answers.target if answers.multilabel else answers.target[:, None] == np.arange(answers.classes)
    counts = truth.sum(axis=0)
    lone = np.flatnonzero((counts == 0) | (counts == answers.n))
    if not len(lone):
        return None
    code = int(lone[0])
    more = f", and {len(lone) - 1} more such" if len(lone) > 1 else ""
    return f"{'no' if counts[code] == 0 else 'every'} item is of class {code}{more}; it needs items of it and of others"


def _auroc_value(answers: Answers) -> float:
    assert answers.score is not None
    if answers.multilabel:
        return float(sk.roc_auc_score(answers.target, answers.score, average="macro"))
    truth = answers.target[:, None] == np.arange(answers.classes)
    if answers.classes == 2:
        return float(sk.roc_auc_score(answers.target, answers.score[:, 1]))
    return float(sk.roc_auc_score(truth, answers.score, average="macro"))


def _auroc_items(answers: Answers) -> NDArray[np.float64]:
    """Pseudo-values of the area, averaged over the classes."""
    total = np.zeros(answers.n)
    every = sides(answers)
    for side in every:
        size = np.where(side.positive, side.m, answers.n - side.m)
        without = np.divide(size * side.area - side.place, size - 1, out=np.full(answers.n, side.area), where=size > 1)
        total += pseudo_values(side.area, without)
    return total / len(every)


AUROC = Metric(
    name="auroc", kinds=LABELLED, needs_score=True, form="auroc", value=_auroc_value, items=_auroc_items,
    undefined=_one_sided,
)  # fmt: skip
"""Area under the ROC curve of class 1; the mean over classes, each against the rest, for more than two."""


def _precision_value(answers: Answers) -> float:
    assert answers.score is not None
    if answers.multilabel or answers.classes > 2:
        truth = answers.target if answers.multilabel else answers.target[:, None] == np.arange(answers.classes)
        return float(sk.average_precision_score(truth, answers.score, average="macro"))
    return float(sk.average_precision_score(answers.target, answers.score[:, 1]))


def _precision_items(answers: Answers) -> NDArray[np.float64]:
    assert answers.score is not None
    truth = answers.target if answers.multilabel else (answers.target[:, None] == np.arange(answers.classes))
    codes = [1] if answers.classes == 2 and not answers.multilabel else range(answers.classes)
    every = [_average_precision(truth[:, k].astype(np.float64), answers.score[:, k]) for k in codes]
    return np.mean(every, axis=0)


def _average_precision(positive: NDArray[np.float64], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pseudo-values of average precision: exact values without each item, from running sums over the sorted scores."""
    order = np.argsort(-score, kind="mergesort")
    ranked, at = positive[order], score[order]
    last = np.flatnonzero(np.r_[at[1:] != at[:-1], True])  # the last item of each run of equal scores
    run = np.searchsorted(last, np.arange(len(at)))
    hits, seen = np.cumsum(ranked)[last], last + 1.0
    gained = np.diff(hits, prepend=0.0)
    m = hits[-1]
    term = gained * hits / seen
    before = np.r_[0.0, np.cumsum(term)[:-1]]
    fewer = np.maximum(seen - 1, 1.0)
    after_hit = _after(gained * (hits - 1) / fewer)  # the terms of later runs, one hit less
    after_miss = _after(gained * hits / fewer)
    own_hit = (gained - 1) * (hits - 1) / fewer
    own_miss = gained * hits / fewer
    hit = (before + own_hit + after_hit)[run] / max(m - 1, 1)
    miss = (before + own_miss + after_miss)[run] / m
    without = np.empty(len(at))
    without[order] = np.where(ranked == 1, hit if m > 1 else term.sum() / m, miss)
    return pseudo_values(float(term.sum() / m), without)


def _after(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of all later terms."""
    return np.r_[np.cumsum(terms[::-1])[::-1][1:], 0.0]


def _no_positive(answers: Answers) -> str | None:
    counts = (
        answers.target.sum(axis=0) if answers.multilabel else np.bincount(answers.target, minlength=answers.classes)
    )
    first = 1 if answers.classes == 2 and not answers.multilabel else 0
    empty = [code for code in range(first, answers.classes) if counts[code] == 0]
    return f"no item is of class {empty[0]}" if empty else None


AVERAGE_PRECISION = Metric(
    name="average_precision", kinds=LABELLED, needs_score=True, value=_precision_value, items=_precision_items,
    undefined=_no_positive,
)  # fmt: skip
"""Area under precision over recall, as a sum of steps; the mean over classes for more than two."""
