"""One record a score, as columns: what reading gives and what checks work on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.cells import OddCell

Scores = NDArray[np.float64]
Column = NDArray[np.object_]

LEVELS = ("seed", "item", "time")
"""Columns that tell several scores of one model on one task apart."""
DIRECTION = "higher_is_better"
"""Column of a long table that says, score by score, whether higher is better; optional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """N scores with all that was recorded beside each; every array is (N,)."""

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    model: NDArray[np.int_]
    """Position in `models`."""
    task: NDArray[np.int_]
    """Position in `tasks`."""
    score: Scores
    """NaN where missing."""
    position: NDArray[np.int_]
    """What `where` takes."""
    where: Callable[[int], str]
    """Names the place of a record within its file: row and column."""
    levels: dict[str, Column] = field(default_factory=dict[str, Column])
    """`seed`, `item`, `time`, those that the table has."""
    sizes: Scores | None = None
    errors: Scores | None = None
    marks: dict[str, Column] = field(default_factory=dict[str, Column])
    """The columns of the fingerprint."""
    parts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Which of them belong to `weights`, `protocol` and `numerics`."""
    odd: tuple[OddCell, ...] = ()
    """Cells that are not plainly numbers."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    source: str = ""
    """The file, where there is one."""
    wide: bool = False
    """Whether the table has one row a model."""

    def __len__(self) -> int:
        return len(self.score)

    @property
    def cell(self) -> NDArray[np.int_]:
        """The number of each record's cell in the models × tasks table."""
        return self.model * len(self.tasks) + self.task

    def keep(self, which: NDArray[np.bool_] | NDArray[np.int_]) -> Records:
        """The records that `which` picks, in order."""
        return replace(
            self, model=self.model[which], task=self.task[which], score=self.score[which],
            position=self.position[which], levels={name: values[which] for name, values in self.levels.items()},
            sizes=None if self.sizes is None else self.sizes[which],
            errors=None if self.errors is None else self.errors[which],
            marks={name: values[which] for name, values in self.marks.items()},
        )  # fmt: skip

    def place(self, at: int) -> str:
        """Where a record stands."""
        return self.where(int(self.position[at]))

    def table(self, values: Scores | None = None) -> Scores:
        """(m, t) means of a column over the records of each cell, NaN without any.

        Scores of single items are averaged over seeds first, so that unequal numbers of runs do not weigh in.
        """
        numbers = self.score if values is None else values
        known = np.isfinite(numbers)
        cell, numbers = self.cell[known], numbers[known]
        if values is None and "item" in self.levels:
            pair = cell * (1 + len(self.position)) + coded(self.levels["item"][known])[1]
            groups, inverse = np.unique(pair, return_inverse=True)
            numbers = np.bincount(inverse, numbers) / np.bincount(inverse)
            cell = groups // (1 + len(self.position))
        size = len(self.models) * len(self.tasks)
        counts = np.bincount(cell, minlength=size)
        with np.errstate(invalid="ignore"):
            means = np.bincount(cell, numbers, minlength=size) / np.where(counts > 0, counts, np.nan)
        return means.reshape(len(self.models), len(self.tasks))


def coded(values: Iterable[Any]) -> tuple[tuple[Any, ...], NDArray[np.int_]]:
    """The distinct values in the order of their first appearance, and the position of each value among them."""
    seen: dict[Any, int] = {}
    codes = [seen.setdefault(value, len(seen)) for value in values]
    return tuple(seen), np.array(codes, dtype=int)


def is_missing(value: Any) -> bool:
    """Whether a value of the fingerprint is absent."""
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))
