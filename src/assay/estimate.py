"""Estimate: the only form in which a statistic leaves the library.

Requirements that shaped it:
- unknown is not a number: `value` is None exactly when `reason` says why;
- an interval says which population it is for ("these tasks again", "other such tasks", "these items again");
- it can always be written as JSON: no NaN, no infinity, no NumPy scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from assay.errors import InternalError

COUNTED = frozenset(
    ("cells", "epochs", "items", "labels", "models", "parameters", "rows", "runs", "steps", "tasks", "trials")
)
"""Units of which a whole number is shown without decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval, or the reason why there is none."""

    name: str
    """What is estimated, in the field's standard term: `accuracy`, `half_life`."""
    value: float | None
    """The point estimate; None exactly when `reason` is set."""
    low: float | None = None
    """Lower end of the interval; None when there is no interval or it is open below."""
    high: float | None = None
    """Upper end of the interval; None when there is no interval or it is open above."""
    level: float | None = None
    """Confidence level of the interval, such as 0.95; None when there is no interval."""
    n: int | None = None
    """How many independent units the estimate rests on."""
    unit: str = ""
    """The unit: `fraction`, `points`, `seconds`, `items`; empty for a plain number."""
    method: str = ""
    """How value and interval were computed, in a few words."""
    population: str = ""
    """What the interval is about: `these items again`, `other such tasks`."""
    reason: str | None = None
    """Why there is no value, and what would give one; None when there is one."""

    def __post_init__(self) -> None:
        for field in ("value", "low", "high", "level"):
            number = getattr(self, field)
            if number is None:
                continue
            number = float(number)
            if not math.isfinite(number):
                raise InternalError(f"estimate {self.name!r}: {field} is {number}; an unknown needs a reason instead")
            object.__setattr__(self, field, number)
        if self.n is not None:
            object.__setattr__(self, "n", int(self.n))
        if (self.value is None) != (self.reason is not None):
            raise InternalError(f"estimate {self.name!r}: value and reason exclude each other, and one is needed")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InternalError(f"estimate {self.name!r}: low {self.low} is above high {self.high}")

    @classmethod
    def unknown(cls, name: str, reason: str, *, unit: str = "", n: int | None = None, method: str = "",
                population: str = "") -> Estimate:  # fmt: skip
        """An estimate that cannot be given, with the reason and, if possible, what would give it."""
        return cls(name=name, value=None, reason=reason, unit=unit, n=n, method=method, population=population)

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def width(self) -> float | None:
        """Width of the interval, in the unit; None without a closed interval."""
        return None if self.low is None or self.high is None else self.high - self.low

    def scaled(self, factor: float, unit: str) -> Estimate:
        """The same estimate in another unit; `factor` may be negative."""
        if self.value is None:
            return replace(self, unit=unit)
        ends = (self.low, self.high) if factor >= 0 else (self.high, self.low)
        low, high = (None if end is None else end * factor for end in ends)
        return replace(self, value=self.value * factor, low=low, high=high, unit=unit)

    def renamed(self, name: str) -> Estimate:
        """The same estimate under another name."""
        return replace(self, name=name)

    def to_dict(self) -> dict[str, Any]:
        """The ten fields as plain Python values, in the order of the published schema."""
        return {
            "name": self.name, "value": self.value, "low": self.low, "high": self.high, "level": self.level,
            "n": self.n, "unit": self.unit, "method": self.method, "population": self.population,
            "reason": self.reason,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Estimate:
        """The estimate that `to_dict` wrote."""
        return cls(**record)

    def __str__(self) -> str:
        if self.value is None:
            return f"unknown ({self.reason})"
        show = _show_count if self.unit in COUNTED else show_number
        unit = "" if self.unit in ("", "fraction") else f" {self.unit}"
        return f"{show(self.value)}{_interval(self, show)}{unit}"


def show_number(value: float) -> str:
    """A number for people: about three significant digits, no exponent where it can be helped."""
    size = abs(value)
    if size == 0 or 1e-4 <= size < 1:
        return f"{value:.3f}" if size >= 0.01 or size == 0 else f"{value:.2g}"
    if 1 <= size < 100:
        return f"{value:.2f}"
    if 100 <= size < 1e6:
        return f"{value:,.0f}"
    for factor, letter in ((1e6, "M"), (1e9, "G"), (1e12, "T")):
        if factor <= size < 1000 * factor:
            return f"{value / factor:.3g} {letter}"
    return f"{value:.3g}"


def show_share(share: float) -> str:
    """A share of one as a whole percentage; near its ends it says that it is not quite none or all."""
    if 0 < share < 0.01 or 0.99 < share < 1:
        return "under 1 %" if share < 0.5 else "over 99 %"
    return f"{100 * share:.0f} %"


def show_level(level: float) -> str:
    """A share that was stated, such as a level or a power, as a percentage in full."""
    return f"{100 * level:g} %"


def _show_count(value: float) -> str:
    """A number of things: whole where it is."""
    return f"{int(value)}" if abs(value) < 1000 and value.is_integer() else show_number(value)


def _interval(estimate: Estimate, show: Callable[[float], str]) -> str:
    if estimate.low is None and estimate.high is None:
        return ""
    low = "−∞" if estimate.low is None else show(estimate.low)
    high = "∞" if estimate.high is None else show(estimate.high)
    return f" [{low}, {high}]"
