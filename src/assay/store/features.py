"""FeatureStore: features on disk, item by item, so that each model sees each item once.

    root/MODEL/lock                     held by whoever writes features of this model
    root/MODEL/about.json               which model it is, for people
    root/MODEL/choice-REQUEST.json      what was asked for → the engine, precision and batch size chosen for it
    root/MODEL/KEY/manifest.json        which files count, each with its checksum
    root/MODEL/KEY/plan-*.safetensors   which items share a batch, written before the first of them is computed
    root/MODEL/KEY/part-*.safetensors   features and the items they belong to
    root/MODEL/KEY/aside/               damaged files, until `gc`

MODEL, REQUEST and KEY are digests. A file is written whole or not at all and is immutable; what the manifest does not
list does not count. So a killed process loses what it had not yet written, and readers need no lock. This file knows
nothing of models or torch: an item is a key of 32 characters, its features a row of float32.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.canon import key_of
from assay.errors import ShapeError, StoreError
from assay.store.locks import locked
from assay.store.shards import DamagedShardError, Shard, put, read_shard, require_room, write_shard

LOG = logging.getLogger("assay.store")
SCHEMA = 1
KEY_WIDTH = 32

Keys = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a check of all files found."""

    checked: int
    """Number of files read."""
    damaged: tuple[str, ...]
    """Path and fault of each file that is not what was written."""


class FeatureStore:
    """Features of many models under one folder."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    @contextmanager
    def shelf(self, model_key: str, about: Mapping[str, Any]) -> Generator[Shelf]:
        """One model's features, for the only writer; a second writer waits here until the first is done.

        Args:
            model_key: Digest of everything that decides the model's features but the engine.
            about: What a person should read about the model; written once, read by nothing.

        Raises:
            StoreError: when the folder cannot be written.
        """
        folder = self.root / model_key[:KEY_WIDTH]
        with locked(folder / "lock"):
            if not (folder / "about.json").exists():
                _put_json(folder / "about.json", dict(about))
            yield Shelf(folder)

    def stats(self) -> list[dict[str, Any]]:
        """One row for each model and choice: what it is, how many items, how many bytes."""
        rows: list[dict[str, Any]] = []
        for folder in self._entry_folders():
            manifest = _read_manifest(folder)
            if manifest is None:
                continue
            shards = _shards(manifest, "parts")
            rows.append({
                **_read_json(folder.parent / "about.json"), **manifest["about"], "items": sum(s.rows for s in shards),
                "bytes": sum(s.size_bytes for s in shards), "files": len(shards), "folder": str(folder),
            })  # fmt: skip
        return rows

    def verify(self) -> Verification:
        """Read every file that counts and compare it with its checksum; nothing is changed."""
        checked, damaged = 0, list[str]()
        for folder in self._entry_folders():
            manifest = _read_manifest(folder)
            checked += 1
            if manifest is None:
                damaged.append(f"{folder / 'manifest.json'}: unreadable")
                continue
            for shard in _shards(manifest, "parts") + _shards(manifest, "plans"):
                checked += 1
                try:
                    read_shard(folder, shard, owner=manifest["owner"])
                except DamagedShardError as error:
                    damaged.append(f"{folder}/{error}")
        return Verification(checked=checked, damaged=tuple(damaged))

    def gc(self) -> int:
        """Remove what no manifest lists: leftovers of killed processes and damaged files; models in use are left alone.

        Returns:
            Number of bytes freed.
        """
        freed = 0
        for folder in self._entry_folders():
            try:
                with locked(folder.parent / "lock", wait_seconds=0):
                    freed += sum(_remove(path) for path in _unlisted(folder))
            except StoreError:
                continue
        return freed

    def _entry_folders(self) -> list[Path]:
        return sorted(path.parent for path in self.root.glob("*/*/manifest.json"))


class Shelf:
    """One model's part of the store, while its lock is held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def choice(self, request_key: str) -> dict[str, Any] | None:
        """What was chosen for a request; None where nothing was, or where the record cannot be read."""
        return _read_json(self._choice_path(request_key)) or None

    def choices(self) -> list[dict[str, Any]]:
        """All that was chosen for this model."""
        found = (_read_json(path) for path in sorted(self.folder.glob("choice-*.json")))
        return [choice for choice in found if choice]

    def remember(self, request_key: str, choice: Mapping[str, Any]) -> None:
        """Write down a choice; it is on disk when this returns."""
        _put_json(self._choice_path(request_key), dict(choice))

    def entry(self, key: str, about: Mapping[str, Any]) -> Entry:
        """The features under one key, all files compared with their checksums; damaged ones are set aside.

        Raises:
            StoreError: when a newer version of Assay wrote them.
        """
        return Entry(self.folder / key[:KEY_WIDTH], owner=key, about=about)

    def _choice_path(self, request_key: str) -> Path:
        return self.folder / f"choice-{request_key[:KEY_WIDTH]}.json"


