"""How a metric is read: which direction is better, and in what unit scores and differences are told."""

from __future__ import annotations

from dataclasses import dataclass

from assay.estimate import Estimate
from assay.metrics import METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How the metric is read: its direction, and the unit in which differences are told."""

    metric: str
    sign: float
    """1 when higher is better."""
    bounded: bool
    """Whether it lies between -1 and 1, so that differences are told in points."""
    own_unit: str
    """The metric's own unit."""

    @property
    def factor(self) -> float:
        """From the metric's own unit to the unit of differences."""
        return 100.0 if self.bounded else 1.0

    @property
    def unit(self) -> str:
        """The unit of differences."""
        return "points" if self.bounded else self.own_unit

    def told(self, score: Estimate) -> str:
        """The metric and a score in words: hundredths where differences are in points, so that both can be added."""
        shown = score.scaled(self.factor, "%" if self.own_unit == "fraction" else "points") if self.bounded else score
        return f"{self.metric.replace('_', ' ')} {shown}"


def scale_of(metric: str) -> Scale:
    """How the metric is read.

    Raises:
        UnknownNameError: when there is no such metric, with the nearest names.
    """
    found = METRICS[metric]
    low, high = found.range
    return Scale(
        metric=metric, sign=1.0 if found.higher_is_better else -1.0, bounded=low >= -1 and high <= 1,
        own_unit=found.unit,
    )  # fmt: skip
