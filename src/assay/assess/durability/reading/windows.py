"""Windows of time: a calendar's months, stretches of 14 days, every 500 rows, or what a column says.

A window that nobody fell into stays, empty. What a window cannot mean is refused: months of whole years, days of plain
order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.errors import DataError, UnknownNameError, UsageError
from assay.spec import Window
from assay.times.instants import DAY, SECOND, YEAR, Floats, Instants, Resolution, show_instant

MOST_WINDOWS = 2000

_LENGTHS = {"h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}
_CALENDAR = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
_FINEST: dict[Resolution, float] = {"week": 7 * DAY, "month": 28 * DAY, "quarter": 90 * DAY, "year": 365 * DAY}
_SPAN = {"day": DAY, "week": 7 * DAY, "month": 30.5 * DAY, "quarter": 91.3 * DAY, "year": YEAR}
_STRETCH = re.compile(r"^(\d+)\s*(h|d|w|hours?|days?|weeks?)$")
FORMS = "month, week, quarter, year, day, 14d, 6h, 500 (rows) or a column"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """w windows in order of time, and the window of every row."""

    names: tuple[str, ...]
    """What people call them."""
    edges: Floats
    """(w, 2) start and end of each, in the unit of the instants."""
    index: NDArray[np.int_]
    """(n,) the window of each row; −1 for rows before the origin or without a time."""
    resolution: Resolution
    """Of the instants."""
    unit: str
    """The unit that rates are given in: `day`, `month`, `year`, `1,000 rows`, `step`."""
    unit_length: float
    """Length of that unit in the unit of `middle`."""
    middle: Floats
    """(w,) the time at which each stands, for rates and trends."""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def times(self) -> Floats:
        """(w,) the middles in units of the rate, the first at 0."""
        return (self.middle - self.middle[0]) / self.unit_length

    def window(self, k: int) -> Window:
        """The window at a position, with its start and end as text."""
        start, end = (show_instant(float(edge), self.resolution) for edge in self.edges[k])
        return Window(name=self.names[k], start=start, end=end)


def cut(
    instants: Instants, spec: str | None, *, origin: str | float | None = None, column: Sequence[Any] | None = None,
    columns: Sequence[str] = (),
) -> Windows:  # fmt: skip
    """Cut rows into windows.

    Args:
        instants: when each row arose.
        spec: `month`, `week`, `quarter`, `year`, `day`, a stretch such as `14d` or `6h`, a number of rows, or the name
            of a column; None picks the finest calendar window with some 200 rows each.
        origin: the first moment that counts, as a date or a position; the first row by default. A stretch starts here.
        column: (n,) the named column, when `spec` is one.
        columns: the names of the table, for the message when `spec` is none of these.

    Returns:
        The windows.

    Raises:
        UsageError: a window that is not one, or that the times are too coarse for.
        DataError: more than 2,000 windows, or no row at or after the origin.
    """
    start = origin_of(instants, origin)
    value = np.where(instants.value >= start, instants.value, np.nan)
    if not np.isfinite(value).any():
        raise DataError(f"no row lies at or after the origin {origin}; the last is at "
                        f"{show_instant(float(np.nanmax(instants.value)), instants.resolution)}")  # fmt: skip
    if column is not None:
        return _by_column(instants, value, column)
    spec = _default(instants, value) if spec is None else spec.strip()
    if spec.isdigit():
        return _by_rows(instants, value, int(spec))
    stretch = _STRETCH.match(spec)
    kind = _kind(spec)
    if stretch is None and kind not in _CALENDAR:
        raise UnknownNameError("window", spec, [*_CALENDAR, *columns], where=f"--window, which takes {FORMS}")
    if not instants.dated:
        raise UsageError(f"windows of {spec!r} need dates, and the time column is plain order; a number of rows, such "
                         "as --window 500, or a column would do")  # fmt: skip
    if stretch is None:
        return _by_calendar(instants, value, kind)
    return _by_stretch(instants, value, spec, int(stretch[1]) * _LENGTHS[stretch[2][0]], start)


def is_window(spec: str) -> bool:
    """Whether this is a window by itself, such as `month`, `14d` or `500`, rather than the name of a column."""
    return spec.strip().isdigit() or _STRETCH.match(spec.strip()) is not None or _kind(spec.strip()) in _CALENDAR


def _kind(spec: str) -> str:
    """`month` of `monthly` and `months`."""
    return "day" if spec == "daily" else spec.removesuffix("ly").removesuffix("s")


def origin_of(instants: Instants, origin: str | float | None) -> float:
    """The first moment that counts, in the unit of the instants; the first row where no origin is given."""
    if origin is None:
        return float(np.nanmin(instants.value))
    if not isinstance(origin, str):
        return float(origin)
    if not instants.dated:
        try:
            return float(origin)
        except ValueError as error:
            raise UsageError(
                f"--origin {origin!r}: the time column is plain order, so the origin is a number"
            ) from error
    stamp: Any = pd.to_datetime(origin if len(origin) != 4 else f"{origin}-01-01", utc=True, errors="coerce")
    if pd.isna(stamp):
        raise UsageError(f"--origin {origin!r} is not a date; 2016-06-12 would do")
    return float(stamp.timestamp() * SECOND)


def _default(instants: Instants, value: Floats) -> str:
    """The finest calendar window with at least 200 rows in most windows; failing that, the coarsest that gives four."""
    known = value[np.isfinite(value)]
    if not instants.dated:
        return str(max(1, len(known) // 10, min(200, len(known) // 4)))
    span = float(np.ptp(known))
    allowed = [kind for kind in _SPAN if _SPAN[kind] >= _FINEST.get(instants.resolution, 0.0)]
    for kind in allowed:
        pieces = span / _SPAN[kind] + 1
        if len(known) / pieces >= 200 and 4 <= pieces <= 60:
            return kind
    fitting = [kind for kind in allowed if span / _SPAN[kind] + 1 >= 4]
    return (fitting or allowed)[-1 if fitting else 0]


def _by_calendar(instants: Instants, value: Floats, kind: str) -> Windows:
    _refuse_coarse(instants, kind, _SPAN[kind])
    known = np.isfinite(value)
    stamps: Any = pd.Series(value[known].astype("int64").astype("datetime64[us]")).dt.to_period(_CALENDAR[kind])
    first, last = stamps.min(), stamps.max()
    _refuse_many((last - first).n + 1, kind)
    periods: Any = pd.period_range(first, last, freq=_CALENDAR[kind])
    index = np.full(len(value), -1)
    index[known] = periods.get_indexer(pd.PeriodIndex(stamps))
    starts = periods.start_time.to_numpy().astype("datetime64[us]").astype(np.int64).astype(float)
    ends = (periods + 1).start_time.to_numpy().astype("datetime64[us]").astype(np.int64).astype(float)
    names = [str(p) if kind != "week" else str(p.start_time.date()) for p in periods]
    unit = "month" if kind == "quarter" else kind
    return Windows(names=tuple(names), edges=np.column_stack([starts, ends]), index=index, unit=unit,
                   resolution=instants.resolution, unit_length=_SPAN[unit], middle=(starts + ends) / 2)  # fmt: skip


def _by_stretch(instants: Instants, value: Floats, spec: str, length: float, start: float) -> Windows:
    _refuse_coarse(instants, spec, length)
    known = np.isfinite(value)
    start = start if length < DAY else float(np.floor(start / DAY)) * DAY
    index = np.full(len(value), -1)
    index[known] = np.floor((value[known] - start) / length).astype(int)
    count = int(index.max()) + 1
    _refuse_many(count, spec)
    starts: Floats = start + length * np.arange(count, dtype=np.float64)
    names = tuple(show_instant(float(s), instants.resolution) for s in starts)
    unit = "day" if length < 14 * DAY else "month"
    return Windows(names=names, edges=np.column_stack([starts, starts + length]), index=index, unit=unit,
                   resolution=instants.resolution, unit_length=_SPAN[unit], middle=starts + length / 2)  # fmt: skip


def _by_rows(instants: Instants, value: Floats, size: int) -> Windows:
    if size < 1:
        raise UsageError("a window of rows has at least one row")
    order = np.argsort(value, kind="stable")
    order = order[np.isfinite(value[order])]
    count = max(1, len(order) // size + (1 if len(order) % size >= max(size / 2, 1) else 0))
    _refuse_many(count, f"{size} rows")
    place = np.minimum(np.arange(len(order)) // size, count - 1)
    index = np.full(len(value), -1)
    index[order] = place
    first = np.searchsorted(place, np.arange(count))
    sorted_value = value[order]
    starts = sorted_value[first]
    ends = np.r_[starts[1:], sorted_value[-1]]
    notes = _tie_note(instants, sorted_value, starts)
    names = tuple(f"rows {a + 1}–{b}" for a, b in zip(first, np.r_[first[1:], len(order)], strict=True))
    return Windows(names=names, edges=np.column_stack([starts, ends]), index=index, resolution=instants.resolution,
                   unit="1,000 rows", unit_length=1000 / size, notes=notes,
                   middle=np.arange(count, dtype=float) + 0.5)  # fmt: skip


def _tie_note(instants: Instants, ordered: Floats, starts: Floats) -> tuple[str, ...]:
    if len(np.unique(starts)) == len(starts) and len(np.unique(ordered)) > len(ordered) / 10:
        return ()
    what = {"year": "years", "month": "months", "quarter": "quarters"}.get(instants.resolution, "times")
    return (f"many rows share the same {what}; within one they were taken in the order of the log",)


def _by_column(instants: Instants, value: Floats, column: Sequence[Any]) -> Windows:
    labels: Any = pd.Series(column).reset_index(drop=True)
    usable = np.isfinite(value) & labels.notna().to_numpy()
    codes, names = pd.factorize(labels[usable])
    _refuse_many(len(names), "the column")
    starts = np.array([value[usable][codes == k].min() for k in range(len(names))])
    ends = np.array([value[usable][codes == k].max() for k in range(len(names))])
    order = np.lexsort((np.asarray([str(name) for name in names]), ends, starts))
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    index = np.full(len(value), -1)
    index[usable] = rank[codes]
    starts, ends = starts[order], ends[order]
    notes = ("the windows of the column overlap in time",) if (starts[1:] < ends[:-1]).any() else ()
    return Windows(names=tuple(str(names[k]) for k in order), edges=np.column_stack([starts, ends]), index=index,
                   resolution=instants.resolution, unit="step", unit_length=1.0,
                   middle=np.arange(len(order), dtype=float), notes=notes)  # fmt: skip


def _refuse_coarse(instants: Instants, spec: str, length: float) -> None:
    coarse = instants.resolution
    if length < _FINEST.get(coarse, 0.0) * 0.99:
        raise UsageError(f"the time column holds whole {coarse}s, so windows of {spec!r} would put every row at the "
                         f"start of one; --window {coarse} or a number of rows would do")  # fmt: skip


def _refuse_many(count: int, spec: str) -> None:
    if count > MOST_WINDOWS:
        raise DataError(
            f"windows of {spec} would be {count:,}, and {MOST_WINDOWS:,} is the most; choose longer windows"
        )
