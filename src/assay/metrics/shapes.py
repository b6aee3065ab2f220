"""Intervals by the shape of a metric: shares, means, smooth functions, areas under a curve, calibration error.

Each takes the value and what it rests on and returns (low, high, words for the method), or None for ends that cannot be
given. Which shape covers best was measured: `benchmarks/interval_coverage.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from assay.metrics.ranking import Placements
from assay.stats.proportion import two_sided_quantile, wilson

FEWEST_GROUPS = 5
_EDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """Two ends, and how they were found; None for an end that is open or cannot be given."""

    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True, slots=True)
class Spread:
    """How contributions spread around their mean: over items, or over groups."""

    error: float
    """The standard error of the mean."""
    skew: float
    """The third standardised moment of the units."""
    units: int
    """Independent units: items, or groups."""
    grouped: bool
    steady: float
    """Degrees of freedom of the standard error: few where a few units carry it."""

    @property
    def df(self) -> int:
        """Degrees of freedom."""
        return self.units - 1

    @property
    def words(self) -> str:
        """What the units are, for a method's name."""
        return f"clustered over {self.units:,} groups, " if self.grouped else ""


def spread_of(items: NDArray[np.float64], group_codes: NDArray[np.int_] | None) -> Spread:
    """The spread of contributions; sums of groups take the place of items where groups are given.

    The variance of a variance is (κ − 1)/n of its square, with κ the fourth standardised moment, and 2/df for normal
    units: where a few units carry all of the spread, the standard error is known no better than from a few items. Twice
    these degrees of freedom are taken, since part of that error moves with the value and the logit scale takes it up;
    with them macro-F1 of a class of ten items covers 95 % (91 % with n − 1, 98 % without the two).

    References:
        F. E. Satterthwaite (1946), An approximate distribution of estimates of variance components.
        E. Miller (2024), Adding error bars to evals, equation 4, with the factor G / (G − 1) for few groups.
    """
    off = items - items.mean()
    sums = off if group_codes is None else np.bincount(group_codes, weights=off)
    units = len(sums)
    square = float(sums @ sums)
    error = math.sqrt(square * units / max(units - 1, 1)) / len(items)
    skew = float((sums**3).mean()) / (square / units) ** 1.5 if square > 0 else 0.0
    peak = float((sums**4).mean()) / (square / units) ** 2 if square > 0 else 1.0
    steady = min(units - 1.0, 4.0 * units / max(peak - 1.0, _EDGE))
    return Spread(error, skew, units, group_codes is not None, max(steady, 1.0))


def of_share(value: float, n: int, spread: Spread, level: float) -> Interval:
    """A share of items: Wilson's; with groups, of an effective number of items.

    References:
        E. L. Korn, B. I. Graubard (1998), Confidence intervals for proportions with small expected number of positive
        counts estimated from survey data: the effective sample size and the t quantile; here with Wilson's interval.
    """
    if not spread.grouped:
        low, high = wilson(value * n, n, level=level)
        return Interval(low, high, "Wilson score")
    inside = value * (1 - value)
    effective = min(inside / spread.error**2, n) if spread.error > 0 else float(spread.units)
    low, high = wilson(value * effective, effective, level=level, quantile=two_sided_quantile(level, spread.df))
    return Interval(low, high, f"{spread.words}Wilson score of {effective:,.0f} effective items")


def of_shares(hits: NDArray[np.float64], totals: NDArray[np.float64], level: float) -> Interval:
    """A share, by Wilson's interval; or a mean of shares, one a class, by Student's t on the logit scale.

    The variance of each share is taken at (hits + ½) / (items + 1), so that a class without errors, or without items,
    does not pass for a certain one; where classes are small and good that is half of all samples.

    References:
        J. B. S. Haldane (1956), The estimation and significance of the logarithm of a ratio of frequencies: the half.
    """
    if len(hits) == 1:
        low, high = wilson(hits[0], max(float(totals[0]), _EDGE), level=level)
        return Interval(low, high, "Wilson score")
    share = np.divide(hits, totals, out=np.zeros_like(hits), where=totals > 0)
    smooth = (hits + 0.5) / (totals + 1)
    error = float(np.sqrt((smooth * (1 - smooth) / np.maximum(totals, 1)).sum())) / len(hits)
    units = int(totals.sum())
    found = of_smooth(float(share.mean()), Spread(error, 0.0, units, False, units - 1.0), level, (0.0, 1.0))
    return Interval(found.low, found.high, "smoothed shares of each class, t on the logit scale")


