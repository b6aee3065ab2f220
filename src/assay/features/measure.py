"""Choosing an engine by a short measurement: a few batches each, checked against eager float32.

The cost of preparing an engine counts against the number of items that are planned, so a handful of items is never
compiled for, and a hundred thousand are.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.builtin import ENGINES
from assay.contracts import Batch, Model
from assay.errors import AssayError, TrialError, UsageError
from assay.features.choice import TOLERANCE, Choice, Request, relative_difference, versions_of
from assay.features.halving import Halving, filled, rows_of

LOG = logging.getLogger("assay.features")
SAMPLE_BATCHES = 4
MEASURE_SECONDS = 2.0
CLEARLY = 1.1
"""An engine replaces a plainer one only when it is this many times faster in all; a near tie stays with the plainer."""
OFFER_FROM_SECONDS = 60.0
"""Half precision is measured only where the features take longer than this."""

Run = Callable[[Batch], NDArray[np.float32]]
Sample = Callable[[int], Sequence[Batch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """An engine that was prepared and measured."""

    engine: str
    run: Run
    prepare_seconds: float
    rate: float
    """Items a second."""
    x: NDArray[np.float32]
    """Features of the last batch of the sample, which is not the one it was prepared with."""
    limit: int | None
    """Items in one call where memory ran out on a whole batch; else None."""

    def seconds(self, items: int) -> float:
        """For so many items, preparation included."""
        return self.prepare_seconds + items / self.rate


def choose(model: Model, sample: Sample, planned: int, request: Request) -> tuple[Choice, Run]:
    """The engine for `planned` items, and what it prepared.

    Args:
        model: The model.
        sample: Number of batches → so many batches of real items, of the size that will be used.
        planned: Number of items to be computed.
        request: What the user asked for; a named engine is taken as it is, and only compared with eager float32.

    Raises:
        UsageError: when the named engine cannot run this model.
        OutOfMemoryError: when a single item does not fit.
    """
    device = request.resolved_device(model)
    names = [request.engine] if request.engine != "auto" else candidates(model, request.precision, device)
    size = request.resolved_batch(model)
    if len(names) == 1 or planned <= SAMPLE_BATCHES * size:
        return _untimed(names[0], model, sample, request, device)
    batches = sample(SAMPLE_BATCHES)
    first = time_engine(names[0], model, batches, request.precision, device)
    reference = first.x if request.precision == "float32" else eager_float32(model, batches[-1], device)
    best, rates, notes = first, {first.engine: first.rate}, list[str]()
    for name in names[1:]:
        if _expected(name, model, first, planned) >= best.seconds(planned):
            notes.append(f"{name} was not tried, since it could hardly pay off")
            continue
        try:
            timed = time_engine(name, model, batches, request.precision, device)
        except AssayError as error:
            notes.append(f"{name} was left out ({error})")
            continue
        rates[name] = timed.rate
        off = relative_difference(timed.x, reference)
        if request.precision == "float32" and not off <= TOLERANCE:
            notes.append(f"{name} was left out (it changes features by {off:.1e})")
        elif timed.seconds(planned) * CLEARLY < best.seconds(planned):
            best = timed
    choice = Choice(
        engine=best.engine, precision=request.precision, device=device, batch_size=best.limit or size,
        why="; ".join([f"fastest for {planned} items, {best.rate:.0f} a second", *notes]),
        rates={name: round(rate, 2) for name, rate in rates.items()},
        difference=None if best.x is reference else _finite(relative_difference(best.x, reference)),
        offer=_offer(model, batches, planned, best, reference, request, device),
        settings=dict(getattr(best.run, "settings", {})), versions=versions_of(best.engine),
    )  # fmt: skip
    return choice, best.run


def time_engine(name: str, model: Model, sample: Sequence[Batch], precision: str, device: str) -> Timed:
    """Prepare an engine and measure it on the sample.

    Raises:
        UsageError: when it cannot run this model.
        TrialError: when its package fails on it.
    """
    start = time.perf_counter()
    size = max(rows_of(batch) for batch in sample)
    run = prepare(name, model, sample[0], rows=size, precision=precision, device=device)
    halving = Halving(run, limit=size)
    x = halving(sample[-1])  # the first call is part of preparing: kernels are chosen and memory is laid out
    ready = time.perf_counter()
    lanes, at, items = getattr(run, "lanes", 1), 0, 0
    with ThreadPoolExecutor(lanes) as pool:
        while True:
            batches = [sample[(at + lane) % len(sample)] for lane in range(lanes)]
            items += sum(pool.map(lambda batch: len(halving(batch)), batches))
            at += lanes
            seconds = time.perf_counter() - ready
            if seconds >= MEASURE_SECONDS or (at >= len(sample) and seconds >= MEASURE_SECONDS / 4):
                break
    limit = halving.limit if halving.shrunk else None
    return Timed(engine=name, run=run, prepare_seconds=ready - start, rate=items / seconds, x=x, limit=limit)


def prepare(name: str, model: Model, example: Batch, *, rows: int, precision: str, device: str) -> Any:
    """What an engine prepares for a model; a failure inside its package becomes the failure of a trial.

    The example is filled up to the size of a whole batch: a resumed run, which may begin with a smaller one, must
    prepare what the first run did.

    Raises:
        UsageError: when the engine does not serve this model, precision or device.
        TrialError: when the engine's package fails.
    """
    if reason := _refuses(name, model, precision, device):
        raise UsageError(reason)
    try:
        return ENGINES[name].prepare(model, filled(example, rows), precision=precision, device=device)
    except (AssayError, MemoryError):
        raise
    except Exception as error:
        text = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise TrialError(f"the engine {name!r} cannot run {model.ref.uri}: {text}") from error


def candidates(model: Model, precision: str, device: str) -> list[str]:
    """Engines that apply, plain torch first, then by preparation; the model's own way only where there is no other."""
    if model.network is None:
        return ["model"]
    names = [name for name in ENGINES if name != "model" and not _refuses(name, model, precision, device)]
    return sorted(names, key=lambda name: (name != "torch", getattr(ENGINES[name], "prepare_seconds", 0.0)))


