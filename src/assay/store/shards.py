"""Shards: arrays in one safetensors file, written whole and read only when the checksum agrees.

A file is named by a number and by its checksum; the manifest says which files count. Nothing is memory-mapped: a write
to a mapped file kills the process when the disk is full, and so does a read when somebody truncates it.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as decode
from safetensors.numpy import save as encode

from assay.errors import StoreError
from assay.store.paths import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One file as the manifest knows it."""

    file: str
    """Name within the folder."""
    xxh3: str
    """xxh3_128 of the whole file, 32 hexadecimal digits."""
    size_bytes: int
    """Length of the file."""
    rows: int
    """Number of items in it."""

    def to_dict(self) -> dict[str, Any]:
        """As the manifest writes it."""
        return asdict(self)


class DamagedShardError(Exception):
    """A file is missing, or is not what the manifest says; it is set aside by whoever reads it."""


def write_shard(folder: Path, name: str, arrays: Mapping[str, NDArray[Any]], *, owner: str) -> Shard:
    """Write arrays of equal length as one file of `folder`.

    Args:
        folder: Where to write.
        name: Start of the file's name.
        arrays: Name → array; the first axis is the items.
        owner: Key of the features that the file belongs to; a reader refuses a file of another owner.

    Raises:
        StoreError: when there is no room; the message says how much is needed and how much there is.
    """
    data = encode({key: np.ascontiguousarray(array) for key, array in arrays.items()}, {"owner": owner})
    digest = xxhash.xxh3_128_hexdigest(data)
    path = folder / f"{name}-{digest[:16]}.safetensors"
    put(path, data)
    rows = len(next(iter(arrays.values())))
    return Shard(file=path.name, xxh3=digest, size_bytes=len(data), rows=rows)


def read_shard(folder: Path, shard: Shard, *, owner: str) -> dict[str, NDArray[Any]]:
    """The arrays of a file, after comparing all of it with its checksum.

    Raises:
        DamagedShardError: when the file is missing, truncated, altered or another's.
    """
    try:
        data = (folder / shard.file).read_bytes()
    except OSError as error:
        raise DamagedShardError(f"{shard.file}: {error.strerror or error}") from error
    if len(data) != shard.size_bytes:
        raise DamagedShardError(f"{shard.file}: {len(data)} bytes where {shard.size_bytes} were written")
    if xxhash.xxh3_128_hexdigest(data) != shard.xxh3:
        raise DamagedShardError(f"{shard.file}: the contents differ from what was written")
    try:
        found = _owner_of(data)
        arrays = decode(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise DamagedShardError(f"{shard.file}: {error}") from error
    if found != owner:
        raise DamagedShardError(f"{shard.file}: belongs to other features")
    return arrays


def put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StoreError: when it cannot be written; for a full disk the message names path, need and what is free.
    """
    require_room(path.parent, len(data))
    try:
        write_whole(path, lambda temporary: _write(temporary, data))
    except StoreError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_room(path, len(data)) from cause
        raise


def require_room(folder: Path, need_bytes: int) -> None:
    """Raise before anything is computed or written when `need_bytes` do not fit where `folder` is.

    Raises:
        StoreError: when they do not fit.
    """
    if _free(folder) < need_bytes:
        raise _no_room(folder, need_bytes)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _free(folder: Path) -> int:
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(place).free


def _no_room(path: Path, need_bytes: int) -> StoreError:
    return StoreError(
        f"the disk is full: {path} needs {need_bytes / 2**20:,.1f} MiB, {_free(path) / 2**20:,.1f} MiB are free; what "
        "was finished is saved, and the same command resumes once there is room"
    )


def _owner_of(data: bytes) -> str:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length])["__metadata__"]["owner"]
