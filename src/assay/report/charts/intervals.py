"""Intervals: one row a name, the interval as a bar, the point estimate as a mark upon it.

The interval carries the message, so it is drawn heavier than the point. Rows of one tie group share a band of the
ground: those of one value of option `group`, or of one colour where the colours do not alternate. A row without a
value says so where its interval would stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.estimate import Estimate
from assay.finding import Figure, Row
from assay.report.charts import parts, reading
from assay.report.charts.listed import Listed, listed
from assay.report.charts.reading import Drawing, Drawn, Span
from assay.report.palette import ink
from assay.report.words import show_estimate


def lay_out(figure: Figure, limit: int) -> Listed:
    """The data of the picture: `figure.x` may hold numbers or Estimates, `figure.y` the names."""
    rows, notes = reading.capped(figure.rows, min(limit, 120))
    log = bool(figure.options.get("log_x"))
    spans = [reading.span(row, figure.x, figure.low, figure.high) for row in rows]
    rule = reading.number(figure.options.get("rule"))
    ends = _focus(spans) or reading.domain([*(end for found in spans for end in found), rule], log=log)
    found, named = reading.levels(rows, figure.colour), reading.names(rows, figure.y)
    drawn: list[Drawn] = []
    for row, placed, band in zip(rows, spans, _bands(rows, figure), strict=True):
        drawn.append({
            "y": named.of(row, figure.y), "c": found.of(row, figure.colour),
            "level": reading.label(row.get(figure.colour)) if figure.colour else "", "band": band,
            "tip": reading.tip(row, figure, figure.y), **_within(placed, ends, isinstance(row.get(figure.x), Estimate)),
        })  # fmt: skip
    if any(row["words"] and row["side"] for row in drawn):
        notes = (*notes, "The axis shows the leading rows; what lies beyond it is given as numbers.")
    if rule is not None and not ends[0] <= rule <= ends[1]:
        rule, notes = None, (*notes, f"Beyond the axis: {figure.options.get('rule_label') or 'the reference'}.")
    return listed(figure, drawn, found, named, ends=ends, rule=rule, notes=notes, log=log)


def draw(layout: Listed) -> Drawing:
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
    words = base.transform_filter("datum.words != ''").mark_text(
        fontSize=11.5, fill=ink("soft"), align={"expr": "datum.side == 'right' ? 'right' : 'left'"},
        dx={"expr": "datum.side == 'right' ? -4 : 4"}, fontStyle={"expr": "datum.side ? 'normal' : 'italic'"},
    ).encode(
        x=parts.quantity(alt.X, "edge", layout.title, layout.ends, log=layout.log), y=y, text="words:N", tooltip="tip:N"
    )  # fmt: skip
    layers = [ground, *parts.rule_layers(layout.rule, layout.rule_label), bars, points, words]
    return Drawing(parts.finish(layers, height=size * len(layout.names), names=layout.names), layout.keys, layout.notes)


def _focus(spans: Sequence[Span]) -> tuple[float, float] | None:
    """Ends of the axis that show the leading half, when rows in order of value leave it too little room; else None.

    A baseline far below would otherwise press the models that matter into a corner.
    """
    known = [span for span in spans if span.value is not None]
    values = [span.value or 0.0 for span in known]
    if len(known) < 4 or values not in (sorted(values), sorted(values, reverse=True)):
        return None
    low, high = _reach(known[: (len(known) + 1) // 2])
    least, greatest = _reach(known)
    if not 0 < 4 * (high - low) < greatest - least:
        return None
    margin, pad = 0.6 * (high - low), 0.05 * (high - low)
    return max(low - margin, least - pad), min(high + margin, greatest + pad)


def _reach(spans: Sequence[Span]) -> tuple[float, float]:
    ends = [end for span in spans for end in span if end is not None]
    return min(ends), max(ends)


def _within(placed: Span, ends: tuple[float, float], estimated: bool) -> Drawn:
    """Where a row is drawn: its interval cut at the ends of the axis, or words at the edge beyond which it lies."""
    value, low, high = placed
    if value is None:
        return {"x": None, "low": None, "high": None, "words": "unknown" if estimated else "no value", "side": "",
                "edge": ends[0]}  # fmt: skip
    if not ends[0] <= value <= ends[1]:
        side = "left" if value < ends[0] else "right"
        words = show_estimate(Estimate(name="x", value=value, low=low, high=high))
        return {"x": None, "low": None, "high": None, "side": side, "edge": ends[0] if side == "left" else ends[1],
                "words": f"◂ {words}" if side == "left" else f"{words} ▸"}  # fmt: skip
    low = max(ends[0], low) if low is not None else None if high is None else ends[0]
    high = min(ends[1], high) if high is not None else None if low is None else ends[1]
    return {"x": value, "low": low, "high": high, "words": "", "side": "", "edge": ends[0]}


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
