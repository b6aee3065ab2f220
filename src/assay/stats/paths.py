"""Where a short curve is going: a mixture of simple shapes with the spread between windows integrated out.

A curve of w windows is `value = shape(time) + between-window spread + sampling error`. The sampling variances are
known, the spread is not, and with few windows the shape is not either. So every shape (straight line, approach to a
floor, random walk) and every spread on a grid is a Gaussian process with a closed-form likelihood; the predictive
distribution is their mixture. It stays calibrated when a single shape is shown as the point forecast, because it does
not depend on that choice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from assay.errors import ShapeError

Shape = Literal["line", "floor", "walk"]
Floats = NDArray[np.float64]

PRIOR: dict[Shape, float] = {"line": 0.87, "floor": 0.10, "walk": 0.03}
"""Prior probability of each shape. The line contains the level, as its slope may be nought."""

_SPREADS = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.4, 1.8, 2.4, 3.2, 4.5, 6.5, 10.0, 16.0])
_FLOOR_RATES = (1.0, 2.0, 4.0)
_WALK_STEPS = (0.2, 0.4)
_SPREAD_SCALE = 2.5
_MOST_WINDOWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A one-dimensional mixture of Gaussians."""

    mean: Floats
    """(k,)"""
    variance: Floats
    """(k,)"""
    weight: Floats
    """(k,) summing to 1."""

    def quantile(self, probability: float) -> float:
        """The value below which the mixture has this probability, by bisection."""
        sd = np.sqrt(self.variance)
        low, high = float((self.mean - 9 * sd).min()), float((self.mean + 9 * sd).max())
        for _ in range(60):
            middle = (low + high) / 2
            below = float(self.weight @ ndtr((middle - self.mean) / np.maximum(sd, 1e-300)))
            low, high = (middle, high) if below < probability else (low, middle)
        return (low + high) / 2

    def interval(self, level: float) -> tuple[float, float]:
        """The central interval with this probability."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    @property
    def centre(self) -> float:
        """The mean of the mixture."""
        return float(self.weight @ self.mean)

    def widened(self, variance: float) -> Mixture:
        """The mixture after independent noise of this variance is added."""
        return Mixture(mean=self.mean, variance=self.variance + variance, weight=self.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Curves that fit w windows, ready to be asked about any time."""

    start: float
    """The first time."""
    span: float
    """From the first to the last time."""
    components: tuple[_Component, ...]
    """One a shape and spread."""

    def at(self, time: float) -> Mixture:
        """Predictive distribution of the true value of a window at `time`: sampling error excluded, spread included."""
        scaled = (time - self.start) / self.span
        moments = np.array([component.predict(scaled) for component in self.components])
        return Mixture(mean=moments[:, 0], variance=moments[:, 1], weight=self._weights())

    def slope(self) -> Mixture:
        """Distribution of the slope of the straight line, in value per unit of time; the other shapes are left out."""
        lines = [component for component in self.components if component.shape == "line"]
        moments = np.array([component.slope() for component in lines])
        weight = np.array([component.evidence for component in lines])
        return Mixture(mean=moments[:, 0] / self.span, variance=moments[:, 1] / self.span**2,
                       weight=weight / weight.sum())  # fmt: skip

    def probability(self, shape: Shape) -> float:
        """Posterior probability of a shape."""
        weights = self._weights()
        return float(sum(w for w, c in zip(weights, self.components, strict=True) if c.shape == shape))

    def _weights(self) -> Floats:
        weight = np.array([component.evidence for component in self.components])
        return weight / weight.sum()


