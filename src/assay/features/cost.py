"""What features would cost, from a measured sample of a few batches; nothing is stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch, Model
from assay.dataset import Dataset
from assay.errors import NothingToAssessError
from assay.features.choice import Request
from assay.features.extract import read_batch, sample_rows
from assay.features.halving import Halving
from assay.features.measure import SAMPLE_BATCHES, choose
from assay.features.pipeline import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """What it would take to make the features of n items."""

    items: int
    seconds: float
    """Wall-clock time, the preparation of the engine included."""
    rate: float
    """Items a second, decoding included."""
    peak_bytes: int
    """Largest memory of this process while the sample was computed, the loaded model included."""
    disk_bytes: int
    """What the features would take on disk."""
    engine: str
    choice: Mapping[str, Any]
    """All that was chosen and measured."""
    sample: int
    """How many items were measured."""


def estimate_cost(
    model: Model, dataset: Dataset, n: int | None = None, *, engine: str = "auto", precision: str = "float32",
    batch_size: int | Literal["auto"] = "auto", device: str | None = "auto",
) -> CostEstimate:  # fmt: skip
    """Time, memory and disk that the features of `n` items of a data set would take, measured on a few batches.

    Args:
        model: The loaded model.
        dataset: The items; the sample is spread evenly over it.
        n: How many items; all by default.
        engine: As for `extract`.
        precision: As for `extract`.
        batch_size: As for `extract`.
        device: As for `extract`.

    Raises:
        NothingToAssessError: the data set is empty.
        TrialError: the model fails on the sample.
        UsageError: the engine cannot run this model.
    """
    n = len(dataset) if n is None else n
    if not len(dataset):
        raise NothingToAssessError(f"{dataset.ref.uri}: no rows to estimate a cost from")
    request = Request(engine=engine, precision=precision, batch_size=batch_size, device=device)
    size = request.resolved_batch(model)

    def read(rows: NDArray[np.int_]) -> Batch:
        return read_batch(model, dataset, rows)

    def sample(count: int) -> list[NDArray[np.int_]]:
        return sample_rows(dataset, np.arange(len(dataset)), size, count)

    with peak_memory() as peak:
        start = time.perf_counter()
        choice, run = choose(model, lambda count: [read(rows) for rows in sample(count)], n, request)
        prepared = time.perf_counter() - start
        halving, start, done = Halving(run, limit=choice.batch_size), time.perf_counter(), 0
        with closing(stream(sample(SAMPLE_BATCHES), read, halving, lanes=getattr(run, "lanes", 1))) as results:
            for _, x in results:
                done += len(x)
        rate = done / (time.perf_counter() - start)
    return CostEstimate(
        items=n, seconds=prepared + n / rate, rate=rate, peak_bytes=peak(), disk_bytes=n * (4 * model.info.width + 32),
        engine=choice.engine, choice=choice.to_dict(), sample=done,
    )  # fmt: skip


@contextmanager
def peak_memory() -> Generator[Callable[[], int]]:
    """Watch this process's resident memory; the function gives the largest seen."""
    import psutil

    process, stop = psutil.Process(), threading.Event()
    seen = [process.memory_info().rss]

    def watch() -> None:
        while not stop.wait(0.02):
            seen.append(max(seen.pop(), process.memory_info().rss))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: max(max(seen, default=0), process.memory_info().rss)
    finally:
        stop.set()
        thread.join()
