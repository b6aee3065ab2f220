"""What comes next: a forecast, how long until half is lost or a floor is reached, and how many labels would tell.

Fewer than four windows give bounds only. No date is given further ahead than the span that was observed: a curve of
half a year says nothing about the year after next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from assay.assess.durability.curve import Curve
from assay.assess.durability.periods import Periods
from assay.assess.durability.scoring import Scoring
from assay.estimate import Estimate
from assay.stats.forecast import Choice, choose_forecast, point_forecast
from assay.times.instants import show_instant

Floats = NDArray[np.float64]

FEWEST_WINDOWS = 4
PLAN = (0.01, 0.02, 0.03, 0.05)


def forecast_rows(curve: Curve, periods: Periods, scoring: Scoring) -> tuple[list[dict[str, Any]], Choice | None]:
    """The next windows, as far ahead as half the observed span.

    Args:
        curve: the curve.
        periods: its windows.
        scoring: metric and level.

    Returns:
        One row a window to come: `window`, `ahead` in units of the rate, `performance` of the window itself and
        `observed`, what labels as many as now would show; and the choice of method. Empty under four windows.
    """
    if curve.paths is None or len(curve.at) < FEWEST_WINDOWS:
        return [], None
    step = float(np.median(np.diff(curve.times)))
    count = max(1, min(12, (len(curve.at) - 1) // 2))
    weights = 1 / curve.variances
    choice = choose_forecast(curve.times, curve.values, weights, horizon=step * count)
    sampling = float(np.median(curve.variances))
    rows: list[dict[str, Any]] = []
    for j in range(1, count + 1):
        time = float(curve.times[-1]) + step * j
        point = point_forecast(choice.method, curve.times, curve.values, weights, time)
        mixture = curve.paths.at(time)
        name = "performance"
        rows.append({
            "name": (ahead := _window_ahead(periods, time, step)).pop("name"), "window": ahead, "ahead": step * j,
            "performance": _within(name, point, mixture.interval(scoring.level), scoring, choice, len(curve.at)),
            "observed": _within("observed", point, mixture.widened(sampling).interval(scoring.level), scoring, choice,
                                len(curve.at)),
        })  # fmt: skip
    return rows, choice


def _within(
    name: str, point: float, ends: tuple[float, float], scoring: Scoring, choice: Choice, n: int
) -> Estimate:  # fmt: skip
    """A forecast kept within the range of the metric, its interval stretched to hold the point."""
    least, most = scoring.metric.range
    point, low, high = (float(np.clip(x, least, most)) for x in (point, min(ends[0], point), max(ends[1], point)))
    return Estimate(name=name, value=point, low=low, high=high, level=scoring.level, n=n, unit=scoring.metric.unit,
                    population="the window to come", method=f"{choice.method}, chosen by rolling origin; interval from "
                    "lines, floors and walks together")  # fmt: skip


def _window_ahead(periods: Periods, time: float, step: float) -> dict[str, Any]:
    windows = periods.windows
    start = windows.middle[0] + (time - step / 2) * windows.unit_length
    end = windows.middle[0] + (time + step / 2) * windows.unit_length
    if windows.unit in ("step", "1,000 rows"):
        return {"name": f"+{time - windows.times[-1]:.3g} {windows.unit}", "start": None, "end": None}
    day = 86_400e6
    texts = [show_instant(round(x / day) * day, "day") for x in (start, end)]
    return {"name": texts[0], "start": texts[0], "end": texts[1]}


def half_life(curve: Curve, periods: Periods, scoring: Scoring, baseline: float | None) -> Estimate:
    """Time from the first window until half of the lead over a free baseline is lost.

    Args:
        curve: the curve.
        periods: its windows.
        scoring: metric and level.
        baseline: score of the free baseline; None where there is none, which leaves no half to lose.

    Returns:
        The estimate in units of the rate; unknown with bounds where the curve may be flat.
    """
    about: dict[str, Any] = {
        "name": "half_life", "unit": f"{periods.windows.unit}s", "n": len(curve.at), "population": "other such windows",
        "method": "bands of the forecast inverted at half the lead over the majority class",
    }  # fmt: skip
    if baseline is None or not curve.source.known or scoring.sign < 0:
        return Estimate(value=None, reason="a half-life needs a score with a free baseline, such as accuracy", **about)
    assert curve.source.value is not None
    lead = curve.source.value - baseline
    if lead <= 0:
        return Estimate(value=None, reason="the source score does not beat the majority class; there is no lead to "
                        "halve", **about)  # fmt: skip
    found = _crossings(curve, baseline + lead / 2, scoring)
    return _as_estimate(found, about, "no half-life can be claimed: the curve may be flat", scoring)


def _as_estimate(
    found: tuple[float | None, float | None, float | None] | None, about: dict[str, Any], flat: str, scoring: Scoring,
) -> Estimate:  # fmt: skip
    if found is None:
        return Estimate(value=None, reason="one window has no future; four give a forecast", **about)
    low, middle, high = found
    few = about["n"] < FEWEST_WINDOWS
    if middle is None or few:
        reason = f"{about['n']} windows give only bounds; four give a value" if few else flat
        return Estimate(value=None, low=low, high=high, level=scoring.level, reason=reason, **about)
    low = middle if low is not None and low > middle else low
    return Estimate(value=middle, low=low, high=high, level=scoring.level, **about)


def safe_until(
    curve: Curve, periods: Periods, scoring: Scoring, floor: float | None
) -> tuple[Estimate, dict[str, Any]]:
    """When a floor is reached: safe until (the lower band), expected (the middle), overdue (the upper band).

    Args:
        curve: the curve.
        periods: its windows.
        scoring: metric and level.
        floor: the score that must not be passed; None for no floor.

    Returns:
        The estimate of the time from the last window until the lower band passes the floor, and the three moments as
        a row (`safe_until`, `expected`, `overdue`), as dates where the windows have dates.
    """
    about: dict[str, Any] = {"name": "safe_until", "unit": f"{periods.windows.unit}s from the last window",
                             "n": len(curve.at), "population": "other such windows",
                             "method": "lower band of the forecast at the floor"}  # fmt: skip
    empty: dict[str, Any] = {"floor": floor, "safe_until": None, "expected": None, "overdue": None}
    if floor is None:
        return Estimate(value=None, reason="no floor was given; --floor 0.8 sets one", **about), {}
    source = curve.source.value
    if source is not None and scoring.sign * (source - floor) < 0:
        side = "above" if scoring.sign > 0 else "below"
        reason = f"the floor {floor:g} is {side} the source score {source:.3f}: it was never kept"
        return Estimate(value=None, reason=reason, **about), empty
    found = _crossings(curve, floor, scoring)
    if found is None:
        return Estimate(value=None, reason="one window has no future; four give a forecast", **about), empty
    last = float(curve.times[-1])
    row = {"floor": floor, **{name: _moment(periods, moment) for name, moment in
                              zip(("safe_until", "expected", "overdue"), found, strict=True)}}  # fmt: skip
    low = found[0]
    if len(curve.at) < FEWEST_WINDOWS:
        reason = f"{len(curve.at)} windows give only bounds; four give a date"
        return Estimate(value=None, low=None if low is None else max(low - last, 0.0), reason=reason, **about), row
    if low is None:
        ahead = _reach(curve) - last
        reason = f"the lower band stays above the floor for the {ahead:.3g} that can be looked ahead"
        return Estimate(value=None, low=ahead, reason=reason, **about), row
    about["method"] += "; 0 means that it cannot be called safe now" if low <= last else ""
    return Estimate(value=max(low - last, 0.0), **about), row


def _reach(curve: Curve) -> float:
    return float(2 * curve.times[-1] - curve.times[0])


def _crossings(
    curve: Curve, level: float, scoring: Scoring
) -> tuple[float | None, float | None, float | None] | None:  # fmt: skip
    """When lower band, middle and upper band pass a level, for the worse; None each where they do not within reach."""
    if curve.paths is None:
        return None
    paths, sign = curve.paths, scoring.sign
    tails = ((1 - scoring.level) / 2, 0.5, (1 + scoring.level) / 2)
    grid = np.linspace(float(curve.times[0]), _reach(curve), 61)
    mixtures = [paths.at(float(time)) for time in grid]

    def first(tail: float) -> float | None:
        probability = tail if sign > 0 else 1 - tail
        below = [sign * (mixture.quantile(probability) - level) < 0 for mixture in mixtures]
        k = next((i for i, under in enumerate(below) if under and all(below[i:])), None)
        if k is None:
            return None
        if k == 0:
            return float(grid[0])
        return _bisect(lambda x: sign * (paths.at(x).quantile(probability) - level), float(grid[k - 1]), float(grid[k]))

    return first(tails[0]), first(tails[1]), first(tails[2])


def _bisect(height: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (middle, high) if height(middle) >= 0 else (low, middle)
    return high


def _moment(periods: Periods, time: float | None) -> str | None:
    windows = periods.windows
    if time is None:
        return None
    at = windows.middle[0] + time * windows.unit_length
    if windows.unit in ("step", "1,000 rows"):
        return f"{time:.3g} {windows.unit.replace('1,000', 'thousand')} after the first window"
    return show_instant(float(np.floor(at / 86_400e6) * 86_400e6), "day")


def label_plan(scoring: Scoring, source: Estimate, per_window: float) -> list[dict[str, Any]]:
    """How many labels a window would need to show a drop, with a chance of 80 %.

    Args:
        scoring: level.
        source: the score of the source period.
        per_window: labels a window has now.

    Returns:
        One row a drop: `drop` in points, `labels` between two windows, `labels_against_source` with a long source.
        Empty unless the score is a share.

    Notes:
        n = (z_{1−α/2} + z_{0.8})² · 2 p(1 − p) / d² for two windows, half of that against a source without error.
    """
    if scoring.row_name != "accuracy" or source.value is None or not 0 < source.value < 1:
        return []
    reach = float(ndtri((1 + scoring.level) / 2) + ndtri(0.8)) ** 2
    rows: list[dict[str, Any]] = []
    for drop in PLAN:
        p = source.value - drop / 2
        need = reach * 2 * p * (1 - p) / drop**2
        rows.append({"drop": 100 * drop, "labels": int(np.ceil(need)), "labels_against_source": int(np.ceil(need / 2)),
                     "labels_now": round(per_window, 1)})  # fmt: skip
    return rows
