"""Times written as text: ISO 8601, dates with slashes or dots, dates with the month's name, period labels.

What has two meanings is refused: 03/04/2016 without any day above 12, and a column in which some times name their zone
and others do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.errors import DataError, UsageError

Series = Any
"""A pandas Series, whose methods the checker does not know."""
Period = Literal["week", "month", "quarter", "year"]

_ISO = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?)?$"
_ZONE = r"(Z|UTC|GMT|[+-]\d{2}:?\d{2})(?: \d{4})?$"
_ZONE_AT_END = _ZONE.replace("(Z", "(?:Z")
_NUMERIC = r"^(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:[T ](.*))?$"
_PERIODS: tuple[tuple[Period, str], ...] = (
    ("quarter", r"^(?P<year>\d{4})[- /]?Q(?P<part>[1-4])$"),
    ("quarter", r"^Q(?P<part>[1-4])[- /]?(?P<year>\d{4})$"),
    ("month", r"^(?P<year>\d{4})[-/](?P<part>\d{1,2})$"),
    ("week", r"^(?P<year>\d{4})-?W(?P<part>\d{1,2})$"),
    ("month", r"^(?P<word>[A-Za-z]{3,9})\.?[- ](?P<year>\d{4})$"),
    ("month", r"^(?P<year>\d{4})[- ](?P<word>[A-Za-z]{3,9})$"),
)
_MONTHS = {name: i + 1 for i, name in enumerate(
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
     "december"))}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What would make a column clear, in the words of the place where users say how to read it; a log's by default."""

    day: str = "say which with --day-first or --month-first"
    zone: str = "say the zone of the latter with --time-zone"
    unit: str = "say which with --time-unit year, s, ms, us, ns, D or order"
    form: str = "2016-06-12, 2016-06-12T14:00+02:00, 2016-Q3 or epoch seconds would do"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Stamps read from text."""

    stamps: Series
    """(n,) datetimes without zone, in UTC; NaT where missing."""
    period: Period | None = None
    """The length of the period that each label names; None for dates."""
    notes: tuple[str, ...] = ()
    """What was assumed."""


def read_text(name: str, texts: Series, *, day_first: bool | None, time_zone: str | None, form: str | None,
              hints: Hints) -> Written:  # fmt: skip
    """Stamps of a column of text.

    Args:
        name: of the column, for messages.
        texts: (n,) stripped strings; missing where empty.
        day_first: whether 03/04/2016 is in April.
        time_zone: the zone of times that name none.
        form: a strftime format, where the text is written in one of its own.
        hints: what messages say would help.

    Returns:
        The stamps.

    Raises:
        DataError: text with two meanings or none, with the first such row.
    """
    codes, distinct = pd.factorize(texts)
    words: Series = pd.Series(distinct, dtype="string")
    if len(words) == 0:
        raise DataError(f"column {name!r} holds no time at all")
    column = _Column(name=name, words=words, codes=codes, hints=hints)
    if form is not None:
        read = Written(stamps=pd.to_datetime(words, format=form, utc=True, errors="coerce").dt.tz_localize(None))
    else:
        read = _periods(words) or _dates(column, day_first=day_first, time_zone=time_zone)
    column.refuse(read.stamps.isna())
    values = np.append(read.stamps.to_numpy().astype("datetime64[us]"), np.datetime64("NaT"))
    return Written(stamps=pd.Series(values[codes]), period=read.period, notes=read.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """The distinct texts of a column, and where each stands."""

    name: str
    words: Series
    codes: NDArray[np.int_]
    """(n,) position of each row's text among the words; -1 where missing."""
    hints: Hints

    def refuse(self, bad: Series) -> None:
        """Raises DataError for the first row with a bad text."""
        if bad.any():
            row = int(np.flatnonzero(np.isin(self.codes, np.flatnonzero(bad.to_numpy())))[0])
            text = self.words.iloc[self.codes[row]]
            raise DataError(f"column {self.name!r}: {text!r} in row {row + 1} is not a time like the others; "
                            f"{self.hints.form}")  # fmt: skip


def _periods(words: Series) -> Written | None:
    """Labels that name a period, such as 2016-Q3; None when they are dates."""
    for period, pattern in _PERIODS:
        if re.match(pattern, words.iloc[0]) is None:
            continue
        parts = words.str.extract(pattern)
        if parts.notna().all(axis=None):
            stamps = _starts(period, parts)
            return Written(stamps=stamps, period=period) if stamps is not None else None
    return None


