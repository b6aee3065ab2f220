"""Durability: how long the model lasts, how fast it fades, and why.

A log goes through the steps of this package one by one; each gives rows, estimates and findings, and says so when it
cannot. Nothing here draws, reads a disk or trains a network: heads on frozen features are refitted where features are
given.
"""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.durability.breakdown import by_part
from assay.assess.durability.carriers import exact_parts, regions, words
from assay.assess.durability.causes import Attribution, attribute, cause_rows
from assay.assess.durability.curve import Curve, draw_curve
from assay.assess.durability.given import Refits
from assay.assess.durability.outlook import forecast_rows, half_life, label_plan, safe_until
from assay.assess.durability.overfitting import fall_between, overfitting_chain, overfitting_gap
from assay.assess.durability.page import write_page
from assay.assess.durability.periods import Periods, find_periods
from assay.assess.durability.reading.log import PredictionLog
from assay.assess.durability.reading.windows import is_window
from assay.assess.durability.refitting import refit_along
from assay.assess.durability.representation import Representation, represent
from assay.assess.durability.results import Results
from assay.assess.durability.scoring import Scoring, score_rows
from assay.assess.durability.stream import Refit, probe
from assay.assess.durability.without_labels import estimate_without_labels
from assay.canon import array_digest
from assay.errors import UnknownNameError, UsageError
from assay.estimate import Estimate
from assay.finding import Assessment
from assay.rng import stream as random_stream
from assay.stats.decomposition import Order
from assay.stats.steps import difference_interval

Positions = NDArray[np.int_]

MOST_ROWS_BY_WINDOW = 20_000
MOST_ROWS = 50_000
MOST_WINDOWS_EXPLAINED = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a log."""

    window: str | None = None
    """`month`, `14d`, `500` rows, or a column; chosen from the data by default."""
    origin: str | None = None
    """Where the stream starts."""
    floor: float | None = None
    """The score that must not be passed."""
    metric: str | None = None
    """Accuracy for classes and mean absolute error for numbers by default."""
    direction: Order | None = None
    """`x-y` where inputs give rise to labels, `y-x` where labels give rise to inputs; unknown by default."""
    against: str = "later"
    """What the source is compared with: `later` for all later windows, `latest`, or a window's name."""
    level: float = 0.95
    rng_seed: int = 0
    refits: int = 200
    """Bootstrap refits for the causes of small logs; 0 takes the one-step form always."""


def assess(
    log: PredictionLog, question: Question, *, refit: Refit = probe, given: Sequence[Refits] = (),
) -> Assessment:  # fmt: skip
    """The durability of the model behind a prediction log.

    Args:
        log: the log, as `read_log` gives it.
        question: what is asked.
        refit: fits a head on frozen features, for staleness regret; a logistic probe by default.
        given: the log's own model fitted anew at later windows, where that was done, and after it other recipes that
            were; no head is refitted then.

    Returns:
        The assessment, with tables `curve`, `causes`, `regret`, `forecast` and others, and estimates `drop`, `slope`,
        `half_life`, `safe_until`, `staleness_regret`, `overfitting_gap`.

    Raises:
        UsageError: a window, metric, level or direction that does not fit the log.
        DataError: rows that cannot be used.
        NothingToAssessError: no labelled row.
    """
    start = clock.perf_counter()
    _check(question)
    periods = periods_of(log, question)
    scoring = score_rows(log.outputs, metric=question.metric, level=question.level)
    target, target_name = _target(periods, question.against)
    curve = draw_curve(periods, scoring, rng=random_stream(question.rng_seed, "durability", "curve"))
    seen = represent(log, np.r_[periods.source, periods.rows_later].astype(int),
                     rng=random_stream(question.rng_seed, "durability", "representation"))  # fmt: skip
    attribution = _attribution(periods, scoring, seen, target, question)
    refitted = refit_along(log, periods, seen, refit=refit, given=given, level=question.level,
                           rng=random_stream(question.rng_seed, "durability", "stream"))  # fmt: skip
    unlabelled = estimate_without_labels(periods, scoring, seen,
                                         rng=random_stream(question.rng_seed, "durability", "labels"))  # fmt: skip
    results = Results(
        log=log, direction=question.direction, periods=periods, scoring=scoring,
        curve=curve, drop=_drop(periods, scoring, curve, target), target_name=target_name, attribution=attribution,
        by_window=_by_window(periods, scoring, seen, question), refitted=refitted, unlabelled=unlabelled,
        carriers=_carriers(log, periods, scoring, seen, question), parts=_parts(log, periods, scoring),
        chain=overfitting_chain(periods, scoring), gap=overfitting_gap(periods, scoring),
        forecast=forecast_rows(curve, periods, scoring),
        half_life=half_life(curve, periods, scoring, _baseline(periods, scoring)),
        safe_until=safe_until(curve, periods, scoring, question.floor),
        plan=label_plan(scoring, scoring.performance(periods.source), _per_window(periods)),
        inputs=_inputs(log, periods, question),
    )  # fmt: skip
    return write_page(results, seconds=clock.perf_counter() - start)


def _check(question: Question) -> None:
    if question.direction not in (None, "x-y", "y-x"):
        raise UsageError(f"a direction is x-y or y-x, got {question.direction!r}")
    if not 0.5 <= question.level < 1:
        raise UsageError(f"a level lies between 0.5 and 1, got {question.level}")


def periods_of(log: PredictionLog, question: Question) -> Periods:
    """Source and windows of a log, as the question has them; a column may name the windows."""
    window = question.window
    if window is None or is_window(window) or window not in log.frame.columns:
        return find_periods(log, window=window, origin=question.origin)
    return find_periods(log, origin=question.origin, column=list(log.frame[window]))


