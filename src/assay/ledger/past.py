"""Past results as one table: a file that the user keeps, or the run folders below a folder."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median

import pandas as pd

from assay.errors import NothingToAssessError, UsageError
from assay.ledger.run_folder import RunFolder, is_run, open_run
from assay.ledger.tables import read_table
from assay.ledger.views import NETWORK_METHODS, fullest

FROZEN = "ridge_loo"
"""The name under which a frozen head's score joins, since it stands for the same thing."""


def past_results(path: Path) -> pd.DataFrame:
    """One row a model and data set: `model`, `dataset`, `accuracy`, and scores measured beforehand.

    A folder is searched for run folders. Where studies fine-tuned, `accuracy` is the fine-tuned score and the frozen
    head's score joins as `ridge_loo`; where none did, `accuracy` is the frozen head's. Of several recipes the best
    counts, of several draws and seeds the median.

    Raises:
        UsageError: when there is no such file or folder.
        NothingToAssessError: when the folder holds no finished run.
    """
    if path.is_file():
        return read_table(path)
    if not path.is_dir():
        raise UsageError(f"{path}: there is no such table or folder of runs")
    folders = sorted({path, *(marker.parent for marker in path.rglob("run.json"))})
    cells = [cell for folder in folders if is_run(folder) for cell in _cells(open_run(folder))]
    if not cells:
        raise NothingToAssessError(f"{path} holds no run with a finished trial of a model; `assay ls` shows runs")
    repeats: dict[tuple[str, str, str], list[float]] = {}
    for model, dataset, method, score in cells:
        repeats.setdefault((model, dataset, method), []).append(score)
    scores: dict[str, dict[tuple[str, str], float]] = {"finetuned": {}, "frozen": {}}
    for (model, dataset, method), found in repeats.items():
        regime = scores["finetuned" if method in NETWORK_METHODS else "frozen"]
        regime[model, dataset] = max(median(found), regime.get((model, dataset), -math.inf))
    leading, beside = ("finetuned", "frozen") if scores["finetuned"] else ("frozen", "")
    rows = [
        {"model": model, "dataset": dataset, "accuracy": score,
         **({FROZEN: scores[beside][model, dataset]} if (model, dataset) in scores.get(beside, {}) else {})}
        for (model, dataset), score in sorted(scores[leading].items())
    ]  # fmt: skip
    out = pd.DataFrame(rows)
    out.attrs = {"source": str(path)}
    return out


def _cells(folder: RunFolder) -> list[tuple[str, str, str, float]]:
    """(model, data set, method, score) of each finished trial of a pretrained model on all of its rows."""
    rows = [row for row in folder.trials() if row.role == "model" and not row.smoke and row.subtask is None]
    named = list(folder.study().get("metrics", []))
    found: list[tuple[str, str, str, float]] = []
    for uri in {row.data for row in rows}:
        for row in fullest([row for row in rows if row.data == uri]):
            test = row.scores.get("test", {}) if row.status == "ok" else {}
            metric = next((name for name in [*named, *test] if name in test), None)
            if metric is not None:
                found.append((row.model, uri.partition("#")[0], row.method, float(test[metric])))
    return found
