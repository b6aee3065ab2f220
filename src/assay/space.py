"""Space: which configurations of a recipe a study may try; and SearchSpec, how it goes about it.

An axis is a list of choices or a range, and may depend on an earlier axis. Pure: Optuna comes in with `run.search`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from assay.errors import UsageError


class Strict(BaseModel):
    """A part of a study file that takes no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Axis(Strict):
    """One parameter's values."""

    choices: list[Any] | None = Field(default=None, min_length=1, description="Its values.")
    low: float | None = Field(default=None, description="Start of a range.")
    high: float | None = Field(default=None, description="End of a range, included.")
    log: bool = Field(default=False, description="Whether the range is even in the logarithm.")
    points: int | None = Field(default=None, ge=2, description="Points of the range in a complete grid.")
    when: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="Earlier axis → value or list of values at which this one counts."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ends = (self.low, self.high)
        if (self.choices is None) == (ends == (None, None)) or (None in ends and ends != (None, None)):
            raise ValueError("needs either choices, or low and high")
        if self.low is not None and self.high is not None:
            if not self.low < self.high:
                raise ValueError(f"low must be below high, not {self.low:g} and {self.high:g}")
            if self.log and self.low <= 0:
                raise ValueError(f"a logarithmic range starts above zero, not at {self.low:g}")
        return self

    def counts(self, chosen: Mapping[str, Any]) -> bool:
        """Whether it counts, given the axes chosen before it."""
        return all(name in chosen and chosen[name] in _listed(values) for name, values in self.when.items())

    def values(self, *, whole: bool) -> list[Any] | None:
        """Its values in a complete grid, `whole` numbers where the parameter is a count; None for a bare range."""
        if self.choices is not None:
            return list(self.choices)
        if self.points is None or self.low is None or self.high is None:
            return None
        spaced = (np.geomspace if self.log else np.linspace)(self.low, self.high, self.points).tolist()
        spaced[0], spaced[-1] = self.low, self.high
        return sorted({round(value) for value in spaced}) if whole else spaced


def _axis(value: Any) -> Any:
    return {"choices": value} if isinstance(value, list) else value


Space = dict[str, Annotated[Axis, BeforeValidator(_axis)]]
"""Parameter → its values, in the order in which they are chosen."""


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Named(BaseModel):
    """A sampler or a pruner of Optuna, with the options that its class takes."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(description="Such as random, qmc, tpe, gp, cmaes; median, hyperband, successive_halving.")

    @property
    def options(self) -> dict[str, Any]:
        """What its class takes."""
        return dict(self.model_extra or {})


class RepeatSpec(Strict):
    """How often a configuration is repeated: the best are told apart up to a tolerance, and no more."""

    least: int = Field(default=2, ge=2, description="Repeats of every configuration.")
    most: int | None = Field(default=None, ge=2, description="Repeats at most; all draws and seeds by default.")
    tolerance: float = Field(default=0.01, gt=0, description="A difference of the metric that matters.")
    level: float = Field(default=0.95, gt=0.5, lt=1, description="How surely it is to be seen.")


class SearchSpec(Strict):
    """How a study goes through the configurations of its recipes."""

    sampler: Annotated[Named, BeforeValidator(_named)] = Field(
        default=Named(name="random"), description="grid for all, random, qmc, tpe, gp, or any other of Optuna's."
    )
    pruner: Annotated[Named | None, BeforeValidator(_named)] = Field(
        default=None, description="Any of Optuna's; told of the first repeat's epochs, or of repeats without epochs."
    )
    trials: int = Field(default=50, ge=1, description="Configurations a data set; a grid has as many as it has.")
    together: int | None = Field(
        default=None, ge=1, description="Configurations asked for at once; 8 where sampler or pruner learn, else all."
    )
    repeats: RepeatSpec | None = Field(default=None, description="By default every draw and seed.")
    storage: str | None = Field(default=None, description="URL of an Optuna storage; a file in the run folder else.")


def complete_grid(space: Mapping[str, Axis], whole: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every configuration of a space; an axis that does not count in one is left out of it.

    Args:
        space: Parameter → axis.
        whole: Parameters that are counts.

    Raises:
        UsageError: a range without points has no complete grid.
    """
    found: list[dict[str, Any]] = [{}]
    for name, axis in space.items():
        values = axis.values(whole=name in whole)
        if values is None:
            raise UsageError(f"a complete grid needs points for the range of {name!r}; or name a sampler under search")
        found = list(itertools.chain.from_iterable(
            [{**chosen, name: value} for value in values] if axis.counts(chosen) else [chosen] for chosen in found
        ))  # fmt: skip
    return found


def faults_of(space: Mapping[str, Axis]) -> list[tuple[str, str]]:
    """(axis, message) of every condition that names no earlier axis."""
    seen: list[str] = []
    faults: list[tuple[str, str]] = []
    for name, axis in space.items():
        faults += [
            (name, f"depends on {other!r}, which is no earlier axis") for other in axis.when if other not in seen
        ]
        seen.append(name)
    return faults


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]
