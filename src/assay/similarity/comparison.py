"""What is said of two sets, or of two models: a distance with its interval, floor, p-value and warnings."""

from __future__ import annotations

from dataclasses import dataclass

from assay.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure between two sets of items, or two models: 0 is the same, more is farther."""

    measure: str
    """The measure's name."""
    value: Estimate
    """The distance between all items, with its interval."""
    floor: Estimate
    """What no difference at all would give: the distance between two halves of one set (or of one model's columns)."""
    same_size: Estimate
    """The distance between samples as small as those of the floor, so that the two can be held against each other."""
    p_value: float | None
    """Of the null hypothesis `null`, by exchanging items; None where there is nothing to exchange."""
    null: str = "one distribution"
    """What the p-value is the probability under."""
    extractor: str = ""
    """What made the features."""
    source: str = ""
    """The first set or model."""
    target: str = ""
    """The second."""
    warnings: tuple[str, ...] = ()
    """What the sample sizes forbid to read into it."""
    seconds: float = 0.0
    """What it cost."""

    @property
    def beyond_floor(self) -> float | None:
        """The distance less its floor, both at the same sample size; None where one is unknown."""
        if self.same_size.value is None or self.floor.value is None:
            return None
        return self.same_size.value - self.floor.value