def eager_float32(model: Model, batch: Batch, device: str) -> NDArray[np.float32]:
    """Features by plain PyTorch in float32, which every engine is compared with."""
    run = prepare("torch", model, batch, rows=rows_of(batch), precision="float32", device=device)
    return Halving(run, limit=rows_of(batch))(batch)


def _untimed(name: str, model: Model, sample: Sample, request: Request, device: str) -> tuple[Choice, Run]:
    """The named engine, or the plainest where the items are too few to measure; compared with eager float32."""
    size = request.resolved_batch(model)
    compared = name != "model" and (name, request.precision) != ("torch", "float32")
    batches: Sequence[Batch] = [{}] if name == "model" else sample(2 if compared else 1)
    run = prepare(name, model, batches[0], rows=size, precision=request.precision, device=device)
    halving, difference = Halving(run, limit=size), None
    if compared:
        difference = _finite(relative_difference(halving(batches[-1]), eager_float32(model, batches[-1], device)))
    if request.precision == "float32" and difference is not None and difference > TOLERANCE:
        LOG.warning("the engine %s changes features by %.1e, relative to eager float32", name, difference)
    why = "asked for" if request.engine != "auto" else "there are too few items to measure engines on"
    if name == "model" and request.engine == "auto":
        why = "the model has no torch network and runs its own way"
    choice = Choice(
        engine=name, precision=request.precision, device=device, why=why, difference=difference,
        batch_size=halving.limit, settings=dict(getattr(run, "settings", {})), versions=versions_of(name),
    )  # fmt: skip
    return choice, run


def _offer(
    model: Model, sample: Sequence[Batch], planned: int, best: Timed, reference: NDArray[np.float32],
    request: Request, device: str,
) -> dict[str, Any] | None:  # fmt: skip
    """What half precision would bring, where the work is long enough to ask and the machine has it."""
    short = planned / best.rate < OFFER_FROM_SECONDS
    if request.precision != "float32" or short or not _has_bfloat16(device):
        return None
    try:
        half = time_engine(best.engine, model, sample, "bfloat16", device)
    except AssayError:
        return None
    off = _finite(relative_difference(half.x, reference))
    return None if off is None else {"precision": "bfloat16", "rate": round(half.rate, 2), "difference": off}


def _expected(name: str, model: Model, eager: Timed, planned: int) -> float:
    """Seconds that an engine may be expected to take, from what it usually needs and gains."""
    engine = ENGINES[name]
    gain = engine.typical_gain(model) if hasattr(engine, "typical_gain") else 2.0
    return getattr(engine, "prepare_seconds", 0.0) + planned / (eager.rate * gain)


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _refuses(name: str, model: Model, precision: str, device: str) -> str:
    refuses = getattr(ENGINES[name], "refuses", None)
    return "" if refuses is None else refuses(model, precision=precision, device=device)


def _has_bfloat16(device: str) -> bool:
    import torch

    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported()
    found = torch.cpu.get_capabilities()
    return any(bool(found.get(name)) for name in ("amx_bf16", "amx_tile", "avx512_bf16"))