def of_mean(value: float, spread: Spread, level: float, ends: tuple[float, float]) -> Interval:
    """A mean of losses: Student's t, transformed so that the skewness of the losses is removed.

    Losses have a long tail: a sample that missed the large ones has a mean too low and a spread too small, and the
    plain t interval then ends too soon (coverage 80 to 89 % for the log loss of a rare class).

    References:
        P. Hall (1992), On the removal of skewness by transformation, the cubic transformation of section 2.
    """
    if spread.error == 0:
        return Interval(None, None, "no interval: all items have the same loss")
    quantile = two_sided_quantile(level, spread.df)
    bend = spread.skew / math.sqrt(spread.units)

    def straightened(z: float) -> float:
        return z if abs(bend) < 1e-6 else 3 / bend * (float(np.cbrt(1 + bend * (z - bend / 6))) - 1)

    low, high = (value - straightened(z) * spread.error for z in (quantile, -quantile))
    return Interval(max(low, ends[0]), min(high, ends[1]), f"{spread.words}t with the skewness removed")


def of_smooth(value: float, spread: Spread, level: float, ends: tuple[float, float]) -> Interval:
    """A smooth function of means: jackknife standard error, Student's t on the scale that has no ends.

    The scale is the logit for a metric from 0 to 1, Fisher's z for one from −1 to 1, and the logarithm of the distance
    from the end for one with a single end.

    References:
        B. Efron, C. Stein (1981), The jackknife estimate of variance.
    """
    if spread.error == 0:
        return Interval(None, None, "no interval: the items tell no spread")
    out, back, slope, name = _scale(ends)
    inner = _inside(value, ends)
    step = two_sided_quantile(level, spread.steady) * spread.error * slope(inner)
    low, high = sorted((back(out(inner) - step), back(out(inner) + step)))
    return Interval(low, high, f"{spread.words}jackknife, t on the {name} scale")


Scale = tuple[Callable[[float], float], Callable[[float], float], Callable[[float], float], str]


def _scale(ends: tuple[float, float]) -> Scale:
    """A scale without ends, its inverse, its slope, and its name."""
    low, high = ends
    if math.isfinite(low) and math.isfinite(high):
        width = high - low
        name = "logit" if low == 0 else "Fisher z"
        return (
            lambda x: math.log((x - low) / (high - x)),
            lambda y: low + width / (1 + math.exp(min(-y, 700))),
            lambda x: width / ((x - low) * (high - x)),
            name,
        )
    if math.isfinite(low):
        return lambda x: math.log(x - low), lambda y: low + math.exp(min(y, 700)), lambda x: 1 / (x - low), "log"
    return lambda x: -math.log(high - x), lambda y: high - math.exp(min(-y, 700)), lambda x: 1 / (high - x), "log"


