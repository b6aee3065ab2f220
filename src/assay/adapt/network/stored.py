"""Training from stored activations: what the frozen stages give is computed once, and an epoch pays for the rest.

Activations lie in memory up to a bound and in a temporary file beyond it. Texts are stored without their padding and
padded again to the longest of a batch, so that a batch costs what it costs the whole network.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.adapt.network.items import Items
from assay.errors import UsageError
from assay.sources.models.cut import Prefix, cut

MEMORY_BYTES = 2**30
"""Activations kept in memory; what is more goes to a temporary file."""
DISK_SHARE = 0.5
"""Share of the free disk that the file may take."""
MASK = "attention_mask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The later stages of a network, and their stored input."""

    suffix: nn.Module
    """Trains the network itself: parameters and buffers are shared."""
    feed: Stored
    seconds: float
    """What computing the activations took, once."""


def cut_off(
    network: nn.Module, stage: str, items: Items, rows: NDArray[np.int_], batch_size: int
) -> tuple[Cut | None, str]:
    """The network from a stage on, fed with stored activations of these rows; or None, and the reason.

    Args:
        network: The whole; the stages before `stage` must be frozen.
        stage: The first one that learns, as `stages` names it; not the stem.
        items: Row positions → batches.
        rows: Row positions, at least two.
        batch_size: Rows a batch of the frozen part.
    """
    if len(rows) < 2:
        return None, "there are fewer than two rows"
    began = time.perf_counter()
    try:
        with items.precise():
            prefix, suffix = cut(network, stage, items(rows[:2]))
    except UsageError as error:
        return None, str(error)
    feed = Stored(items)
    try:
        feed.fill(prefix, rows, batch_size)
    except (OSError, UsageError) as error:
        feed.close()
        return None, f"activations could not be stored: {error}"
    if not _agree(network, suffix, items, feed, rows[: min(len(rows), batch_size)]):
        feed.close()
        return None, "the stages from stored activations differ from the whole network"
    return Cut(suffix=suffix, feed=feed, seconds=time.perf_counter() - began), ""


class Stored:
    """Row positions → the suffix's batch, from memory or a file."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._kept: dict[int, dict[str, NDArray[Any]]] = {}
        self._filed: dict[int, dict[str, tuple[int, np.dtype[Any], tuple[int, ...]]]] = {}
        self._file: IO[bytes] | None = None
        self._ragged: tuple[str, ...] = ()
        self.bytes = 0
        """What all rows take."""

    def __contains__(self, row: int) -> bool:
        return row in self._kept or row in self._filed

    def fill(self, prefix: Prefix, rows: NDArray[np.int_], batch_size: int) -> None:
        """Compute and keep the activations of rows.

        Raises:
            UsageError: They would fill the disk.
        """
        for at in range(0, len(rows), batch_size):
            block = rows[at : at + batch_size]
            with self._items.precise():
                given = prefix(**self._items(block))
            arrays = {name: (t.float() if t.is_floating_point() else t).cpu().numpy() for name, t in given.items()}
            self._ragged = _ragged(arrays)
            lengths = arrays[MASK].sum(axis=1) if self._ragged else None
            for k, row in enumerate(block):
                end = None if lengths is None else max(int(lengths[k]), 1)
                self._put(int(row), {name: values[k, :end] if name in self._ragged else values[k]
                                     for name, values in arrays.items()})  # fmt: skip

    def __call__(self, positions: NDArray[np.int_]) -> Mapping[str, Tensor]:
        """The batch of these rows."""
        found = [self._get(int(row)) for row in positions]
        return self._items.tensors({
            name: _padded([row[name] for row in found]) if name in self._ragged else np.stack(
                [row[name] for row in found])
            for name in found[0]
        })  # fmt: skip

    def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._filed.clear()
        if self._file is not None:
            self._file.close()

    def _put(self, row: int, arrays: dict[str, NDArray[Any]]) -> None:
        size = sum(values.nbytes for values in arrays.values())
        self.bytes += size
        if self.bytes <= MEMORY_BYTES:
            self._kept[row] = {name: np.array(values) for name, values in arrays.items()}
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="assay-activations-")  # noqa: SIM115 (closed by `close`)
        if size > DISK_SHARE * shutil.disk_usage(tempfile.gettempdir()).free:
            raise UsageError("the disk for temporary files is nearly full")
        places: dict[str, tuple[int, np.dtype[Any], tuple[int, ...]]] = {}
        for name, values in arrays.items():
            self._file.seek(0, 2)
            places[name] = (self._file.tell(), values.dtype, values.shape)
            self._file.write(np.ascontiguousarray(values).tobytes())
        self._filed[row] = places

    def _get(self, row: int) -> dict[str, NDArray[Any]]:
        if row in self._kept:
            return self._kept[row]
        assert self._file is not None
        found: dict[str, NDArray[Any]] = {}
        for name, (place, kind, shape) in self._filed[row].items():
            self._file.seek(place)
            held = self._file.read(int(np.prod(shape)) * kind.itemsize)
            found[name] = np.frombuffer(held, dtype=kind).reshape(shape)
        return found


def _ragged(arrays: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
    """Names of arrays with one place a token, where padding stands on the right."""
    mask = arrays.get(MASK)
    if mask is None or mask.ndim != 2 or (np.diff(mask.astype(np.int8), axis=1) > 0).any():
        return ()
    return tuple(name for name, values in arrays.items() if values.ndim >= 2 and values.shape[1] == mask.shape[1])


def _padded(rows: list[NDArray[Any]]) -> NDArray[Any]:
    """Rows of different lengths in one array, zeros behind the shorter ones."""
    whole = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]), dtype=rows[0].dtype)
    for k, row in enumerate(rows):
        whole[k, : len(row)] = row
    return whole


def _agree(network: nn.Module, suffix: nn.Module, items: Items, feed: Stored, rows: NDArray[np.int_]) -> bool:
    """Whether both ways give the same features of a batch, to rounding."""
    network.eval()
    suffix.eval()
    try:
        with torch.no_grad(), items.precise():
            whole, joined = network(**items(rows)).float(), suffix(**feed(rows)).float()
    except (RuntimeError, ValueError, IndexError):
        return False
    loose = 2e-2 if items.half else 1e-3
    return whole.shape == joined.shape and bool(
        torch.linalg.vector_norm(whole - joined) <= loose * torch.linalg.vector_norm(whole)
    )
