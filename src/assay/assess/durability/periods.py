"""Which rows taught the model, which say how good it was, and which windows came after.

The source period is where the curve starts: held-out rows of the time of training where a split is marked, else the
rows before the origin, else the first window. Training rows never enter a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.durability.reading.log import PredictionLog
from assay.assess.durability.reading.windows import Windows, cut, origin_of
from assay.errors import DataError, NothingToAssessError, UsageError
from assay.times.instants import show_instant

Positions = NDArray[np.int_]

_PARTS = {
    "train": "train", "training": "train", "fit": "train",
    "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test", "holdout": "test", "held-out": "test", "heldout": "test",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Positions of the rows of each period, in the log."""

    windows: Windows
    """The stream's windows; their `index` speaks of the rows of the log."""
    labelled: tuple[Positions, ...]
    """(w) rows of each window whose label has arrived."""
    unlabelled: tuple[Positions, ...]
    """(w) rows of each window whose label has not."""
    source: Positions
    """Labelled rows of the source period."""
    source_kind: str
    """What they are, in words."""
    source_window: int | None
    """The window that is the source; None when the source lies before all windows."""
    train: Positions
    """Labelled rows that the model learned from; empty when not marked."""
    valid: Positions
    """Labelled rows that choices were made on; empty when not marked."""
    notes: tuple[str, ...] = ()

    @property
    def later(self) -> list[int]:
        """Windows after the source that have labels."""
        first = -1 if self.source_window is None else self.source_window
        return [k for k, rows in enumerate(self.labelled) if k > first and len(rows)]

    @property
    def rows_later(self) -> Positions:
        """Labelled rows of all windows after the source."""
        parts = [self.labelled[k] for k in self.later]
        return np.concatenate(parts) if parts else np.empty(0, dtype=int)


def find_periods(
    log: PredictionLog, *, window: str | None = None, origin: str | None = None, column: Sequence[Any] | None = None,
) -> Periods:  # fmt: skip
    """Source, training rows and windows of a log.

    Args:
        log: the log.
        window: as in `cut`.
        origin: where the stream starts; by default after the last training row, or at the first row.
        column: (n,) the named column, when `window` is one.

    Returns:
        The periods.

    Raises:
        DataError: training rows at or after the origin, or that leave no later row.
        NothingToAssessError: no labelled row can serve as the source.
        UsageError: a split column without a known mark.
    """
    part = _parts(log)
    taught = np.isin(part, ("train", "valid"))
    begin: str | float | None = _after(log, taught) if taught.any() and origin is None else origin
    inside = log if not taught.any() else log.take(~taught)
    kept = None if column is None else [value for value, out in zip(column, taught, strict=True) if not out]
    windows = cut(inside.instants, window, origin=begin, column=kept, columns=[str(c) for c in log.frame.columns])
    index = np.full(len(log), -1)
    index[~taught] = windows.index
    if taught.any():
        _refuse_overlap(log, taught, origin_of(log.instants, begin))
    before = (index < 0) & ~taught
    has_label = log.outputs.labelled
    labelled = _group(index, has_label, len(windows))
    unlabelled = _group(index, ~has_label, len(windows))
    source, kind, source_window, notes = _source(before & has_label, labelled, part)
    return Periods(
        windows=windows, labelled=labelled, unlabelled=unlabelled, source=source, source_kind=kind,
        source_window=source_window, train=np.flatnonzero((part == "train") & has_label),
        valid=np.flatnonzero((part == "valid") & has_label), notes=(*windows.notes, *notes),
    )  # fmt: skip


def _group(index: Positions, mask: NDArray[np.bool_], count: int) -> tuple[Positions, ...]:
    """Positions of the marked rows of each window, in the order of the log."""
    rows = np.flatnonzero(mask & (index >= 0))
    order = rows[np.argsort(index[rows], kind="stable")]
    edges = np.searchsorted(index[order], np.arange(count + 1))
    return tuple(order[a:b] for a, b in pairwise(edges))


def _parts(log: PredictionLog) -> NDArray[np.str_]:
    if log.split is None:
        return np.full(len(log), "stream")
    distinct, codes = np.unique(log.split, return_inverse=True)
    names = np.array([_PARTS.get(str(mark), "stream") for mark in distinct])
    if (names == "stream").all():
        raise UsageError(f"the split column marks no row train, validation or test; it holds {', '.join(distinct[:8])}")
    return names[codes]


def _after(log: PredictionLog, taught: NDArray[np.bool_]) -> float:
    """The first moment after the training rows that has another row."""
    value = log.instants.value
    last = float(value[taught].max())
    later = value[~taught & (value > last)]
    if len(later) == 0:
        raise DataError(
            "the source period overlaps the target: training rows run until "
            f"{show_instant(last, log.instants.resolution)} and no other row is later; train on the past only, or mark "
            "the rows of the stream"
        )
    return float(later.min())


def _refuse_overlap(log: PredictionLog, taught: NDArray[np.bool_], start: float) -> None:
    late = taught & (log.instants.value >= start)
    if late.any():
        raise DataError(
            f"the source period overlaps the target: {int(late.sum()):,} training rows lie at or after "
            f"{show_instant(start, log.instants.resolution)}, where the windows start; a model is not tested on "
            "what it learned from"
        )


def _source(
    before: NDArray[np.bool_], labelled: tuple[Positions, ...], part: NDArray[np.str_],
) -> tuple[Positions, str, int | None, list[str]]:  # fmt: skip
    if before.any():
        marked = bool((part[before] == "test").any())
        kind = "held-out rows of the time of training" if marked else "rows before the origin"
        notes = [] if marked or (part == "train").any() else [
            "rows before the origin were taken as held out; mark training rows with --split if they were not"
        ]  # fmt: skip
        return np.flatnonzero(before), kind, None, notes
    for k, rows in enumerate(labelled):
        if len(rows):
            return rows, "the first window with labels", k, []
    raise NothingToAssessError("no label has arrived in any window")
