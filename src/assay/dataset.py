"""Dataset: items with ids and targets, loaded on demand; what every data source gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError
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
    """Row positions → items, in that order; raises DataError naming the item that cannot be read."""
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