class Entry:
    """Features under one key: rows of float32, each named by its item's key."""

    def __init__(self, folder: Path, *, owner: str, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.owner = owner
        manifest: dict[str, Any] | None = _read_manifest(folder)
        if manifest is None or manifest["owner"] != owner:
            manifest = {"about": dict(about), "parts": [], "plans": []}
        self._about = manifest["about"]
        self._parts: list[Shard] = []
        self._items: list[Keys] = []
        self._plans: list[tuple[Shard, Keys, NDArray[np.int64]]] = []
        self._sorted: tuple[Keys, NDArray[np.int64], NDArray[np.int64]] | None = None
        self._open(_shards(manifest, "parts"), _shards(manifest, "plans"))

    def has(self, keys: Keys) -> NDArray[np.bool_]:
        """(n,) which items' features are stored."""
        known = self._index()[0]
        if not len(known):
            return np.zeros(len(keys), dtype=bool)
        return known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys

    def add(self, keys: Keys, x: NDArray[np.float32]) -> None:
        """Store features (n, d) of n items; they are on disk when this returns.

        Raises:
            ShapeError: unless there is one row an item.
            StoreError: when there is no room; then nothing of it is stored.
        """
        if x.ndim != 2 or len(x) != len(keys):
            raise ShapeError(f"{len(keys)} items cannot have features of shape {x.shape}")
        arrays = {"x": x.astype(np.float32, copy=False), "item": _to_bytes(keys)}
        shard = write_shard(self.folder, f"part-{len(self._parts):05d}", arrays, owner=self.owner)
        self._commit([*self._parts, shard], [plan for plan, _, _ in self._plans])
        self._parts.append(shard)
        self._items.append(keys)
        self._sorted = None

    def read(self, keys: Keys) -> NDArray[np.float32]:
        """(n, d) features of n stored items, in the order of the keys; one file at a time is in memory.

        Raises:
            StoreError: when an item is not stored, or a file was damaged since it was opened.
        """
        known, part_of, row_of = self._index()
        if not self.has(keys).all():
            raise StoreError(f"{self.folder}: {int((~self.has(keys)).sum())} of {len(keys)} items are not stored")
        at = np.searchsorted(known, keys)
        parts, rows = part_of[at], row_of[at]
        x: NDArray[np.float32] | None = None
        for number in np.unique(parts):
            wanted = np.flatnonzero(parts == number)
            found = self._read_part(int(number))
            x = np.empty((len(keys), found.shape[1]), dtype=np.float32) if x is None else x
            x[wanted] = found[rows[wanted]]
        return np.empty((0, 0), dtype=np.float32) if x is None else x

    def plans(self) -> list[list[Keys]]:
        """Which items share a batch: one list of batches a plan, oldest first."""
        return [np.split(keys, np.cumsum(sizes)[:-1]) for _, keys, sizes in self._plans]

    def add_plan(self, batches: Sequence[Keys]) -> None:
        """Write down which items are computed together, before they are."""
        keys, sizes = np.concatenate(batches), np.array([len(batch) for batch in batches], dtype=np.int64)
        arrays = {"item": _to_bytes(keys), "sizes": sizes}
        shard = write_shard(self.folder, f"plan-{len(self._plans):05d}", arrays, owner=self.owner)
        self._commit(self._parts, [*(plan for plan, _, _ in self._plans), shard])
        self._plans.append((shard, keys, sizes))

    def require_room(self, need_bytes: int) -> None:
        """Raise StoreError, before anything is computed, when so many bytes do not fit."""
        require_room(self.folder, need_bytes)

    def _open(self, parts: Sequence[Shard], plans: Sequence[Shard]) -> None:
        damaged: list[Shard] = []
        for shard in parts:
            arrays = self._checked(shard, damaged)
            if arrays is not None:
                self._parts.append(shard)
                self._items.append(_to_keys(arrays["item"]))
        for shard in plans:
            arrays = self._checked(shard, damaged)
            if arrays is not None:
                self._plans.append((shard, _to_keys(arrays["item"]), arrays["sizes"]))
        if damaged:
            self._commit(self._parts, [plan for plan, _, _ in self._plans])
            for shard in damaged:
                _set_aside(self.folder, shard.file)

    def _checked(self, shard: Shard, damaged: list[Shard]) -> dict[str, NDArray[Any]] | None:
        try:
            return read_shard(self.folder, shard, owner=self.owner)
        except DamagedShardError as error:
            LOG.warning("set aside and computed anew: %s/%s", self.folder, error)
            damaged.append(shard)
            return None

    def _read_part(self, number: int) -> NDArray[np.float32]:
        try:
            return read_shard(self.folder, self._parts[number], owner=self.owner)["x"]
        except DamagedShardError as error:
            raise StoreError(
                f"{self.folder}/{error}; the same command again sets the file aside and computes it anew"
            ) from error

    def _commit(self, parts: Sequence[Shard], plans: Sequence[Shard]) -> None:
        _put_json(self.folder / "manifest.json", {
            "schema": SCHEMA, "owner": self.owner, "about": self._about,
            "parts": [shard.to_dict() for shard in parts], "plans": [shard.to_dict() for shard in plans],
        })  # fmt: skip

    def _index(self) -> tuple[Keys, NDArray[np.int64], NDArray[np.int64]]:
        """Sorted keys, and for each the number of its file and its row there."""
        if self._sorted is None:
            keys = np.concatenate([np.empty(0, dtype=f"S{KEY_WIDTH}"), *self._items])
            sizes = [len(items) for items in self._items]
            part_of = np.repeat(np.arange(len(sizes)), sizes)
            row_of = np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(size) for size in sizes)])
            known, first = np.unique(keys, return_index=True)
            self._sorted = (known, part_of[first], row_of[first])
        return self._sorted


