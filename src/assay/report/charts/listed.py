"""What pictures share that give a row to each name: bars and intervals."""

from __future__ import annotations

from typing import NamedTuple

from assay.finding import Figure
from assay.report.charts import reading
from assay.report.charts.reading import Drawn, Key, Levels, Names


class Listed(NamedTuple):
    """What is drawn: `rows` have y, x, low, high, c, level, tip and what the kind of picture adds."""

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


def listed(
    figure: Figure, rows: list[Drawn], found: Levels, named: Names, *, ends: tuple[float, float], rule: float | None,
    notes: tuple[str, ...], log: bool = False,
) -> Listed:  # fmt: skip
    """The layout of rows that are ready to be drawn."""
    names = list(dict.fromkeys(row["y"] for row in rows))
    return Listed(
        rows, names, reading.column_title(figure, "x"), ends, rule, str(figure.options.get("rule_label", "")), log,
        list(found.colours) if len(names) < len(rows) else [], found.entries("bar"), (*named.notes, *notes),
    )  # fmt: skip
