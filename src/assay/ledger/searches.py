"""Anyone's search as trials of the configurability lens: a run folder, a table, Optuna, Ray Tune, Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from assay.assess.configurability.trials import Trials, trials_from_frame
from assay.errors import NothingToAssessError, UsageError
from assay.ledger.readers.searches import is_storage, read_optuna, read_ray, wandb_columns
from assay.ledger.rows import TrialRow
from assay.ledger.run_folder import RunFolder, is_run, open_run
from assay.ledger.tables import read_table
from assay.ledger.views import data_labels, fullest, shown_models


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchColumns:
    """Which columns of a source mean what; None where the source knows by itself."""

    score: str | None = None
    config: Sequence[str] | None = None
    group: str | None = None
    seed: str | None = None
    cost: str | None = None
    status: str | None = None
    study: str | None = None
    lower: bool = False


def read_search(source: str, columns: SearchColumns) -> Trials:
    """The trials behind a source.

    Raises:
        UsageError: when a table is given without its column of scores.
        DataError: when the source cannot be read.
        NothingToAssessError: when it holds no runs.
    """
    named: dict[str, Any] = {"score": "score", "config": columns.config, "cost": "seconds", "status": "status"}
    if is_storage(source):
        frame, lower = read_optuna(source, study=columns.study)
        return trials_from_frame(frame, **named, lower=lower, source=source.split("@")[-1])
    path = Path(source)
    if is_run(path):
        return trials_of_run(open_run(path), columns.score)
    if columns.score is None:
        raise UsageError(f"name the column of scores of {source} with --score")
    if path.is_dir():
        frame = read_ray(path, score=columns.score)
        return trials_from_frame(frame, **named, lower=columns.lower, source=source)
    return _from_table(read_table(path), source, columns)


def trials_of_run(folder: RunFolder, metric: str | None = None) -> Trials:
    """The trials of a run of Assay: model and every recipe parameter as settings, data sets as groups.

    Raises:
        NothingToAssessError: when the run has no trials of a model.
    """
    rows = fullest([row for row in folder.trials() if row.role == "model"])
    if not rows:
        raise NothingToAssessError(f"{folder.paths.root} has no trials of a model")
    shown, labels = shown_models(folder), data_labels(folder)
    from assay.metrics import METRICS

    named = metric or folder.ledger.get("data")[rows[0].data]["metrics"][0]
    records = [
        {
            "model": shown.get(row.model, {}).get("label", row.model), "method": row.method, **dict(row.params),
            "score": row.scores.get("test", {}).get(named), "status": _ended(row), "data": labels[row.data],
            "repeat": f"{row.draw}/{row.seed}", "seconds": row.seconds,
        }
        for row in rows
    ]  # fmt: skip
    return trials_from_frame(
        pd.DataFrame(records), score="score", group="data", seed="repeat", cost="seconds", status="status",
        lower=not METRICS[named].higher_is_better, source=str(folder.paths.root),
    )  # fmt: skip


def _ended(row: TrialRow) -> str:
    """The status; a trial that a search ended, or a head that successive halving stopped, was pruned."""
    halved = row.provenance.get("chosen", {}).get("stopped") == "halving"
    return "pruned" if halved or row.status == "skipped" else row.status


def _from_table(frame: pd.DataFrame, source: str, columns: SearchColumns) -> Trials:
    renamed = wandb_columns([str(name) for name in frame.columns])
    config = columns.config
    if renamed and config is None:
        frame, config = frame.rename(columns=renamed), list(renamed.values())
    status = columns.status or next((name for name in ("State", "status", "state") if name in frame.columns), None)
    assert columns.score is not None
    return trials_from_frame(
        frame, score=columns.score, config=config, group=columns.group, seed=columns.seed, cost=columns.cost,
        status=status, lower=columns.lower, source=source,
    )  # fmt: skip