def _to_bytes(keys: Keys) -> NDArray[np.uint8]:
    return np.ascontiguousarray(keys, dtype=f"S{KEY_WIDTH}").view(np.uint8).reshape(len(keys), KEY_WIDTH)


def _to_keys(raw: NDArray[np.uint8]) -> Keys:
    return np.ascontiguousarray(raw).view(f"S{KEY_WIDTH}").reshape(len(raw))


def _put_json(path: Path, record: dict[str, Any]) -> None:
    body = {**record, "checksum": key_of(record)}
    put(path, json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False).encode())


def _read_json(path: Path) -> dict[str, Any]:
    """The record, or an empty one where the file is missing or was altered."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if record.pop("checksum") == key_of(record) else {}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    record = _read_json(folder / "manifest.json")
    if record.get("schema", SCHEMA) > SCHEMA:
        raise StoreError(f"{folder}: written by a newer version of Assay; update Assay to read it")
    return record or None


def _shards(manifest: dict[str, Any], kind: str) -> list[Shard]:
    return [Shard(**record) for record in manifest[kind]]


def _unlisted(folder: Path) -> list[Path]:
    manifest = _read_manifest(folder) or {"parts": [], "plans": []}
    listed = {shard.file for shard in _shards(manifest, "parts") + _shards(manifest, "plans")} | {"manifest.json"}
    loose = [path for path in folder.iterdir() if path.is_file() and path.name not in listed]
    return loose + [path for path in (folder / "aside").glob("*") if path.is_file()]


def _remove(path: Path) -> int:
    size = path.stat().st_size
    path.unlink()
    return size


def _set_aside(folder: Path, name: str) -> None:
    if (folder / name).exists():
        (folder / "aside").mkdir(exist_ok=True)
        (folder / name).replace(folder / "aside" / name)
