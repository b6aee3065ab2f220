"""A run as the reusability lens reads it: each model on each target, its label curve, its twin, its costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.assess.reusability.records import BudgetScore, Candidate, Similarity
from assay.errors import NothingToAssessError
from assay.estimate import Estimate
from assay.ledger.rows import TrialRow, recipe_labels
from assay.ledger.run_folder import RunFolder
from assay.ledger.views import data_labels, fullest, shown_models
from assay.rng import stream


def reuse_candidates(
    folder: RunFolder, *, level: float, rng_seed: int,
    similarities: Mapping[tuple[str, str], Sequence[Similarity]] | None = None,
) -> tuple[list[Candidate], str]:  # fmt: skip
    """(candidates, the metric's name) of a run.

    Args:
        folder: The run.
        level: Of the intervals.
        rng_seed: Seeds their resamples.
        similarities: (model's label, target's label) → what was measured between a source and the target.

    Raises:
        NothingToAssessError: when no trial of a model has succeeded.
    """
    rows = [row for row in folder.trials() if row.status == "ok"]
    shown, labels, recipes = shown_models(folder), data_labels(folder), recipe_labels(rows)
    records = folder.ledger.get("data")
    groups: dict[tuple[str, str, str], list[TrialRow]] = {}
    for row in rows:
        if row.role == "model":
            groups.setdefault((row.model, row.data, recipes[row.key]), []).append(row)
    if not groups:
        raise NothingToAssessError(f"{folder.paths.root} holds no trial of a model that has succeeded")
    several = len({recipe for _, _, recipe in groups}) > 1
    found: list[Candidate] = []
    for (model, data, recipe), mine in groups.items():
        metric = str(records[data]["metrics"][0])
        label, info = str(shown[model]["label"]), shown[model]
        twins = [
            row for row in rows
            if row.role == "twin" and row.data == data and shown[row.model].get("twin_of") == label
            and (recipes[row.key] == recipe or not any(r.role == "twin" and recipes[r.key] == recipe for r in rows))
        ]  # fmt: skip
        free = [row for row in rows if row.data == data and row.role in ("raw", "majority")]
        full = fullest(mine)
        found.append(
            Candidate(
                model=f"{label} ({recipe})" if several else label, target=labels[data],
                performance=_performance(folder, full, metric, level, rng_seed), seconds=_mean_seconds(full, level),
                feature_seconds=_feature_seconds(full), parameters=info.get("parameters"), flops=info.get("flops"),
                size_bytes=info.get("size_bytes"), width=info.get("width"), throughput=_throughput(folder, model, data),
                curve=_curve(mine, metric, records[data]), twin_curve=_curve(twins, metric, records[data]),
                similarities=(similarities or {}).get((label, labels[data]), ()),
                baselines={row.model: row.scores["test"].get(metric, -np.inf) for row in free},
            )
        )  # fmt: skip
    return found, str(next(iter(records.values()))["metrics"][0])


def _performance(folder: RunFolder, rows: Sequence[TrialRow], metric: str, level: float, rng_seed: int) -> Estimate:
    """The score with its interval over items, for the first draw and seed; items of other draws are other items."""
    from assay.metrics import interval

    first = rows[0]
    predictions = folder.predictions(first.key)
    if predictions is None:
        return Estimate.unknown("performance", "its predictions were not kept")
    return interval(
        metric, predictions.target, predictions.labels(), predictions.score, level=level,
        rng=stream(rng_seed, "performance", first.key),
    ).renamed("performance")  # fmt: skip


def _mean_seconds(rows: Sequence[TrialRow], level: float) -> Estimate:
    from assay.assess.reusability.budgets import over_draws

    seconds = np.array([row.seconds for row in rows if row.seconds is not None])
    if not len(seconds):
        return Estimate.unknown("adaptation_time", "it was not measured", unit="seconds")
    found = over_draws(seconds, "adaptation_time", level)
    low = None if found.low is None else max(0.0, found.low)
    return Estimate(
        name=found.name, value=found.value, low=low, high=found.high, level=found.level, n=found.n, unit="seconds",
        method=found.method, population="the same work on this machine",
    )  # fmt: skip


def _feature_seconds(rows: Sequence[TrialRow]) -> Estimate:
    seconds = [row.feature_seconds for row in rows if row.feature_seconds is not None]
    if not seconds:
        return Estimate.unknown("feature_time", "the recipe reads no stored features", unit="seconds")
    return Estimate(name="feature_time", value=max(seconds), unit="seconds", method="measured once")


def _throughput(folder: RunFolder, model: str, data: str) -> float | None:
    for record in folder.ledger.get("features").values():
        if record["model"] == model and record["data"] == data and record.get("computed") and record["seconds"] > 0:
            return float(record["rows"]) / float(record["seconds"])
    return None


def _curve(rows: Sequence[TrialRow], metric: str, record: Mapping[str, Any]) -> list[BudgetScore]:
    from assay.metrics import METRICS

    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    every = max(1, round(record["train"] / max(len(record["classes"]), 1)))
    found: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        value = row.scores["test"].get(metric)
        if value is not None:
            budget = every if row.per_class is None else row.per_class
            found.setdefault((budget, row.draw), []).append(sign * value)
    return [
        BudgetScore(budget=budget, draw=draw, score=float(np.mean(values))) for (budget, draw), values in found.items()
    ]
