"""The curve P(t), its rate S(t), which steps are real, the trend and the break.

One step of a curve is mostly noise: with 300 labels a window it must exceed some six points to be seen. So a rate is
never given without its interval, steps are judged together, and the trend is pooled over all windows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.durability.periods import Periods
from assay.assess.durability.scoring import Scoring
from assay.estimate import Estimate
from assay.stats.change_point import Break, change_point
from assay.stats.paths import Paths, fit_paths
from assay.stats.steps import difference_interval, real_steps

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A performance curve over w windows."""

    source: Estimate
    """Performance in the source period."""
    performance: tuple[Estimate, ...]
    """(w) performance of each window; unknown where it has no labels."""
    rate: tuple[Estimate, ...]
    """(w) change since the last window with a value, per unit of time; the first has none."""
    real: tuple[bool | None, ...]
    """(w) whether that step is real, all steps looked at together; None where there is none."""
    at: NDArray[np.int_]
    """(k) the windows with a value and an interval, on which trend and forecast rest."""
    times: Floats
    """(k,) their times, in units of the rate."""
    values: Floats
    """(k,)"""
    variances: Floats
    """(k,) sampling variances."""
    slope: Estimate
    """Pooled slope per unit of time."""
    paths: Paths | None
    """Curves that fit; None with fewer than two windows."""
    break_: Break | None
    """The most likely break; None with fewer than five windows."""


def draw_curve(periods: Periods, scoring: Scoring, *, rng: np.random.Generator) -> Curve:
    """The curve of a log, window by window.

    Args:
        periods: source and windows.
        scoring: the metric.
        rng: for the permutations of the break.

    Returns:
        The curve. The slope is a value from four windows on; with two or three only its bounds are given.
    """
    performance = tuple(scoring.performance(rows) for rows in periods.labelled)
    source = performance[periods.source_window] if periods.source_window is not None else (
        scoring.performance(periods.source))  # fmt: skip
    errors = [scoring.error(estimate) for estimate in performance]
    at = np.array([k for k, error in enumerate(errors) if error is not None and performance[k].known], dtype=int)
    values = np.array([performance[k].value for k in at], dtype=float)
    variances = _variances(performance, at, np.array([errors[k] for k in at], dtype=float), scoring)
    times = periods.windows.times[at]
    paths = fit_paths(times, values, variances) if len(at) >= 2 else None
    rate, real = _rates(performance, periods, at, values, np.sqrt(variances), scoring)
    return Curve(
        source=source, performance=performance, rate=rate, real=real, at=at, times=times, values=values,
        variances=variances, slope=_slope(paths, len(at), scoring, periods.windows.unit), paths=paths,
        break_=change_point(values, 1 / variances, rng=rng) if len(at) >= 5 else None,
    )  # fmt: skip


def _variances(performance: tuple[Estimate, ...], at: NDArray[np.int_], errors: Floats, scoring: Scoring) -> Floats:
    """Sampling variances; for a share p(1 − p)/n at the pooled p, so that a lucky window does not weigh more."""
    if scoring.metric.form != "share" or len(at) == 0:
        floor = np.median(errors) / 10 if len(errors) else 0.0
        return np.maximum(errors, max(float(floor), 1e-12)) ** 2
    n = np.array([performance[k].n for k in at], dtype=float)
    hits = float(sum((performance[k].value or 0.0) * (performance[k].n or 0) for k in at))
    pooled = (hits + 1) / (n.sum() + 2)
    return pooled * (1 - pooled) / n


def _rates(
    performance: tuple[Estimate, ...], periods: Periods, at: NDArray[np.int_], values: Floats, errors: Floats,
    scoring: Scoring,
) -> tuple[tuple[Estimate, ...], tuple[bool | None, ...]]:  # fmt: skip
    factor, unit = scoring.curve_points
    unit = f"{unit} per {periods.windows.unit}".strip()
    about: dict[str, Any] = {"name": "rate", "unit": unit, "population": "other such items",
                             "method": "difference of neighbouring windows, interval from theirs"}  # fmt: skip
    none = Estimate(value=None, reason="no earlier window to compare with", **about)
    rate: list[Estimate] = [none for _ in performance]
    real: list[bool | None] = [None for _ in performance]
    steps, _ = real_steps(values, errors, level=scoring.level)
    times = periods.windows.times
    for j in range(1, len(at)):
        now, before = performance[at[j]], performance[at[j - 1]]
        low, high = difference_interval(now, before) or (float("nan"), float("nan"))
        stretch = float(times[at[j]] - times[at[j - 1]])
        step = float(values[j] - values[j - 1])
        rate[at[j]] = Estimate(value=step * factor / stretch, low=low * factor / stretch, high=high * factor / stretch,
                               level=scoring.level, n=(now.n or 0) + (before.n or 0), **about)  # fmt: skip
        real[at[j]] = bool(steps[j - 1])
    for k, estimate in enumerate(performance):
        if not estimate.known:
            rate[k] = replace(none, reason=estimate.reason or "no value")
    return tuple(rate), tuple(real)


def _slope(paths: Paths | None, count: int, scoring: Scoring, time_unit: str) -> Estimate:
    factor, unit = scoring.curve_points
    about: dict[str, Any] = {
        "name": "slope", "unit": f"{unit} per {time_unit}".strip(), "n": count, "population": "other such windows",
        "method": "straight line over all windows, spread between windows integrated out",
    }  # fmt: skip
    if paths is None:
        return Estimate(value=None, reason="one window has no slope; two give bounds, four a value", **about)
    mixture = paths.slope()
    low, high = (end * factor for end in mixture.interval(scoring.level))
    if count < 4:
        return Estimate(value=None, low=low, high=high, level=scoring.level,
                        reason=f"{count} windows give only bounds of a slope; four give a value", **about)  # fmt: skip
    return Estimate(value=mixture.centre * factor, low=low, high=high, level=scoring.level, **about)
