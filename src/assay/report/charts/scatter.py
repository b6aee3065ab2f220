"""Scatter: one point a row, its interval as a vertical line, names beside the points that have room.

Option `front` names a column that is true for the rows no other row beats; they are joined by a line and named first.
Names that would overlap are dropped by the page, which knows its width; the pointer shows them all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from assay.finding import Figure, Row
from assay.report.charts import parts, reading
from assay.report.charts.reading import Drawing, Drawn, Key
from assay.report.palette import ink
from assay.report.words import shorten


class Scatter(NamedTuple):
    """What is drawn: `rows` have x, y, low, high, c, shape, words, side, front, tip; those named first first."""

    rows: list[Drawn]
    titles: tuple[str, str]
    x_ends: tuple[float, float]
    y_ends: tuple[float, float]
    logs: tuple[bool, bool]
    rule: float | None
    rule_label: str
    keys: tuple[Key, ...]
    notes: tuple[str, ...]


def lay_out(figure: Figure, limit: int) -> Scatter:
    """The data of the picture; rows without both numbers, or not above zero on a log axis, are counted in a note."""
    options = figure.options
    log_x, log_y = bool(options.get("log_x")), bool(options.get("log_y"))
    rows, notes = reading.thinned(figure.rows, limit)
    placed = [row for row in rows if _placed(row, figure, log_x, log_y)]
    found = reading.levels(placed, figure.colour)
    named = reading.names(placed, str(options.get("label") or ""))
    name, front = str(options.get("label") or ""), str(options.get("front") or "")
    drawn: list[Drawn] = []
    for row in placed:
        x, (y, low, high) = reading.number(row.get(figure.x)), reading.span(row, figure.y, figure.low, figure.high)
        drawn.append({
            "x": x, "y": y, "low": None if log_y and (low or 0) <= 0 else low, "high": high,
            "c": found.of(row, figure.colour), "shape": found.shape(row, figure.colour),
            "words": shorten(named.of(row, name), 30) if name in row else "",
            "front": bool(row.get(front)), "tip": reading.tip(row, figure, name if name in row else ""),
        })  # fmt: skip
    if len(drawn) < len(rows):
        notes = (*notes, f"Not drawn, for want of a value on both axes: {len(rows) - len(drawn):,}.")
    drawn.sort(key=lambda row: (not row["front"], row["x"] if row["front"] else 0))
    _name_few(drawn)
    x_ends = reading.domain((row["x"] for row in drawn), log=log_x, pad=0.05)
    for row in drawn:
        row["side"] = "right" if _share(row["x"], x_ends, log_x) > 0.6 else "left"
    rule = reading.number(options.get("rule"))
    ends = [row[end] for row in drawn for end in ("y", "low", "high")]
    return Scatter(drawn, (reading.column_title(figure, "x"), reading.column_title(figure, "y")),
                   x_ends,
                   reading.domain([*ends, rule], log=log_y, pad=0.06), (log_x, log_y), rule,
                   str(options.get("rule_label", "")), found.shape_keys(),
                   (*named.notes, *notes))  # fmt: skip


def draw(layout: Scatter) -> Drawing:
    """The picture of a layout."""
    import altair as alt

    base = parts.chart(layout.rows)
    x = parts.quantity(alt.X, "x", layout.titles[0], layout.x_ends, log=layout.logs[0])
    y = parts.quantity(alt.Y, "y", layout.titles[1], layout.y_ends, log=layout.logs[1])
    spans = base.mark_rule(strokeWidth=2.5, opacity=0.45).encode(
        x=x, y=parts.quantity(alt.Y, "low", layout.titles[1], layout.y_ends, log=layout.logs[1]), y2="high:Q",
        color=parts.colour(), tooltip="tip:N",
    )  # fmt: skip
    front = base.transform_filter("datum.front").mark_line(
        interpolate="step-after", color=ink("strong"), strokeWidth=1.5, strokeDash=[4, 3]
    ).encode(x=x, y=y)  # fmt: skip
    points = base.mark_point(size=_size(len(layout.rows)), stroke=ink("paper"), strokeWidth=0.8, opacity=0.9).encode(
        x=x, y=y, fill=alt.Fill("c:N", scale=None), shape=alt.Shape("shape:N", scale=None), tooltip="tip:N"
    )
    names = base.mark_text(
        align=_by("datum.side"), dx=_by("datum.side == 'left' ? 8 : -8"), dy=-1, fontSize=11.5, clip=True,
        limit=_by("max(80, plot * 0.42)"), opacity=_by("datum.front ? 1 : 0.8"),
    ).encode(x=x, y=y, text="words:N", tooltip="tip:N").properties(name="names")  # fmt: skip
    layers = [*parts.rule_layers(layout.rule, layout.rule_label, "y"), front, spans, points]
    if any(row["words"] for row in layout.rows):
        layers.append(names)
    return Drawing(parts.finish(layers, height=340), layout.keys, layout.notes)


def _name_few(rows: list[Drawn], most: int = 20) -> None:
    """Beyond `most` points only those of the front keep their names, or the eight highest where there is no front."""
    if len(rows) <= most:
        return
    front = [row for row in rows if row["front"]] or sorted(rows, key=lambda row: -row["y"])[:8]
    for row in rows:
        row["words"] = row["words"] if row in front else ""


def _placed(row: Row, figure: Figure, log_x: bool, log_y: bool) -> bool:
    x, y = reading.number(row.get(figure.x)), reading.number(row.get(figure.y))
    return x is not None and y is not None and (x > 0 or not log_x) and (y > 0 or not log_y)


def _share(value: float, ends: tuple[float, float], log: bool) -> float:
    """How far along the axis a value lies, from 0 to 1."""
    low, high, at = (math.log(number) if log else number for number in (*ends, value))
    return (at - low) / (high - low)


def _by(expression: str) -> Any:
    return {"expr": expression}


def _size(count: int) -> int:
    return 80 if count <= 30 else 50 if count <= 120 else 22
