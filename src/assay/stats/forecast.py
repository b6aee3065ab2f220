"""Point forecasts of a short curve, and the choice among them.

Four simple forecasts are compared on the curve's own past: from each origin, what would each have said of the windows
that followed? The one with the smallest error is shown. Its interval comes from `assay.stats.paths`, which does not
depend on the choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEWEST = {"mean": 1, "last": 1, "linear": 3, "exponential to a floor": 4}
METHODS = tuple(_FEWEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which forecast was chosen, and how each would have done."""

    method: str
    errors: Mapping[str, float]
    """Method → root mean squared error over the rolling origins that all compared methods share."""
    origins: int
    """How many (origin, later window) pairs the comparison rests on; 0 when there were too few windows."""


def choose_forecast(times: Floats, values: Floats, weights: Floats, *, horizon: float) -> Choice:
    """The forecast that would have done best on the windows seen so far, by rolling origin.

    Args:
        times: (w,) increasing.
        values: (w,) scores.
        weights: (w,) positive, such as the inverse of the sampling variances.
        horizon: how far ahead the forecast is wanted, in the unit of the times; later windows are not compared.

    Returns:
        The choice; `mean` where no method can be compared.

    Notes:
        An origin is a window with at least two before it. A method takes part where it can be fitted at an origin;
        methods are compared on the pairs at which all of them take part. A tie goes to the simpler.
    """
    origins = range(2, len(times))
    for methods in (METHODS, METHODS[:3], METHODS[:2]):
        usable = [o for o in origins if o >= max(_FEWEST[method] for method in methods)]
        pairs = [(o, k) for o in usable for k in range(o, len(times)) if times[k] - times[o - 1] <= horizon * 1.001]
        if len(usable) >= 2 or (len(methods) == 2 and pairs):
            break
    else:
        return Choice(method="mean", errors={}, origins=0)
    errors: dict[str, float] = {}
    for method in methods:
        misses = [values[k] - point_forecast(method, times[:o], values[:o], weights[:o], times[k]) for o, k in pairs]
        errors[method] = float(np.sqrt(np.mean(np.square(misses))))
    best = min(errors, key=lambda name: round(errors[name], 12))
    return Choice(method=best, errors=errors, origins=len(pairs))


def point_forecast(method: str, times: Floats, values: Floats, weights: Floats, at: float) -> float:
    """What one method says of the value at time `at`, from the windows given.

    Notes:
        `linear` is weighted least squares with the slope shrunk by max(0, 1 − se²/b²), so that a slope within its own
        error is a level. `exponential to a floor` is the best of a grid of rates, each by weighted least squares;
        where the fitted curve does not fall, it is the mean.
    """
    mean = float(np.average(values, weights=weights))
    if method == "last":
        return float(values[-1])
    if method == "linear":
        return _linear(times, values, weights, at)
    if method == "exponential to a floor":
        return _exponential(times, values, weights, at)
    return mean


def _linear(times: Floats, values: Floats, weights: Floats, at: float) -> float:
    centre, mean = np.average(times, weights=weights), float(np.average(values, weights=weights))
    x = times - centre
    spread = float(weights @ x**2)
    slope = float(weights @ (x * (values - mean)) / spread)
    residual = values - mean - slope * x
    error = float(weights @ residual**2) / max(len(times) - 2, 1) / spread
    shrink = max(0.0, 1 - error / slope**2) if slope else 0.0
    return mean + shrink * slope * float(at - centre)


def _exponential(times: Floats, values: Floats, weights: Floats, at: float) -> float:
    span = float(times[-1] - times[0])
    fits: list[tuple[float, float]] = []
    for rate in (0.5, 1.0, 2.0, 4.0, 8.0):
        x = np.exp(-rate * (times - times[0]) / span)
        mean_x, mean = float(np.average(x, weights=weights)), float(np.average(values, weights=weights))
        height = max(0.0, float(weights @ ((x - mean_x) * (values - mean)) / (weights @ (x - mean_x) ** 2)))
        loss = float(weights @ (values - mean - height * (x - mean_x)) ** 2)
        fits.append((loss, mean + height * (float(np.exp(-rate * (at - times[0]) / span)) - mean_x)))
    return min(fits)[1]
