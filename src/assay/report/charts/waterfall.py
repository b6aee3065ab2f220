"""Waterfall: from a start to an end by signed contributions, one row each, in order.

The axis does not begin at zero: what is shown are the steps, and start and end are drawn as points, not as bars.
A contribution without a value keeps its row, says unknown, and moves nothing.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from assay.estimate import show_number
from assay.finding import Figure
from assay.report.charts import parts, reading
from assay.report.charts.reading import Drawing, Drawn
from assay.report.palette import ink


class Waterfall(NamedTuple):
    """What is drawn: `rows` have y, start, stop, low, high (of the stop), c, words, total and tip."""

    rows: list[Drawn]
    joints: list[Drawn]
    """The lines from one row's stop to the next row's start: y, y2, x."""
    names: list[str]
    title: str
    ends: tuple[float, float]


def lay_out(figure: Figure, limit: int) -> Waterfall:
    """The data of the picture; a start and an end are drawn where options `start` and `end` name them."""
    options = figure.options
    at = reading.number(options.get("start_value")) or 0.0
    drawn: list[Drawn] = [_total(str(options["start"]), at)] if options.get("start") else []
    for row in figure.rows[: min(limit, 60)]:
        value, low, high = reading.span(row, figure.x, figure.low, figure.high)
        stop = at + (value or 0.0)
        name = reading.label(row.get(figure.y))
        drawn.append({
            "y": name, "start": at, "stop": stop, "low": None if low is None else at + low,
            "high": None if high is None else at + high,
            "c": ink("muted" if value is None else "good" if value >= 0 else "bad"),
            "words": "unknown" if value is None else signed(value), "total": False,
            "tip": reading.tip(row, figure, figure.y), "known": value is not None,
        })  # fmt: skip
        at = stop
    if options.get("end"):
        drawn.append(_total(str(options["end"]), at))
    names = [row["y"] for row in drawn]
    joints = [{"y": a["y"], "y2": b["y"], "x": a["stop"]} for a, b in pairwise(drawn)]
    ends = reading.domain((row[end] for row in drawn for end in ("start", "stop", "low", "high")), pad=0.03)
    for row in drawn:
        row["at"] = max(value for value in (row["start"], row["stop"], row["high"]) if value is not None)
    return Waterfall(drawn, joints, names, reading.column_title(figure, "x"), ends)


def draw(layout: Waterfall) -> Drawing:
    """The picture of a layout."""
    import altair as alt

    base = parts.chart(layout.rows)
    y = parts.category(layout.names)

    def x(field: str) -> alt.X:
        return parts.quantity(alt.X, field, layout.title, layout.ends, room=True)

    joints = parts.chart(layout.joints).mark_rule(color=ink("strong"), strokeWidth=1)
    bars = base.transform_filter("!datum.total && datum.known").mark_bar(height=14, opacity=0.8, cornerRadius=1)
    whiskers = base.mark_rule(strokeWidth=1.5, color=ink("ink"))
    totals = base.transform_filter("datum.total").mark_point(size=75, fill=ink("ink"), opacity=1)
    words = base.mark_text(align="left", dx=8, fontSize=12, fill=ink("ink"))
    layers = [
        joints.encode(x=x("x"), y=y, y2="y2:N"),
        bars.encode(x=x("start"), x2="stop:Q", y=y, color=parts.colour(), tooltip="tip:N"),
        whiskers.encode(x=x("low"), x2="high:Q", y=y, tooltip="tip:N"),
        totals.encode(x=x("stop"), y=y, tooltip="tip:N"),
        words.encode(x=x("at"), y=y, text="words:N", tooltip="tip:N"),
    ]
    beside = 14 + round(6.6 * max((len(row["words"]) for row in layout.rows), default=0))
    height = parts.step(len(layout.names)) * len(layout.names)
    return Drawing(parts.finish(layers, height=height, names=layout.names, beside=beside))


def signed(value: float) -> str:
    """A contribution with its sign."""
    return f"{'+' if value >= 0 else '−'}{show_number(abs(value))}"


def _total(name: str, value: float) -> Drawn:
    words = show_number(value).replace("-", "−")
    return {"y": name, "start": value, "stop": value, "low": None, "high": None, "c": ink("ink"), "words": words,
            "total": True, "tip": f"{name}\n{words}", "known": True}  # fmt: skip
