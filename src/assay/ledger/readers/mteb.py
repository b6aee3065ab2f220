"""Results of MTEB: one JSON file a model and task, with the main score of every split and language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

NAME = "MTEB"
_SPLITS = ("test", "validation", "dev", "train")


def describes(document: Any) -> bool:
    """Whether a JSON document is a task's results as MTEB writes them."""
    return isinstance(document, dict) and isinstance(document.get("scores"), dict) and "task_name" in document


def read_document(document: dict[str, Any], path: Path) -> pd.DataFrame:
    """One row: the mean of the main score over languages, on the test split where there is one."""
    splits = {name: entries for name, entries in document["scores"].items() if entries}
    split = next((name for name in (*_SPLITS, *splits) if name in splits), None)
    scores = [
        float(entry["main_score"])
        for entry in splits.get(split or "", [])
        if isinstance(entry.get("main_score"), (int, float))
    ]
    rows = [] if not scores else [
        {"model": _model(path), "task": str(document["task_name"]), "score": float(np.mean(scores)), "split": split,
         "dataset_revision": document.get("dataset_revision"), "subset": f"{len(scores)} languages",
         "harness_version": None}
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    frame.attrs["options"] = {}
    return frame


def _model(path: Path) -> str:
    """The model's name from `model_meta.json` beside the file, or from the folders `model/revision/task.json`."""
    try:
        name = json.loads((path.parent / "model_meta.json").read_text(encoding="utf-8")).get("name")
    except (OSError, ValueError):
        name = None
    return str(name or path.parent.parent.name.replace("__", "/"))
