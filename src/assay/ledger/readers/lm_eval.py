"""Results JSON of lm-evaluation-harness: one document a run, every metric of every task with its standard error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

NAME = "lm-evaluation-harness"
_NOT_METRICS = ("alias", "samples", "name", "sample_len", "sample_count")


def describes(document: Any) -> bool:
    """Whether a JSON document is a results file of the harness."""
    results = document.get("results") if isinstance(document, dict) else None
    return isinstance(results, dict) and all(isinstance(task, dict) for task in results.values())


def read_document(document: dict[str, Any], path: Path) -> pd.DataFrame:
    """One row a task and metric; groups of tasks are left out, because their members stand beside them."""
    groups = set(document.get("groups") or {}) | {
        name for name, members in (document.get("group_subtasks") or {}).items() if members
    }
    higher = document.get("higher_is_better") or {}
    model = _model(document, path)
    rows: list[dict[str, Any]] = []
    for task, values in document["results"].items():
        if task in groups:
            continue
        for key, value in values.items():
            metric, _, variant = key.partition(",")
            if metric in _NOT_METRICS or metric.endswith("_stderr") or not _is_number(value):
                continue
            rows.append(_row(document, model, task, metric, variant, values))
            rows[-1]["score"] = float(value)
            rows[-1]["higher_is_better"] = (higher.get(task) or {}).get(metric) is not False
    frame = pd.DataFrame(rows)
    frame.attrs["options"] = {"error": "error"} if _all_errors(rows) else {}
    return frame


def _row(
    document: dict[str, Any], model: str, task: str, metric: str, variant: str, values: dict[str, Any]
) -> dict[str, Any]:  # fmt: skip
    error: Any = values.get(f"{metric}_stderr,{variant}" if variant else f"{metric}_stderr")
    sizes = (document.get("n-samples") or {}).get(task) or {}
    config = document.get("config") or {}
    return {
        "model": model, "task": task, "metric": metric if variant in ("", "none") else f"{metric} ({variant})",
        "error": float(error) if _is_number(error) else None, "n": sizes.get("effective") or values.get("samples"),
        "n_shot": (document.get("n-shot") or {}).get(task),
        "task_version": (document.get("versions") or {}).get(task),
        "batch_size": config.get("batch_size"), "device": config.get("device"),
    }  # fmt: skip


def _model(document: dict[str, Any], path: Path) -> str:
    if document.get("model_name"):
        return str(document["model_name"])
    arguments = (document.get("config") or {}).get("model_args")
    if isinstance(arguments, dict):
        named = arguments.get("pretrained") or arguments.get("model")
    else:
        pairs = {key: value for key, _, value in (part.partition("=") for part in str(arguments or "").split(","))}
        named = pairs.get("pretrained") or pairs.get("model")
    return str(named or path.parent.name)


def _all_errors(rows: list[dict[str, Any]]) -> bool:
    return bool(rows) and all(row["error"] is not None for row in rows)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
