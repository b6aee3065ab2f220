"""Curve: lines over numbers or dates, each with its band, named at its end.

Rows of option `dashed` (a column that is true for a forecast) are drawn dashed and joined to the last solid point;
option `dashed_label` is what the key calls them where they are no forecast.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from assay.finding import Figure, Row
from assay.report.charts import parts, reading
from assay.report.charts.reading import Drawing, Drawn, Key
from assay.report.palette import ink
from assay.report.words import shorten

HEIGHT = 320
_AFTER: Any = {"expr": "width - beside"}


class Curve(NamedTuple):
    """What is drawn: `rows` have x, y, low, high, c, line, dash and tip; `ends` name each line at its last value."""

    rows: list[Drawn]
    ends: list[Drawn]
    scale: str
    """How x is read: `linear`, `log`, `utc` for dates, `point` for names in order."""
    x_values: list[str]
    """The names along x, in order; empty for numbers and dates."""
    titles: tuple[str, str]
    x_ends: tuple[float, float] | None
    y_ends: tuple[float, float]
    log_y: bool
    points: bool
    rule: float | None
    rule_label: str
    keys: tuple[Key, ...]
    notes: tuple[str, ...]


def lay_out(figure: Figure, limit: int) -> Curve:
    """The data of the picture; `figure.colour` names the column that tells the lines apart."""
    options = figure.options
    rows, notes = reading.thinned(figure.rows, limit)
    found, log_y = reading.levels(rows, figure.colour), bool(options.get("log_y"))
    scale = _scale([row.get(figure.x) for row in rows], bool(options.get("log_x")))
    drawn = [point for row in rows if (point := _point(row, figure, scale, found, log_y)) is not None]
    drawn = _ordered(drawn, scale)
    rule = reading.number(options.get("rule"))
    y_ends = reading.domain([*(row[end] for row in drawn for end in ("y", "low", "high")), rule], log=log_y, pad=0.06)
    numeric = scale in ("linear", "log")
    x_ends = reading.domain((row["x"] for row in drawn), log=scale == "log", pad=0.01) if numeric else None
    names = list(dict.fromkeys(row["x"] for row in drawn)) if scale == "point" else []
    keys = _line_keys(found, drawn)
    named = reading.names(rows, figure.colour or "")
    ends = _ends(drawn, y_ends, log_y, named) if keys else []
    return Curve(_joined(drawn), ends, scale, names,
                 (reading.column_title(figure, "x"), reading.column_title(figure, "y")), x_ends, y_ends, log_y,
                 bool(options.get("points")) or len(drawn) <= 40, rule, str(options.get("rule_label", "")),
                 (*keys, *_other_keys(drawn, keys, str(options.get("dashed_label", "forecast")))),
                 (*named.notes, *notes))  # fmt: skip


def draw(layout: Curve) -> Drawing:
    """The picture of a layout."""
    import altair as alt

    base = parts.chart(layout.rows)
    x, ends = _x_axis(layout), layout.y_ends
    y = parts.quantity(alt.Y, "y", layout.titles[1], ends, log=layout.log_y)
    line = alt.Detail(["line:N", "dash:N"])
    band = base.mark_area(opacity=0.16).encode(
        x=x, y=parts.quantity(alt.Y, "low", layout.titles[1], ends, log=layout.log_y), y2="high:Q",
        color=parts.colour(), detail=line,
    )  # fmt: skip
    lines = base.mark_line(strokeWidth=2, strokeCap="round").encode(
        x=x, y=y, color=parts.colour(), detail=line,
        strokeDash=alt.StrokeDash("dash:N", legend=None, scale=alt.Scale(domain=[False, True], range=[[1, 0], [5, 4]])),
    )  # fmt: skip
    points = base.mark_point(size=34 if layout.points else 60, stroke=ink("paper"), strokeWidth=0.8).encode(
        x=x, y=y, fill=alt.Fill("c:N", scale=None), tooltip="tip:N", opacity=alt.value(1 if layout.points else 0)
    )
    layers = [*parts.rule_layers(layout.rule, layout.rule_label, "y"), band, lines, points]
    beside = 0
    if layout.ends:
        beside = 14 + round(6.4 * max(len(row["words"]) for row in layout.ends))
        words = parts.chart(layout.ends).mark_text(
            align="left", dx=8, fontSize=12, x=_AFTER, text={"expr": "beside > 0 ? datum.words : ''"}
        )
        layers.append(words.encode(y=y, color=parts.colour()))
    return Drawing(parts.finish(layers, height=HEIGHT, beside=beside), layout.keys, layout.notes)


def _x_axis(layout: Curve) -> Any:
    import altair as alt

    title = layout.titles[0]
    if layout.scale == "utc":
        return alt.X("x:T", scale=alt.Scale(type="utc", rangeMax=_AFTER), axis=alt.Axis(title=title or None))
    if layout.x_ends is None:
        scale = alt.Scale(domain=layout.x_values)
        turned = parts.turned_labels(layout.x_values, below=True)
        return alt.X("x:O", sort=None, scale=scale, axis=alt.Axis(title=title or None, **turned))
    return parts.quantity(alt.X, "x", title, layout.x_ends, log=layout.scale == "log", room=True)


def _point(row: Row, figure: Figure, scale: str, found: reading.Levels, log_y: bool) -> Drawn | None:
    y, low, high = reading.span(row, figure.y, figure.low, figure.high)
    x = _place(row.get(figure.x), scale)
    if x is None or (y is None and (low is None or high is None)) or (log_y and (y or 0) <= 0):
        return None
    if log_y and low is not None and low <= 0:
        low = y
    dashed = bool(row.get(str(figure.options.get("dashed") or "")))
    name = reading.label(row.get(figure.colour)) if figure.colour else ""
    return {
        "x": x, "y": y, "low": low, "high": high, "c": found.of(row, figure.colour), "line": name, "dash": dashed,
        "tip": reading.tip(row, figure, figure.colour or figure.x),
    }  # fmt: skip


def _scale(values: Sequence[Any], log: bool) -> str:
    known = [value for value in values if value is not None]
    if known and all(_date(value) is not None for value in known):
        return "utc"
    if any(isinstance(value, (str, bool)) for value in known):
        return "point"
    return "log" if log else "linear"


def _place(value: Any, scale: str) -> Any:
    if scale == "utc":
        return _date(value)
    if scale == "point":
        return None if value is None else reading.label(value)
    number = reading.number(value)
    return None if number is None or (scale == "log" and number <= 0) else number


def _date(value: Any) -> str | None:
    """An ISO date or time as text that browsers read as universal time; None for anything else."""
    if isinstance(value, (dt.date, dt.datetime)):
        value = value.isoformat()
    if not isinstance(value, str) or len(value) < 7:
        return None
    try:
        moment = dt.datetime.fromisoformat(f"{value}-01" if len(value) == 7 else value)
    except ValueError:
        return None
    moment = moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _ordered(rows: list[Drawn], scale: str) -> list[Drawn]:
    return rows if scale == "point" else sorted(rows, key=lambda row: row["x"])


def _joined(rows: list[Drawn]) -> list[Drawn]:
    """The rows, with the last solid point before each dashed part repeated as the first point of that part.

    That point is of the same line; or of the only solid line, where the dashed one begins after it: a forecast that
    has a name of its own.
    """
    places = {x: i for i, x in enumerate(dict.fromkeys(row["x"] for row in rows))}
    lines = {row["line"] for row in rows if not row["dash"]}
    joined = list(rows)
    for name in dict.fromkeys(row["line"] for row in rows if row["dash"]):
        before = name if name in lines else next(iter(lines)) if len(lines) == 1 else None
        first = next(row for row in rows if row["line"] == name and row["dash"])
        solid = [row for row in rows if row["line"] == before and not row["dash"]]
        if solid and places[solid[-1]["x"]] < places[first["x"]]:
            joined.append({**solid[-1], "dash": True, "line": name, "c": first["c"]})
    return sorted(joined, key=lambda row: places[row["x"]])


def _ends(rows: list[Drawn], ends: tuple[float, float], log: bool, named: reading.Names) -> list[Drawn]:
    """A label for each coloured line at the height of its last value, moved apart where they would overlap.

    Lines that end at different places get none: a label beside the plot would stand far from some of them.
    """
    places = {x: i for i, x in enumerate(dict.fromkeys(row["x"] for row in rows))}
    ordered = sorted(rows, key=lambda row: (places[row["x"]], not row["dash"]))  # of two ends, the solid one
    last = {row["line"]: row for row in ordered if row["y"] is not None and row["c"] != ink("muted")}
    if len({row["x"] for row in last.values()}) > 1:
        return []
    to = math.log if log else float
    low, high = to(ends[0]), to(ends[1])
    per_pixel = (high - low) / HEIGHT
    placed: list[Drawn] = []
    room = low
    for row in sorted(last.values(), key=lambda row: row["y"]):
        at = max(to(row["y"]), room)
        room = at + 15 * per_pixel
        placed.append({"at": at, "c": row["c"], "words": shorten(named.short.get(row["line"], row["line"]), 26)})
    excess = max(0.0, room - 15 * per_pixel - high)
    return [{"y": math.exp(row["at"] - excess) if log else row["at"] - excess, "c": row["c"], "words": row["words"]}
            for row in placed]  # fmt: skip


def _line_keys(found: reading.Levels, rows: list[Drawn]) -> tuple[Key, ...]:
    """The key of the lines; a line that is dashed from end to end is shown so."""
    solid = {row["c"] for row in rows if not row["dash"]}
    return tuple(key if key.colour in solid else key._replace(mark="dash") for key in found.entries())


def _other_keys(rows: list[Drawn], keys: tuple[Key, ...], dashes: str) -> tuple[Key, ...]:
    """The key of bands, and of dashes that belong to a solid line."""
    only = ink("muted") if keys else ink("c1")
    banded = any(row["low"] is not None and row["high"] is not None for row in rows)
    continued = {row["line"] for row in rows if row["dash"]} & {row["line"] for row in rows if not row["dash"]}
    return (
        *((Key("interval", only, "band"),) if banded else ()),
        *((Key(dashes, only, "dash"),) if continued else ()),
    )
