"""timm's results files: one `results-*.csv` a test set, one row a model and image size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from assay.errors import DataError
from assay.ledger.tables import column, read_table

NAME = "timm"
SIZES = {
    "imagenet": 50_000, "imagenet-real": 46_837, "imagenetv2-matched-frequency": 10_000, "imagenet-a": 7_500,
    "imagenet-r": 30_000, "sketch": 50_889, "imagenet-a-clean": 7_500, "imagenet-r-clean": 30_000,
}  # fmt: skip
"""Images of each test set, by the file's name; ReaL has labels for 46,837 of ImageNet's 50,000."""


def files(folder: Path) -> list[Path]:
    """Timm's results files in a folder."""
    return [path for path in sorted(folder.glob("results-*.csv")) if _is_results(path)]


def read_folder(folder: Path) -> pd.DataFrame:
    """One row a model and test set: top-1 in percent.

    A model that was tested at several image sizes is one model a size, named `model@size`.

    Raises:
        DataError: when a file lacks the columns `model` and `top1`.
    """
    rows: list[dict[str, Any]] = []
    for path in files(folder):
        table = read_table(path)
        task = path.stem.removeprefix("results-")
        sizes = table["img_size"] if "img_size" in table.columns else [None] * len(table)
        for model, size, score in zip(column(table, "model"), sizes, column(table, "top1"), strict=True):
            name = str(model) if size is None else f"{model}@{size}"
            rows.append({"model": name, "task": task, "score": float(score), "n": SIZES.get(task), "metric": "top1"})
    if any(row["n"] is None for row in rows):
        rows = [{key: value for key, value in row.items() if key != "n"} for row in rows]
    frame = pd.DataFrame(_short(rows))
    frame.attrs["options"] = {"n": "n"} if "n" in frame.columns else {}
    return frame


def _short(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the size left out of the name of models that have one size only."""
    sizes: dict[str, set[str]] = {}
    for row in rows:
        model, _, size = row["model"].rpartition("@")
        sizes.setdefault(model, set()).add(size)
    return [
        row | {"model": row["model"].rpartition("@")[0]} if len(sizes[row["model"].rpartition("@")[0]]) == 1 else row
        for row in rows
    ]


def _is_results(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    return {"model", "top1"} <= set(header.strip().split(","))
