"""What each lens reads of a run: rows and predictions of the ledger in the lens's own terms.

The largest label budget speaks for a model where a study has several; the smaller ones belong to the label curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from assay.assess.selection.candidates import Background, Candidate, Run
from assay.errors import NothingToAssessError
from assay.ledger.rows import TrialRow, recipe_labels
from assay.ledger.run_folder import RunFolder
from assay.metrics import METRICS
from assay.outcome import Cost

NETWORK_METHODS = ("finetune", "lora")


def data_labels(folder: RunFolder) -> dict[str, str]:
    """Uri of a data set (or of a part of it) → what reports call it, for the data of the current plan."""
    present = {row.data for row in folder.trials()}
    return {uri: record["label"] for uri, record in folder.ledger.get("data").items() if uri in present}


def shown_models(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Uri of a model → what is known of it, its label among that, for the models of the current plan."""
    present = {row.model for row in folder.trials()}
    return {uri: record for uri, record in folder.ledger.get("shown-model").items() if uri in present}


def fullest(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """The rows of the largest label budget (all rows stand above any number), without models fitted anew.

    Rows of recipes that learn from no labels stand at budget 0 whatever the others have, and stay.
    """
    rows = [row for row in rows if not row.fitted_anew] or list(rows)
    budgets = {row.per_class for row in rows}
    largest = None if None in budgets else max(budget for budget in budgets if budget is not None)
    return [row for row in rows if row.per_class in (largest, 0)]


def candidates_of(folder: RunFolder, data: str) -> tuple[list[Candidate], Background]:
    """The candidates of one data set, and what they are held against.

    Raises:
        NothingToAssessError: when no trial of a model has succeeded.
    """
    rows = [row for row in folder.trials() if row.data == data]
    rows = fullest(rows)
    recipes, shown = recipe_labels(rows), shown_models(folder)
    groups: dict[tuple[str, str], list[TrialRow]] = {}
    for row in rows:
        if row.status == "ok":
            groups.setdefault((row.model, recipes[row.key]), []).append(row)
    models = [
        _candidate(folder, recipe, mine, shown.get(uri, {}))
        for (uri, recipe), mine in groups.items()
        if mine[0].role == "model"
    ]
    if not models:
        errors = sorted({row.error for row in rows if row.error})
        why = f"; the first error: {errors[0]}" if errors else ""
        raise NothingToAssessError(f"no trial of a model has succeeded on {data}{why}")
    baselines = [
        _candidate(folder, recipe, mine, shown.get(uri, {}))
        for (uri, recipe), mine in groups.items()
        if mine[0].role != "model"
    ]
    record = folder.ledger.get("data").get(data, {})
    return models, Background(
        baselines=baselines, priors=_priors(shown), failures=_failures(rows, recipes, shown),
        classes=record.get("classes", ()), caveats=_caveats(record.get("caveats", ()), rows),
    )  # fmt: skip


def task_table(folder: RunFolder, metric: str | None = None) -> pd.DataFrame:
    """One row a model, task, draw and seed: `model`, `task`, `seed`, `score`, `metric`, `n`, `higher_is_better`.

    `attrs["options"]` holds what the sustainability lens must be told to read it.

    Raises:
        NothingToAssessError: when no trial of a model has succeeded.
    """
    rows = fullest([row for row in folder.trials() if row.role == "model"])
    rows = [row for row in rows if row.status == "ok"]
    recipes, labels, shown = recipe_labels(rows), data_labels(folder), shown_models(folder)
    named = [metric] if metric else list(folder.study().get("metrics", []))
    table: list[dict[str, Any]] = []
    for row in rows:
        test = row.scores["test"]
        name = next((name for name in [*named, *test] if name in test), None)
        if name is None:
            continue
        label = shown.get(row.model, {}).get("label", row.model)
        table.append(
            {
                "model": f"{label} ({recipes[row.key]})" if len(set(recipes.values())) > 1 else label,
                "task": labels.get(row.data, row.data), "seed": f"{row.draw}/{row.seed}", "score": test[name],
                "metric": name, "n": row.provenance["rows"]["test"],
                "higher_is_better": METRICS[name].higher_is_better,
            }
        )  # fmt: skip
    if not table:
        raise NothingToAssessError(f"{folder.paths.root} holds no trial of a model that has succeeded")
    frame = pd.DataFrame(table)
    frame.attrs |= {"source": str(folder.paths.root), "options": {"seed": "seed", "n": "n"} | _population(folder)}
    return frame


_PARTS = {
    "class": "other groups of classes of {}", "group": "other groups of {}", "time": "other times of {}",
    "random": "other random parts of {}",
}  # fmt: skip


def _population(folder: RunFolder) -> dict[str, str]:
    """What the tasks of a run stand for, where all of them are parts of one data set."""
    data = [dict(entry) for entry in folder.study().get("data", [])]
    if len(data) != 1 or not data[0].get("subtasks"):
        return {}
    return {"population": _PARTS[data[0]["subtasks"]["by"]].format(data[0].get("label") or data[0]["uri"])}


def _candidate(folder: RunFolder, recipe: str, rows: Sequence[TrialRow], info: Mapping[str, Any]) -> Candidate:
    found = [(row, folder.predictions(row.key)) for row in rows]
    runs = [Run(predictions=said, draw=row.draw, seed=row.seed) for row, said in found if said is not None]
    peaks = [row.peak_bytes for row in rows if row.peak_bytes is not None]
    seconds = sum(row.cost_seconds for row in rows) + max((row.feature_seconds or 0.0 for row in rows), default=0.0)
    return Candidate(
        model=info.get("label", rows[0].model.partition(":")[2].replace("-", " ")), runs=runs, recipe=recipe,
        regime="finetuned" if rows[0].method in NETWORK_METHODS else "frozen",
        cost=Cost(seconds=seconds, peak_bytes=max(peaks, default=None), device=rows[0].device),
        parameters=info.get("parameters"), flops_per_item=info.get("flops"), twin_of=info.get("twin_of", ""),
    )  # fmt: skip


def _priors(shown: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    published = {info["label"]: float(info["prior"]) for info in shown.values() if info.get("prior") is not None}
    return {"published score": published} if published else {}


def _failures(rows: Sequence[TrialRow], recipes: Mapping[str, str], shown: Mapping[str, Any]) -> dict[str, str]:
    bad = [row for row in rows if row.status == "failed" and row.role == "model"]
    return {f"{shown.get(row.model, {}).get('label', row.model)} ({recipes[row.key]})": row.error or "" for row in bad}


def _caveats(known: Sequence[str], rows: Sequence[TrialRow]) -> list[str]:
    notes = list(known)
    if any(row.smoke for row in rows):
        notes.insert(0, "This is a smoke run on a part of the rows; its numbers are for testing the set-up only.")
    still = sum(row.status in ("planned", "leased") for row in rows)
    if still:
        notes.append(f"{still} of {len(rows)} trials are not done yet.")
    return notes
