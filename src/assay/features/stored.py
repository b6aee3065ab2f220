"""What extraction needs of a store, and FeatureSet, which reads from it: features as they lie on disk.

The store itself is `assay.store.features.FeatureStore`; this file only says what is asked of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.outcome import Features

Keys = NDArray[np.bytes_]


class Entry(Protocol):
    """Features of one model as one choice makes them, by item."""

    owner: str

    def has(self, keys: Keys) -> NDArray[np.bool_]:
        """Which items are stored."""
        ...

    def add(self, keys: Keys, x: NDArray[np.float32]) -> None:
        """Store rows; they are safe when this returns."""
        ...

    def read(self, keys: Keys) -> NDArray[np.float32]:
        """Stored rows, checked."""
        ...

    def plans(self) -> list[list[Keys]]:
        """Batches written down so far."""
        ...

    def add_plan(self, batches: Sequence[Keys]) -> None:
        """Write down batches."""
        ...

    def require_room(self, need_bytes: int) -> None:
        """Raise when there is no room."""
        ...


class Shelf(Protocol):
    """One model's choices and entries, while nobody else writes."""

    def choice(self, request_key: str) -> dict[str, Any] | None:
        """What was chosen for a request."""
        ...

    def choices(self) -> list[dict[str, Any]]:
        """All that was chosen."""
        ...

    def remember(self, request_key: str, choice: Mapping[str, Any]) -> None:
        """Write down what was chosen."""
        ...

    def entry(self, key: str, about: Mapping[str, Any]) -> Entry:
        """The features under a key."""
        ...


class Store(Protocol):
    """Where features are kept."""

    def shelf(self, model_key: str, about: Mapping[str, Any]) -> AbstractContextManager[Shelf]:
        """One model's part, locked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """Features of some rows of a data set, on disk; `x` reads what is asked for and checks it."""

    ids: NDArray[np.str_]
    """(n,) item names, in the order of the rows that were asked for."""
    key: str
    """Names model, items, layer, pooling, engine, precision and batch size."""
    width: int
    """d, the number of features."""
    layer: str
    pooling: str
    choice: Mapping[str, Any]
    """Engine, precision, batch size and device, why they were chosen, and what was measured."""
    computed: int
    """How many items went through the model in this call; 0 when all were stored."""
    seconds: float
    """How long that took, preparation included; 0 when all were stored."""
    entry: Entry
    """Where they lie."""
    keys: Keys
    """(n,) the items' keys in the store."""

    def __len__(self) -> int:
        return len(self.ids)

    def x(self, rows: NDArray[np.int_] | slice | None = None) -> NDArray[np.float32]:
        """(k, d) features of rows of this set, all by default; memory holds these rows and one shard.

        Args:
            rows: Positions within this set, or a slice.

        Raises:
            StoreError: when a file was damaged meanwhile.
        """
        keys = self.keys[slice(None) if rows is None else rows]
        return self.entry.read(keys) if len(keys) else np.empty((0, self.width), dtype=np.float32)

    def load(self) -> Features:
        """All of them in memory."""
        return Features(x=self.x(), ids=self.ids, key=self.key, layer=self.layer, pooling=self.pooling)


def item_keys(digests: NDArray[np.str_]) -> Keys:
    """(n,) keys of 32 characters from the items' digests, whatever those look like."""
    found = [hashlib.sha256(str(digest).encode()).hexdigest()[:32].encode() for digest in digests]
    return np.array(found, dtype="S32")
