"""Staleness regret: what a fresh model of the same size would have gained, window by window, paired.

This is the number that tells decay, which retraining repairs, from a harder window, which it does not. Items within a
window are paired; the interval is over windows, as the windows are what varies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri
from scipy.stats import t

from assay.assess.durability.stream import Stream
from assay.estimate import Estimate
from assay.stats.two_way import TwoWay, fit_two_way

Floats = NDArray[np.float64]
FEWEST_WINDOWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """Staleness regret of the first model."""

    estimate: Estimate
    """Mean over windows, in points."""
    windows: tuple[Estimate, ...]
    """One a window where a fresh model exists."""
    names: tuple[str, ...]
    """Names of those windows."""


def staleness_regret(
    fresh: Sequence[Floats], stale: Sequence[Floats], names: Sequence[str], *, level: float = 0.95,
) -> Regret:  # fmt: skip
    """What fresh models gain over a stale one on the same windows.

    Args:
        fresh: (w) per window, the correctness of each item under a model trained just before it.
        stale: (w) the same items under the old model of the same size and recipe.
        names: (w) of the windows.
        level: confidence level.

    Returns:
        The regret; its interval uses the spread between windows, and at least the error within them.

    Notes:
        R = mean over windows of mean(fresh − stale); Var = max(between-window, within-window) / w, Student's t with
        w − 1 degrees of freedom.
    """
    single: list[Estimate] = []
    z = float(ndtri((1 + level) / 2))
    means, squares = np.zeros(len(names)), np.zeros(len(names))
    for k, (new, old) in enumerate(zip(fresh, stale, strict=True)):
        gain = new - old
        means[k] = gain.mean()
        squares[k] = max(float(gain.var(ddof=1)) if len(gain) > 1 else 0.25, 1 / len(gain) ** 2) / len(gain)
        half = z * float(np.sqrt(squares[k]))
        single.append(Estimate(
            name="staleness_regret", value=100 * means[k], low=100 * (means[k] - half), high=100 * (means[k] + half),
            level=level, n=len(gain), unit="points", method="paired on the items of the window",
            population="other such items",
        ))  # fmt: skip
    return Regret(estimate=_pooled(means, squares, level), windows=tuple(single), names=tuple(names))


def _pooled(means: Floats, squares: Floats, level: float) -> Estimate:
    w = len(means)
    about: dict[str, Any] = {"name": "staleness_regret", "unit": "points", "n": w, "population": "other such windows",
                             "method": "fresh less stale, paired within windows, spread between windows"}  # fmt: skip
    if w == 0:
        return Estimate(value=None, reason="no window in which a fresh model exists", **about)
    value = 100 * float(means.mean())
    if w < FEWEST_WINDOWS:
        about["method"] = f"{w} windows have no interval; {FEWEST_WINDOWS} have one"
        return Estimate(value=value, **about)
    square = max(float(means.var(ddof=1)), float(squares.mean())) / w
    half = 100 * float(t.ppf((1 + level) / 2, w - 1)) * float(np.sqrt(square))
    return Estimate(value=value, low=value - half, high=value + half, level=level, **about)


def regret_of(stream: Stream, names: Sequence[str], *, level: float) -> Regret:
    """Staleness regret of the first head of a stream, over the windows with a younger head."""
    usable = [j for j in range(len(stream.windows)) if stream.fresh(j) is not None]
    fresh = [found for j in usable if (found := stream.fresh(j)) is not None]
    return staleness_regret(fresh, [stream.stale(j) for j in usable], [names[stream.windows[j]] for j in usable],
                            level=level)  # fmt: skip


def triangle(stream: Stream, times: Floats, *, level: float) -> tuple[list[dict[str, Any]], TwoWay | None]:
    """Every origin against every window, and ageing and difficulty apart.

    Args:
        stream: the heads.
        times: (w) of all windows, in units of the rate.
        level: confidence level of the slope.

    Returns:
        Cells as rows (`origin`, `window`, `age`, `n`, `score`), and the two-way fit; None where no window was met by
        heads of two ages.
    """
    cells: list[dict[str, Any]] = []
    for i, origin in enumerate(stream.origins):
        for j, window in enumerate(stream.windows):
            found = stream.sliding[i][j]
            if found is not None:
                cells.append({"origin": origin, "window": window, "age": float(times[window] - times[origin]),
                              "n": len(found), "right": float(found.sum())})  # fmt: skip
    columns = {key: np.array([cell[key] for cell in cells], dtype=float) for key in ("right", "n", "age", "window")}
    at = columns["window"].astype(int)
    if not any(np.ptp(columns["age"][at == w]) > 0 for w in np.unique(at)):
        return cells, None
    return cells, fit_two_way(columns["right"], columns["n"], columns["age"], at, level=level)


def ageing(fit: TwoWay, stream: Stream, unit: str) -> Estimate:
    """The slope of the two-way fit in points per unit of age, at the mean difficulty."""
    known = fit.difficulty[np.isfinite(fit.difficulty)]
    p = float(expit(known.mean()))
    factor = 100 * p * (1 - p)
    about: dict[str, Any] = {
        "name": "ageing", "value": fit.slope * factor, "unit": f"points per {unit}", "n": len(stream.windows),
        "population": "other such windows", "method": "logit of score = difficulty of the window + slope × age",
    }  # fmt: skip
    if fit.low is None or fit.high is None:
        return Estimate(**about)
    return Estimate(low=fit.low * factor, high=fit.high * factor, level=fit.level, **about)
