"""What each lens reads of a run: rows and predictions of the ledger in the lens's own terms.

The largest label budget speaks for a model where a study has several; the smaller ones belong to the label curve.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from assay.assess.selection.candidates import Background, Candidate, Regime, Run
from assay.errors import NothingToAssessError
from assay.ledger.run_folder import RunFolder
from assay.outcome import Cost

NETWORK_METHODS = ("finetune", "lora")


def data_labels(folder: RunFolder) -> dict[str, str]:
    """Data uri (of a part) → what reports call it."""
    return {key: record["label"] for key, record in folder.ledger.get("data").items()}


def recipe_labels(trials: pd.DataFrame) -> pd.Series:
    """A short name of each row's recipe: the method, and the parameters in which recipes of that method differ."""
    varied: dict[str, list[str]] = {}
    for method, rows in trials.groupby("method"):
        names = sorted({name for params in rows["params"] for name in params})
        values = {name: {json.dumps(params.get(name), sort_keys=True) for params in rows["params"]} for name in names}
        varied[str(method)] = [name for name in names if len(values[name]) > 1]

    def label(row: Any) -> str:
        told = [f"{name}={row.params.get(name)}" for name in varied[row.method]]
        return f"{row.method}({', '.join(told)})" if told else str(row.method)

    return pd.Series([label(row) for row in trials.itertuples()], index=trials.index, dtype=object)


def candidates_of(folder: RunFolder, data: str) -> tuple[list[Candidate], Background]:
    """The candidates of one data set, and what they are held against.

    Raises:
        NothingToAssessError: when no trial of a model has succeeded.
    """
    trials = folder.trials()
    trials = trials[trials["data"] == data].copy()
    trials["recipe"] = recipe_labels(trials)
    full = (
        trials["per_class"].isna()
        if trials["per_class"].isna().any()
        else trials["per_class"].eq(trials["per_class"].max())
    )
    trials = trials[full]
    infos = _infos(folder)
    ok = trials[trials["status"] == "ok"]
    models = [
        _candidate(folder, str(model), str(recipe), rows, infos)
        for (model, recipe), rows in ok[ok["role"] == "model"].groupby(["model", "recipe"], sort=False)
    ]
    if not models:
        errors = sorted(set(trials["error"].dropna()))
        why = f"; the first error: {errors[0]}" if errors else ""
        raise NothingToAssessError(f"no trial of a model has succeeded on {data}{why}")
    baselines = [
        _candidate(folder, str(model), str(recipe), rows, infos)
        for (model, recipe), rows in ok[ok["role"] != "model"].groupby(["model", "recipe"], sort=False)
    ]
    return models, Background(
        baselines=baselines, priors=_priors(folder, infos), failures=_failures(trials, infos),
        classes=folder.ledger.get("data").get(data, {}).get("classes", ()), caveats=_caveats(folder, data, trials),
    )  # fmt: skip


def task_table(folder: RunFolder, metric: str | None = None) -> pd.DataFrame:
    """One row a model, task, draw and seed: `model`, `task`, `seed`, `score`, `metric`, `n`."""
    trials = folder.trials()
    rows = trials[(trials["role"] == "model") & (trials["status"] == "ok")].copy()
    rows["recipe"] = recipe_labels(rows)
    labels, infos = data_labels(folder), _infos(folder)
    chosen = metric or folder.study().get("metrics", [None])[0] if folder.study().get("metrics") else metric
    table: list[dict[str, Any]] = []
    several = rows["recipe"].nunique() > 1
    for row in rows.itertuples():
        scores = row.scores["test"]
        name = chosen if chosen in scores else next(iter(scores), None)
        if name is None:
            continue
        shown = infos.get(row.model, {}).get("label", row.model)
        table.append(
            {
                "model": f"{shown} ({row.recipe})" if several else shown, "task": labels.get(row.data, row.data),
                "seed": f"{row.draw}/{row.seed}", "score": scores[name], "metric": name,
                "n": row.provenance["rows"]["test"],
            }
        )  # fmt: skip
    if not table:
        raise NothingToAssessError(f"{folder.paths.root} holds no trial of a model that has succeeded")
    return pd.DataFrame(table)


def _candidate(folder: RunFolder, model: str, recipe: str, rows: pd.DataFrame, infos: dict[str, Any]) -> Candidate:
    info = infos.get(model, {})
    regime: Regime = "finetuned" if rows["method"].iloc[0] in NETWORK_METHODS else "frozen"
    runs = [
        Run(predictions=predictions, draw=int(draw), seed=int(seed))
        for key, draw, seed in zip(rows["key"], rows["draw"], rows["seed"], strict=True)
        if (predictions := folder.predictions(key)) is not None
    ]
    return Candidate(
        model=info.get("label", _baseline_name(model)), runs=runs, recipe=recipe, regime=regime, cost=_cost(rows),
        parameters=info.get("parameters"), flops_per_item=info.get("flops"), twin_of=info.get("twin_of", ""),
    )  # fmt: skip


def _cost(rows: pd.DataFrame) -> Cost:
    features = rows["feature_seconds"].max() if rows["feature_seconds"].notna().any() else 0.0
    peak = rows["peak_bytes"].max()
    return Cost(
        seconds=float(rows["seconds"].fillna(0.0).sum() + features),
        peak_bytes=None if pd.isna(peak) else int(peak), device=next(iter(rows["device"].dropna()), None),
    )  # fmt: skip


def _infos(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Model uri → what is known of it, with its label."""
    return folder.ledger.get("shown-model")


def _baseline_name(uri: str) -> str:
    return uri.partition(":")[2].replace("-", " ")


def _priors(folder: RunFolder, infos: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    del folder
    published = {info["label"]: float(info["prior"]) for info in infos.values() if info.get("prior") is not None}
    return {"published score": published} if published else {}


def _failures(trials: pd.DataFrame, infos: dict[str, dict[str, Any]]) -> dict[str, str]:
    bad = trials[(trials["status"] == "failed") & (trials["role"] == "model")]
    named = [infos.get(model, {}).get("label", model) for model in bad["model"]]
    told = [f"{label} ({recipe})" for label, recipe in zip(named, bad["recipe"], strict=True)]
    return dict(zip(told, bad["error"], strict=True))


def _caveats(folder: RunFolder, data: str, trials: pd.DataFrame) -> Sequence[str]:
    notes = list(folder.ledger.get("data").get(data, {}).get("caveats", ()))
    if trials["smoke"].any():
        notes.insert(0, "This is a smoke run on a part of the rows; its numbers are for testing the set-up only.")
    open_trials = int(trials["status"].isin(["planned", "leased"]).sum())
    if open_trials:
        notes.append(f"{open_trials} of {len(trials)} trials are not done yet.")
    return notes
