"""What a folder of runs and a run hold, as plain rows for `assay ls` and `assay status`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from assay.errors import AssayError, DataError
from assay.ledger import RunFolder, open_run
from assay.ledger.views import data_labels, recipe_labels

_DEPTH = 4


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """One row a run below a folder, at most four levels down; a run that cannot be opened says why.

    Raises:
        DataError: when there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    markers = sorted(
        path for depth in range(1, _DEPTH + 1) for path in folder.glob("/".join(["*"] * depth) + "/run.json")
    )
    return [_run_row(path.parent) for path in markers]


def list_trials(folder: RunFolder) -> list[dict[str, Any]]:
    """One row a trial of the run's current plan."""
    trials = folder.trials()
    labels, shown = data_labels(folder), folder.ledger.get("shown-model")
    recipes = recipe_labels(trials)
    return [
        {
            "model": shown.get(row.model, {}).get("label", row.model), "data": labels.get(row.data, row.data),
            "recipe": recipe, "budget": None if row.per_class != row.per_class else row.per_class, "draw": row.draw,
            "seed": row.seed, "status": row.status, "score": _headline(row.scores), "seconds": _number(row.seconds),
            "error": row.error, "key": row.key[:12],
        }
        for row, recipe in zip(trials.itertuples(), recipes, strict=True)
    ]  # fmt: skip


def status_rows(folder: RunFolder) -> list[dict[str, Any]]:
    """Status (and error) → number of trials of the run's current plan."""
    trials = folder.trials()
    counts = trials.groupby(["status", trials["error"].fillna("")], sort=True).size()
    return [
        {"status": str(status), "trials": int(n), "error": str(error) or None} for (status, error), n in counts.items()
    ]


def _run_row(root: Path) -> dict[str, Any]:
    try:
        folder = open_run(root)
        trials = folder.trials()
    except AssayError as error:
        return {
            "run": str(root),
            "name": None,
            "created": None,
            "trials": None,
            "ok": None,
            "failed": None,
            "note": str(error),
        }
    created = datetime.datetime.fromtimestamp(float(folder.marker.get("created", 0)), tz=datetime.UTC)
    return {
        "run": str(root), "name": folder.name, "created": created.strftime("%Y-%m-%d %H:%M"), "trials": len(trials),
        "ok": int((trials["status"] == "ok").sum()), "failed": int((trials["status"] == "failed").sum()),
        "note": "smoke run" if trials["smoke"].any() else None,
    }  # fmt: skip


def _headline(scores: Any) -> float | None:
    test = (scores or {}).get("test", {})
    return next(iter(test.values()), None)


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
