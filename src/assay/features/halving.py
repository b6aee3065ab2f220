"""Smaller batches when memory runs out: halve, try again, and stay small."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch
from assay.errors import AssayError, OutOfMemoryError

LOG = logging.getLogger("assay.features")
Run = Callable[[Batch], NDArray[np.float32]]

# How torch, oneDNN, cuDNN, cuBLAS, onnxruntime and OpenVINO say it when they have no type for it.
WORDS = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "failed to allocate", "bad_alloc",
    "alloc_failed", "could not allocate", "not enough memory",
)  # fmt: skip


class Halving:
    """Runs batches through an engine, in halves where memory runs out; safe to call from several threads.

    Args:
        run: What the engine prepared.
        limit: Largest number of items in one call.
        told: Called with the new limit each time it shrinks.
    """

    def __init__(self, run: Run, *, limit: int, told: Callable[[int], None] | None = None) -> None:
        self.limit = limit
        self.shrunk = False
        self._run = run
        self._told = told
        self._lock = threading.Lock()

    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) features.

        Raises:
            OutOfMemoryError: when a single item does not fit.
        """
        rows, done = rows_of(batch), 0
        parts: list[NDArray[np.float32]] = []
        while done < rows:
            size = min(self.limit, rows - done)
            found = self._attempt(batch if size == rows else cut(batch, done, done + size), size)
            if found is not None:
                parts.append(found)
                done += size
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _attempt(self, piece: Batch, size: int) -> NDArray[np.float32] | None:
        try:
            return self._run(piece)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise OutOfMemoryError(
                    "memory ran out on a batch of one item; free some memory, or use a smaller model or shorter items"
                ) from error
        self._shrink(size)
        return None

    def _shrink(self, size: int) -> None:
        with self._lock:
            if size // 2 < self.limit:
                self.limit, self.shrunk = max(1, size // 2), True
                LOG.warning("memory ran out on %d items at once; going on with %d", size, self.limit)
                if self._told is not None:
                    self._told(self.limit)
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any engine means that memory ran out."""
    if isinstance(error, AssayError):
        return False
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)


def rows_of(batch: Batch) -> int:
    """Number of items in a batch."""
    return len(next(iter(batch.values())))


def cut(batch: Batch, start: int, stop: int) -> Batch:
    """The items from `start` to `stop` of a batch."""
    return {name: array[start:stop] for name, array in batch.items()}


def filled(batch: Batch, rows: int) -> Batch:
    """The batch with its last item repeated until it has so many; for kernels that are made for one size."""
    missing = rows - rows_of(batch) if batch else 0
    if missing <= 0:
        return batch
    return {name: np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) for name, array in batch.items()}
