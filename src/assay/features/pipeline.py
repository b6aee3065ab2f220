"""Reading and computing at the same time: items are loaded and collated in the background, results come in order.

Only a few batches are in memory at once, however many there are.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch

T = TypeVar("T")
READERS = 8


def stream(
    work: Sequence[T], read: Callable[[T], Batch], run: Callable[[Batch], NDArray[np.float32]], *, lanes: int
) -> Generator[tuple[T, NDArray[np.float32]]]:
    """Each piece of work with its features, in the order of the work.

    Args:
        work: What there is to do, one batch a piece.
        read: A piece → its batch; called from several threads.
        run: A batch → (b, d) features; called from as many threads as `lanes` says.
        lanes: How many batches are computed at once.

    Raises:
        Exception: what `read` or `run` raises, at the piece it belongs to; everything before it has been yielded.
    """
    readers = min(READERS, available_cores())
    reading = ThreadPoolExecutor(readers, thread_name_prefix="assay-read")
    running = ThreadPoolExecutor(lanes, thread_name_prefix="assay-run")
    ahead: deque[tuple[T, Future[NDArray[np.float32]]]] = deque()
    pieces = iter(work)

    def start(pieces: Iterator[T]) -> None:
        for piece in pieces:
            batch = reading.submit(read, piece)
            ahead.append((piece, running.submit(_run_read, run, batch)))
            return

    try:
        for _ in range(lanes + readers + 1):
            start(pieces)
        while ahead:
            piece, features = ahead.popleft()
            yield piece, features.result()
            start(pieces)
    finally:
        reading.shutdown(wait=False, cancel_futures=True)
        running.shutdown(wait=True, cancel_futures=True)
        reading.shutdown(wait=True)


def available_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _run_read(run: Callable[[Batch], NDArray[np.float32]], batch: Future[Batch]) -> NDArray[np.float32]:
    return run(batch.result())
