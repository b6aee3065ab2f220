"""Dates and times to UTC: ISO 8601, whole years, or a stated format; nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError
from assay.sources.data.targets import missing_rows, show_rows

UNITS = {"s": "s", "ms": "ms", "us": "us", "ns": "ns", "D": "D"}


def parse_times(values: Sequence[Any] | NDArray[Any], *, where: str, form: str | None = None,
                unit: str | None = None) -> NDArray[np.datetime64]:  # fmt: skip
    """(n,) times in UTC, to the microsecond; a time without a zone is taken as UTC.

    Args:
        values: `datetime64`, `datetime`, ISO 8601 text, or whole years from 1000 to 9999.
        where: names the data in messages.
        form: a strftime format, for text that is not ISO 8601, such as `%d/%m/%Y`.
        unit: `s`, `ms`, `us`, `ns` or `D` for numbers counted from 1970-01-01.

    Raises:
        DataError: for a missing or unreadable time, with its row and what would be read.
    """
    gaps = missing_rows(values)
    if len(gaps):
        raise DataError(f"{where}: no time in {show_rows(gaps)}; remove these rows, or add bad=skip to leave them out")
    if unit is not None:
        return _counted(values, unit, where)
    import pandas as pd

    column = pd.Series(values)
    years = _as_years(column)
    if years is not None and form is None:
        return years
    if column.map(lambda value: isinstance(value, (int, float))).any():
        raise DataError(
            f"{where}: times are numbers such as {column.iloc[0]}; say what they count, as time_unit=s, ms, us or D"
        )
    parsed = pd.to_datetime(column, utc=True, errors="coerce", format=form or "ISO8601")
    bad = np.flatnonzero(parsed.isna().to_numpy())
    if len(bad):
        shape = f"time_format={form}" if form else "ISO 8601 such as 2016-07-31 or 2016-07-31T09:30:00+02:00"
        hint = "" if form else "; for another form add time_format=, such as time_format=%d/%m/%Y"
        raise DataError(f"{where}: {column.iloc[bad[0]]!r} in row {bad[0] + 1} is not a time in {shape}{hint}")
    return parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def _as_years(column: Any) -> NDArray[np.datetime64] | None:
    text = column.map(str).str.strip()
    if not text.str.fullmatch(r"[1-9]\d{3}(\.0)?").all():
        return None
    return text.str[:4].to_numpy(dtype="datetime64[Y]").astype("datetime64[us]")


def _counted(values: Sequence[Any] | NDArray[Any], unit: str, where: str) -> NDArray[np.datetime64]:
    if unit not in UNITS:
        raise DataError(f"{where}: time_unit={unit} is unknown; known: {', '.join(UNITS)}")
    try:
        numbers = np.asarray([float(value) for value in values])
    except (TypeError, ValueError):
        raise DataError(f"{where}: time_unit={unit} was given, but the times are not all numbers") from None
    scale = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3, "D": 86_400e6}[unit]
    return np.round(numbers * scale).astype("int64").astype("datetime64[us]")
