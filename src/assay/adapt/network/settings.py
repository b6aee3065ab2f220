"""How a training runs on this machine: memory layout, threads, precision, compilation; chosen by a short measurement.

A short training is not measured: it runs channels-last where most of its arithmetic is convolutions. A longer one tries
one change after the other on a copy, and keeps what is clearly faster. torch.compile is tried only where the planned
steps would repay it. On Linux freed memory is kept for the next step: giving it back and faulting it in again costs a
third of a step of a convolutional network.

What was chosen for a network is remembered while the process lives, so that one job trains the same network twice.
Layout and threads move the last bits of the result; naming them in the recipe makes them the same everywhere.
"""

from __future__ import annotations

import ctypes
import sys
import time
import warnings
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

MEASURE_STEPS = 60
"""A training of fewer steps is not measured: about a dozen steps go into measuring."""
MEASURE_STEPS_DENSE = 300
"""The same for a network without convolutions, for which layout gains nothing."""
TIMED_STEPS = 2
CLEARLY = 1.05
"""A change is kept when a step gets faster by this factor."""
COMPILE_SECONDS = 120.0
"""What compiling forward and backward pass is expected to take."""
COMPILE_GAIN = 1.3
"""How many times faster a compiled step is hoped to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the steps of a training run."""

    channels_last: bool = False
    threads: int = 1
    """Of torch on the CPU."""
    half: bool = False
    """Whether the backbone computes in bfloat16."""
    compiled: bool = False
    kept_memory: bool = False
    """Whether freed memory stays with the process while training."""
    measured: bool = False
    seconds: float = 0.0
    """What choosing took, compilation included."""
    steps_per_second: float | None = None
    """Of the chosen settings, where they were measured."""
    plain_steps_per_second: float | None = None
    """Of float32 eager training, contiguous, with all threads."""

    def to_dict(self) -> dict[str, Any]:
        """As provenance has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the recipe names; None where a measurement may choose."""

    channels_last: bool | None = None
    threads: int | None = None
    half: bool | None = False
    compiled: bool | None = None


Trial = Callable[[Settings], Callable[[], None]]
"""Settings → a function that makes one step, forward and backward, on a copy."""

_remembered: dict[Hashable, Settings] = {}


def choose(
    trial: Trial, wish: Wish, *, steps: int, spatial: bool, device: torch.device, remember: Hashable
) -> Settings:  # fmt: skip
    """The settings for a training of so many steps.

    Args:
        trial: Makes steps to measure.
        wish: What the user has fixed.
        steps: How many steps are planned.
        spatial: Whether the network is mostly convolutions over places, so that layout matters.
        device: Where it trains.
        remember: Names network, batch and wish; the same name gets the same settings while the process lives.
    """
    base = Settings(
        channels_last=spatial if wish.channels_last is None else wish.channels_last,
        threads=wish.threads or torch.get_num_threads(), half=bool(wish.half), compiled=bool(wish.compiled),
        kept_memory=device.type == "cpu" and _mallopt() is not None,
    )  # fmt: skip
    if steps < (MEASURE_STEPS if spatial else MEASURE_STEPS_DENSE):
        return base
    if remember in _remembered:
        return replace(_remembered[remember], seconds=0.0)
    began = time.perf_counter()
    found = _Measuring(trial, wish, base, device).best(steps)
    _remembered[remember] = replace(found, seconds=time.perf_counter() - began)
    return _remembered[remember]


@dataclass
class _Measuring:
    """One change after the other, each kept where it is clearly faster; never slower than plain training."""

    trial: Trial
    wish: Wish
    base: Settings
    device: torch.device

    def __post_init__(self) -> None:
        self.times: dict[Settings, float] = {}

    def best(self, steps: int) -> Settings:
        plain = replace(self.base, half=False, compiled=False, kept_memory=False,
                        channels_last=bool(self.wish.channels_last))  # fmt: skip
        best = replace(self.base, compiled=False)
        if not self.faster(best, plain) and self.wish.channels_last is None and best.channels_last:
            best = min(best, replace(best, channels_last=False), key=self.seconds)
        if self.wish.threads is None and self.device.type == "cpu" and best.threads > 1:
            best = self.better(replace(best, threads=max(1, best.threads // 2)), best)
        if self.wish.half is None:
            best = self.better(replace(best, half=True), best)
        best = self.compiled(best, steps)
        if self.seconds(best) > self.seconds(plain) and not self.wish.half and not self.wish.compiled:
            best = plain
        return replace(best, measured=True, steps_per_second=1.0 / self.seconds(best),
                       plain_steps_per_second=1.0 / self.seconds(plain))  # fmt: skip

    def compiled(self, best: Settings, steps: int) -> Settings:
        """The compiled form where the planned steps repay it, or where it was asked for."""
        saved = steps * self.seconds(best) * (1.0 - 1.0 / COMPILE_GAIN)
        if self.wish.compiled is False or (self.wish.compiled is None and saved < COMPILE_SECONDS):
            return best
        candidate = replace(best, compiled=True)
        try:
            return candidate if self.wish.compiled and self.seconds(candidate) else self.better(candidate, best)
        except Exception as error:  # the compiler has many ways to fail, and eager training has none of them
            warnings.warn(f"torch.compile failed, training goes on without it: {error}", stacklevel=2)
            return best

    def better(self, change: Settings, best: Settings) -> Settings:
        return change if self.faster(change, best) else best

    def faster(self, one: Settings, other: Settings) -> bool:
        """Whether a change is clearly faster; what it would replace is timed once more, lest it met a busy moment."""
        if self.seconds(one) * CLEARLY >= self.seconds(other):
            return False
        self.times[other] = min(self.times[other], _time(self.trial, other))
        return self.seconds(one) * CLEARLY < self.seconds(other)

    def seconds(self, settings: Settings) -> float:
        if settings not in self.times:
            self.times[settings] = _time(self.trial, settings)
        return self.times[settings]


def _time(trial: Trial, settings: Settings) -> float:
    """Seconds of the fastest of a few steps, after one that warms up."""
    with running(settings):
        step = trial(settings)
        step()
        found: list[float] = []
        for _ in range(TIMED_STEPS):
            began = time.perf_counter()
            step()
            found.append(time.perf_counter() - began)
    return min(found)


@contextmanager
def running(settings: Settings) -> Generator[None]:
    """Inside, torch has the threads and the process the memory policy that were chosen."""
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    if settings.kept_memory:
        _keep_memory()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if settings.kept_memory:
            _release_memory()


def laid_out(network: nn.Module, settings: Settings) -> None:
    """Give the weights the layout that was chosen."""
    layout: Any = {"memory_format": torch.channels_last if settings.channels_last else torch.contiguous_format}
    network.to(**layout)


def mostly_convolutions(network: nn.Module) -> bool:
    """Whether the network has more convolutions over places than dense layers."""
    places = sum(isinstance(module, nn.Conv2d) for module in network.modules())
    dense = sum(isinstance(module, nn.Linear) for module in network.modules())
    return places > dense


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
"""Names of glibc's `mallopt`."""


def _mallopt() -> Any | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "mallopt", None)


def _keep_memory() -> None:
    """Take large blocks from the heap and never give its end back, so that no page is faulted in twice."""
    if (mallopt := _mallopt()) is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)


def _release_memory() -> None:
    """The policy that glibc arrives at by itself, and free memory given back."""
    if (mallopt := _mallopt()) is not None:
        mallopt(M_MMAP_MAX, 65536)
        mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(M_TRIM_THRESHOLD, 64 * 2**20)
        ctypes.CDLL(None).malloc_trim(0)
