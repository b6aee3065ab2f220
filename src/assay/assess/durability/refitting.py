"""All that refitted heads tell: staleness regret, ageing, the retraining decision, and whether overfitting fades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.durability.given import Refits, stream_of
from assay.assess.durability.periods import Periods
from assay.assess.durability.reading.log import PredictionLog
from assay.assess.durability.regret import Regret, ageing, regret_of, triangle
from assay.assess.durability.representation import Representation
from assay.assess.durability.retraining import decision_table, overfitting_and_decay, policies
from assay.assess.durability.stream import MOST_TO_TRAIN, Refit, Stream, run_stream
from assay.errors import NothingToAssessError
from assay.estimate import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refitted:
    """What heads refitted along the stream have shown."""

    stream: Stream
    regret: Regret
    ageing: Estimate
    """Slope over the age of a head, the difficulty of windows taken out."""
    cells: list[dict[str, Any]]
    """The triangle of origins and windows."""
    decision: list[dict[str, Any]]
    """Score against cost of each way of keeping up."""
    strengths: list[dict[str, Any]]
    """Gap and slope of heads at several strengths of regularisation."""
    decay_per_overfitting: Estimate


def refit_along(
    log: PredictionLog, periods: Periods, seen: Representation, *, refit: Refit, given: Sequence[Refits], level: float,
    rng: np.random.Generator,
) -> Refitted | str:  # fmt: skip
    """Refit heads along the windows of a log with features, or take the models that were fitted anew already.

    Args:
        log: the log.
        periods: source and windows.
        seen: encoded features.
        refit: fits a head.
        given: the log's own model, fitted anew; it is then what counts, and others after it are further policies.
        level: confidence level.
        rng: draws training rows where there are many.

    Returns:
        What they show, or the reason why nothing can be refitted.
    """
    if seen.encoded is None and not given:
        return "a fresh model needs the features that the model was fitted on; --features gives them"
    if log.outputs.regression:
        return "heads are refitted for classes only"
    if not periods.later:
        return "no later window"
    target = log.outputs.target.astype(int)
    try:
        stream = (stream_of(given[0], target, periods) if given else
                  run_stream(_encoded(seen), target, log.instants.value, periods, refit=refit, rng=rng))  # fmt: skip
    except NothingToAssessError as error:
        return str(error)
    names, times = periods.windows.names, periods.windows.times
    cells, fit = triangle(stream, times, level=level)
    unit = periods.windows.unit
    old = (Estimate.unknown("ageing", "no window was met by heads of two ages", unit=f"points per {unit}")
           if fit is None else ageing(fit, stream, unit))  # fmt: skip
    for cell in cells:
        cell["origin"], cell["window"] = names[cell["origin"]], names[cell["window"]]
        cell["score"] = cell.pop("right") / cell["n"]
    ways = policies(stream, [stream_of(rival, target, periods) for rival in given[1:]])
    strengths, effect = _strengths(log, periods, seen, level, rng)
    return Refitted(
        stream=stream, regret=regret_of(stream, names, level=level), ageing=old, cells=cells,
        decision=decision_table(ways, level=level), strengths=strengths, decay_per_overfitting=effect,
    )  # fmt: skip


def _encoded(seen: Representation) -> Floats:
    assert seen.encoded is not None
    return seen.encoded


def _strengths(
    log: PredictionLog, periods: Periods, seen: Representation, level: float, rng: np.random.Generator
) -> tuple[list[dict[str, Any]], Estimate]:  # fmt: skip
    """Heads of the training rows, or of half the source where none are marked, at several strengths."""
    name, unit = "decay_per_overfitting", "points per unit of time, per point of gap"
    later = [k for k in periods.later if len(periods.labelled[k]) >= 20]
    train, held_out = periods.train, periods.source
    if len(train) == 0:
        train, held_out = np.array_split(rng.permutation(periods.source), 2)
    train = train if len(train) <= MOST_TO_TRAIN // 4 else rng.choice(train, MOST_TO_TRAIN // 4, replace=False)
    target = log.outputs.target.astype(int)
    if seen.encoded is None:
        return [], Estimate.unknown(name, "heads of several strengths need the features", unit=unit)
    if len(later) < 3 or len(train) < 40 or len(held_out) < 40 or len(np.unique(target[train])) < 2:
        return [], Estimate.unknown(name, "three windows of 20 rows and 40 training rows are needed", unit=unit)
    return overfitting_and_decay(seen.encoded, target, train, held_out, tuple(periods.labelled[k] for k in later),
                                 periods.windows.times[later], level=level)  # fmt: skip
