"""From anyone's table, one row a training, to candidates; the only file of the lens that knows data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from assay.assess.reusability.budgets import LEAST_DRAWS, over_draws
from assay.assess.reusability.records import BudgetScore, Candidate, Complexity, Similarity
from assay.errors import DataError, NothingToAssessError, UnknownNameError
from assay.estimate import Estimate
from assay.frames import column, place
from assay.stats.repetitions import training_deviations

if TYPE_CHECKING:
    import pandas as pd

_COUNTED = ("parameters", "trained_parameters", "flops", "activations", "width", "size_bytes", "peak_bytes")
_TIMED = ("latency_ms", "throughput")
OPTIONAL = ("feature_seconds", *_COUNTED, *_TIMED, "distance")
"""Columns that are read where the table has them under these names."""
REPLICATES = 2000
ROLES = ("model", "twin", "baseline")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what; the optional ones are read where they are there."""

    model: str = "model"
    target: str = "target"
    score: str = "score"
    budget: str = "budget"
    """Labelled rows a class."""
    draw: str = "draw"
    """The same number means the same rows for all models."""
    role: str = "role"
    """`model`, `twin` (the untrained twin, under the model's name) or `baseline`; `model` without the column."""
    seconds: str = "seconds"
    """Of the adaptation, features not counted."""
    error: str = "error"
    """Standard error of a score, for tables with one row a model and target."""
    lower: bool = False
    """Whether a lower score is better."""


def read_candidates(
    table: pd.DataFrame, columns: Columns, *, level: float, rng: np.random.Generator
) -> list[Candidate]:
    """The candidates of a table.

    Args:
        table: One row a training, with at least a model and a score; `OPTIONAL` names what else is read.
        columns: Which column holds what.
        level: Of the intervals.
        rng: Draws the replicates that the models of a target share.

    Raises:
        UnknownNameError: for a column that is not there, or a role that does not exist.
        DataError: for a score, budget or cost that is no number.
        NothingToAssessError: when no row is of a model.
    """
    rows = _rows(table, columns)
    found: list[Candidate] = []
    for target in dict.fromkeys(row["target"] for row in rows):
        mine = [row for row in rows if row["target"] == target]
        baselines = {name: float(np.mean([row["score"] for row in mine if row["model"] == name]))
                     for name in dict.fromkeys(row["model"] for row in mine if row["role"] == "baseline")}  # fmt: skip
        names = list(dict.fromkeys(row["model"] for row in mine if row["role"] == "model"))
        of_model = [[row for row in mine if row["model"] == name] for name in names]
        made = [_candidate(own, target, baselines, level) for own in of_model]
        found += _with_replicates(made, [by_draw(_full(own)) for own in of_model], rng)
    if not found:
        raise NothingToAssessError("the table holds no row of a model")
    return found


def _rows(table: pd.DataFrame, columns: Columns) -> list[dict[str, Any]]:
    present = {str(name) for name in table.columns}
    model, score = column(table, columns.model, "--model"), _numbers(table, columns.score, "--score")
    usual = Columns()
    given: dict[str, Any] = {}
    for key in ("target", "role"):
        name = getattr(columns, key)
        if name in present or name != getattr(usual, key):
            given[key] = [str(value) for value in column(table, name, f"--{key}")]
    for key in ("budget", "draw", "seconds", "error"):
        name = getattr(columns, key)
        if name in present or name != getattr(usual, key):
            given[key] = _codes(table, name) if key == "draw" else _numbers(table, name, f"--{key}")
    given |= {name: _numbers(table, name, name) for name in OPTIONAL if name in present}
    sign = -1.0 if columns.lower else 1.0
    rows: list[dict[str, Any]] = []
    for i, (name, value) in enumerate(zip(model, score, strict=True)):
        row: dict[str, Any] = {"target": "the target", "role": "model", "draw": 0, "budget": None}
        row |= {key: values[i] for key, values in given.items()}
        if row["role"] not in ROLES:
            raise UnknownNameError("role", str(row["role"]), ROLES, where=place(table, i, columns.role))
        if np.isfinite(value):
            rows.append({**row, "model": str(name), "score": sign * float(value)})
    return rows


def _numbers(table: pd.DataFrame, name: str, option: str) -> Floats:
    values = column(table, name, option)
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        wrong = next(i for i, value in enumerate(values) if not _is_number(value))
        raise DataError(f"{place(table, wrong, name)}: {values.iloc[wrong]!r} is no number") from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _codes(table: pd.DataFrame, name: str) -> NDArray[np.int_]:
    return np.unique([str(value) for value in column(table, name, "--draw")], return_inverse=True)[1]


