"""Histogram: how many values fall into each of a few round bins.

The bins are counted here, so that a page never holds the values themselves. Their width follows Freedman and Diaconis
(1981, On the histogram as a density estimator), rounded to 1, 2 or 5 times a power of ten.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.finding import Figure
from assay.report.charts import parts, reading
from assay.report.charts.reading import Drawing, Drawn, Key
from assay.report.palette import ink
from assay.report.words import show_any_number

MOST_BINS = 40


class Histogram(NamedTuple):
    """What is drawn: `rows` have low, high, count, c, level and tip."""

    rows: list[Drawn]
    title: str
    ends: tuple[float, float]
    top: float
    rule: float | None
    rule_label: str
    keys: tuple[Key, ...]
    notes: tuple[str, ...]


def lay_out(figure: Figure, _limit: int) -> Histogram:
    """The counts; rows without a number are told in a note."""
    pairs = [(reading.number(row.get(figure.x)), row) for row in figure.rows]
    known = [(value, row) for value, row in pairs if value is not None]
    values = np.array([value for value, _ in known], dtype=np.float64)
    edges = bin_edges(values)
    found = reading.levels([row for _, row in known], figure.colour)
    level = np.array([reading.label(row.get(figure.colour)) if figure.colour else "" for _, row in known])
    drawn: list[Drawn] = []
    for name in found.colours or {"": ink("c1")}:
        counts, _ = np.histogram(values[level == name], edges)
        drawn += [_bar(edges, i, int(count), name, found) for i, count in enumerate(counts) if count]
    missing = len(pairs) - len(known)
    notes = (f"Not counted, for want of a number: {missing:,}.",) if missing else ()
    rule = reading.number(figure.options.get("rule"))
    ends = reading.domain([*edges.tolist(), rule], pad=0.02)
    return Histogram(drawn, reading.column_title(figure, "x"), ends, max((row["count"] for row in drawn), default=1),
                     rule, str(figure.options.get("rule_label", "")), found.entries("bar"), notes)  # fmt: skip


def draw(layout: Histogram) -> Drawing:
    """The picture of a layout; levels lie over each other, half transparent."""
    import altair as alt

    base = parts.chart(layout.rows)
    bars = base.mark_bar(opacity=0.55 if layout.keys else 0.75, binSpacing=1).encode(
        x=parts.quantity(alt.X, "low", layout.title, layout.ends), x2="high:Q",
        y=alt.Y("count:Q", stack=None, axis=alt.Axis(title="Rows", format="~s", tickMinStep=1)),
        y2=alt.value("height"), color=parts.colour(), tooltip="tip:N",
    )  # fmt: skip
    layers = [bars, *parts.rule_layers(layout.rule, layout.rule_label)]
    return Drawing(parts.finish(layers, height=220), layout.keys, layout.notes)


def bin_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of at most 40 bins of a round width; one bin around a constant."""
    if len(values) == 0:
        return np.array([0.0, 1.0])
    low, high = float(values.min()), float(values.max())
    if low == high:
        half = abs(low) * 0.05 or 0.5
        return np.array([low - half, high + half])
    quarter, three_quarters = np.quantile(values, [0.25, 0.75])
    width = 2 * float(three_quarters - quarter) / len(values) ** (1 / 3)
    width = _round_up(max(width, (high - low) / MOST_BINS))
    first, last = math.floor(low / width), math.floor(high / width) + 1
    return np.arange(first, last + 1, dtype=np.float64) * width


def _round_up(width: float) -> float:
    power = 10.0 ** math.floor(math.log10(width))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= width * (1 - 1e-9))


def _bar(edges: NDArray[np.float64], i: int, count: int, name: str, found: reading.Levels) -> Drawn:
    low, high = float(edges[i]), float(edges[i + 1])
    words = f"{show_any_number(low)} to {show_any_number(high)}: {count:,}"
    return {"low": low, "high": high, "count": count, "c": found.colours.get(name, ink("c1")), "level": name,
            "tip": f"{name}\n{words}" if name else words}  # fmt: skip
