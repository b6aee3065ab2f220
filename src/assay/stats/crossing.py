"""Where two curves meet that were measured at the same few places in several draws.

The curves are paired by draw. At every place between the measured ones their difference is a weighted sum of the
measured differences, so a t test says there whether they differ; the places where they can't be told apart are the
interval (Fieller's method). No draw has to cross by itself, and a curve that never crosses gives an open end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.stats import t as student

Floats = NDArray[np.float64]
FINENESS = 60
"""Places that are looked at between two measured ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where a difference turns from below zero to above it."""

    value: float | None
    """Where the mean difference is zero; None where it keeps its sign between the ends."""
    low: float | None
    """Lower end of the interval; None where the first place cannot be told from the crossing."""
    high: float | None
    """Upper end; None where the last place cannot be told from it, or the curves meet beyond it."""
    side: int
    """-1 where the mean difference is below zero everywhere, 1 where it is above, 0 where it turns."""


def rising_crossing(places: Floats, differences: Floats, *, level: float) -> Crossing:
    """Where a difference that rises along `places` is zero.

    Args:
        places: (k,) rising, at least two, on the scale on which a curve bends little, such as the logarithm.
        differences: (n, k) one row a draw, at least two rows.
        level: Confidence level of the interval, at each place.

    Notes:
        The difference at a place between is the cubic through the places around it with their central slopes (Catmull
        and Rom's, for uneven steps), linear in the measured differences. Where draws are normal, the interval covers
        the zero of that cubic with `level` exactly.

    References:
        Fieller (1954), Some problems in interval estimation, section 2.
    """
    n = len(differences)
    grid, weights = interpolation(places)
    found = differences @ weights.T
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(n)
    limit = float(student.ppf((1 + level) / 2, n - 1)) * error
    inside = np.flatnonzero(np.abs(mean) <= limit)
    rising = np.asarray(isotonic_regression(mean).x)
    side = -1 if rising[-1] < 0 else 1 if rising[0] > 0 else 0
    value = float(np.interp(0.0, *_strict(rising, grid))) if side == 0 else None
    if not len(inside):
        # The curves meet beyond an end, or between two places of the grid.
        if side:
            return Crossing(value=None, low=float(grid[-1]) if side < 0 else None,
                            high=float(grid[0]) if side > 0 else None, side=side)  # fmt: skip
        return Crossing(value=value, low=value, high=value, side=0)
    first, last = int(inside[0]), int(inside[-1])
    low = None if first == 0 else _between(grid, np.abs(mean) - limit, first - 1)
    high = None if last == len(grid) - 1 else _between(grid, np.abs(mean) - limit, last)
    if side < 0:
        high = None
    if side > 0:
        low = None
    if value is not None:
        value = min(max(value, low if low is not None else value), high if high is not None else value)
    return Crossing(value=value, low=low, high=high, side=side)


def interpolation(places: Floats) -> tuple[Floats, Floats]:
    """A fine grid over `places`, and the (g, k) weights that give a curve's values there from those at the places."""
    k = len(places)
    steps = np.arange(FINENESS) / FINENESS
    grid = np.concatenate([*(places[i] + steps * (places[i + 1] - places[i]) for i in range(k - 1)), places[-1:]])
    at = np.clip(np.searchsorted(places, grid, side="right") - 1, 0, k - 2)
    width = places[at + 1] - places[at]
    s = (grid - places[at]) / width
    slopes = _slopes(places)
    unit = np.eye(k)
    start, end = (2 * s**3 - 3 * s**2 + 1)[:, None], (3 * s**2 - 2 * s**3)[:, None]
    leave, arrive = (width * (s**3 - 2 * s**2 + s))[:, None], (width * (s**3 - s**2))[:, None]
    return grid, start * unit[at] + end * unit[at + 1] + leave * slopes[at] + arrive * slopes[at + 1]


def _slopes(places: Floats) -> Floats:
    """(k, k) weights of the slope at each place: that of the parabola through it and its neighbours."""
    k = len(places)
    weights = np.zeros((k, k))
    if k == 2:
        weights[:] = np.array([-1.0, 1.0]) / (places[1] - places[0])
        return weights
    for i in range(k):
        a = min(max(i - 1, 0), k - 3)
        x = places[a : a + 3]
        for j in range(3):
            others = [x[m] for m in range(3) if m != j]
            top = sum(places[i] - other for other in others)
            weights[i, a + j] = top / np.prod([x[j] - other for other in others])
    return weights


def _strict(rising: Floats, grid: Floats) -> tuple[Floats, Floats]:
    """The rising curve with each flat part as its middle, so that it can be read backwards."""
    level, start = np.unique(rising, return_index=True)
    last = len(rising) - 1 - np.unique(rising[::-1], return_index=True)[1]
    return level, (grid[start] + grid[last]) / 2


def _between(grid: Floats, excess: Floats, i: int) -> float:
    """Where `excess` is zero between places i and i + 1 of the grid, by a straight line."""
    share = excess[i] / (excess[i] - excess[i + 1])
    return float(grid[i] + share * (grid[i + 1] - grid[i]))