def _starts(period: Period, parts: Any) -> Series | None:
    year = parts["year"].astype(str)
    if "word" in parts:
        numbers = {
            word: [n for name, n in _MONTHS.items() if name.startswith(word.lower())] for word in set(parts["word"])
        }
        if any(len(found) != 1 for found in numbers.values()):
            return None
        month = parts["word"].map(lambda word: numbers[word][0]).astype(str)
        return pd.to_datetime(year + "-" + month.str.zfill(2), format="%Y-%m", errors="coerce")
    part = parts["part"].astype(int)
    if period == "week":
        return pd.to_datetime(year + "-W" + part.astype(str).str.zfill(2) + "-1", format="%G-W%V-%u", errors="coerce")
    month = (part - 1) * 3 + 1 if period == "quarter" else part
    return pd.to_datetime(year + "-" + month.astype(str).str.zfill(2), format="%Y-%m", errors="coerce")


def _dates(column: _Column, *, day_first: bool | None, time_zone: str | None) -> Written:
    name, words = column.name, column.words
    zoned = words.str.contains(_ZONE_AT_END) & words.str.contains(":", regex=False)
    if zoned.any() and not zoned.all() and time_zone is None:
        raise DataError(
            f"column {name!r}: some times name their zone ({words[zoned].iloc[0]!r}) and some do not "
            f"({words[~zoned].iloc[0]!r}); {column.hints.zone}"
        )
    notes: list[str] = []
    if words.str.match(_ISO).mean() > 0.5:
        text = words.str.replace("/", "-", regex=False).str.replace(",", ".", regex=False)
        text = text.str.replace(" UTC", "Z", regex=False).str.replace("UTC", "Z", regex=False)
    elif (numeric := words.str.match(_NUMERIC)).mean() > 0.5:
        column.refuse(~numeric)
        text, note = _day_and_month(column, day_first)
        notes += note
    else:
        text = words
    stamps = _parse(text, zoned, time_zone)
    offsets = words[zoned].str.extract(_ZONE)[0].nunique() if zoned.any() else 0
    if offsets > 1:
        notes.append(f"times in {name!r} are in {offsets} zones and were brought to UTC")
    if not zoned.all() and words.str.contains(":").any():
        notes.append(f"times in {name!r} name no zone and were read as {time_zone or 'UTC'}")
    return Written(stamps=stamps, notes=tuple(notes))


def _day_and_month(column: _Column, day_first: bool | None) -> tuple[Series, list[str]]:
    """12/06/2016 as ISO, once it is clear which number is the day."""
    name, words = column.name, column.words
    parts = words.str.extract(_NUMERIC)
    first, second = parts[0].astype(int), parts[1].astype(int)
    told = {True: bool((first > 12).any()), False: bool((second > 12).any())}
    if told[True] and told[False]:
        raise DataError(f"column {name!r} mixes day/month ({words[first > 12].iloc[0]!r}) and month/day "
                        f"({words[second > 12].iloc[0]!r})")  # fmt: skip
    if not told[True] and not told[False] and day_first is None:
        if not words.str.contains(".", regex=False).all():
            raise DataError(f"column {name!r}: {words.iloc[0]!r} may be day/month or month/day; "
                            f"{column.hints.day}")  # fmt: skip
        day_first = True
    chosen = told[True] if (told[True] or told[False]) else bool(day_first)
    if day_first is not None and chosen != day_first:
        which = "first" if day_first else "second"
        raise DataError(
            f"column {name!r} has dates such as {words.iloc[0]!r} in which the {which} number cannot be the day"
        )
    day, month = (first, second) if chosen else (second, first)
    date = parts[2] + "-" + month.astype(str).str.zfill(2) + "-" + day.astype(str).str.zfill(2)
    clock = parts[3].fillna("")
    note = f"dates in {name!r} were read as {'day/month' if chosen else 'month/day'}/year"
    return date.where(clock == "", date + "T" + clock), [note]


def _parse(text: Series, zoned: Series, time_zone: str | None) -> Series:
    form = "ISO8601" if text.str.match(r"^\d{4}-").mean() > 0.5 else "mixed"
    if form == "mixed" and not text.str.contains("[A-Za-z]{3,}", regex=True).all():
        return pd.Series(np.full(len(text), np.datetime64("NaT"), dtype="datetime64[us]"))
    stamps = pd.to_datetime(text, format=form, utc=True, errors="coerce").dt.tz_localize(None)
    if time_zone is not None and not zoned.all():
        local = stamps[~zoned]
        try:
            ambiguous = np.ones(len(local), dtype=bool)
            there = local.dt.tz_localize(time_zone, ambiguous=ambiguous, nonexistent="shift_forward")
        except (KeyError, ValueError, TypeError) as error:
            raise UsageError(f"unknown time zone {time_zone!r}; a zone is written Europe/Vienna or UTC") from error
        stamps[~zoned] = there.dt.tz_convert("UTC").dt.tz_localize(None)
    return stamps
