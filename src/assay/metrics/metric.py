"""Metric: a score of predictions with all that an honest interval needs.

The value is scikit-learn's. Beside it stand each item's contributions: numbers whose mean is the metric, exactly or
nearly, so that everything known of means (standard errors, groups, paired differences) holds for every metric.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import UsageError
from assay.metrics.answers import Answers, read_classes, read_numbers
from assay.spec import TaskKind

Form = Literal["share", "mean", "root_mean", "smooth", "auroc", "calibration"]
Shares = tuple[NDArray[np.float64], NDArray[np.float64]]
CLASSIFICATION: tuple[TaskKind, ...] = ("binary", "multiclass")
LABELLED: tuple[TaskKind, ...] = ("binary", "multiclass", "multilabel")
NUMERIC: tuple[TaskKind, ...] = ("regression",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A score of predictions; call it with (target, label, score)."""

    name: str
    kinds: tuple[TaskKind, ...]
    """The kinds of task it has a meaning for."""
    value: Callable[[Answers], float]
    """The value, by scikit-learn's definition."""
    items: Callable[[Answers], NDArray[np.float64]] | None = None
    """(n,) contributions of the items; their mean is the value, or nearly (jackknife pseudo-values). None for a metric
    that brings none: its interval is then a bootstrap."""
    range: tuple[float, float] = (0.0, 1.0)
    """The least and the greatest value it can take."""
    higher_is_better: bool = True
    needs_score: bool = False
    """Whether labels alone do not suffice."""
    form: Form = "smooth"
    """Which interval suits it: a share of items, a mean of losses, its root, a smooth function of means, or its own."""
    shares: Callable[[Answers], Shares | None] | None = None
    """For a metric that is, of these answers, a mean of shares: the items that count and those they are taken of, one
    number a share."""
    undefined: Callable[[Answers], str | None] = lambda answers: None  # noqa: ARG005
    """Why it has no value for these answers; None when it has one."""
    unit: str = "fraction"
    """The unit of its values; empty for a plain number."""

    def read(self, target: Any, label: Any, score: Any) -> Answers:
        """The checked answers, in the form that this metric takes.

        Raises:
            UsageError: for answers that no metric of this kind can use.
        """
        if self.kinds == NUMERIC:
            return read_numbers(target, label)
        answers = read_classes(target, label, score)
        if answers.multilabel and "multilabel" not in self.kinds:
            raise UsageError(f"{self.name} has no meaning for multilabel targets")
        if not answers.multilabel and self.kinds == ("multilabel",):
            raise UsageError(f"{self.name} is for multilabel targets, (n, c)")
        if self.needs_score and answers.score is None:
            raise UsageError(f"{self.name} needs scores; only labels are given")
        return answers

    def reason(self, answers: Answers) -> str | None:
        """Why there is no value, as a sentence for people; None when there is one."""
        if "multiclass" not in self.kinds and not answers.multilabel and answers.classes > 2:
            return f"it is for two classes, there are {answers.classes}; {self.name}_macro averages over classes"
        return self.undefined(answers)

    def __call__(self, target: Any, label: Any, score: Any = None) -> float:
        """The value.

        Args:
            target: (n,) class codes or numbers, or (n, c) 0/1.
            label: the predictions, in the same form; None to take the most probable class.
            score: (n, c) probabilities, or None.

        Raises:
            UsageError: where the metric has no value for these answers; the message says why.
        """
        answers = self.read(target, label, score)
        reason = self.reason(answers)
        if reason is not None:
            raise UsageError(f"{self.name}: {reason}")
        return float(self.value(answers))


def pseudo_values(value: float, without: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jackknife pseudo-values n·θ − (n − 1)·θ₋ᵢ, from the value and the values without each item.

    References:
        B. Efron, C. Stein (1981), The jackknife estimate of variance: the variance of their mean is biased upward.
    """
    n = len(without)
    return n * value - (n - 1) * without
