"""How a table is to be read, and what the reader wants to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict

from assay.errors import UnknownNameError, UsageError
from assay.stats.means import OTHER_TASKS

TwoMetrics = Literal["mean", "first", "second", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which column holds what, and what to do with the tasks."""

    model: str | None = None
    """Long table: column of models; `model` where it exists."""
    task: str | None = None
    """Long table: column of tasks; `task` where it exists."""
    score: str | None = None
    """Long table: column of scores; `score` where it exists."""
    seed: str | None = None
    """Long table: column that tells repeated runs apart."""
    item: str | None = None
    """Long table: column of test items, for scores of single items."""
    n: str | None = None
    """Long table: column of test sizes."""
    error: str | None = None
    """Long table: column of standard errors as another tool reports them."""
    time: str | None = None
    """Long table: column that tells versions of the table apart, in order."""
    index: str | None = None
    """Wide table: column of models."""
    lower: Sequence[str] = ()
    """Tasks on which lower is better."""
    drop: Sequence[str] = ()
    """Tasks or columns to leave out."""
    only: Sequence[str] = ()
    """Tasks or columns to use, and no others."""
    metric: str | None = None
    """Which metric to use where a table has several."""
    fingerprint: Sequence[str] = ()
    """Long table: further columns that must be equal for scores to be comparable."""
    two_metrics: TwoMetrics = "mean"
    """What a cell `a/b` stands for."""
    as_is: bool = False
    """Take scores as they are, even where percent and fractions seem to be mixed."""
    standardise: bool = False
    """Bring every task to mean 0 and standard deviation 1 between models first."""
    population: str = OTHER_TASKS
    """What the tasks are a sample of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What the reader wants to be able to tell, and what adding data costs."""

    delta: float | None = None
    """The difference between two models that matters, in the unit of the scores; 1 point by default."""
    power: float = 0.8
    """The chance with which it should be found."""
    top: int | None = None
    """How many of the best models a reader chooses among; 10, or half of the models where there are few."""
    tau: int = 1
    """For the set that holds the tau best."""
    cost_task: float | None = None
    """Cost of a further task, for all models, before its runs."""
    cost_run: float | None = None
    """Cost of one run of one model on one task."""
    cost_item: float | None = None
    """Cost of one item for one model."""

    def __post_init__(self) -> None:
        for name in ("delta", "cost_task", "cost_run", "cost_item"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"{name.replace('_', ' ')} must be above 0; got {value}")
        if not 0.5 <= self.power < 1:
            raise UsageError(f"power is a chance from 0.5 up to 1; got {self.power}")
        if self.tau < 1 or (self.top is not None and self.top < 2):
            raise UsageError("tau is at least 1, and the best to choose among are at least 2")


class Options(TypedDict, total=False):
    """The fields of `Reading` and `Goals`, as keywords."""

    model: str | None
    task: str | None
    score: str | None
    seed: str | None
    item: str | None
    n: str | None
    error: str | None
    time: str | None
    index: str | None
    lower: Sequence[str]
    drop: Sequence[str]
    only: Sequence[str]
    metric: str | None
    fingerprint: Sequence[str]
    two_metrics: TwoMetrics
    as_is: bool
    standardise: bool
    population: str
    delta: float | None
    power: float
    top: int | None
    tau: int
    cost_task: float | None
    cost_run: float | None
    cost_item: float | None


def split_options(options: Options) -> tuple[Reading, Goals]:
    """Keywords as Reading and Goals.

    Raises:
        UnknownNameError: for a keyword that neither has.
    """
    reading = {field.name for field in fields(Reading)}
    goals = {field.name for field in fields(Goals)}
    given: dict[str, Any] = dict(options)
    for name in given:
        if name not in reading | goals:
            raise UnknownNameError("option", name, reading | goals, where="sustainability()")
    return (
        Reading(**{name: value for name, value in given.items() if name in reading}),
        Goals(**{name: value for name, value in given.items() if name in goals}),
    )
