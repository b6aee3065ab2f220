"""A dated study seen through durability: what a model said of every later row, with its times and its features.

The study learned from the past (`split: {scheme: forward}`, or `time`); its predictions become a log like anyone's.
Where it also fitted the model anew at later windows, these models tell staleness; otherwise heads on its features do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.assess.durability import Columns, PredictionLog, Question, Refits, assess, read_log
from assay.assess.durability.lens import periods_of
from assay.assess.durability.overfitting import fall_between
from assay.assess.durability.scoring import score_rows
from assay.dataset import Dataset
from assay.errors import AssayError, NothingToAssessError, UnknownNameError
from assay.finding import Assessment
from assay.ledger import RunFolder
from assay.ledger.rows import TrialRow, recipe_labels
from assay.ledger.views import data_labels, fullest, shown_models
from assay.run.describe import reload_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """One recipe on one model and one data set, fitted before the origin, and fitted anew where the study did."""

    name: str
    first: TrialRow
    again: tuple[TrialRow, ...]
    """In order of time."""


def lasting_models(folder: RunFolder, question: Question, *, data: str | None = None, model: str | None = None
                   ) -> list[Assessment]:  # fmt: skip
    """How long the models of a study last: one assessment a dated data set, of the model leading on validation rows.

    Args:
        folder: the run.
        question: what is asked; windows and origin are the study's where it leaves them open.
        data: only this data set, by its label.
        model: this model instead, by its name in the table `models`.

    Raises:
        NothingToAssessError: no trial on dated data that learned from the past.
        UnknownNameError: no such data set or model.
    """
    labels = data_labels(folder)
    if data is not None and data not in labels.values():
        raise UnknownNameError("data set", data, labels.values(), where=str(folder.paths.root))
    found: list[Assessment] = []
    reasons: list[str] = []
    for uri, label in labels.items():
        if data in (None, label):
            try:
                found.append(_of_data(folder, uri, label, question, model))
            except NothingToAssessError as error:
                reasons.append(f"{label}: {error}")
    if not found:
        raise NothingToAssessError("; ".join(reasons) or f"{folder.paths.root} holds no trials of its data sets")
    return found


def _of_data(folder: RunFolder, uri: str, label: str, question: Question, model: str | None) -> Assessment:
    record = folder.ledger.get("data")[uri]
    if record["task"] == "multilabel":
        raise NothingToAssessError("durability is of one label or one number an item")
    models = _models(folder, uri)
    if model is not None and model not in models:
        raise UnknownNameError("model", model, models, where=str(folder.paths.root))
    question = replace(question, window=question.window or record.get("window"),
                       origin=question.origin or record.get("origin"))  # fmt: skip
    logs = {name: _log(folder, lasting.first, record) for name, lasting in models.items()}
    chosen = models[model] if model is not None else _leading(list(models.values()), record["metrics"])
    log = _log(folder, chosen.first, record, dataset=reload_data(folder, uri))
    ordered = [chosen, *(lasting for lasting in models.values() if lasting is not chosen)]
    given = [_refits(folder, lasting, log, record) for lasting in ordered if lasting.again and record["classes"]]
    result = assess(log, question, given=given if chosen.again else ())
    compared = [_compared(name, lasting, logs[name], question) for name, lasting in models.items()]
    tables = {"models": compared, **result.tables} if len(compared) > 1 else dict(result.tables)
    return replace(result, inputs={"task": label, "model": chosen.name, **result.inputs}, tables=tables,
                   verdict=f"{chosen.name}: {result.verdict}")  # fmt: skip


def _models(folder: RunFolder, uri: str) -> dict[str, Lasting]:
    """Name → what the study fitted, in the order of the plan; the first seed speaks."""
    rows = [row for row in folder.trials() if row.data == uri and row.role == "model" and row.status == "ok"]
    forward = [row for row in rows if row.split.startswith(("forward(", "time("))]
    if not forward:
        raise NothingToAssessError("no model learned from the past only; split: {scheme: forward} in the study does")
    recipes, shown = recipe_labels(rows), shown_models(folder)
    found: dict[str, Lasting] = {}
    for row in fullest(forward):
        label = str(shown.get(row.model, {}).get("label", row.model))
        name = f"{label} ({recipes[row.key]})"
        if row.draw or name in found:
            continue
        again = [other for other in forward if other.fitted_anew and (other.model, other.seed, other.per_class) ==
                 (row.model, row.seed, row.per_class) and recipes[other.key] == recipes[row.key]]  # fmt: skip
        found[name] = Lasting(name=name, first=row, again=tuple(sorted(again, key=lambda other: other.draw)))
    if not found:
        raise NothingToAssessError("the model fitted before the origin has not been run")
    return found


def _leading(models: Sequence[Lasting], metrics: Sequence[str]) -> Lasting:
    """The best on validation rows by the first metric they have; the first of the plan without any."""
    from assay.metrics import METRICS

    def score(lasting: Lasting) -> float:
        valid = lasting.first.scores.get("valid", {})
        name = next((name for name in metrics if name in valid), None)
        if name is None:
            return float("-inf")
        return valid[name] if METRICS[name].higher_is_better else -valid[name]

    return max(models, key=score)


def _log(
    folder: RunFolder, row: TrialRow, record: Mapping[str, Any], *, dataset: Dataset | None = None,
) -> PredictionLog:  # fmt: skip
    """The predictions of one trial as a log: rows it learned from and chose on, held-out rows of that time, the stream.

    With the data set at hand, the trial's features and the texts come along.
    """
    parts = folder.ledger.predictions(row.key)
    if any(part.times is None for part in parts.values()):
        raise NothingToAssessError("its rows have no times; name their column with time=")
    taught = [part.times.max() for name, part in parts.items() if name != "test" and part.times is not None]
    last = max(taught, default=np.datetime64("0001-01-01"))
    names = np.array(record["classes"], dtype=object)
    frames: list[pd.DataFrame] = []
    for name, part in parts.items():
        target, label = (values if not len(names) else names[np.asarray(values, dtype=int)]
                         for values in (part.target, part.labels()))  # fmt: skip
        assert part.times is not None
        mark = np.where(part.times <= last, name, "stream")
        when = pd.Series(part.times).dt.tz_localize("UTC")
        frame = pd.DataFrame({"id": part.ids, "time": when, "target": target, "said": label, "part": mark})
        if part.score is not None and len(names):
            frame[[f"p{code}" for code in range(len(names))]] = part.score
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    proba = tuple(f"{names[code]}=p{code}" for code in range(len(names))) if "p0" in table else ()
    x = None
    if dataset is not None:
        at = pd.Series(np.arange(len(dataset)), index=dataset.ids).reindex(table["id"])
        if at.notna().all():
            rows = at.to_numpy(dtype=int)
            x = _features(folder, row, dataset, rows)
            if dataset.modality == "text":
                table["text"] = [str(item) for item in dataset.load(rows)]
    columns = Columns(time="time", target="target", prediction="said", proba=proba, split="part", id="id",
                      text="text" if "text" in table else None,
                      task="classification" if len(names) else "regression")  # fmt: skip
    return read_log(table, columns, features=x)


def _features(
    folder: RunFolder, row: TrialRow, dataset: Dataset, rows: NDArray[np.int_],
) -> NDArray[Any] | None:  # fmt: skip
    """(n, d) the features behind a trial, as they lie in the store; None where there are none."""
    if "features" not in row.provenance:
        return None
    from assay.features.extract import extract
    from assay.sources.models import load_model

    settings = folder.study().get("features", {})
    try:
        found = extract(
            load_model(row.model, offline=True), dataset, rows, store=folder.feature_store(),
            engine=settings.get("engine", "auto"), precision=settings.get("precision", "float32"),
            batch_size=settings.get("batch_size", "auto"),
        )  # fmt: skip
    except AssayError:
        return None
    return np.asarray(found.x())


def _refits(folder: RunFolder, lasting: Lasting, log: PredictionLog, record: Mapping[str, Any]) -> Refits:
    """What a recipe said of the rows of the log, each time it was fitted."""
    place = {str(name): i for i, name in enumerate(log.frame["id"])}
    codes = {name: code for code, name in enumerate(log.outputs.classes)}
    of_record = np.array([codes.get(str(name), len(codes)) for name in record["classes"]])
    trials = (lasting.first, *lasting.again)
    labels = np.full((len(trials), len(log)), -1)
    for i, row in enumerate(trials):
        said = folder.predictions(row.key)
        if said is not None:
            at = np.array([place.get(str(name), -1) for name in said.ids])
            labels[i, at[at >= 0]] = of_record[np.asarray(said.labels(), dtype=int)][at >= 0]
    return Refits(
        labels=labels, seconds=np.array([row.cost_seconds for row in trials]), what=lasting.name,
        size=int(lasting.first.provenance.get("rows", {}).get("train", 0)),
        growing="refit=growing" in lasting.first.split,
    )  # fmt: skip


def _compared(name: str, lasting: Lasting, log: PredictionLog, question: Question) -> dict[str, Any]:
    """One row of the comparison: score before, score later, and the fall."""
    scoring = score_rows(log.outputs, metric=question.metric, level=question.level)
    periods = periods_of(log, question)
    return {
        "model": name, "source": scoring.performance(periods.source),
        "later": scoring.performance(periods.rows_later),
        "drop": fall_between(periods.source, periods.rows_later, scoring, "drop"),
        "seconds": lasting.first.cost_seconds,
    }  # fmt: skip
