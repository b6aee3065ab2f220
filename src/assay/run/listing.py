"""What a folder of runs and a run hold, as plain rows for `assay ls` and `assay status`."""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path
from typing import Any

from assay.errors import AssayError, DataError
from assay.ledger import RunFolder, open_run
from assay.ledger.rows import recipe_labels
from assay.ledger.views import data_labels, shown_models

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
    labels, shown, recipes = data_labels(folder), shown_models(folder), recipe_labels(trials)
    return [
        {
            "model": shown.get(row.model, {}).get("label", row.model), "data": labels.get(row.data, row.data),
            "recipe": recipes[row.key], "budget": row.per_class, "draw": row.draw, "seed": row.seed,
            "status": row.status, "score": next(iter(row.scores.get("test", {}).values()), None),
            "seconds": row.seconds, "error": row.error, "key": row.key[:12],
        }
        for row in trials
    ]  # fmt: skip


def status_rows(folder: RunFolder) -> list[dict[str, Any]]:
    """Status (and error) → number of trials of the run's current plan."""
    counts = Counter((row.status, row.error) for row in folder.trials())
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    return [{"status": status, "trials": n, "error": error} for (status, error), n in ordered]


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
    states = Counter(row.status for row in trials)
    return {
        "run": str(root), "name": folder.name, "created": created.strftime("%Y-%m-%d %H:%M"), "trials": len(trials),
        "ok": states["ok"], "failed": states["failed"],
        "note": "smoke run" if any(row.smoke for row in trials) else None,
    }  # fmt: skip
