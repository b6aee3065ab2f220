"""Data sets from what is already in memory: lists, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset, Task
from assay.errors import DataError, ShapeError
from assay.sources.data.assembly import assemble, check_length, in_memory
from assay.sources.data.items.rows import PixelRows, Rows
from assay.sources.data.items.text import check_texts
from assay.sources.data.targets import check_label_table, encode_classes, encode_numbers
from assay.sources.data.times import parse_times
from assay.spec import DataRef, Modality

TaskWord = Literal["classification", "regression", "multilabel"]


def from_arrays(
    items: Rows | NDArray[Any], targets: Sequence[Any] | NDArray[Any], *, name: str,
    modality: Modality | None = None, task: TaskWord | None = None, classes: Sequence[str] | None = None,
    ids: Sequence[Any] | None = None, splits: Sequence[Any] | None = None, groups: Sequence[Any] | None = None,
    times: Sequence[Any] | NDArray[Any] | None = None, ref: DataRef | None = None, licence: str = "",
) -> Dataset:  # fmt: skip
    """A data set of items in memory.

    Args:
        items: n texts, PIL images, (h, w) or (h, w, 3) uint8 arrays, (waveform, rate) pairs, or rows of numbers (n, d).
        targets: (n,) labels of any type, (n,) numbers, or (n, c) 0/1 for multilabel.
        name: what the data are called in results.
        modality: what an item is; told from the first item where it is None.
        task: told from the targets where it is None: (n, c) is multilabel, numbers with a fraction are regression.
        classes: names of the classes in the order of their codes.
        ids: (n,) unique names.
        splits: (n,) published splits.
        groups: (n,) groups that are never parted.
        times: (n,) dates, as `datetime64`, `datetime` or ISO 8601 text.
        ref: a reference to keep in place of `arrays:name`.
        licence: as the source states it.

    Raises:
        DataError: for missing or unusable items and targets, with their rows.
        ShapeError: for columns of different lengths.

    Example:
        >>> data = from_arrays(["good", "bad", "fine", "poor"], [1, 0, 1, 0], name="moods")
        >>> data.modality, data.task.classes
        ('text', ('0', '1'))
    """
    ref = ref or DataRef(source="arrays", name=name)
    where, n = ref.uri, len(items)
    for column, values in (
        ("targets", targets),
        ("ids", ids),
        ("splits", splits),
        ("groups", groups),
        ("times", times),
    ):
        check_length(column, values, n, where)
    if n == 0:
        raise DataError(f"{where}: no items")
    modality = modality or told_modality(items[0], where)
    kept = _as_items(items, modality, where)
    load, digests = in_memory(kept)
    kind, codes = encode_targets(targets, task=task, classes=classes, where=where)
    return assemble(
        ref, modality=modality, task=kind, targets=codes, load=load, digests=digests, ids=ids, splits=splits,
        groups=groups, times=None if times is None else parse_times(times, where=where), licence=licence,
    )  # fmt: skip


def encode_targets(targets: Sequence[Any] | NDArray[Any], *, task: TaskWord | None, where: str,
                   classes: Sequence[str] | None = None) -> tuple[Task, NDArray[Any]]:  # fmt: skip
    """The task and its codes or values; `task` None is told from the targets' type and shape."""
    array = targets if isinstance(targets, np.ndarray) else np.asarray(list(targets))
    if array.ndim == 2 or task == "multilabel":
        if array.ndim != 2:
            raise ShapeError(f"{where}: multilabel targets are (n, c), got {array.shape}")
        return check_label_table(array, classes or [str(code) for code in range(array.shape[1])], where=where)
    if array.ndim != 1:
        raise ShapeError(f"{where}: targets are (n,) or (n, c), got {array.shape}")
    if task == "regression" or (task is None and array.dtype.kind == "f" and _has_fractions(array)):
        return encode_numbers(array, where=where)
    return encode_classes(array, where=where, classes=classes)


def told_modality(item: Any, where: str) -> Modality:
    """What an item is, told from its type.

    Raises:
        DataError: for a type that is none of text, image, sound, numbers.
    """
    if isinstance(item, str):
        return "text"
    if hasattr(item, "convert") and hasattr(item, "size"):
        return "image"
    if isinstance(item, (tuple, list)) and len(item) == 2 and isinstance(item[0], np.ndarray):
        return "audio"
    array = np.asarray(item)
    if array.dtype == np.uint8 and array.ndim in (2, 3):
        return "image"
    if array.ndim == 1 and array.dtype.kind in "iufb":
        return "table"
    raise DataError(
        f"{where}: an item of type {type(item).__name__} is neither text, image, sound nor a row of numbers"
    )


def _has_fractions(array: NDArray[Any]) -> bool:
    finite = array[np.isfinite(array)]
    return bool((finite != np.round(finite)).any())


def _as_items(items: Rows | NDArray[Any], modality: Modality, where: str) -> Rows:
    if modality == "text":
        check_texts(items, where=where)
    elif modality == "image" and not hasattr(items[0], "convert"):
        return PixelRows(items)
    elif modality == "table":
        return _number_rows(np.asarray(items, dtype=np.float64), where)
    return items


def _number_rows(rows: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    if rows.ndim != 2:
        raise ShapeError(f"{where}: a table of numbers is (n, d), got {rows.shape}")
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        raise DataError(f"{where}: row {bad[0][0] + 1}, column {bad[0][1] + 1} is not finite")
    return rows
