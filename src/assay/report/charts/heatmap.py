"""Heatmap: a grid of cells in seven steps of colour, with the numbers in them where they fit.

The steps are made here, so that the colours stay variables of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from assay.finding import Figure
from assay.report.charts import parts, reading
from assay.report.charts.reading import Drawing, Drawn, Key
from assay.report.palette import STEPS, ink
from assay.report.words import show_any_number


class Heatmap(NamedTuple):
    """What is drawn: `rows` have x, y, c, ink, words and tip; `points` have x and y, and are framed."""

    rows: list[Drawn]
    points: list[Drawn]
    columns: list[str]
    names: list[str]
    titles: tuple[str, str]
    text: bool
    keys: tuple[Key, ...]
    notes: tuple[str, ...]


def lay_out(figure: Figure, limit: int) -> Heatmap:
    """The data of the picture: `figure.colour` is the column of numbers or Estimates."""
    rows, notes = reading.capped(figure.rows, limit)
    column = figure.colour or "value"
    values = [reading.number(row.get(column)) for row in rows]
    diverging = figure.options.get("scheme") == "diverging"
    edges = step_edges([value for value in values if value is not None], diverging=diverging)
    family = "d" if diverging else "s"
    named = reading.names(rows, figure.y)
    sides = (f"Rows: {figure.y_title}.",) if figure.y_title else ()
    drawn: list[Drawn] = []
    for row, value in zip(rows, values, strict=True):
        at = None if value is None else f"{family}{min(int(np.searchsorted(edges[1:-1], value, 'right')), STEPS - 1)}"
        drawn.append({
            "x": reading.label(row.get(figure.x)), "y": named.of(row, figure.y),
            "c": ink(at) if at else ink("panel"), "ink": ink(f"{at}-ink") if at else ink("muted"),
            "words": "?" if value is None else show_any_number(value, column),
            "tip": reading.tip(row, figure, figure.y),
        })  # fmt: skip
    columns = list(dict.fromkeys(row["x"] for row in drawn))
    points = [{"x": reading.label(point.get("x")), "y": named.of(point, "y")}
              for point in figure.options.get("points", ())]  # fmt: skip
    text = bool(figure.options.get("text", len(columns) <= 14))
    return Heatmap(drawn, points, columns, list(dict.fromkeys(row["y"] for row in drawn)),
                   (reading.column_title(figure, "x"), reading.column_title(figure, "y")), text,
                   _keys(edges, family, column, None in values), (*sides, *named.notes, *notes))  # fmt: skip


def draw(layout: Heatmap) -> Drawing:
    """The picture of a layout."""
    import altair as alt

    base = parts.chart(layout.rows)
    axis = alt.Axis(title=layout.titles[0] or None, orient="top", **parts.turned_labels(layout.columns))
    x = alt.X("x:N", sort=None, axis=axis, scale=alt.Scale(domain=layout.columns))
    y = parts.category(layout.names)
    size = max(20, parts.step(len(layout.names)))
    cells = base.mark_rect(stroke=ink("paper"), strokeWidth=1.5).encode(
        x=x, y=y, fill=alt.Fill("c:N", scale=None), tooltip="tip:N"
    )
    layers = [cells]
    if layout.text:
        longest = max((len(row["words"]) for row in layout.rows), default=1)
        shown = {"expr": f"plot / {len(layout.columns)} > {6.2 * longest + 4:.0f} ? 1 : 0"}
        words = base.mark_text(fontSize=11, opacity=shown).encode(
            x=x, y=y, text="words:N", tooltip="tip:N", fill=alt.Fill("ink:N", scale=None)
        )
        layers.append(words)
    if layout.points:
        frames = parts.chart(layout.points).mark_rect(fill=None, stroke=ink("ink"), strokeWidth=2, cornerRadius=1)
        layers.append(frames.encode(x=x, y=y))
    least = 14 * len(layout.columns)
    spec = parts.finish(layers, height=size * len(layout.names), names=layout.names, least=least)
    return Drawing(spec, layout.keys, layout.notes)


def step_edges(values: Sequence[float], *, diverging: bool) -> list[float]:
    """The eight edges of seven equal steps from the least to the greatest value; around zero when diverging."""
    if not values:
        return np.linspace(0, 1, STEPS + 1).tolist()
    low, high = min(values), max(values)
    if diverging:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, STEPS + 1).tolist()


def _keys(edges: list[float], family: str, column: str, unknown: bool) -> tuple[Key, ...]:
    """The least value, one swatch a step, the greatest value."""
    low, high = (Key(show_any_number(edge, column), "", "words") for edge in (edges[0], edges[-1]))
    steps = (low, *(Key("", ink(f"{family}{i}"), "step") for i in range(STEPS)), high)
    return (*steps, Key("unknown", ink("panel"), "cell")) if unknown else steps
