"""Weights: sliders that weigh indicators against each other, and who wins; drawn by the page, without Vega."""

from __future__ import annotations

import math
from typing import NamedTuple

from assay.finding import Figure
from assay.report.charts import reading
from assay.report.palette import CATEGORIES, ink
from assay.report.words import heading


class Weights(NamedTuple):
    """What is drawn: `scores` is models x indicators, each 1 for the best of the pool and 0 for the worst."""

    models: list[str]
    labels: list[str]
    """The models' names without what all of them share."""
    indicators: list[str]
    colours: list[str]
    scores: list[list[float]]
    start: list[float]
    """The weights at first, which sum to 1."""
    notes: tuple[str, ...]


def lay_out(figure: Figure, limit: int) -> Weights:
    """The data of the sliders; a model without all its indicators cannot be weighed and is named in a note."""
    columns = [str(column) for column in figure.options.get("indicators", ())]
    models: list[str] = []
    scores: list[list[float]] = []
    unknown: list[str] = []
    for row in figure.rows[:limit]:
        name = reading.label(row.get(figure.y))
        found = [reading.number(row.get(column)) for column in columns]
        known = [value for value in found if value is not None]
        if len(known) == len(columns):
            models.append(name)
            scores.append(known)
        else:
            unknown.append(name)
    given = figure.options.get("start")
    start = [float(given.get(column, 0.0)) for column in columns] if given else [1.0] * len(columns)
    notes = (f"Not weighed, since an indicator is unknown: {', '.join(unknown)}.",) if unknown else ()
    named = reading.names(figure.rows, figure.y)
    return Weights(models, [named.short.get(model, model) for model in models], [heading(column) for column in columns],
                   [ink(CATEGORIES[i % len(CATEGORIES)]) for i in range(len(columns))], scores, normal(start),
                   (*notes, *named.notes))  # fmt: skip


def normal(weights: list[float]) -> list[float]:
    """Weights that sum to 1; equal ones when all are zero."""
    total = math.fsum(weights)
    return [weight / total for weight in weights] if total > 0 else [1 / len(weights) for _ in weights]
