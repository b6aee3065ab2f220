"""How fast a model is on this machine: one item alone, and many at the batch that suits it best."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from scipy.stats import t as student

from assay.contracts import Batch, Model
from assay.dataset import Dataset
from assay.estimate import Estimate
from assay.features.cost import peak_memory
from assay.features.extract import read_batch, sample_rows

BATCHES = (2, 4, 8, 16, 32, 64)
CALLS = 15
"""Calls with one item; enough for an interval of the median."""
CLEARLY = 1.05
"""A larger batch is better when it is this many times faster an item."""
PATIENCE = 2
"""Doublings that do not help before the search ends."""
SECONDS = 1.5
"""About as long as one of the two measurements takes, unless single calls are longer."""
POPULATION = "other calls on this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """A model's speed by plain PyTorch (or its own runtime), preprocessing not counted."""

    latency_ms: Estimate
    """Of one item alone: the median over calls."""
    throughput: Estimate
    """Items a second at the best batch."""
    best_batch: int
    peak_bytes: int
    """The most memory of this process meanwhile, the loaded model included."""

    def record(self) -> dict[str, Any]:
        """As plain values."""
        return {"latency_ms": self.latency_ms.to_dict(), "throughput": self.throughput.to_dict(),
                "best_batch": self.best_batch, "peak_bytes": self.peak_bytes}  # fmt: skip


def measure_speed(model: Model, dataset: Dataset, *, level: float = 0.95) -> Speed:
    """The latency of single items and the best throughput of a model on items of a data set.

    Batches are doubled until the time of an item no longer falls; the best one is then timed anew, so that its number
    is not the luckiest of those that were tried.

    Args:
        model: The loaded model.
        dataset: The items; at most 64 are read, spread over it.
        level: Of the intervals.

    Raises:
        TrialError: the model fails on the items.
    """
    rows = np.concatenate(sample_rows(dataset, np.arange(len(dataset)), BATCHES[-1], 1))

    def spread(size: int) -> Batch:
        """So many of the rows, evenly, since texts come ordered by length; one alone is the middle one."""
        return read_batch(model, dataset, rows[((np.arange(size) + 0.5) * len(rows) / size).astype(int)])

    with peak_memory() as peak:
        single = spread(1)
        latencies = _time_of(lambda: model.encode(single), CALLS)
        best, batch, waited = float(np.median(latencies)), single, 0
        for size in BATCHES:
            if size > len(rows) or size * best > SECONDS or waited == PATIENCE:
                break
            larger = spread(size)
            seconds = float(np.median(_time_of(lambda batch=larger: model.encode(batch), 3))) / size
            if seconds * CLEARLY < best:
                best, batch, waited = seconds, larger, 0
            else:
                waited += 1
        size = _size(batch)
        again = size / _time_of(lambda: model.encode(batch), 7)
    return Speed(latency_ms=_median(1000.0 * latencies, level), throughput=_mean(again, level), best_batch=size,
                 peak_bytes=peak())  # fmt: skip


def _time_of(call: Callable[[], Any], calls: int) -> NDArray[np.float64]:
    """Seconds of so many calls, after one that warms up; fewer, but at least three, where they take long."""
    call()
    seconds: list[float] = []
    while len(seconds) < calls and (len(seconds) < 3 or sum(seconds) < SECONDS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return np.array(seconds)


def _size(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _median(values: NDArray[np.float64], level: float) -> Estimate:
    """The median with the interval between two of the ordered values; none where there are too few of them."""
    ordered, n = np.sort(values), len(values)
    below = int(binom.ppf((1 - level) / 2, n, 0.5))
    ends = (None, None) if below < 1 else (float(ordered[below - 1]), float(ordered[n - below]))
    return Estimate(
        name="latency_ms", value=float(np.median(ordered)), low=ends[0], high=ends[1], n=n,
        level=None if below < 1 else level, unit="ms", method="median over calls, between ordered calls",
        population=POPULATION,
    )  # fmt: skip


def _mean(values: NDArray[np.float64], level: float) -> Estimate:
    mean, n = float(values.mean()), len(values)
    half = float(student.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(name="throughput", value=mean, low=max(0.0, mean - half), high=mean + half, level=level, n=n,
                    unit="items a second", method="t interval over calls", population=POPULATION)  # fmt: skip
