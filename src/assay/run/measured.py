"""What it costs to solve a group of trials: the peak of memory, and energy where the study asks for it.

Recipes that train a network measure themselves, epoch by epoch; what they leave open, and all of the others, is
measured here around the call. Trials of one group are solved together, so that they share one peak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assay.adapt.energy import EnergyMeter
from assay.contracts import Adapted, Adapter, AdaptJob


def run_measured(adapter: Adapter, jobs: Sequence[AdaptJob], *, energy: bool = False) -> list[Adapted]:
    """What the adapter gives, with `peak_bytes` and `joules` filled in where it left them open.

    Args:
        adapter: The recipe.
        jobs: Jobs that share model, data and method.
        energy: Whether energy is measured; not beside a recipe that measures it by itself.

    Returns:
        One result a job. `peak_bytes` is the most resident memory of this process during the call, what it held before
        included, as fine-tuning counts it on the CPU; it stays open for work on another device. `joules` are shared
        among the jobs by their seconds, and stay open where a job has none.

    Raises:
        MissingExtraError: energy was asked for, and codecarbon is not installed.
    """
    from assay.features.cost import peak_memory

    meter = EnergyMeter() if energy and "energy" not in adapter.defaults else None
    with peak_memory() as peak:
        if meter is not None:
            meter.start()
        try:
            results = adapter.run(jobs)
        finally:
            joules = None if meter is None else meter.stop()
            if meter is not None:
                meter.close()
        most = peak()
    results = [_with_peak(result, job, most) for result, job in zip(results, jobs, strict=True)]
    return results if joules is None else _with_joules(results, joules)


def _with_peak(result: Adapted, job: AdaptJob, most: int) -> Adapted:
    elsewhere = str(result.chosen.get("device", job.device)).startswith("cuda")
    return result if elsewhere or result.peak_bytes is not None else replace(result, peak_bytes=most)


def _with_joules(results: Sequence[Adapted], joules: float) -> list[Adapted]:
    total = sum(result.seconds or 0.0 for result in results)
    return [
        replace(result, joules=joules * result.seconds / total) if result.seconds and total else result
        for result in results
    ]
