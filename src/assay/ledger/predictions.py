"""Per-item predictions in Parquet, one file a trial, with checksums on every page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.errors import StoreError
from assay.outcome import Predictions
from assay.store.paths import write_whole

_COLUMNS = ("id", "target", "label", "score", "time")


def write_predictions(path: Path, parts: Mapping[str, Predictions]) -> None:
    """Write the predictions of all parts (`train`, `valid`, `test`) of one trial."""
    table = pa.concat_tables([_table(part, predictions) for part, predictions in sorted(parts.items())])
    write_whole(path, lambda temporary: pq.write_table(table, temporary, write_page_checksum=True))


def read_predictions(path: Path) -> dict[str, Predictions]:
    """The predictions that `write_predictions` wrote, by part.

    Raises:
        StoreError: when the file is missing or damaged.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"the predictions in {path} cannot be read ({error}); `assay run` on this folder computes them again"
        ) from error
    part = np.asarray(table["part"].to_pylist())
    columns = {name: _array(table[name]) for name in _COLUMNS if name in table.column_names}
    return {str(name): _predictions(columns, part == name) for name in np.unique(part)}


def _table(part: str, predictions: Predictions) -> pa.Table:
    columns: dict[str, Any] = {
        "part": pa.array([part] * len(predictions.ids)),
        "id": pa.array([str(item) for item in predictions.ids]),
        "target": _column(predictions.target),
        "label": _column(predictions.labels()),
    }
    if predictions.score is not None:
        columns["score"] = _column(predictions.score)
    if predictions.times is not None:
        columns["time"] = pa.array(predictions.times.astype("datetime64[us]"))
    return pa.table(columns)


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 2:
        flat = pa.array(np.ascontiguousarray(values).ravel())
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.array(values)


def _array(column: pa.ChunkedArray) -> np.ndarray:
    whole = column.combine_chunks()
    if pa.types.is_fixed_size_list(whole.type):
        return whole.flatten().to_numpy(zero_copy_only=False).reshape(len(whole), whole.type.list_size)
    return np.asarray(whole.to_pylist()) if pa.types.is_string(whole.type) else whole.to_numpy(zero_copy_only=False)


def _predictions(columns: Mapping[str, np.ndarray], mask: np.ndarray) -> Predictions:
    return Predictions(
        ids=columns["id"][mask], target=columns["target"][mask], label=columns["label"][mask],
        score=columns["score"][mask] if "score" in columns else None,
        times=columns["time"][mask].astype("datetime64[us]") if "time" in columns else None,
    )  # fmt: skip
