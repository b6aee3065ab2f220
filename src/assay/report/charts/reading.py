"""What every kind of picture reads from its rows: numbers, colours for levels, words for the pointer, ends of axes.

The columns of a picture get our own short names (`x`, `y`, `low`, `tip`, …), since Vega reads dots and brackets in a
user's column name as a path.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from assay.estimate import Estimate
from assay.finding import Figure, Row
from assay.report.palette import CATEGORIES, ink
from assay.report.words import heading, show

Drawn = dict[str, Any]

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
"""Shapes of the points of a category, so that colour is never the only difference."""


class Key(NamedTuple):
    """One entry of the key above a picture."""

    label: str
    colour: str
    mark: str = "line"


class Drawing(NamedTuple):
    """One picture, ready to be embedded."""

    spec: dict[str, Any]
    """Vega-Lite, without the look; see `palette.vega_config`."""
    keys: tuple[Key, ...] = ()
    """What the colours mean; empty when the picture says it by itself."""
    notes: tuple[str, ...] = ()
    """What the reader must know of the drawing: rows left out, values without a number."""


class Span(NamedTuple):
    """A value with its interval; None where unknown or open."""

    value: float | None
    low: float | None
    high: float | None


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, Estimate):
        return value.value
    if isinstance(value, (bool, np.bool_, str)) or value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def span(row: Row, column: str, low: str | None, high: str | None) -> Span:
    """The value in `column` with its interval, from an Estimate or from the columns `low` and `high`."""
    cell = row.get(column)
    if isinstance(cell, Estimate):
        return Span(cell.value, cell.low, cell.high)
    first, second = (number(row.get(end)) if end is not None else None for end in (low, high))
    if first is not None and second is not None and first > second:
        first, second = second, first
    return Span(number(cell), first, second)


def label(value: Any) -> str:
    """A category as text; an empty one is shown as a dash."""
    return show(value) or "–"


class Names(NamedTuple):
    """The names of a picture's rows as its axis shows them."""

    short: Mapping[str, str]
    notes: tuple[str, ...]
    """What was left out of all of them, if anything was."""

    def of(self, row: Row, column: str) -> str:
        """The name of a row."""
        name = label(row.get(column))
        return self.short.get(name, name)


def names(rows: Sequence[Row], column: str) -> Names:
    """The names in a column, without what all of them begin and end with, so that an axis shows what differs.

    Of `timm:vit_tiny.augreg`, `timm:vit_base.augreg` and `timm:deit.augreg`, `vit_tiny`, `vit_base` and `deit` are
    shown. What is left out reaches to a dividing sign. Fewer than three names stay whole.
    """
    distinct = list(dict.fromkeys(label(row.get(column)) for row in rows))
    if len(distinct) < 3:
        return Names({}, ())
    head = _common(distinct)
    tail = _common([name[len(head) :][::-1] for name in distinct])[::-1]
    cut = {name: name[len(head) : len(name) - len(tail)] for name in distinct}
    shared = " and ".join(f"“{part}”" for part in (head, tail) if part)
    if not shared or not all(cut.values()):
        return Names({}, ())
    return Names(cut, (f"Names are shown without {shared}, which all of them share.",))


def _common(names: Sequence[str]) -> str:
    """What all names begin with, up to and with the last dividing sign in it."""
    shared = os.path.commonprefix(list(names))  # noqa: RUF071  character by character is meant
    at = max((shared.rfind(sign) for sign in ":/."), default=-1)
    return shared[: at + 1]


def tip(row: Row, figure: Figure, first: str, limit: int = 10) -> str:
    """What the pointer shows of a row: the name in column `first`, then a line a column, an interval in its value's."""
    lines = [label(row[first])] if first in row else []
    for column, value in row.items():
        skipped = column in (first, figure.low, figure.high) or isinstance(value, (Mapping, list, tuple))
        if not skipped and value is not None:
            lines.append(f"{title(figure, column)}: {show(_with_interval(row, figure, column), column)}")
    return "\n".join(lines[: limit + 1])


