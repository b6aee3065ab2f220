"""Bars: one row a name, a bar from zero, a thin interval at its end."""

from __future__ import annotations

from typing import Any

from assay.finding import Figure
from assay.report.charts import parts, reading
from assay.report.charts.listed import Listed, listed
from assay.report.charts.reading import Drawing, Drawn
from assay.report.palette import ink
from assay.report.words import show_any_number


def lay_out(figure: Figure, limit: int) -> Listed:
    """The data of the picture: `figure.x` may hold numbers or Estimates, `figure.y` the names."""
    rows, notes = reading.capped(figure.rows, min(limit, 120))
    spans = [reading.span(row, figure.x, figure.low, figure.high) for row in rows]
    rule = reading.number(figure.options.get("rule"))
    numbers = [*(end for found in spans for end in found), rule]
    low, high = reading.domain([*numbers, 0.0], pad=0.02)
    ends = (low if min(value or 0.0 for value in numbers) < 0 else 0.0, high)
    found, named = reading.levels(rows, figure.colour), reading.names(rows, figure.y)
    drawn: list[Drawn] = [
        {
            "y": named.of(row, figure.y), "x": value, "low": low, "high": high,
            "c": found.of(row, figure.colour),
            "level": reading.label(row.get(figure.colour)) if figure.colour else "",
            "words": "unknown" if value is None else show_any_number(value, figure.x),
            "at": 0.0 if value is None else max(value, high or value, 0.0), "tip": reading.tip(row, figure, figure.y),
        }
        for row, (value, low, high) in zip(rows, spans, strict=True)
    ]  # fmt: skip
    return listed(figure, drawn, found, named, ends=ends, rule=rule, notes=notes)


def draw(layout: Listed) -> Drawing:
    """The picture of a layout."""
    import altair as alt

    base = parts.chart(layout.rows)
    y = parts.category(layout.names)
    lane: dict[str, Any] = {}
    if layout.lanes:
        lane["yOffset"] = alt.YOffset("level:N", scale=alt.Scale(domain=layout.lanes, paddingInner=0.2))
    size = parts.step(len(layout.names)) * (1 + 0.5 * max(len(layout.lanes) - 1, 0))
    thick = min(14.0, 0.5 * size) if not layout.lanes else min(10.0, 0.7 * size / len(layout.lanes))
    bars = base.mark_bar(height=thick, opacity=0.78, cornerRadiusEnd=2).encode(
        x=parts.quantity(alt.X, "x", layout.title, layout.ends, room=True),
        y=y,
        color=parts.colour(),
        tooltip="tip:N",
        **lane,
    )
    whiskers = base.mark_rule(strokeWidth=1.5, color=ink("ink")).encode(
        x=parts.quantity(alt.X, "low", layout.title, layout.ends, room=True), x2="high:Q", y=y, tooltip="tip:N", **lane
    )
    words = base.mark_text(align="left", dx=6, fontSize=11, fill=ink("soft")).encode(
        x=parts.quantity(alt.X, "at", layout.title, layout.ends, room=True),
        y=y,
        text="words:N",
        tooltip="tip:N",
        **lane,
    )
    layers = [*parts.rule_layers(layout.rule, layout.rule_label), bars, whiskers, words]
    beside = 12 + round(6.2 * max((len(row["words"]) for row in layout.rows), default=0))
    spec = parts.finish(layers, height=size * len(layout.names), names=layout.names, beside=beside)
    return Drawing(spec, layout.keys, layout.notes)