def _inside(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return min(max(value, low + _EDGE), high - _EDGE)


def of_area(value: float, sides: Sequence[Placements], spread: Spread, level: float) -> Interval:
    """Areas under ROC curves: a score interval, whose variance belongs to the area that is asked about.

    An area t is kept when |value − t| ≤ q · √V(t). V is DeLong's variance carried from the value to t in proportion
    to (t (1 − t))^1.5, blended with Hanley and McNeil's variance at t, which weighs as much as two items beside the
    items of the smallest side; q is Student's, with Satterthwaite's degrees of freedom. So there is an interval also
    where the classes are parted completely, and the coverage holds with ten items of a class.

    References:
        E. R. DeLong and others (1988), as in `assay.metrics.ranking.placements`.
        J. A. Hanley, B. J. McNeil (1982), The meaning and use of the area under a ROC curve, equation 2.
        R. G. Newcombe (2006), Confidence intervals for an effect size measure based on the Mann–Whitney statistic,
        part 2, method 5: the score interval of Hanley and McNeil's variance.
    """
    smallest = min(min(side.m, len(side.place) - side.m) for side in sides)
    df = spread.df if spread.grouped else _satterthwaite(sides)
    if smallest < 2 or df < 1:
        return Interval(None, None, "no interval: two items of each class are needed")
    quantile = two_sided_quantile(level, df)
    model_weight = 0.0 if spread.grouped and spread.error > 0 else 2 / (2 + smallest) if spread.error > 0 else 1.0

    def variance(area: NDArray[np.float64]) -> NDArray[np.float64]:
        carried = np.zeros_like(area)
        if spread.error > 0:
            carried = spread.error**2 * (area * (1 - area) / (value * (1 - value))) ** 1.5
        each = [_hanley_mcneil(area, side.m, len(side.place) - side.m) for side in sides]
        model = np.sum(each, axis=0) / len(sides) ** 2
        return (1 - model_weight) * carried + model_weight * model

    low = _first_refused(value, 0.0, quantile, variance)
    high = _first_refused(value, 1.0, quantile, variance)
    return Interval(low, high, f"{spread.words}DeLong variance in a score interval, t with {df:,.0f} df")


def _hanley_mcneil(area: NDArray[np.float64], m: int, rest: int) -> NDArray[np.float64]:
    both, one = area / (2 - area), 2 * area**2 / (1 + area)
    return (area * (1 - area) + (m - 1) * (both - area**2) + (rest - 1) * (one - area**2)) / (m * rest)


def _satterthwaite(sides: Sequence[Placements]) -> float:
    """Degrees of freedom of the summed variances of all sides' placements."""
    parts: list[tuple[float, int]] = []
    for side in sides:
        for part in (side.place[side.positive], side.place[~side.positive]):
            if len(part) > 1:
                parts.append((float(part.var(ddof=1)) / len(part), len(part) - 1))
    total = sum(variance for variance, _ in parts)
    below = sum(variance**2 / df for variance, df in parts)
    return total**2 / below if below > 0 else float(min(df for _, df in parts)) if parts else 0.0


def _first_refused(
    value: float, end: float, quantile: float, variance: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> float:
    """Where, on the way from the value to the end, areas are first refused; the end when none is."""
    low, high = value, end
    for _ in range(3):  # each pass looks 200 times closer
        path = low + (high - low) * np.linspace(0, 1, 201)[1:]
        inner = np.clip(path, _EDGE, 1 - _EDGE)
        refused = np.flatnonzero(np.abs(value - inner) > quantile * np.sqrt(variance(inner)))
        if not len(refused):
            return high
        at = int(refused[0])
        low, high = (float(path[at - 1]) if at else low), float(path[at])
    return high


def of_calibration(value: float, at: NDArray[np.int_], gap: NDArray[np.float64], level: float,
                   group_codes: NDArray[np.int_] | None) -> Interval:  # fmt: skip
    """Calibration error: all multiples of the bins' gaps of which a sample would give such a value.

    Each bin's gap is taken as normal around its truth, so that the value expected of a multiple, and its spread, follow
    from the folded normal distribution. A multiple is kept when the value seen lies within the quantile of its spread.
    Perfect calibration is the multiple 0, whose expected value is well above 0 where items are few.
    """
    n, bins = len(gap), int(at.max()) + 1
    mean = np.bincount(at, weights=gap, minlength=bins) / n
    error = np.array([spread_of(np.where(at == b, gap, 0.0), group_codes).error for b in range(bins)])
    multiples = np.linspace(0, 3, 601)
    truth = multiples[:, None] * mean
    ratio = np.divide(truth, error, out=np.zeros_like(truth), where=error > 0)
    folded = error * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) + truth * (1 - 2 * stats.norm.cdf(-ratio))
    folded = np.where(error > 0, folded, np.abs(truth))
    spread = np.sqrt(np.maximum(truth**2 + error**2 - folded**2, 0).sum(axis=1))
    kept = multiples[np.abs(value - folded.sum(axis=1)) <= two_sided_quantile(level) * spread]
    low, high = (float(kept.min()), float(kept.max())) if len(kept) else (0.0, 1.0)
    return Interval(low * value, min(high * value, 1.0), "folded normal gaps of 15 equal bins, inverted")


def of_no_errors(value: float, n: int, level: float, moved: Callable[[int], float]) -> Interval:
    """A metric at the end of its range, where no item tells of the other kind: the exact bound on how many could.

    Args:
        value: 1 when no item is wrong, 0 when none is right.
        n: independent units.
        level: confidence level; all of what is left is on one side.
        moved: the metric when that many items, chosen where they count most, were of the other kind.
    """
    many = math.ceil(n * (1 - ((1 - level) / 2) ** (1 / n)))
    other = moved(many)
    what = "no errors" if other < value else "nothing right"
    return Interval(min(value, other), max(value, other), f"{what} in {n:,}: exact bound, laid where it counts most")
