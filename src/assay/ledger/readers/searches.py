"""Readers of searches by other tools: an Optuna storage, a Ray Tune or Weights & Biases export.

Each gives a table with one row a run, the parameters as columns, and the columns `score` and `status`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from assay.errors import DataError, MissingExtraError, NothingToAssessError, UnknownNameError, UsageError


def is_storage(source: str) -> bool:
    """Whether a source is the URL of an Optuna storage, such as sqlite:///study.db."""
    return "://" in source


def open_storage(url: str) -> Any:
    """Optuna's storage at a URL; a SQLite file is closed after each use, so that nobody has to close the storage.

    Raises:
        MissingExtraError: when Optuna is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise MissingExtraError("tune", "an Optuna storage") from error
    if not url.startswith("sqlite"):
        return optuna.storages.get_storage(url)
    from sqlalchemy.pool import NullPool

    return optuna.storages.get_storage(optuna.storages.RDBStorage(url, engine_kwargs={"poolclass": NullPool}))


def read_optuna(url: str, *, study: str | None = None) -> tuple[pd.DataFrame, bool]:
    """(table, lower is better) of a study in an Optuna storage; only for reading.

    Args:
        url: The storage's URL.
        study: The study's name; may be left out when there is one.

    Raises:
        MissingExtraError: when Optuna is not installed.
        DataError: when the storage cannot be opened.
        UsageError: when there are several studies and none is named, or the study has several objectives.
        NothingToAssessError: when the study has no trials.
    """
    place = url.split("@")[-1]
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        raise DataError(f"{place}: there is no such file")
    try:
        storage = open_storage(url)
        names = [summary.study_name for summary in storage.get_all_studies()]
    except MissingExtraError:
        raise
    except Exception as error:
        raise DataError(f"{place} cannot be read as an Optuna storage: {error}") from error
    if study is None and len(names) != 1:
        raise UsageError(
            f"{place} holds {len(names)} studies; choose one with --study: {', '.join(sorted(names)[:12])}"
        )
    name = study or names[0]
    if name not in names:
        raise UnknownNameError("study", name, names, where=place)
    from optuna import load_study

    loaded = load_study(study_name=name, storage=storage)
    if len(loaded.directions) > 1:
        raise UsageError(f"study {name!r} has {len(loaded.directions)} objectives; one is needed")
    trials = loaded.get_trials(deepcopy=False)
    if not trials:
        raise NothingToAssessError(f"study {name!r} in {place} has no trials yet")
    rows = [{**trial.params, "score": trial.value, "status": trial.state.name.casefold(), "seconds": _seconds(trial)}
            for trial in trials]  # fmt: skip
    return pd.DataFrame(rows), loaded.direction.name == "MINIMIZE"


def read_ray(folder: Path, *, score: str) -> pd.DataFrame:
    """The runs of a Ray Tune experiment folder: one sub-folder a run with params.json and result.json.

    Raises:
        NothingToAssessError: when no run is there.
        DataError: when a file cannot be read, with its place.
        UnknownNameError: when no result has the score.
    """
    found = sorted(path.parent for path in folder.glob("*/params.json"))
    if not found:
        raise NothingToAssessError(f"{folder} holds no runs of Ray Tune (no */params.json)")
    rows: list[dict[str, Any]] = []
    names: set[str] = set()
    for run in found:
        last = _last_result(run / "result.json")
        names |= set(last)
        params = _flat(_json(run / "params.json"))
        status = "failed" if (run / "error.txt").exists() else "ok"
        rows.append({**params, "score": last.get(score), "status": status, "seconds": last.get("time_total_s")})
    if all(row["score"] is None for row in rows) and names:
        raise UnknownNameError("score", score, names, where=str(folder))
    return pd.DataFrame(rows)


def wandb_columns(columns: Sequence[str]) -> dict[str, str]:
    """Column → parameter name of a Weights & Biases export: `config.lr` or `config/lr` becomes `lr`."""
    return {name: name[7:] for name in columns if name.startswith(("config.", "config/"))}


def _seconds(trial: Any) -> float | None:
    return None if trial.duration is None else float(trial.duration.total_seconds())


def _last_result(path: Path) -> dict[str, Any]:
    """The last line of a result file; empty where a run died before its first result."""
    if not path.exists():
        return {}
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        return {}
    try:
        return _flat(json.loads(lines[-1]))
    except ValueError as error:
        raise DataError(f"{path}: line {len(lines)} is not JSON: {error}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = json.dumps(value) if isinstance(value, list) else value
    return flat
