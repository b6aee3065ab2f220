"""Times of a data set, as `assay.times` reads them: none may be missing, and what numbers count must be said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError
from assay.sources.data.targets import missing_rows, show_rows

COUNT = "say what they count, as time_unit=s, ms, us, ns or D"


def parse_times(values: Sequence[Any] | NDArray[Any], *, where: str, name: str = "times", form: str | None = None,
                unit: Any = None) -> NDArray[np.datetime64]:  # fmt: skip
    """(n,) times in UTC, to the microsecond; a time without a zone is taken as UTC.

    Args:
        values: `datetime64`, `datetime`, text, whole years from 1000 to 9999, or dates packed into digits.
        where: names the data in messages.
        name: of the column, for messages.
        form: a strftime format, such as `%d/%m/%Y`.
        unit: `s`, `ms`, `us`, `ns` or `D` for numbers counted from 1970-01-01.

    Raises:
        DataError: for a missing, unreadable or ambiguous time, with its row and what would be read.
        UsageError: for an unknown unit.
    """
    import pandas as pd

    from assay.times.instants import read_instants

    gaps = missing_rows(values)
    if len(gaps):
        raise DataError(f"{where}: no time in {show_rows(gaps)}; remove these rows, or add bad=skip to leave them out")
    column = pd.Series(values, name=name)
    text: Any = column.map(str).str.strip()
    if unit is None and form is None and text.str.fullmatch(r"[1-9]\d{3}(\.0)?").all():
        unit = "year"
    try:
        found = read_instants(column, unit=unit, form=form, time_zone="UTC", hints=_hints(form))
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    numbers: Any = pd.to_numeric(text, errors="coerce")
    if unit is None and form is None and numbers.notna().all() and found.resolution not in ("day", "month"):
        raise DataError(f"{where}: times in {name!r} are numbers such as {column.iloc[0]}; {COUNT}")
    return found.value.round().astype("int64").astype("datetime64[us]")


def _hints(form: str | None) -> Any:
    from assay.times.written import Hints

    stated = "time_format= states the form, such as time_format=%d/%m/%Y"
    usual = f"2016-06-12, 2016-06-12T14:00+02:00 or 2016-Q3 would do; {stated}"
    return Hints(day=stated, unit=COUNT, form=f"time_format={form} was stated" if form else usual)
