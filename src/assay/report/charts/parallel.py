"""Parallel coordinates: one line a configuration across its settings, darker the better its value.

Each setting has its own axis from its least to its greatest value, logarithmic where it spans more than a factor of a
hundred; names stand in order of appearance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from assay.finding import Figure
from assay.report.charts import parts, reading
from assay.report.charts.heatmap import step_edges
from assay.report.charts.reading import Drawing, Drawn, Key
from assay.report.palette import STEPS, ink
from assay.report.words import heading, shorten, show, show_any_number


class Parallel(NamedTuple):
    """What is drawn: `rows` have line, dim, at (0 to 1) and c; `marks` are the words along the axes."""

    rows: list[Drawn]
    tips: list[Drawn]
    """What the pointer says of each line, once a line."""
    marks: list[Drawn]
    dims: list[str]
    keys: tuple[Key, ...]
    notes: tuple[str, ...]


def lay_out(figure: Figure, limit: int) -> Parallel:
    """The data of the picture: option `dims` lists the columns, `figure.colour` is the value of each row."""
    dims = [str(dim) for dim in figure.options.get("dims", ())]
    rows, notes = reading.thinned(figure.rows, max(1, min(limit, 1500) // max(len(dims), 1)))
    column = figure.colour or "value"
    values = [reading.number(row.get(column)) for row in rows]
    edges = step_edges([value for value in values if value is not None], diverging=False)
    order = sorted(range(len(rows)), key=lambda i: -math.inf if values[i] is None else values[i])  # type: ignore[arg-type,return-value]
    drawn: list[Drawn] = []
    marks: list[Drawn] = []
    for dim in dims:
        places, words = _axis([row.get(dim) for row in rows])
        marks += [{"dim": heading(dim), "at": at, "words": text} for at, text in words]
        for line, i in enumerate(order):
            if places[i] is not None:
                at = _step(values[i], edges)
                drawn.append({"line": line, "dim": heading(dim), "at": places[i],
                              "c": ink("muted") if at is None else ink(f"s{max(at, 1)}")})  # fmt: skip
    keys = tuple(Key(text, ink(f"s{at}"), "line") for at, text in (
        (1, f"{heading(column)} {show_any_number(edges[0], column)}"),
        (STEPS - 1, show_any_number(edges[-1], column))))  # fmt: skip
    tips: list[Drawn] = [{"line": line, "tip": reading.tip(rows[i], figure, "")} for line, i in enumerate(order)]
    return Parallel(drawn, tips, marks, [heading(dim) for dim in dims], keys, notes)


def draw(layout: Parallel) -> Drawing:
    """The picture of a layout; the best lines lie on top."""
    import altair as alt

    axis = alt.Axis(title=None, orient="top", grid=True, **parts.turned_labels(layout.dims))
    x = alt.X("dim:N", sort=None, axis=axis, scale=alt.Scale(type="point", domain=layout.dims, padding=0.5))
    y = alt.Y("at:Q", axis=None, scale=alt.Scale(domain=[-0.06, 1.06], nice=False))
    base = parts.chart(layout.rows)
    lines = base.mark_line(strokeWidth=1.6, opacity=0.75).encode(x=x, y=y, detail="line:N", color=parts.colour())
    tips = alt.LookupData(data=alt.Data(values=layout.tips), key="line", fields=["tip"])
    points = base.transform_lookup("line", from_=tips).mark_point(size=60, opacity=0).encode(x=x, y=y, tooltip="tip:N")
    room = f"plot / {max(len(layout.dims), 1)}"
    fits: dict[str, Any] = {"opacity": {"expr": f"{room} > 40 ? 1 : 0"}, "limit": {"expr": f"{room} - 6"}}
    words = parts.chart(layout.marks).mark_text(
        fontSize=11, fill=ink("ink"), stroke=ink("paper"), strokeWidth=5, strokeOpacity=0.9, **fits
    )  # Twice: a wide stroke of paper below, then the words, so that lines behind them do not hurt reading.
    plain = parts.chart(layout.marks).mark_text(fontSize=11, fill=ink("ink"), **fits)
    layers = [lines, words.encode(x=x, y=y, text="words:N"), plain.encode(x=x, y=y, text="words:N"), points]
    return Drawing(parts.finish(layers, height=320), layout.keys, layout.notes)


def _axis(values: Sequence[Any]) -> tuple[list[float | None], list[tuple[float, str]]]:
    """Where each value lies on its axis, and the words that stand along it."""
    numbers = [reading.number(value) for value in values]
    if all(number is not None or value is None for number, value in zip(numbers, values, strict=True)):
        return _numeric_axis(numbers, values)
    levels = list(dict.fromkeys(show(value) for value in values if value is not None))
    place = {level: i / (len(levels) - 1) if len(levels) > 1 else 0.5 for i, level in enumerate(levels)}
    named = levels if len(levels) <= 9 else [levels[0], levels[-1]]
    words = [(place[level], shorten(level, 14)) for level in named]
    return [None if value is None else place[show(value)] for value in values], words


def _numeric_axis(
    numbers: Sequence[float | None], values: Sequence[Any]
) -> tuple[list[float | None], list[tuple[float, str]]]:
    known = {number: show(value) for number, value in zip(numbers, values, strict=True) if number is not None}
    if not known:
        return list(numbers), []
    low, high = min(known), max(known)
    if low == high:
        return [None if number is None else 0.5 for number in numbers], [(0.5, known[low])]
    to = math.log10 if low > 0 and high / low > 100 else float
    span = to(high) - to(low)
    places = [None if number is None else (to(number) - to(low)) / span for number in numbers]
    return places, [(0.0, known[low]), (1.0, known[high])]


def _step(value: float | None, edges: Sequence[float]) -> int | None:
    return None if value is None else min(int(np.searchsorted(edges[1:-1], value, "right")), STEPS - 1)
