"""What is scored: the metric of the curve, and one score a row for everything that needs a mean.

The curve takes any metric. Causes, label-free estimates and watching need a number for each row whose mean is the
score: the metric's own where it is such a mean, otherwise accuracy, or the absolute error of a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from assay.assess.durability.reading.outputs import Outputs
from assay.errors import UsageError
from assay.estimate import Estimate
from assay.metrics import METRICS, Metric, contributions, interval

Floats = NDArray[np.float64]
Positions = NDArray[np.int_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The metric of the curve and the score of each row, higher is better."""

    metric: Metric
    level: float
    outputs: Outputs
    row: Floats
    """(n,) score of each row, higher is better; NaN where the label is missing."""
    row_name: str
    """What the mean of `row` is: `accuracy`, or the metric's name."""

    @property
    def sign(self) -> float:
        """1 where higher is better, −1 otherwise."""
        return 1.0 if self.metric.higher_is_better else -1.0

    @property
    def row_sign(self) -> float:
        """The same for the metric behind the rows."""
        return 1.0 if METRICS[self.row_name].higher_is_better else -1.0

    @property
    def exact(self) -> bool:
        """Whether the rows' mean is the metric of the curve."""
        return self.row_name == self.metric.name

    @property
    def points(self) -> tuple[float, str]:
        """What turns a difference of row scores into the unit that people read, and that unit."""
        unit = METRICS[self.row_name].unit
        return (100.0, "points") if unit == "fraction" else (1.0, unit)

    @property
    def curve_points(self) -> tuple[float, str]:
        """The same for differences of the curve's metric."""
        return (100.0, "points") if self.metric.unit == "fraction" else (1.0, self.metric.unit)

    def performance(self, rows: Positions) -> Estimate:
        """The metric on some labelled rows, with its interval; unknown with a reason where it has no value."""
        out = self.outputs
        if len(rows) == 0:
            return Estimate.unknown(self.metric.name, "no row with a label", unit=self.metric.unit, n=0)
        score = None if out.score is None else out.score[rows]
        try:
            return interval(self.metric, out.target[rows], out.label[rows], score, level=self.level)
        except UsageError as error:
            return Estimate.unknown(self.metric.name, str(error), unit=self.metric.unit, n=len(rows))

    def error(self, estimate: Estimate) -> float | None:
        """Standard error of an estimate, from the width of its interval; None without one."""
        if estimate.width is None:
            return None
        return float(estimate.width / (2 * ndtri((1 + self.level) / 2)))


def score_rows(outputs: Outputs, *, metric: str | None, level: float) -> Scoring:
    """The scoring of a log.

    Args:
        outputs: targets, predictions, probabilities.
        metric: its name; accuracy for classes and mean absolute error for numbers by default.
        level: confidence level.

    Returns:
        The scoring.

    Raises:
        UsageError: a metric that these predictions cannot give.
        UnknownNameError: no such metric.
    """
    default = "mae" if outputs.regression else "accuracy"
    chosen = METRICS[metric or default]
    if outputs.regression != (chosen.kinds == ("regression",)):
        what = "numbers" if outputs.regression else "classes"
        raise UsageError(f"{chosen.name} is not a metric of {what}; {default} would do")
    if chosen.needs_score and outputs.score is None:
        raise UsageError(f"{chosen.name} needs probabilities; add --proba COL")
    named = chosen if chosen.form in ("share", "mean") else METRICS[default]
    rows = np.flatnonzero(outputs.labelled)
    score = None if outputs.score is None else outputs.score[rows]
    values = np.full(len(outputs.label), np.nan)
    values[rows] = contributions(named, outputs.target[rows], outputs.label[rows], score)
    sign = 1.0 if named.higher_is_better else -1.0
    return Scoring(metric=chosen, level=level, outputs=outputs, row=sign * values, row_name=named.name)