def _candidate(rows: Sequence[dict[str, Any]], target: str, baselines: dict[str, float], level: float) -> Candidate:
    mine = [row for row in rows if row["role"] == "model"]
    curve, twin = _curve(mine), _curve([row for row in rows if row["role"] == "twin"])
    full = _full(rows)
    return Candidate(
        model=mine[0]["model"], target=target, performance=_performance(full, level), baselines=baselines,
        seconds=_time(full, "seconds", "adaptation_time", level), curve=curve, twin_curve=twin,
        feature_seconds=_time(full, "feature_seconds", "feature_time", level), complexity=_complexity(full, level),
        similarities=_similarities(full, mine[0]["model"]),
    )  # fmt: skip


def _full(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A model's own rows at its largest budget; a row without a budget stands for all labels."""
    mine = [row for row in rows if row["role"] == "model"]
    unlimited = [row for row in mine if row["budget"] is None or not np.isfinite(row["budget"])]
    most = max((row["budget"] for row in mine if row not in unlimited), default=None)
    return unlimited or [row for row in mine if row["budget"] == most]


def _curve(rows: Sequence[dict[str, Any]]) -> list[BudgetScore]:
    """One point a budget and draw, the mean over its rows (such as seeds)."""
    found: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        if row["budget"] is not None and np.isfinite(row["budget"]):
            found.setdefault((round(row["budget"]), int(row["draw"])), []).append(row["score"])
    return [BudgetScore(budget=b, draw=d, score=float(np.mean(scores))) for (b, d), scores in found.items()]


def _performance(rows: Sequence[dict[str, Any]], level: float) -> Estimate:
    scores = np.array(list(by_draw(rows).values()))
    error = rows[0].get("error")
    if len(scores) == 1 and error is not None and np.isfinite(error):
        half = float(norm.ppf((1 + level) / 2)) * error
        return Estimate(name="performance", value=float(scores[0]), low=scores[0] - half, high=scores[0] + half, n=1,
                        level=level, method="normal interval from the table's standard error")  # fmt: skip
    return over_draws(scores, "performance", level)


def by_draw(rows: Sequence[dict[str, Any]]) -> dict[int, float]:
    """Draw → mean score."""
    draws = dict.fromkeys(int(row["draw"]) for row in rows)
    return {draw: float(np.mean([row["score"] for row in rows if row["draw"] == draw])) for draw in draws}


def _time(rows: Sequence[dict[str, Any]], key: str, name: str, level: float) -> Estimate:
    values = np.array([row[key] for row in rows if key in row and np.isfinite(row[key])])
    if not len(values):
        return Estimate.unknown(name, f"the table has no column {key!r}", unit="seconds")
    found = over_draws(values, name, level)
    low = None if found.low is None else max(0.0, found.low)
    return Estimate(name=name, value=found.value, low=low, high=found.high, level=found.level, n=found.n,
                    unit="seconds", method=found.method, population="the same work on that machine")  # fmt: skip


def _complexity(rows: Sequence[dict[str, Any]], level: float) -> Complexity:
    def first(name: str) -> Any:
        return next((row[name] for row in rows if name in row and np.isfinite(row[name])), None)

    fields: dict[str, Any] = {name: None if first(name) is None else round(first(name)) for name in _COUNTED}
    fields |= {name: None if first(name) is None else _time(rows, name, name, level) for name in _TIMED}
    return Complexity(**fields)


def _similarities(rows: Sequence[dict[str, Any]], model: str) -> list[Similarity]:
    value = next((row["distance"] for row in rows if "distance" in row and np.isfinite(row["distance"])), None)
    if value is None:
        return []
    distance = Estimate(name="distance", value=float(value), method="from the table")
    floor = Estimate.unknown("floor", "the table does not tell")
    return [Similarity(measure="distance", value=distance, floor=floor, p_value=None, extractor=model)]


def _with_replicates(
    candidates: Sequence[Candidate], scores: Sequence[dict[int, float]], rng: np.random.Generator
) -> list[Candidate]:
    """The candidates with paired replicates where they share enough draws."""
    shared = sorted(set.intersection(*(set(found) for found in scores))) if scores else []
    if len(shared) < LEAST_DRAWS:
        return list(candidates)
    table = np.array([[found[draw] for found in scores] for draw in shared])
    nothing = np.zeros((table.shape[1], table.shape[1]))
    drawn = table.mean(axis=0) + training_deviations(table, nothing, REPLICATES, rng)
    return [replace(candidate, replicates=drawn[:, i]) for i, candidate in enumerate(candidates)]
