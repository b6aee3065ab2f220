"""What an epoch costs: seconds, peak memory, and energy where that was asked for.

Memory on the CPU is the resident memory of this process, looked at every few hundredths of a second; on CUDA it is what
torch's allocator held.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

import psutil
import torch

from assay.adapt.energy import EnergyMeter

LOOK_SECONDS = 0.03


class Watch:
    """Measures between `start` and `stop`, as often as one likes; a context, whose end frees what it holds.

    Args:
        device: Where the work is done.
        energy: Whether energy is measured too.

    Raises:
        MissingExtraError: Energy was asked for, and codecarbon is not installed.
    """

    def __init__(self, device: torch.device, *, energy: bool = False) -> None:
        self._cuda = device if device.type == "cuda" else None
        self._process, self._ended = psutil.Process(), threading.Event()
        self._began, self._began_cpu, self._peak = 0.0, 0.0, 0
        self.most_bytes = 0
        """The largest peak so far."""
        self._meter = EnergyMeter() if energy else None
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        if self._cuda is None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        if self._cuda is None:
            self._thread.join()
        if self._meter is not None:
            self._meter.close()

    def start(self) -> None:
        """From here on."""
        if self._cuda is not None:
            torch.cuda.reset_peak_memory_stats(self._cuda)
        else:
            self._peak = self._process.memory_info().rss
        if self._meter is not None:
            self._meter.start()
        self._began, self._began_cpu = time.perf_counter(), time.process_time()

    def stop(self) -> dict[str, float]:
        """`seconds`, `cpu_seconds` (all threads), `peak_bytes` since the start, and `joules` where measured."""
        if self._cuda is not None:
            torch.cuda.synchronize(self._cuda)
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - self._began_cpu
        if self._cuda is not None:
            peak = torch.cuda.max_memory_allocated(self._cuda)
        else:
            peak = max(self._peak, self._process.memory_info().rss)
        self.most_bytes = max(self.most_bytes, peak)
        found = {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": float(peak)}
        if self._meter is not None:
            found["joules"] = self._meter.stop()
        return found

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self._peak = max(self._peak, self._process.memory_info().rss)
