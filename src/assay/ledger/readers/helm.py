"""A leaderboard table of HELM as JSON: a header of cells and rows of cells, each a small object with a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

NAME = "HELM"
_AGGREGATES = ("mean win rate", "mean score", "average score", "mean")


def describes(document: Any) -> bool:
    """Whether a JSON document is one table of HELM, or a list of them."""
    return bool(_tables(document))


def read_document(document: Any, _path: Path) -> pd.DataFrame:
    """One row a model and scenario, from the first table with scores; columns that are averages are left out."""
    table = _tables(document)[0]
    header = table["header"]
    rows: list[dict[str, Any]] = []
    for cells in table["rows"]:
        model = str(cells[0].get("value"))
        for head, cell in zip(header[1:], cells[1:], strict=False):
            name, metric = _task(head)
            value = cell.get("value")
            if name.casefold() in _AGGREGATES or not isinstance(value, (int, float)):
                continue
            rows.append({"model": model, "task": name, "score": float(value), "metric": metric,
                         "higher_is_better": head.get("lower_is_better") is not True})  # fmt: skip
    frame = pd.DataFrame(rows)
    frame.attrs["options"] = {}
    return frame


def _tables(document: Any) -> list[dict[str, Any]]:
    candidates = document if isinstance(document, list) else [document]
    return [
        table for table in candidates
        if isinstance(table, dict) and isinstance(table.get("header"), list) and isinstance(table.get("rows"), list)
        and len(table["header"]) > 1 and all(isinstance(cell, dict) for cell in table["header"])
    ]  # fmt: skip


def _task(head: dict[str, Any]) -> tuple[str, str | None]:
    """A column's scenario and metric, from `NarrativeQA - F1` or from what stands beside it."""
    told = head.get("metadata") or {}
    name, _, metric = str(head.get("value")).rpartition(" - ")
    return str(told.get("run_group") or name or head.get("value")), told.get("metric") or (metric if name else None)
