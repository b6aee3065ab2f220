"""What a report tells of a run beside its findings: the data, the models, the machine, the cost, the worst mistakes."""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.config.specification import StudySpec
from assay.dataset import Dataset
from assay.errors import AssayError
from assay.finding import Assessment
from assay.ledger import RunFolder
from assay.ledger.views import data_labels, shown_models
from assay.report.summary import Mistake, RunSummary
from assay.run.plan import TaskPart, metrics_for, split_text, task_parts
from assay.sources.data.duplicates import Duplicates, find_duplicates

MISTAKES = 12
THUMBNAIL = 96


def describe_part(part: TaskPart, study: StudySpec, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The record of one data set: what it is, how it is split, duplicates across the first draw, what to beware of.

    What is known of the same rows under the same split is not looked for again.
    """
    from assay.run.runner import split_rows

    dataset = part.dataset
    rows, split = split_rows(part, 0, study, None), split_text(part.split, study)
    if known is not None and (known.get("revision"), known.get("split")) == (dataset.ref.revision, split):
        caveats = list(known["caveats"])
    else:
        caveats = [*_duplicate_notes(find_duplicates(dataset, parts=rows)), *[str(note) for note in rows.notes]]
        caveats += _time_notes(dataset, part.split.scheme)
    return {
        "label": part.label, "uri": dataset.ref.uri, "revision": dataset.ref.revision, "modality": dataset.modality,
        "task": dataset.task.kind, "classes": list(dataset.task.classes), "rows": len(dataset),
        "train": len(rows.train), "valid": len(rows.valid), "test": len(rows.test), "licence": dataset.licence,
        "metrics": list(metrics_for(study, dataset.task)), "subtask": part.subtask, "caveats": caveats, "split": split,
        "origin": part.split.origin, "window": part.split.window,
        "notes": {name: str(value) for name, value in dataset.notes.items()},
    }  # fmt: skip


def _time_notes(dataset: Dataset, scheme: str) -> list[str]:
    """What a random split hides of dated data."""
    if dataset.times is None or scheme in ("given", "time", "forward"):
        return []
    return ["The rows have times and were split at random, so the models learned from the future too; "
            "split: {scheme: forward} learns from the past and shows how long the models last."]  # fmt: skip


def _duplicate_notes(found: Duplicates) -> list[str]:
    """What the reader must know of copies: across parts they flatter the score, in conflict they cap it."""
    notes = [
        f"{row['items']:,} items of {str(row['between']).split(' → ')[-1]} have {row['kind']} copies in "
        f"{str(row['between']).split(' → ', maxsplit=1)[0]} rows; the score flatters the models by that much."
        for row in found.rows()
        if row["items"]
    ]
    conflicts = found.exact_conflicts + found.near_conflicts
    if conflicts:
        notes.append(f"{conflicts:,} copies carry different labels; no model can get both right.")
    return notes


def summarize(folder: RunFolder, assessments: Sequence[Assessment]) -> RunSummary:
    """What the report page tells of the run."""
    trials = folder.trials()
    study, environments = folder.study(), list(folder.ledger.get("environment").values())
    seconds = sum(row.cost_seconds for row in trials)
    features = folder.ledger.get("features").values()
    return RunSummary(
        title=folder.name, study=folder.name, smoke=any(row.smoke for row in trials),
        models=[_model_row(record) for record in shown_models(folder).values()],
        data=[_data_row(folder.ledger.get("data")[uri]) for uri in data_labels(folder)],
        environment=environments[-1] if environments else {},
        command=shlex.join(["assay", "run", str(folder.paths.root)]),
        cost=[
            {"stage": "features", "seconds": sum(float(item["seconds"]) for item in features), "count": len(features)},
            {"stage": "trials", "seconds": seconds, "count": len(trials)},
        ],
        mistakes=worst_mistakes(folder, assessments),
        notes=[f"Seed {study.get('seed', 0)}; {study.get('draws', 1)} draws."],
    )  # fmt: skip


def worst_mistakes(folder: RunFolder, assessments: Sequence[Assessment]) -> list[Mistake]:
    """The most confident mistakes of the leading model of each data set, with the items where they can be loaded."""
    found: list[Mistake] = []
    labels = {label: data for data, label in data_labels(folder).items()}
    for assessment in assessments:
        data = labels.get(str(assessment.inputs.get("task", "")))
        ranking = assessment.tables.get("ranking") or ()
        if assessment.lens == "selection" and data is not None and ranking:
            found += _mistakes_of(folder, data, str(ranking[0]["model"]))
    return found


def thumbnail(item: Any) -> str | None:
    """An image as a small PNG in a data URI; None for anything else."""
    if not hasattr(item, "thumbnail"):
        return None
    small = item.convert("RGB").copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _mistakes_of(folder: RunFolder, data: str, label: str) -> list[Mistake]:
    shown = shown_models(folder)
    mine = [
        row
        for row in folder.trials()
        if row.data == data and row.status == "ok" and row.role == "model"
        and (label + " (").startswith(str(shown.get(row.model, {}).get("label", row.model)) + " (")
    ]  # fmt: skip
    record = folder.ledger.get("data")[data]
    if not mine or record["task"] not in ("binary", "multiclass"):
        return []
    predictions = folder.predictions(mine[0].key)
    if predictions is None or predictions.score is None:
        return []
    said = predictions.labels().astype(int)
    wrong = np.flatnonzero(said != predictions.target)
    sure = predictions.score[np.arange(len(said)), said]
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]
    items = _items(folder, data, [str(predictions.ids[i]) for i in order])
    classes = record["classes"]
    return [
        Mistake(
            id=str(predictions.ids[i]), target=classes[int(predictions.target[i])], label=classes[said[i]],
            confidence=float(sure[i]), model=label, data=record["label"], image=thumbnail(item),
            text=item[:280] if isinstance(item, str) else None,
        )
        for i, item in zip(order, items, strict=True)
    ]  # fmt: skip


def _items(folder: RunFolder, data: str, ids: Sequence[str]) -> list[Any]:
    """The items themselves, or None for each where the data cannot be loaded any more."""
    dataset = reload_data(folder, data)
    if dataset is None:
        return [None] * len(ids)
    position = {str(name): i for i, name in enumerate(dataset.ids)}
    wanted = [position[name] for name in ids if name in position]
    loaded = iter(dataset.load(np.array(wanted, dtype=int)))
    return [next(loaded) if name in position else None for name in ids]


def reload_data(folder: RunFolder, data: str) -> Dataset | None:
    """The data set behind a run's uri, whole; None where it cannot be loaded any more."""
    from assay.sources.data import load_data
    from assay.spec import DataRef

    whole = data.partition("#")[0]
    try:
        if whole not in folder.data:
            folder.data[whole] = load_data(DataRef.parse(whole), offline=True)
        return folder.data[whole]
    except AssayError:
        return None


def reload_parts(folder: RunFolder) -> dict[str, Dataset]:
    """Uri → the rows that took part, of every data set or subtask of a run that can be loaded still."""
    study = StudySpec.model_validate(folder.study())
    found: dict[str, Dataset] = {}
    for entry in study.data:
        whole = reload_data(folder, entry.uri)
        if whole is not None:
            found |= {part.dataset.ref.uri: part.dataset for part in task_parts(entry, whole, study)}
    return found


def _model_row(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": record["label"], "role": record["role"], "revision": str(record["revision"])[:16],
        "parameters": record.get("parameters"), "flops": record.get("flops"), "width": record.get("width"),
        "pooling": record.get("pooling"), "licence": record.get("licence") or None, "note": record.get("error"),
    }  # fmt: skip


def _data_row(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": record["label"], "task": record["task"], "rows": record["rows"], "train": record["train"],
        "valid": record["valid"], "test": record["test"], "classes": len(record["classes"]) or None,
        "revision": str(record["revision"])[:16], "licence": record["licence"] or None,
    }  # fmt: skip