def _target(periods: Periods, against: str) -> tuple[Positions, str]:
    """The rows that the source is compared with; empty where there is no later window."""
    later = periods.later
    if not later:
        return np.empty(0, dtype=int), "no later window"
    if against == "later":
        return periods.rows_later, "all later windows"
    names = {periods.windows.names[k]: k for k in later}
    k = later[-1] if against == "latest" else names.get(against)
    if k is None:
        raise UnknownNameError("window", against, ["later", "latest", *names], where="--against")
    return periods.labelled[k], periods.windows.names[k]


def _drop(periods: Periods, scoring: Scoring, curve: Curve, target: Positions) -> Estimate:
    """P(source) less P(target) in points, positive when the model has become worse."""
    factor, unit = scoring.curve_points
    if len(target) == 0:
        return Estimate.unknown("drop", "one window with labels shows no change; a later one would", unit=unit)
    if scoring.exact:
        return fall_between(periods.source, target, scoring, "drop")
    later = scoring.performance(target)
    ends = difference_interval(later, curve.source)
    if later.value is None or curve.source.value is None:
        return Estimate.unknown("drop", later.reason or curve.source.reason or "no value", unit=unit)
    fall = Estimate(
        name="drop", value=later.value - curve.source.value, low=None if ends is None else ends[0],
        high=None if ends is None else ends[1], level=None if ends is None else scoring.level, n=later.n, unit=unit,
        method="difference of two metrics, interval from theirs", population="other such items",
    )  # fmt: skip
    return fall.scaled(-scoring.sign * factor, unit)


def _attribution(
    periods: Periods, scoring: Scoring, seen: Representation, target: Positions, question: Question
) -> Attribution | None:  # fmt: skip
    if len(target) == 0:
        return None
    return attribute(periods.source, target, scoring, seen, most=MOST_ROWS, refits=question.refits, ranges=True,
                     rng=random_stream(question.rng_seed, "durability", "causes"))  # fmt: skip


def _by_window(
    periods: Periods, scoring: Scoring, seen: Representation, question: Question
) -> list[dict[str, Any]]:  # fmt: skip
    """Causes of each window against the source, in the one-step form; evenly spaced windows where there are many."""
    later = periods.later
    if len(later) > MOST_WINDOWS_EXPLAINED:
        later = [later[int(i)] for i in np.unique(np.linspace(0, len(later) - 1, MOST_WINDOWS_EXPLAINED).round())]
    rows: list[dict[str, Any]] = []
    for k in later:
        rng = random_stream(question.rng_seed, "durability", "causes", k)
        found = attribute(periods.source, periods.labelled[k], scoring, seen, most=MOST_ROWS_BY_WINDOW, refits=0,
                          ranges=False, rng=rng)  # fmt: skip
        row: dict[str, Any] = {"window": periods.windows.names[k], "n": len(periods.labelled[k]),
                               "change": found.fall * scoring.points[0]}  # fmt: skip
        for cause in cause_rows(found, scoring, question.direction):
            row[str(cause["cause"]).replace(" ", "_")] = cause["points"]
        rows.append(row)
    return rows


def _carriers(
    log: PredictionLog, periods: Periods, scoring: Scoring, seen: Representation, question: Question
) -> list[dict[str, Any]]:  # fmt: skip
    if len(periods.rows_later) == 0:
        return []
    rows: list[dict[str, Any]] = []
    if not log.outputs.regression:
        names = np.array([*log.outputs.classes, ""], dtype=object)
        rows += exact_parts(periods, scoring, names[log.outputs.target].astype(str), "class")
    if log.group is not None:
        rows += exact_parts(periods, scoring, log.group, "group")
    if seen.cluster is not None:
        rows += exact_parts(periods, scoring, seen.cluster, "cluster")
        rows += regions(periods, scoring, seen, rng=random_stream(question.rng_seed, "durability", "regions"))
    if log.text is not None:
        rows += words(periods, scoring, log.text)
    return rows


def _parts(log: PredictionLog, periods: Periods, scoring: Scoring) -> dict[str, list[dict[str, Any]]]:
    parts: dict[str, list[dict[str, Any]]] = {}
    if not log.outputs.regression:
        names = np.array([*log.outputs.classes, ""], dtype=object)
        parts["by_class"] = by_part(periods, scoring, names[log.outputs.target].astype(str), "class")
    if log.group is not None:
        parts["by_group"] = by_part(periods, scoring, log.group, "group")
    return parts


def _baseline(periods: Periods, scoring: Scoring) -> float | None:
    """Score of always saying the commonest class of the source; None for metrics in which it means nothing."""
    if scoring.outputs.regression:
        return None
    if scoring.metric.name == "accuracy":
        return float(np.bincount(scoring.outputs.target[periods.source]).max() / len(periods.source))
    return {"auroc": 0.5, "balanced_accuracy": 1 / len(scoring.outputs.classes), "matthews": 0.0}.get(
        scoring.metric.name
    )


def _per_window(periods: Periods) -> float:
    sizes = [len(periods.labelled[k]) for k in periods.later]
    return float(np.median(sizes)) if sizes else 0.0


def _inputs(log: PredictionLog, periods: Periods, question: Question) -> dict[str, Any]:
    columns = (log.instants.value, log.outputs.target, log.outputs.label)
    return {
        "digest": array_digest(np.concatenate([column.astype(float) for column in columns])),
        "rows": len(log), "labelled": int(log.outputs.labelled.sum()), "windows": len(periods.windows),
        "source": periods.source_kind, "window": question.window, "origin": question.origin, "metric": question.metric,
        "direction": question.direction, "against": question.against, "floor": question.floor, "level": question.level,
        "rng_seed": question.rng_seed,
    }  # fmt: skip