def fit_paths(
    times: Floats, values: Floats, variances: Floats, *, amplitude: float | None = None,
) -> Paths:  # fmt: skip
    """Curves that fit the windows of a performance curve.

    Use it for two to some hundred windows; more than a hundred are averaged in neighbouring pairs first.

    Args:
        times: (w,) increasing.
        values: (w,) scores.
        variances: (w,) sampling variance of each score, positive.
        amplitude: prior standard deviation of the change over the span; by default the larger of the range of the
            values and three sampling errors, so that the prior never decides a slope that the data can.

    Returns:
        The paths; ask `at(time)`, `slope()`.

    Raises:
        ShapeError: fewer than two windows, unequal lengths, or times that do not increase.

    Notes:
        Prior of the spread: half-Cauchy, its scale 2.5 times the typical sampling error (Gelman, 2006, Prior
        distributions for variance parameters in hierarchical models). Flat prior for the level.
    """
    times, values, variances = (np.asarray(a, dtype=float) for a in (times, values, variances))
    if not (len(times) == len(values) == len(variances)) or len(times) < 2:
        raise ShapeError(f"a curve needs at least two windows of times, values and variances, got {len(times)}, "
                         f"{len(values)} and {len(variances)}")  # fmt: skip
    if not (np.diff(times) > 0).all():
        raise ShapeError("the times of a curve must increase")
    start, span = float(times[0]), float(times[-1] - times[0])
    while len(times) > _MOST_WINDOWS:
        times, values, variances = _halve(times, values, variances)
    typical = float(np.sqrt(np.median(variances)))
    amplitude = max(float(np.ptp(values)), 3 * typical) if amplitude is None else amplitude
    curve = _Curve(time=(times - start) / span, value=values, variance=variances, typical=typical, amplitude=amplitude)
    components = [
        _component(curve, shape, rate, spread, share / len(_rates(shape)))
        for shape, share in PRIOR.items()
        for rate in _rates(shape)
        for spread in _SPREADS
    ]
    top = max(component.evidence for component in components)
    return Paths(start=start, span=span, components=tuple(component.rescaled(top) for component in components))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    time: Floats
    value: Floats
    variance: Floats
    typical: float
    amplitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Component:
    shape: Shape
    rate: float
    spread: float
    evidence: float
    curve: _Curve
    inverse: Floats
    level: float
    level_variance: float

    def predict(self, time: float) -> tuple[float, float]:
        """Mean and variance of the true value at a scaled time, by kriging with an unknown level."""
        cross = _covariance(self.shape, self.rate, self.curve, np.array([time]))[0]
        own = _covariance(self.shape, self.rate, self.curve, np.array([time]), np.array([time]))[0, 0]
        residual = self.curve.value - self.level
        gain = self.inverse @ cross
        missing = 1 - gain.sum()
        variance = own - cross @ gain + missing**2 * self.level_variance + self.spread**2
        return self.level + float(gain @ residual), max(float(variance), 1e-12 * self.curve.amplitude**2)

    def slope(self) -> tuple[float, float]:
        """Mean and variance of the change over the span, for the straight line."""
        late, early = self._loading(1.0), self._loading(0.0)
        gain = self.inverse @ (late - early)
        residual = self.curve.value - self.level
        variance = self.curve.amplitude**2 - (late - early) @ gain + gain.sum() ** 2 * self.level_variance
        return float(gain @ residual), max(float(variance), 0.0)

    def rescaled(self, top: float) -> _Component:
        return replace(self, evidence=float(np.exp(self.evidence - top)))

    def _loading(self, time: float) -> Floats:
        return _covariance(self.shape, self.rate, self.curve, np.array([time]))[0]


def _rates(shape: Shape) -> tuple[float, ...]:
    return _FLOOR_RATES if shape == "floor" else _WALK_STEPS if shape == "walk" else (0.0,)


def _covariance(shape: Shape, rate: float, curve: _Curve, a: Floats, b: Floats | None = None) -> Floats:
    """Prior covariance of the shape between scaled times `a` and `b` (the curve's own by default)."""
    b = curve.time if b is None else b
    if shape == "walk":
        return (rate * curve.amplitude) ** 2 * np.minimum.outer(a, b)
    left, right = ((1 - np.exp(-rate * t)) / (1 - np.exp(-rate)) if shape == "floor" else t for t in (a, b))
    return curve.amplitude**2 * np.outer(left, right)


def _component(curve: _Curve, shape: Shape, rate: float, relative: float, share: float) -> _Component:
    spread = relative * curve.typical
    covariance = _covariance(shape, rate, curve, curve.time) + np.diag(curve.variance + spread**2)
    root = np.linalg.cholesky(covariance)
    inverse: Floats = np.linalg.inv(covariance).astype(float)
    ones = inverse.sum(axis=0)
    precision = float(ones.sum())
    level = float(ones @ curve.value / precision)
    residual = curve.value - level
    fit = float(residual @ inverse @ residual)
    density = -np.log(np.diag(root)).sum() - 0.5 * np.log(precision) - 0.5 * fit
    prior = np.log(share) - np.log1p((relative / _SPREAD_SCALE) ** 2) + np.log(_grid_step(relative))
    return _Component(shape=shape, rate=rate, spread=spread, evidence=float(density + prior), curve=curve,
                      inverse=inverse, level=level, level_variance=1 / precision)  # fmt: skip


def _grid_step(relative: float) -> float:
    """The stretch of the grid of spreads that one of its points stands for."""
    return float(np.gradient(_SPREADS)[int(np.searchsorted(_SPREADS, relative))])


def _halve(times: Floats, values: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
    """Neighbouring windows averaged in pairs; an odd last one stays."""
    even = len(times) // 2 * 2
    pairs = [np.r_[a[:even].reshape(-1, 2).mean(axis=1), a[even:]] for a in (times, values, variances)]
    pairs[2][: even // 2] /= 2
    return pairs[0], pairs[1], pairs[2]