def _with_interval(row: Row, figure: Figure, column: str) -> Any:
    """The value of a column, with the interval that two other columns hold for it."""
    value, (_, low, high) = row[column], span(row, "", figure.low, figure.high)
    measured = figure.y if figure.kind in ("scatter", "curve") else figure.x
    if column != measured or number(value) is None or isinstance(value, Estimate) or (low is None and high is None):
        return value
    return Estimate(name=column, value=number(value), low=low, high=high)


def title(figure: Figure, column: str) -> str:
    """What a column is called: the title of its axis where its own name is only `x` or `y`."""
    given = {"x": figure.x_title, "y": figure.y_title}
    axis = "x" if column == figure.x else "y" if column == figure.y else ""
    return heading(given[axis] if axis == column and given.get(axis) else column)


class Levels(NamedTuple):
    """The levels of the colour column and the colour of each; levels beyond the palette share a quiet grey."""

    colours: Mapping[str, str]
    prefix: str
    """What the key says before a level: the column's name where the levels are yes and no, or bare numbers."""
    named: tuple[str, ...]

    def of(self, row: Row, column: str | None) -> str:
        """The colour of a row."""
        return ink("c1") if column is None else self.colours.get(label(row.get(column)), ink("muted"))

    def shape(self, row: Row, column: str | None) -> str:
        """The shape of a row's point."""
        level = "" if column is None else label(row.get(column))
        return SHAPES[self.named.index(level)] if level in self.named else SHAPES[0]

    def entries(self, mark: str = "line") -> tuple[Key, ...]:
        """The key of the picture: none for a single level."""
        if len(self.colours) < 2:
            return ()
        rest = len(self.colours) - len(self.named)
        keys = tuple(Key(f"{self.prefix}{level}", self.colours[level], mark) for level in self.named)
        return (*keys, Key(f"{rest} more", ink("muted"), f"{mark} rest")) if rest else keys

    def shape_keys(self) -> tuple[Key, ...]:
        """The key of a picture whose points have shapes."""
        return tuple(key._replace(mark=f"point {shape}") for key, shape in zip(self.entries(), SHAPES, strict=False))


def levels(rows: Sequence[Row], column: str | None) -> Levels:
    """Colours for the levels of a column, in order of appearance; for yes and no, an accent and a grey."""
    if column is None:
        return Levels({}, "", ())
    found = list(dict.fromkeys(label(row[column]) for row in rows if row.get(column) is not None))
    if set(found) <= {"yes", "no"}:
        pair = {"yes": ink("c1"), "no": ink("muted")}
        return Levels({level: pair[level] for level in found}, f"{heading(column)}: ", tuple(found))
    named = tuple(found[: len(CATEGORIES)])
    colours = {level: ink(CATEGORIES[i]) if i < len(named) else ink("muted") for i, level in enumerate(found)}
    prefix = f"{heading(column)} " if all(level.isdecimal() for level in found) else ""
    return Levels(colours, prefix, named)


def column_title(figure: Figure, axis: str) -> str:
    """The title of an axis, made from the column's name where the lens gave none."""
    given, column = (figure.x_title, figure.x) if axis == "x" else (figure.y_title, figure.y)
    return given or ("" if column in ("x", "y") else heading(column))


def capped(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], tuple[str, ...]]:
    """The first `limit` rows, with a note when some are left out."""
    if len(rows) <= limit:
        return rows, ()
    return rows[:limit], (f"The first {limit:,} of {len(rows):,} rows are drawn.",)


def thinned(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], tuple[str, ...]]:
    """About `limit` rows, evenly spaced in their order, with a note when some are left out."""
    if len(rows) <= limit:
        return rows, ()
    picks = np.unique(np.linspace(0, len(rows) - 1, limit).round().astype(int))
    return [rows[i] for i in picks], (f"{len(picks):,} of {len(rows):,} rows are drawn, evenly spaced in their order.",)


def domain(numbers: Iterable[float | None], *, log: bool = False, pad: float = 0.03) -> tuple[float, float]:
    """The ends of an axis that holds all numbers, a little wider; (0, 1) when there is none."""
    known = [value for value in numbers if value is not None and (value > 0 or not log)]
    if not known:
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = min(known), max(known)
    if log:
        factor = (high / low) ** pad if high > low else 1.5
        return low / factor, high * factor
    margin = (high - low) * pad if high > low else abs(high) * 0.05 or 0.5
    return low - margin, high + margin
