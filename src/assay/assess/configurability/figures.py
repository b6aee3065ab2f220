"""The lens's pictures, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.assess.configurability.safety import cells
from assay.assess.configurability.trials import Trials, Units
from assay.finding import Figure, Row

MOST_EFFECTS = 14
MOST_LINES = 150
MOST_SURFACES = 2


def draw(trials: Trials, units: Units, tables: Mapping[str, Sequence[Row]]) -> tuple[Figure, ...]:
    """Importance with intervals, slices with the data on them, budget curves, parallel view, failures."""
    found = [_importance(tables["importance"]), _budget(tables["budget_curve"]), _parallel(trials, units)]
    found += [_slice(trials, units, row["parameters"][0]) for row in _claimed(tables["importance"], 1)[:4]]
    found += [_surface(trials, units, row["parameters"]) for row in _claimed(tables["importance"], 2)[:MOST_SURFACES]]
    found.append(_failures(tables["failures"]))
    return tuple(figure for figure in found if figure is not None and figure.rows)


def _importance(rows: Sequence[Row]) -> Figure | None:
    kept = [row for row in rows if row["region"] == "whole space"][:MOST_EFFECTS]
    data = [
        {
            "effect": " × ".join(row["parameters"]), "share": row["share"].value, "low": row["share"].low,
            "high": row["share"].high, "claimed": "claimed" if row["claimed"] else "not told from noise",
        }
        for row in kept
    ]  # fmt: skip
    return Figure(
        name="importance", kind="intervals", title="Share of the variance of the scores that each setting explains",
        rows=data, x="share", y="effect", low="low", high="high", colour="claimed", x_title="share of variance",
        options={"rule": 0.0}, alt="Shares of variance with intervals, one row an effect.",
    )  # fmt: skip


def _budget(rows: Sequence[Row]) -> Figure | None:
    data = [
        {
            "budget": row["budget"], "score": row["expected_best"].value, "low": row["expected_best"].low,
            "high": row["expected_best"].high,
            "series": row["contender"] if row["group"] == "all" else f"{row['group']} · {row['contender']}",
        }
        for row in rows
    ]  # fmt: skip
    series = sorted({str(row["series"]) for row in data})[:6]
    return Figure(
        name="budget_curve", kind="curve", title="Expected best score of a budget of configurations",
        rows=[row for row in data if row["series"] in series], x="budget", y="score", low="low", high="high",
        colour="series", x_title="configurations tried", y_title="expected best score", options={"log_x": True},
        alt="Expected best score against the number of configurations tried.",
    )  # fmt: skip


def _parallel(trials: Trials, units: Units) -> Figure | None:
    if len(trials.names) < 2:
        return None
    order = np.argsort(-units.scores, kind="stable")[:MOST_LINES]
    data = [
        {**{name: _cell(trials.columns[j][units.rows[i]]) for j, name in enumerate(trials.names)},
         "score": float(units.scores[i])}
        for i in order
    ]  # fmt: skip
    return Figure(
        name="configurations", kind="parallel", title="Every configuration, coloured by its score", rows=data,
        colour="score", options={"dims": [*trials.names, "score"]}, alt="Parallel view of the configurations.",
    )  # fmt: skip


def _slice(trials: Trials, units: Units, name: str) -> Figure | None:
    column = trials.columns[trials.names.index(name)]
    values = [column[row] for row in units.rows]
    if not all(isinstance(value, (int, float)) for value in values):
        return None
    numbers = np.array(values, dtype=float)
    wide = bool(numbers.min() > 0 and numbers.max() / numbers.min() > 50)
    rows = [{"value": float(x), "score": float(y)} for x, y in zip(numbers, units.scores, strict=True)]
    return Figure(
        name=f"slice_{name}", kind="scatter", title=f"Score against {name}", rows=rows, x="value", y="score",
        x_title=name, y_title="score", options={"log_x": wide}, alt=f"Each configuration's score against {name}.",
    )  # fmt: skip


def _failures(rows: Sequence[Row]) -> Figure | None:
    data = [
        {
            "where": f"{row['parameter']} = {row['value']}", "probability": row["probability"].value,
            "low": row["probability"].low, "high": row["probability"].high,
        }
        for row in rows
        if row["parameter"] not in ("all runs", "reason")
    ]  # fmt: skip
    return Figure(
        name="failures", kind="intervals", title="Where runs fail", rows=data, x="probability", y="where", low="low",
        high="high", x_title="probability of failure", alt="Probability of failure by setting.",
    )  # fmt: skip


def _surface(trials: Trials, units: Units, names: Sequence[str]) -> Figure | None:
    """The mean score where two settings meet, over the configurations that lie there; empty where none does.

    Scores are brought to the mean of all groups first, so that an easy data set does not colour a cell.
    """
    scores = units.scores.copy()
    for group in np.unique(units.groups):
        mine = units.groups == group
        scores[mine] += units.scores.mean() - units.scores[mine].mean()
    first, second = (cells([trials.columns[trials.names.index(name)][row] for row in units.rows]) for name in names)
    rows: list[Row] = []
    for x, left in first:
        for y, right in second:
            both = np.intersect1d(left, right)
            if len(both):
                rows.append(
                    {names[0]: x, names[1]: y, "score": float(scores[both].mean()), "configurations": len(both)}
                )
    best = max(rows, key=lambda row: row["score"], default=None)
    return Figure(
        name=f"surface_{names[0]}_{names[1]}", kind="heatmap", rows=rows, x=names[0], y=names[1], colour="score",
        title=f"Mean score by {names[0]} and {names[1]}; framed is the best",
        options={"points": [] if best is None else [{"x": best[names[0]], "y": best[names[1]]}]},
        alt=f"Mean score of the configurations at each {names[0]} and {names[1]}.",
    )  # fmt: skip


def _claimed(rows: Sequence[Row], size: int) -> list[Row]:
    """Claimed effects of so many parameters, over the whole space."""
    return [
        row for row in rows if row["claimed"] and row["region"] == "whole space" and len(row["parameters"]) == size
    ]  # fmt: skip


def _cell(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
