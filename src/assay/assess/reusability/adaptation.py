"""Adaptation time: what it takes to come near the best score, where some trainings never come near it.

A training that ends without reaching a score has no time to it. Such times are censored: they are counted, never left
out and never replaced by the time at which the training ended.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.assess.reusability.budgets import LEAST_DRAWS, over_draws
from assay.assess.reusability.records import Candidate, Moment, Training
from assay.estimate import Estimate, show_share
from assay.finding import Row

SHARES = (0.90, 0.95, 0.99)
POPULATION = "other trainings like these, on this machine"

Floats = NDArray[np.float64]


def adaptation_rows(candidates: Sequence[Candidate], *, reach: Sequence[float] = (), level: float) -> list[Row]:
    """One row a model, target and goal: time, epochs, steps, energy and memory to get there.

    Args:
        candidates: The models with their trainings.
        reach: Scores that the user names, besides 90, 95 and 99 % of the best score seen on the target.
        level: Of the intervals over trainings.

    Notes:
        Scores are those of the validation rows, at the end of each epoch; the test rows are not looked at. The mean
        time is unknown where a training does not get there. The restricted mean is always known: each training counts
        with its time, or with the horizon where it ended without getting there, and the horizon is the longest training
        on this target (Royston and Parmar 2013, Restricted mean survival time, section 2). A head that was solved, or a
        training that stopped by itself, is thereby taken not to get there later.
    """
    rows: list[Row] = []
    for target in sorted({candidate.target for candidate in candidates}):
        mine = [candidate for candidate in candidates if candidate.target == target and candidate.trainings]
        horizon = max((t.moments[-1].seconds for c in mine for t in c.trainings), default=0.0)
        for goal, score in _goals(mine, reach):
            rows += [_row(candidate, goal, score, horizon, level) for candidate in mine]
    return rows


def _goals(candidates: Sequence[Candidate], reach: Sequence[float]) -> list[tuple[str, float]]:
    """What is to be reached, in words and as a score; shares of the best only where that has a meaning."""
    best = max((m.score for c in candidates for t in c.trainings for m in t.moments), default=0.0)
    shares = [(f"{show_share(share)} of the best", share * best) for share in SHARES] if best > 0 else []
    return [*shares, *((f"{score:g}", float(score)) for score in reach)]


def _row(candidate: Candidate, goal: str, score: float, horizon: float, level: float) -> Row:
    trainings = candidate.trainings
    found = [first_at(training, score) for training in trainings]
    there = [moment for moment in found if moment is not None]
    held = np.array([horizon if moment is None else moment.seconds for moment in found])
    peaks = [moment.peak_bytes for moment in there if moment.peak_bytes is not None]

    def mean(name: str, unit: str) -> Estimate:
        values = [getattr(moment, name) for moment in there]
        if any(value is None for value in values):
            return Estimate.unknown(unit, f"{name} were not measured", unit=unit)
        return _mean(np.array(values, dtype=float), trainings, unit, level)

    return {
        "model": candidate.model, "target": candidate.target, "goal": goal, "score": score,
        "reached": f"{len(there)} of {len(found)}", "seconds": mean("seconds", "seconds"),
        "epochs": mean("epochs", "epochs"), "steps": mean("steps", "steps"), "joules": mean("joules", "joules"),
        "restricted_seconds": _positive(over_draws(held, "restricted_seconds", level), f"up to {horizon:.3g} s"),
        "peak_bytes": max(peaks, default=None),
    }  # fmt: skip


def first_at(training: Training, score: float) -> Moment | None:
    """The first moment at which a training had the score; None where it never had it."""
    return next((moment for moment in training.moments if moment.score >= score), None)


def _mean(times: Floats, trainings: Sequence[Training], unit: str, level: float) -> Estimate:
    """The mean over trainings; where some never got there, the reason and how long those were at it."""
    missing = len(trainings) - len(times)
    if not missing:
        return _positive(over_draws(times, unit, level), unit)
    longest = max(training.moments[-1].seconds for training in trainings)
    return Estimate.unknown(
        unit, f"not reached in {missing} of {len(trainings)} trainings, the longest of {longest:.3g} s; train longer, "
        "or compare the restricted mean", unit=unit, n=len(trainings),
    )  # fmt: skip


def _positive(estimate: Estimate, how: str) -> Estimate:
    """A mean of times: no lower end below zero."""
    restricted = how.startswith("up to")
    return Estimate(
        name=estimate.name, value=estimate.value, high=estimate.high, level=estimate.level, n=estimate.n,
        low=None if estimate.low is None else max(0.0, estimate.low), reason=estimate.reason,
        unit="seconds" if restricted else how, population=POPULATION,
        method=f"t interval over trainings{f', time {how}' if restricted else ''}" if (estimate.n or 0) >= LEAST_DRAWS
        else "mean over trainings; too few for an interval",
    )  # fmt: skip
