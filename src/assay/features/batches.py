"""Which items share a batch, decided once and written down.

The last bits of an item's features may depend on the batch it was computed in: on the padding of texts, and on the
shape that a kernel was chosen for. So the batches are stored before the first of them is computed, and an item that has
to be computed again, after a crash or for a damaged file, is computed in the batch it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset
from assay.features.stored import Entry, Keys

LOOK = 1024


@dataclass(frozen=True, slots=True)
class Work:
    """One batch to compute."""

    positions: NDArray[np.int_]
    """(b,) rows of the data set."""
    keys: Keys
    """(b,) the items' keys."""


def plan(entry: Entry, dataset: Dataset, keys: Keys, missing: NDArray[np.int_], size: int) -> list[Work]:
    """The batches that bring the missing items: those planned before first, in their order, then new ones.

    Args:
        entry: Where features and plans are stored.
        dataset: The items.
        keys: (n,) the keys of all items of the data set.
        missing: Rows to be computed, each item once.
        size: Items in a batch.
    """
    position_of = {bytes(keys[row]): int(row) for row in missing}
    wanted = set(position_of)
    work = [Work(np.array([position_of[bytes(key)] for key in batch]), batch) for batch in _take(entry.plans(), wanted)]
    fresh = np.array([row for row in missing if bytes(keys[row]) in wanted], dtype=np.int_)
    if len(fresh):
        groups = group(dataset, fresh, size)
        entry.add_plan([keys[rows] for rows in groups])
        work += [Work(rows, keys[rows]) for rows in groups]
    return work


def group(dataset: Dataset, rows: NDArray[np.int_], size: int) -> list[NDArray[np.int_]]:
    """Rows in batches of `size`; texts with texts of like length, the longest first, lest padding is computed."""
    if dataset.modality == "text":
        rows = rows[np.argsort(-lengths(dataset, rows), kind="stable")]
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def lengths(dataset: Dataset, rows: NDArray[np.int_]) -> NDArray[np.int_]:
    """(n,) length of each text in characters."""
    found = [len(item) for at in range(0, len(rows), LOOK) for item in dataset.load(rows[at : at + LOOK])]
    return np.array(found, dtype=np.int_)


def _take(plans: Sequence[Sequence[Keys]], wanted: set[bytes]) -> list[Keys]:
    """Planned batches of which every item is wanted, the latest plan first; their items are taken from `wanted`."""
    found: list[Keys] = []
    for batches in reversed(plans):
        for batch in batches:
            items = {bytes(key) for key in batch}
            if items <= wanted:
                found.append(batch)
                wanted -= items
    return found
