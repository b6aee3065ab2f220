"""Intervals: one row a name, the interval as a bar, the point estimate as a mark upon it.

The interval carries the message, so it is drawn heavier than the point. Rows of one tie group share a band of the
ground: those of one value of option `group`, or of one colour where the colours do not alternate. A row without a
value says so where its interval would stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from assay.estimate import Estimate
from assay.finding import Figure, Row
from assay.report.charts import parts, reading
from assay.report.charts.reading import Drawing, Drawn, Key
from assay.report.palette import ink


class Intervals(NamedTuple):
    """What is drawn: `rows` have y, x, low, high, c, level, band, tip and unknown."""

    rows: list[Drawn]
    names: list[str]
    title: str
    ends: tuple[float, float]
    rule: float | None
    rule_label: str
    log: bool
    lanes: list[str]
    """Levels drawn beside each other within a row; empty when a name stands once."""
    keys: tuple[Key, ...]
    notes: tuple[str, ...]


def lay_out(figure: Figure, limit: int) -> Intervals:
    """The data of the picture: `figure.x` may hold numbers or Estimates, `figure.y` the names."""
    rows, notes = reading.capped(figure.rows, min(limit, 120))
    log = bool(figure.options.get("log_x"))
    spans = [reading.span(row, figure.x, figure.low, figure.high) for row in rows]
    rule = reading.number(figure.options.get("rule"))
    ends = reading.domain([*(end for found in spans for end in found), rule], log=log)
    found = reading.levels(rows, figure.colour)
    bands = _bands(rows, figure)
    drawn: list[Drawn] = []
    for row, (value, low, high), band in zip(rows, spans, bands, strict=True):
        cell = row.get(figure.x)
        unknown = "" if value is not None else "unknown" if isinstance(cell, Estimate) else "no value"
        drawn.append({
            "y": reading.label(row.get(figure.y)), "x": value, "c": found.of(row, figure.colour),
            "low": ends[0] if low is None and high is not None else low,
            "high": ends[1] if high is None and low is not None else high,
            "level": reading.label(row.get(figure.colour)) if figure.colour else "", "band": band,
            "unknown": unknown, "tip": reading.tip(row, figure.y),
        })  # fmt: skip
    names = list(dict.fromkeys(row["y"] for row in drawn))
    lanes = list(found.colours) if len(names) < len(drawn) else []
    return Intervals(drawn, names, reading.column_title(figure, "x"), ends, rule,
                     str(figure.options.get("rule_label", "")), log, lanes, found.keys("bar"), notes)  # fmt: skip


def draw(layout: Intervals) -> Drawing:
    """The picture of a layout."""
    import altair as alt

    base = parts.chart(layout.rows)
    y = parts.category(layout.names)
    lane: dict[str, Any] = {}
    if layout.lanes:
        lane["yOffset"] = alt.YOffset(
            "level:N", scale=alt.Scale(domain=layout.lanes, paddingInner=0.2, paddingOuter=0.6)
        )
    size = parts.step(len(layout.names)) * (1 + 0.55 * max(len(layout.lanes) - 1, 0))
    thick = min(9.0, 0.32 * size) if not layout.lanes else min(8.0, 0.48 * size / len(layout.lanes))
    ground = base.mark_rect(fill=ink("band"), cornerRadius=2).encode(
        y=y, tooltip="tip:N", fillOpacity=alt.FillOpacity("band:Q", scale=None)
    )
    bars = base.mark_rule(strokeWidth=thick, opacity=0.42).encode(
        x=parts.quantity(alt.X, "low", layout.title, layout.ends, log=layout.log), x2="high:Q", y=y,
        color=parts.colour(), tooltip="tip:N", **lane,
    )  # fmt: skip
    points = base.mark_point(size=thick * 7, opacity=1, stroke=ink("paper"), strokeWidth=1).encode(
        x=parts.quantity(alt.X, "x", layout.title, layout.ends, log=layout.log), y=y,
        fill=alt.Fill("c:N", scale=None), tooltip="tip:N", **lane,
    )  # fmt: skip
    unknown = base.transform_filter("datum.unknown != ''").mark_text(
        align="left", fontStyle="italic", fill=ink("muted")
    ).encode(y=y, x=alt.value(4), text="unknown:N", tooltip="tip:N")  # fmt: skip
    layers = [ground, *parts.rule_layers(layout.rule, layout.rule_label), bars, points, unknown]
    return Drawing(parts.finish(layers, height=size * len(layout.names), names=layout.names), layout.keys, layout.notes)


def _bands(rows: Sequence[Row], figure: Figure) -> list[float]:
    """1 for every second run of equal groups, 0 for the others; all 0 where there are no groups of neighbours."""
    column = figure.options.get("group") or figure.colour
    groups = [row.get(column) if column else None for row in rows]
    runs = sum(i == 0 or group != groups[i - 1] for i, group in enumerate(groups))
    if runs != len(set(map(str, groups))):
        return [0.0] * len(groups)
    bands: list[float] = []
    turn = 0.0
    for i, group in enumerate(groups):
        turn = 1.0 - turn if i and group != groups[i - 1] else turn
        bands.append(turn)
    return bands
