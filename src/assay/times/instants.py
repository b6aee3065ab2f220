"""One kind of instant for every kind of time column, or a refusal that says what would make it clear.

Numbers are told by their range: years, YYYYMM, YYYYMMDD, epoch seconds, milliseconds, microseconds or nanoseconds, and
otherwise plain order. Text is read by `written`. A year is never nanoseconds after 1970.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.errors import DataError, UsageError
from assay.times.written import Hints, Written, read_text

Floats = NDArray[np.float64]
Series = Any
"""A pandas Series, whose methods the checker does not know."""
Resolution = Literal["instant", "day", "week", "month", "quarter", "year", "order"]
TimeUnit = Literal["year", "s", "ms", "us", "ns", "D", "order"]

LOG = Hints()
SECOND = 1e6
DAY = 86_400 * SECOND
YEAR = 365.2425 * DAY
_EPOCHS: dict[str, tuple[float, float]] = {"s": (1e8, 1e10), "ms": (1e11, 1e13), "us": (1e14, 1e16), "ns": (1e17, 1e19)}
_TO_MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3, "D": DAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instants:
    """When each row arose."""

    value: Floats
    """(n,) microseconds since 1970 in UTC, or positions in plain order; NaN where missing."""
    resolution: Resolution
    """How exact the column is: `year` for whole years, `order` for plain order."""
    notes: tuple[str, ...] = ()
    """What was assumed, for the reader."""

    @property
    def dated(self) -> bool:
        """Whether the column holds dates; otherwise only their order is known."""
        return self.resolution != "order"

    def take(self, rows: NDArray[Any]) -> Instants:
        """Only these rows."""
        return replace(self, value=self.value[rows])


def read_instants(
    column: Series, *, unit: TimeUnit | None = None, day_first: bool | None = None, time_zone: str | None = None,
    form: str | None = None, hints: Hints = LOG,
) -> Instants:  # fmt: skip
    """The instants of a time column, in UTC.

    Args:
        column: dates, text, periods or numbers; its name is used in messages.
        unit: what numbers mean, where their range does not say it: `year`, counts from 1970 (`s`, `ms`, `us`, `ns`,
            `D` for days), or plain `order`.
        day_first: whether 03/04/2016 is in April; needed only where the column itself does not tell.
        time_zone: the zone of times that name none, such as `Europe/Vienna`; UTC by default.
        form: a strftime format, for text of another form, such as `%d/%m/%Y`.
        hints: what messages say would help.

    Returns:
        The instants; a missing time is NaN.

    Raises:
        DataError: a column that has more than one meaning, or none; the message says what would make it clear.
        UsageError: an unknown unit or time zone.
    """
    name = str(column.name)
    if unit is not None and unit not in ("year", "order", *_TO_MICROSECONDS):
        raise UsageError(f"a time unit is year, s, ms, us, ns, D or order; got {unit!r}")
    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.PeriodDtype):
        return _from_periods(column)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _from_datetimes(column, time_zone)
    if pd.api.types.is_bool_dtype(column.dtype):
        raise DataError(f"column {name!r} holds true and false, not times")
    numbers: Series = pd.to_numeric(column, errors="coerce")
    all_numbers = bool(numbers.notna().any() and numbers.notna().eq(column.notna()).all())
    if form is None and (pd.api.types.is_numeric_dtype(column.dtype) or all_numbers):
        return _from_numbers(name, numbers.to_numpy(dtype=float, na_value=np.nan), unit, hints)
    if unit is not None:
        raise DataError(f"column {name!r} does not hold numbers alone, and a time unit ({unit}) says what numbers mean")
    texts = column.astype("string").str.strip()
    return _from_written(read_text(name, texts.mask(texts == ""), day_first=day_first, time_zone=time_zone, form=form,
                                   hints=hints))  # fmt: skip


def future_rows(instants: Instants, *, now: float | None = None) -> NDArray[np.bool_]:
    """(n,) which rows lie more than a day ahead of the clock.

    Args:
        instants: the instants.
        now: seconds since 1970; the clock's by default.
    """
    if not instants.dated:
        return np.zeros(len(instants.value), dtype=bool)
    limit = (time.time() if now is None else now) * SECOND + DAY
    with np.errstate(invalid="ignore"):
        return instants.value > limit


def show_instant(value: float, resolution: Resolution) -> str:
    """An instant for people and JSON: ISO 8601 in UTC, as short as is exact, or a number in plain order."""
    if resolution == "order":
        return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"
    stamp: Any = pd.Timestamp(round(value), unit="us")
    return stamp.strftime("%Y-%m-%d") if stamp == stamp.normalize() else stamp.strftime("%Y-%m-%dT%H:%M:%SZ")


def _from_periods(column: Series) -> Instants:
    frequency = cast(pd.PeriodDtype, column.dtype).freq.freqstr[0]
    resolutions: dict[str, Resolution] = {
        "Y": "year",
        "A": "year",
        "Q": "quarter",
        "M": "month",
        "W": "week",
        "D": "day",
    }
    return Instants(value=_microseconds(column.dt.start_time), resolution=resolutions.get(frequency, "instant"))


def _from_datetimes(column: Series, time_zone: str | None) -> Instants:
    if column.dt.tz is None:
        note = f"times in {column.name!r} name no zone and were read as {time_zone or 'UTC'}"
        column = _localise(column, time_zone) if time_zone else column
        notes = (note,) if (column.dropna() != column.dropna().dt.normalize()).any() else ()
    else:
        notes = ()
    return _with_resolution(_microseconds(column), notes)


def _from_written(written: Written) -> Instants:
    if written.period is not None:
        return Instants(value=_microseconds(written.stamps), resolution=written.period, notes=written.notes)
    return _with_resolution(_microseconds(written.stamps), written.notes)


def _with_resolution(value: Floats, notes: tuple[str, ...]) -> Instants:
    known = value[np.isfinite(value)]
    whole_days = len(known) > 0 and bool((np.mod(known, DAY) == 0).all())
    return Instants(value=value, resolution="day" if whole_days else "instant", notes=notes)


def _from_numbers(name: str, value: Floats, unit: TimeUnit | None, hints: Hints) -> Instants:
    known = value[np.isfinite(value)]
    if len(known) == 0:
        raise DataError(f"column {name!r} holds no time at all")
    if unit in _TO_MICROSECONDS:
        return Instants(value=value * _TO_MICROSECONDS[cast(str, unit)], resolution="instant")
    if unit == "order":
        return Instants(value=value, resolution="order")
    whole = bool((known == np.floor(known)).all())
    if unit == "year" or (whole and known.min() >= 1900 and known.max() <= 2200):
        return _years(name, value, whole)
    packed = _packed(value, known) if whole else None
    if packed is not None:
        return packed
    for scale, (least, most) in _EPOCHS.items():
        if known.min() >= least and known.max() < most:
            note = f"numbers in {name!r} were read as {scale} since 1970, by their range"
            return Instants(value=value * _TO_MICROSECONDS[scale], resolution="instant", notes=(note,))
    if known.max() >= 1e8 or (not whole and known.min() >= 1900 and known.max() <= 2200):
        raise DataError(
            f"numbers in column {name!r} run from {known.min():.10g} to {known.max():.10g}, which fits no single unit "
            f"of time; {hints.unit}"
        )
    return Instants(
        value=value, resolution="order", notes=(f"numbers in {name!r} were read as plain order, not dates",)
    )


def _years(name: str, value: Floats, whole: bool) -> Instants:
    if not whole:
        year = np.floor(value)
        return Instants(value=_start_of_year(year) + (value - year) * YEAR, resolution="instant",
                        notes=(f"numbers in {name!r} were read as years with fractions",))  # fmt: skip
    return Instants(value=_start_of_year(value), resolution="year", notes=(f"numbers in {name!r} were read as years",))


def _start_of_year(year: Floats) -> Floats:
    out = np.full(len(year), np.nan)
    known = np.isfinite(year)
    stamps = (year[known].astype(np.int64) - 1970).astype("datetime64[Y]").astype("datetime64[us]")
    out[known] = stamps.astype(np.int64)
    return out


def _packed(value: Floats, known: Floats) -> Instants | None:
    """Dates packed into digits: YYYYMM or YYYYMMDD; None when the numbers are not that."""
    for digits, pattern, resolution in ((6, "%Y%m", "month"), (8, "%Y%m%d", "day")):
        low, high = 1900 * 10 ** (digits - 4), 2201 * 10 ** (digits - 4)
        if known.min() < low or known.max() >= high:
            continue
        texts: Series = pd.Series(value).astype("Int64").astype("string")
        stamps: Series = pd.to_datetime(texts, format=pattern, errors="coerce")
        if bool(stamps.notna().eq(texts.notna()).all()):
            return Instants(value=_microseconds(stamps), resolution=cast(Resolution, resolution))
    return None


def _localise(column: Series, time_zone: str) -> Series:
    try:
        return column.dt.tz_localize(time_zone, ambiguous=np.ones(len(column), dtype=bool), nonexistent="shift_forward")
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(f"unknown time zone {time_zone!r}; a zone is written Europe/Vienna or UTC") from error


def _microseconds(stamps: Series) -> Floats:
    if getattr(stamps.dt, "tz", None) is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    values = stamps.to_numpy().astype("datetime64[us]")
    out = values.astype(np.int64).astype(float)
    out[np.isnat(values)] = np.nan
    return out
