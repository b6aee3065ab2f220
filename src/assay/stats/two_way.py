"""Ageing and difficulty apart: logit P = difficulty of the window + slope × age of the model.

Models of several ages meet the same windows, so a window that is hard for all is told from a model that has grown old.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import t

from assay.errors import ShapeError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWay:
    """A fitted triangle of origins and windows."""

    slope: float
    """Change of the logit per unit of age; negative when models fade."""
    low: float | None
    """Lower end of its interval, over windows; None with fewer than four windows of two ages."""
    high: float | None
    difficulty: Floats
    """(w,) logit of a model of age 0 in each window; NaN where the window was not tested."""
    error: float | None
    """Standard error of the slope, between windows."""
    level: float
    """Confidence level of the interval."""


def fit_two_way(right: Floats, count: Floats, age: Floats, window: NDArray[np.int_], *, level: float) -> TwoWay:
    """Fit the two-way model to the cells of a triangle.

    Args:
        right: (k,) numbers of right answers a cell.
        count: (k,) numbers of items a cell, positive.
        age: (k,) age of the model in the cell.
        window: (k,) index of the cell's window, from 0.
        level: confidence level of the interval.

    Returns:
        The fit. The interval comes from leaving out one window at a time, since cells of a window share its items.

    Raises:
        ShapeError: no window that models of two ages met.
    """
    mixed = [w for w in np.unique(window) if np.ptp(age[window == w]) > 0]
    if not mixed:
        raise ShapeError("no window was met by models of two ages")
    slope, difficulty = _fit(right, count, age, window)
    if len(mixed) < 4:
        return TwoWay(slope=slope, low=None, high=None, difficulty=difficulty, error=None, level=level)
    kept = [window != w for w in mixed]
    without = np.array([_fit(right[k], count[k], age[k], window[k])[0] for k in kept])
    m = len(mixed)
    error = float(np.sqrt((m - 1) / m * ((without - without.mean()) ** 2).sum()))
    half = float(t.ppf((1 + level) / 2, m - 1)) * error
    return TwoWay(slope=slope, low=slope - half, high=slope + half, difficulty=difficulty, error=error, level=level)


def _fit(right: Floats, count: Floats, age: Floats, window: NDArray[np.int_]) -> tuple[float, Floats]:
    """Newton's method, the difficulties eliminated by blocks; half an item is added to both sides of each cell."""
    windows, at = np.unique(window, return_inverse=True)
    hits, n = right + 0.5, count + 1.0
    total = np.bincount(at, n)
    alpha = np.log(np.bincount(at, hits) / (total - np.bincount(at, hits)))
    slope = 0.0
    scale = max(float(np.abs(age).max()), 1e-12)
    x = age / scale
    for _ in range(100):
        p = expit(alpha[at] + slope * x)
        weight, residual = n * p * (1 - p), hits - n * p
        block, cross = np.bincount(at, weight), np.bincount(at, weight * x)
        gradient = np.bincount(at, residual)
        reduced = float(weight @ x**2 - cross @ (cross / block))
        if reduced <= 0:
            break
        step = float((residual @ x - cross @ (gradient / block)) / reduced)
        move = (gradient - cross * step) / block
        alpha, slope = alpha + np.clip(move, -2, 2), slope + float(np.clip(step, -2, 2))
        if max(abs(step), float(np.abs(move).max())) < 1e-10:
            break
    difficulty = np.full(int(window.max()) + 1, np.nan)
    difficulty[windows] = alpha
    return slope / scale, difficulty
