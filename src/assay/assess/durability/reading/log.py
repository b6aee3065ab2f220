"""A prediction log: what was predicted, what turned out to be right, and when.

Codes, classes and probabilities are brought into one form here, and what cannot be used is refused with row and column.
Nothing is guessed away: a missing label is a label that is late, and it stays in the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.assess.durability.reading.outputs import Outputs, read_outputs
from assay.errors import DataError, NothingToAssessError, ShapeError, UnknownNameError
from assay.times.instants import Instants, TimeUnit, future_rows, read_instants

Floats = NDArray[np.float64]
Frame = Any
"""A pandas DataFrame, whose methods the checker does not know."""
Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of a table means what; one of `prediction` and `proba` is needed."""

    time: str
    target: str
    prediction: str | None = None
    proba: tuple[str, ...] = ()
    """One column with the probability of the second class, or one a class; `class=column` names the class."""
    features: tuple[str, ...] = ()
    """The model's inputs or features, for the causes."""
    split: str | None = None
    """Rows marked train, validation or test; all others are the stream."""
    group: str | None = None
    """A curve is drawn for each of its values."""
    text: str | None = None
    """The input text, to find the words that carry the loss."""
    id: str | None = None
    """Names each row; a name that comes again is the same row, corrected."""
    task: Task | None = None
    """What is predicted; told from the target by default."""
    time_unit: TimeUnit | None = None
    day_first: bool | None = None
    time_zone: str | None = None

    def named(self) -> list[str]:
        """All columns that are named, for checking."""
        single = [self.time, self.target, self.prediction, self.split, self.group, self.text, self.id]
        proba = [name.rpartition("=")[2] for name in self.proba]
        return [name for name in (*single, *proba, *self.features) if name is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionLog:
    """A log of n rows, checked and coded."""

    instants: Instants
    outputs: Outputs
    """Target, prediction and probabilities."""
    features: Frame | None
    """(n, d) inputs or features as they came."""
    split: NDArray[np.str_] | None
    group: NDArray[np.str_] | None
    text: NDArray[Any] | None
    frame: Frame = field(repr=False)
    """The rows of the table that were kept, for windows by column."""
    notes: tuple[str, ...] = ()
    """What was set aside or assumed."""

    def __len__(self) -> int:
        return len(self.instants.value)

    def take(self, rows: NDArray[Any]) -> PredictionLog:
        """Only these rows."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self, instants=self.instants.take(rows), outputs=self.outputs.take(rows),
            features=None if self.features is None else self.features.iloc[rows],
            split=None if self.split is None else self.split[rows],
            group=None if self.group is None else self.group[rows],
            text=None if self.text is None else self.text[rows], frame=self.frame.iloc[rows],
        )  # fmt: skip


def read_log(
    frame: Frame, columns: Columns, *, features: Any = None, now: float | None = None,
) -> PredictionLog:  # fmt: skip
    """The log in a table.

    Args:
        frame: one row a prediction.
        columns: which column means what.
        features: (n, d) array or table with the rows of `frame`, in place of columns.
        now: seconds since 1970, for dates in the future; the clock's by default.

    Returns:
        The log; rows without a time, from the future, or that come again under the same id are set aside and counted.

    Raises:
        UnknownNameError: a column that is not there, with the nearest names.
        DataError: times, labels or probabilities that cannot be used.
        NothingToAssessError: no row is left.
        ShapeError: features that do not match the rows.
    """
    for name in columns.named():
        if name not in frame.columns:
            raise UnknownNameError("column", name, [str(c) for c in frame.columns], where=_source(frame))
    if len(frame) == 0:
        raise NothingToAssessError(f"{_source(frame) or 'the log'} has no rows")
    table = _features(frame, columns, features)
    keep, notes = np.ones(len(frame), dtype=bool), list[str]()
    if columns.id is not None:
        again = frame[columns.id].duplicated(keep="last").to_numpy()
        keep &= ~again
        notes += _count(again, "that came again under the same id; the last of each was kept")
    else:
        notes += _repeated(frame, columns)
    instants = read_instants(frame[columns.time], unit=columns.time_unit, day_first=columns.day_first,
                             time_zone=columns.time_zone)  # fmt: skip
    undated = ~np.isfinite(instants.value)
    ahead = future_rows(instants, now=now)
    keep &= ~undated & ~ahead
    notes += [*instants.notes, *_count(undated, "without a time, set aside")]
    notes += _count(ahead, "in the future, set aside; check the unit and the zone of the time column")
    if not keep.any():
        raise NothingToAssessError("no row is left: " + "; ".join(notes))
    kept = frame[keep]
    outputs = read_outputs(kept, target=columns.target, prediction=columns.prediction, proba=columns.proba,
                           task=columns.task)  # fmt: skip
    return PredictionLog(
        instants=instants.take(keep), outputs=outputs, features=None if table is None else table[keep],
        split=_texts(kept, columns.split, lower=True), group=_texts(kept, columns.group),
        text=None if columns.text is None else kept[columns.text].fillna("").astype(str).to_numpy(dtype=object),
        frame=kept, notes=(*notes, *outputs.notes),
    )  # fmt: skip


def _features(frame: Frame, columns: Columns, features: Any) -> Frame | None:
    if features is None:
        return frame[list(columns.features)].reset_index(drop=True) if columns.features else None
    if columns.features:
        raise DataError("features were given twice, as columns and as a table of their own; one is enough")
    table = features if isinstance(features, pd.DataFrame) else pd.DataFrame(np.atleast_2d(np.asarray(features)))
    if len(table) != len(frame):
        raise ShapeError(f"the features have {len(table):,} rows and the log has {len(frame):,}; they are to match")
    return table.reset_index(drop=True)


def _repeated(frame: Frame, columns: Columns) -> list[str]:
    """A note on rows that repeat in every named column: without an id they may still be different items."""
    again = frame.duplicated(subset=list(dict.fromkeys(columns.named()))).to_numpy()
    share = again.mean()
    if share < 0.001:
        return []
    return [f"{int(again.sum()):,} of {len(again):,} rows repeat another in every column read and were kept as items "
            "of their own; an id column (--id) would tell copies from items"]  # fmt: skip


def _texts(frame: Frame, name: str | None, *, lower: bool = False) -> NDArray[np.str_] | None:
    if name is None:
        return None
    texts: Any = frame[name].astype("string").fillna("").str.strip()
    return (texts.str.lower() if lower else texts).to_numpy(dtype=str)


def _count(mask: NDArray[np.bool_], what: str) -> list[str]:
    count = int(mask.sum())
    return [f"{count:,} row{'s' if count != 1 else ''} {what}"] if count else []


def _source(frame: Frame) -> str:
    return str(frame.attrs.get("source", ""))
