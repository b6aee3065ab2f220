"""Dataset: items with ids and targets, loaded on demand; what every data source gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.canon import key_of
from assay.errors import ShapeError, UnknownNameError, UsageError
from assay.spec import DataRef, Modality, TaskKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be predicted."""

    kind: TaskKind
    """Binary, multiclass, multilabel or regression."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their codes; empty for regression."""

    @property
    def is_classification(self) -> bool:
        """Whether targets are classes."""
        return self.kind != "regression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A data set of n items; items themselves stay where they are until `load` is called."""

    ref: DataRef
    """Resolved: `revision` is a digest of ids, contents and targets."""
    modality: Modality
    """What an item is: a PIL image, a str, a (waveform, rate) pair, or a row of numbers."""
    task: Task
    """What is to be predicted."""
    ids: NDArray[np.str_]
    """(n,) unique names of the items, stable between runs."""
    targets: NDArray[Any]
    """(n,) int64 class codes; (n, c) 0/1 for multilabel; (n,) float64 for regression."""
    load: Callable[[NDArray[np.int_]], Sequence[Any]]
    """Row positions → items, in that order; called from several threads; raises DataError naming a bad item."""
    digests: NDArray[np.str_]
    """(n,) a digest of each item's content, for exact duplicates."""
    splits: NDArray[np.str_] | None = None
    """(n,) the split each row was published in, where the data say so."""
    groups: NDArray[np.str_] | None = None
    """(n,) the group of each row; rows of one group are never parted."""
    times: NDArray[np.datetime64] | None = None
    """(n,) when each item arose, in UTC."""
    licence: str = ""
    """The licence, where the source states it."""
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What was noticed while reading: skipped items with their reasons, encodings, label conflicts."""

    def __post_init__(self) -> None:
        n = len(self.ids)
        for name in ("targets", "digests", "splits", "groups", "times"):
            column = getattr(self, name)
            if column is not None and len(column) != n:
                raise ShapeError(f"{self.ref.uri}: {name} has {len(column)} rows, ids have {n}")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int_], *, part: str) -> Dataset:
        """The data set with only `rows`; `part` is added to its name, and its revision names the rows kept."""
        kept = np.asarray(rows, dtype=int)
        load = self.load

        def column(values: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if values is None else values[kept]

        revision = key_of([self.ref.revision, self.ids[kept].tolist()])
        return replace(
            self, ref=replace(self.ref, name=f"{self.ref.name}#{part}", revision=revision),
            ids=self.ids[kept], targets=self.targets[kept], digests=self.digests[kept], splits=column(self.splits),
            groups=column(self.groups), times=column(self.times), load=lambda wanted: load(kept[wanted]),
        )  # fmt: skip

    def with_classes(self, classes: Sequence[str]) -> Dataset:
        """The data set with only the items of the named classes, their codes renumbered in that order.

        Raises:
            UnknownNameError: for a class that the data do not have.
            UsageError: unless the task is single-label classification.
        """
        if self.task.kind not in ("binary", "multiclass"):
            raise UsageError(f"{self.ref.uri}: classes can be chosen in single-label classification only")
        for name in classes:
            if name not in self.task.classes:
                raise UnknownNameError("class", name, self.task.classes, where=self.ref.uri)
        renumber = np.full(len(self.task.classes), -1)
        renumber[[self.task.classes.index(name) for name in classes]] = np.arange(len(classes))
        codes = renumber[self.targets]
        part = self.take(np.flatnonzero(codes >= 0), part="classes=" + "|".join(classes))
        kind: TaskKind = "binary" if len(classes) == 2 else "multiclass"
        return replace(part, targets=codes[codes >= 0], task=Task(kind=kind, classes=tuple(classes)))
