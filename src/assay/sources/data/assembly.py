"""The last step of every data source: check the columns, digest them, and make the Dataset.

Whatever the source, the same faults are found here: repeated ids, a single item, a split or group without a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.canon import key_of
from assay.dataset import Dataset, Task
from assay.errors import DataError, ShapeError
from assay.sources.data.items.digest import item_digest
from assay.sources.data.items.files import Load
from assay.sources.data.items.rows import Rows
from assay.sources.data.targets import check_size, missing_rows, show_rows
from assay.spec import DataRef, Modality

_SPLIT_NAMES = {
    "training": "train", "validation": "valid", "val": "valid", "dev": "valid", "development": "valid",
    "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip


def assemble(
    ref: DataRef, *, modality: Modality, task: Task, targets: NDArray[Any], load: Load, digests: Sequence[str],
    ids: Sequence[Any] | None = None, splits: Sequence[Any] | None = None, groups: Sequence[Any] | None = None,
    times: NDArray[np.datetime64] | None = None, licence: str = "", notes: Mapping[str, Any] | None = None,
) -> Dataset:  # fmt: skip
    """The data set of these columns, with its task and an immutable revision in the reference.

    Args:
        ref: as the user named it.
        modality: what an item is.
        task: what is to be predicted.
        targets: (n,) codes or values, or (n, c) 0/1.
        load: row positions → items.
        digests: (n,) content digests.
        ids: (n,) unique names; row numbers where there are none.
        splits: (n,) published split of each row; `validation`, `val` and `dev` become `valid`.
        groups: (n,) group of each row.
        times: (n,) when each item arose, in UTC.
        licence: as the source states it.
        notes: what was noticed while reading.

    Raises:
        DataError: for fewer than two items, a repeated id, or an empty cell in splits or groups.
    """
    where = ref.uri
    check_size(len(digests), where)
    columns: dict[str, Any] = {
        "ids": _unique(ids if ids is not None else _numbered(len(digests)), where),
        "digests": np.asarray(digests, dtype=np.str_),
        "splits": None if splits is None else _filled([split_name(value) for value in splits], "split", where),
        "groups": None if groups is None else _filled(groups, "group", where),
        "times": times,
    }
    if times is not None and np.isnat(times).any():
        raise DataError(f"{where}: no time in {show_rows(np.flatnonzero(np.isnat(times)))}")
    revision = key_of([modality, task, targets, columns])
    if ref.revision and ref.revision != revision:
        raise DataError(
            f"{where}: the data are not the ones that were asked for: revision {revision[:12]} was read, "
            f"{ref.revision[:12]} was expected; items, labels or splits have changed since"
        )
    return Dataset(
        ref=replace(ref, revision=revision, task=task.kind), modality=modality, task=task, targets=targets, load=load,
        licence=licence, notes=dict(notes or {}), **columns,
    )  # fmt: skip


def take(dataset: Dataset, rows: Sequence[int] | NDArray[np.int_]) -> Dataset:
    """The data set of only these rows, in this order; classes are kept, and the revision names the new rows."""
    at = np.asarray(rows, dtype=np.int_)

    def load(positions: NDArray[np.int_]) -> Sequence[Any]:
        return dataset.load(at[np.asarray(positions, dtype=np.int_)])

    def pick(column: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if column is None else column[at]

    return assemble(
        replace(dataset.ref, revision=""), modality=dataset.modality, task=dataset.task, targets=dataset.targets[at],
        load=load, digests=dataset.digests[at].tolist(), ids=dataset.ids[at].tolist(),
        splits=pick(dataset.splits), groups=pick(dataset.groups),  # pyright: ignore[reportArgumentType]
        times=pick(dataset.times), licence=dataset.licence, notes=dataset.notes,
    )  # fmt: skip


def noted(dataset: Dataset, **notes: Any) -> Dataset:
    """The same data set with further notes."""
    return replace(dataset, notes={**dataset.notes, **notes})


def in_memory(items: Rows) -> tuple[Load, list[str]]:
    """The loader and the digests of items that are already in memory."""

    def load(positions: NDArray[np.int_]) -> list[Any]:
        return [items[int(position)] for position in positions]

    return load, [item_digest(items[row]) for row in range(len(items))]


def split_name(value: Any) -> str:
    """The split's name in Assay's words: `train`, `valid`, `test`; other names stay as they are."""
    text = str(value).strip()
    return _SPLIT_NAMES.get(text.casefold(), text.casefold() if text.casefold() in ("train", "valid", "test") else text)


def check_length(name: str, column: Sequence[Any] | NDArray[Any] | None, n: int, where: str) -> None:
    """Refuse a column of another length.

    Raises:
        ShapeError: naming both lengths.
    """
    if column is not None and len(column) != n:
        raise ShapeError(f"{where}: {name} has {len(column):,} rows, there are {n:,} items")


def _numbered(n: int) -> list[str]:
    width = len(str(n - 1))
    return [f"{row:0{width}d}" for row in range(n)]


def _unique(ids: Sequence[Any], where: str) -> NDArray[np.str_]:
    names = [str(name) for name in ids]
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if first.setdefault(name, row) != row:
            raise DataError(
                f"{where}: id {name!r} stands in rows {first[name] + 1} and {row + 1}; each item needs its own"
            )
    return np.asarray(names, dtype=np.str_)


def _filled(values: Sequence[Any], what: str, where: str) -> NDArray[np.str_]:
    gaps = missing_rows(values)
    if len(gaps):
        raise DataError(f"{where}: no {what} in {show_rows(gaps)}")
    return np.asarray([str(value) for value in values], dtype=np.str_)
