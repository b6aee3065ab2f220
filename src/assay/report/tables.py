"""From rows, which are dictionaries, to a table of cells: what is shown, and the exact number behind it.

Every number that is shown carries its exact value, so that a reader, or a test, can compare page and JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from assay.estimate import Estimate, show_level
from assay.finding import Row
from assay.report.words import heading, show, show_parts, show_unit

MOST_ROWS = 1000
"""Rows of one table on a page, unless it runs out of room; the JSON document holds all."""
OPEN_ROWS = 24
"""The first table of a section is folded when it has more rows than this."""
FURTHER_ROWS = 8
"""The same for the tables after it."""


class Number(NamedTuple):
    """A number as it is shown, and as it is."""

    words: str
    exact: float | int


class Spark(NamedTuple):
    """Where an interval and its point lie between the ends of its column, in percent."""

    low: float
    at: float
    high: float


class Cell(NamedTuple):
    """One cell; `kind` says which of the other fields count."""

    kind: Literal["text", "number", "estimate", "unknown", "empty"]
    words: str = ""
    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    spark: Spark | None = None
    note: int = 0
    """The number of the footnote that holds the reason of an unknown."""


class Column(NamedTuple):
    """One column."""

    title: str
    numeric: bool
    width: str
    """How much room its words need: `short`, `middle` or `wide`."""


class Table(NamedTuple):
    """One table, ready for a template."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    total: int
    """Rows there were; more than `rows` when the table was cut."""
    reasons: list[str]
    """Why cells are unknown, in the order of their footnotes."""
    intervals: list[str]
    """What the intervals are, a line for each way of making them."""
    empty: list[str]
    """The titles of columns that hold nothing in any row, and are left out."""
    folded: bool
    """Whether the table waits for the reader to open it."""


def table(title: str, rows: Sequence[Row], *, limit: int = MOST_ROWS, open_rows: int = OPEN_ROWS) -> Table:
    """The table of these rows, of which at most `limit` are kept; columns in order of first appearance."""
    kept = flattened([row for row in rows[:limit] if row])
    names = list(dict.fromkeys(str(column) for row in kept for column in row))
    reasons: list[str] = []
    columns: list[Column] = []
    cells: list[list[Cell]] = []
    by_name = {name: [row.get(name) for row in kept] for name in names}
    empty: list[str] = []
    for name, values in by_name.items():
        made = _cells(name, values, reasons)
        if all(cell.kind == "empty" for cell in made):
            empty.append(heading(name))
        else:
            columns.append(_column(name, values, made))
            cells.append(made)
    return Table(
        title=heading(title), columns=columns, rows=[list(row) for row in zip(*cells, strict=True)],
                 total=len(rows), reasons=reasons, intervals=_intervals(by_name), empty=empty,
                 folded=len(kept) > open_rows)  # fmt: skip


def flattened(rows: Sequence[Row]) -> list[Row]:
    """Rows in which a record within a row, such as `cost`, has become columns of its own, named by both names."""
    return [{name: value for column, item in row.items() for name, value in _spread(str(column), item)} for row in rows]


def _spread(column: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(column, value)]
    return [pair for name, inner in value.items() for pair in _spread(f"{column}_{name}", inner)]


def cell(value: Any, column: str = "") -> Cell:
    """One value outside a table."""
    return _cell(value, column, [], None)


def _cells(column: str, values: Sequence[Any], reasons: list[str]) -> list[Cell]:
    closed = [value for value in values if isinstance(value, Estimate) and value.width is not None]
    ends: tuple[float, float] | None = None
    if len(closed) > 1:
        low, high = min(value.low or 0.0 for value in closed), max(value.high or 0.0 for value in closed)
        ends = (low, high) if high > low else None
    return [_cell(value, column, reasons, ends) for value in values]


def _cell(value: Any, column: str, reasons: list[str], ends: tuple[float, float] | None) -> Cell:
    if isinstance(value, Estimate):
        return _estimate_cell(value, column, reasons, ends)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        words = show(value, column)
        return Cell("empty") if words == "–" else Cell("number", value=Number(words, value))
    words = show(value, column)
    return Cell("empty") if words in ("", "–") else Cell("text", words)


def _estimate_cell(estimate: Estimate, column: str, reasons: list[str], ends: tuple[float, float] | None) -> Cell:
    if estimate.value is None:
        reason = estimate.reason or ""
        if reason not in reasons:
            reasons.append(reason)
        return Cell("unknown", reason, note=reasons.index(reason) + 1)
    exact = (estimate.value, estimate.low, estimate.high)
    value, low, high = (None if number is None else Number(words, number)
                        for words, number in zip(show_parts(estimate, column), exact, strict=True))  # fmt: skip
    return Cell("estimate", show_unit(estimate.unit), value, low, high, _spark(estimate, ends))


def _spark(estimate: Estimate, ends: tuple[float, float] | None) -> Spark | None:
    if ends is None or estimate.low is None or estimate.high is None or estimate.value is None:
        return None
    places = [100 * (value - ends[0]) / (ends[1] - ends[0]) for value in (estimate.low, estimate.value, estimate.high)]
    return Spark(*(round(min(max(place, 0.0), 100.0), 1) for place in places))


def _column(name: str, values: Sequence[Any], cells: Sequence[Cell]) -> Column:
    units = {value.unit for value in values if isinstance(value, Estimate) and value.known}
    unit = show_unit(units.pop()) if len(units) == 1 else ""
    title = f"{heading(name)}, {unit}" if unit and unit not in name else heading(name)
    kinds = {cell.kind for cell in cells} - {"empty"}
    longest = max((len(cell.words) for cell in cells if cell.kind == "text"), default=0)
    return Column(title, bool(kinds) and kinds <= {"number", "estimate", "unknown"},
                  "wide" if longest > 48 else "middle" if longest > 14 else "short")  # fmt: skip


def _intervals(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """One line for each way that intervals were made, naming the columns it holds for.

    A column whose rows were made in more than two ways is said to be so; the JSON document tells each.
    """
    ways: dict[str, tuple[list[str], set[int | None]]] = {}
    mixed: list[str] = []
    for name, values in columns.items():
        made = [value for value in values
                if isinstance(value, Estimate) and (value.low is not None or value.high is not None)]  # fmt: skip
        if len({way(value) for value in made}) > 2:
            mixed.append(heading(name))
            continue
        for value in made:
            named, sizes = ways.setdefault(way(value), ([], set()))
            sizes.add(value.n)
            if heading(name) not in named:
                named.append(heading(name))
    lines = [f"{', '.join(names)}: {words}{_size(sizes)}." for words, (names, sizes) in ways.items()]
    told = f"{', '.join(mixed)}: how the interval was made differs from row to row; the JSON document tells."
    return [*lines, told] if mixed else lines


def _size(sizes: set[int | None]) -> str:
    known = sorted(size for size in sizes if size is not None)
    if not known:
        return ""
    return f", n\u00a0=\u00a0{known[0]:,}" if len(sizes) == 1 else f", n from {known[0]:,} to {known[-1]:,}"


def way(estimate: Estimate) -> str:
    """How the interval was made and what it is about; the method alone where there is no interval."""
    if estimate.low is None and estimate.high is None:
        return estimate.method
    level = f"{show_level(estimate.level)} interval" if estimate.level else "interval"
    about = f"{level} for {estimate.population}" if estimate.population else level
    return ", ".join(part for part in (about, estimate.method) if part)
