"""From per-item predictions to a metric with its interval, and to the difference of two models on the same items.

The population is other items like these, for the model as it is: not other training runs, not other tasks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError, UsageError
from assay.estimate import Estimate
from assay.metrics.answers import Answers
from assay.metrics.metric import Metric
from assay.metrics.probabilities import calibration_bins
from assay.metrics.ranking import sides
from assay.metrics.registry import find
from assay.metrics.shapes import (
    FEWEST_GROUPS,
    Interval,
    of_area,
    of_calibration,
    of_mean,
    of_no_errors,
    of_share,
    of_shares,
    of_smooth,
    spread_of,
)  # fmt: skip
from assay.stats.bootstrap import bca_interval, resample_weights
from assay.stats.proportion import paired_difference, two_sided_quantile


def interval(
    metric: str | Metric, target: Any, label: Any, score: Any = None, *, level: float = 0.95,
    groups: Any = None, resamples: int = 2000, rng: np.random.Generator | None = None,
) -> Estimate:  # fmt: skip
    """A metric of one model's predictions with its interval.

    Args:
        metric: its name, or the metric.
        target: (n,) class codes or numbers, or (n, c) 0/1 for multilabel.
        label: the predictions in the same form; None to take the most probable class.
        score: (n, c) probabilities, or None.
        level: confidence level.
        groups: (n,) the group of each item; items of one group are not independent of each other.
        resamples: of the bootstrap; read only for metrics of other packages, which bring no contributions of items.
        rng: for that bootstrap; required only there.

    Returns:
        An Estimate: the value, or the reason why there is none. Where the items are too few for an interval, the
        ends are None and the method says why.

    Raises:
        UsageError: for predictions that cannot be read, or a level outside (0, 1).
        UnknownNameError: for an unknown metric, with the nearest one.

    Notes:
        Shares: Wilson. Means of losses: t on the log scale. F1 and the like: jackknife over items, t on the logit
        scale. AUROC: DeLong's variance in a score interval. With groups, sums over groups take the place of items.

    Example:
        >>> print(interval("accuracy", [0, 1, 1, 0, 1], [0, 1, 0, 0, 1]))
        0.800 [0.376, 0.964]
    """
    metric = find(metric) if isinstance(metric, str) else metric
    two_sided_quantile(level)  # refuses a level outside (0, 1) before anything is computed
    answers = metric.read(target, label, score)
    codes = _group_codes(groups, answers.n)
    reason = metric.reason(answers)
    if reason is not None:
        return _unknown(metric, metric.name, reason, answers.n, codes)
    value = float(metric.value(answers))
    if metric.items is None:
        found = _bootstrapped(metric, answers, value, codes, level, resamples, rng)
    else:
        found = _interval_of(metric, answers, value, metric.items(answers), codes, level)
    return _estimate(metric, metric.name, value, found, level, answers.n, codes)


def difference(
    metric: str | Metric, target: Any, first: tuple[Any, Any], second: tuple[Any, Any], *, level: float = 0.95,
    groups: Any = None,
) -> Estimate:  # fmt: skip
    """First minus second: the difference of two models' metrics on the same items, with a paired interval.

    Much narrower than two intervals side by side, since both models meet the same hard items.

    Args:
        metric: its name, or the metric; one that brings contributions of items.
        target: as for `interval`.
        first: (label, score) of the first model; one of the two may be None.
        second: (label, score) of the second model.
        level: confidence level.
        groups: (n,) the group of each item.

    Returns:
        An Estimate in the unit of the metric, positive when the first has the higher value.

    Raises:
        UsageError: for predictions that cannot be read.

    Notes:
        Two shares: Bonett and Price. Others: Student's t over the differences of the items' contributions.

    Example:
        >>> target, right, half = [0, 1] * 20, [0, 1] * 20, [0, 0] * 20
        >>> print(difference("accuracy", target, (right, None), (half, None)))
        0.500 [0.311, 0.641]
    """
    metric = find(metric) if isinstance(metric, str) else metric
    one, two = metric.read(target, *first), metric.read(target, *second)
    codes = _group_codes(groups, one.n)
    name = f"{metric.name}_difference"
    for which, answers in (("first", one), ("second", two)):
        reason = metric.reason(answers)
        if reason is not None:
            return _unknown(metric, name, f"the {which} has no {metric.name}: {reason}", one.n, codes)
    value = float(metric.value(one)) - float(metric.value(two))
    found = _paired(metric, value, _items(metric, one), _items(metric, two), codes, level)
    return _estimate(metric, name, value, found, level, one.n, codes)


def contributions(metric: str | Metric, target: Any, label: Any, score: Any = None) -> NDArray[np.float64]:
    """(n,) contributions of the items, whose mean is the metric, exactly or nearly.

    Use them wherever a method asks for one number an item: paired tests, rank sets, groups, changes over time.

    Raises:
        UsageError: where the metric has no value for these answers, or brings no contributions.
    """
    metric = find(metric) if isinstance(metric, str) else metric
    answers = metric.read(target, label, score)
    reason = metric.reason(answers)
    if reason is not None:
        raise UsageError(f"{metric.name}: {reason}")
    return _items(metric, answers)


def _items(metric: Metric, answers: Answers) -> NDArray[np.float64]:
    if metric.items is None:
        raise UsageError(f"{metric.name} brings no contributions of items, so it cannot be compared item by item")
    return metric.items(answers)


def _interval_of(metric: Metric, answers: Answers, value: float, items: NDArray[np.float64],
                 codes: NDArray[np.int_] | None, level: float) -> Interval:  # fmt: skip
    spread = spread_of(items, codes)
    few = _too_few(spread.units, codes is not None)
    if few is not None and not (metric.form == "share" and codes is None):
        return few
    if metric.form == "share":
        return of_share(value, answers.n, spread, level)
    shares = metric.shares(answers) if metric.shares is not None and codes is None else None
    if shares is not None and (len(shares[0]) == 1 or 0 < value < 1):
        return of_shares(*shares, level)
    if metric.form == "mean":
        return of_mean(value, spread, level, metric.range)
    if metric.form == "root_mean":
        squares = of_mean(value**2, spread_of((answers.target - answers.label) ** 2, codes), level, metric.range)
        return _rooted(squares)
    if metric.form == "auroc":
        return of_area(value, sides(answers), spread, level)
    if metric.form == "calibration":
        return of_calibration(value, *calibration_bins(answers), level, codes)
    if spread.error < 1e-12 and value in (0.0, 1.0) and not metric.needs_score and metric.kinds != ("regression",):
        return of_no_errors(value, spread.units, level, lambda many: _moved(metric, answers, value, many))
    return of_smooth(value, spread, level, metric.range)


def _rooted(squares: Interval) -> Interval:
    low, high = (None if end is None else float(np.sqrt(end)) for end in (squares.low, squares.high))
    return Interval(low, high, f"{squares.method}, of squares")


def _too_few(units: int, grouped: bool) -> Interval | None:
    if grouped and units < FEWEST_GROUPS:
        return Interval(None, None, f"no interval: {units} groups are too few, {FEWEST_GROUPS} are needed")
    return Interval(None, None, "no interval: two items are needed") if units < 2 else None


def _moved(metric: Metric, answers: Answers, value: float, many: int) -> float:
    """The metric when `many` items of one class were wrong (or right), for the class where that moves it most."""
    found: list[float] = []
    for code in range(answers.classes):
        label = answers.label.copy()
        if answers.multilabel:
            rows = np.flatnonzero(answers.target[:, code] == 1)[:many]
            label[rows, code] = 1 - label[rows, code]
        else:
            rows = np.flatnonzero(answers.target == code)[:many]
            label[rows] = code if value == 0 else (0 if code else 1)
        changed = replace(answers, label=label)
        if len(rows) and metric.reason(changed) is None:
            found.append(float(metric.value(changed)))
    return (min if value == 1 else max)(found, default=value)


def _bootstrapped(metric: Metric, answers: Answers, value: float, codes: NDArray[np.int_] | None, level: float,
                  resamples: int, rng: np.random.Generator | None) -> Interval:  # fmt: skip
    """BCa over items, or over groups, for a metric of which only the value is known."""
    if rng is None:
        raise UsageError(f"{metric.name} brings no contributions of items; its bootstrap interval needs rng=")
    units = np.arange(answers.n) if codes is None else codes
    few = _too_few(int(units.max()) + 1, codes is not None)
    if few is not None:
        return few

    def of_rows(rows: NDArray[np.int_]) -> float:
        score = None if answers.score is None else answers.score[rows]
        part = replace(answers, target=answers.target[rows], label=answers.label[rows], score=score)
        return float("nan") if metric.reason(part) is not None else float(metric.value(part))

    weights = resample_weights(answers.n, resamples=resamples, rng=rng, groups=codes)
    draws = np.array([of_rows(np.repeat(np.arange(answers.n), row.astype(int))) for batch in weights for row in batch])
    blocks = np.array_split(np.unique(units), min(int(units.max()) + 1, 200))
    without = np.array([of_rows(np.flatnonzero(~np.isin(units, block))) for block in blocks])
    if not (np.isfinite(draws).all() and np.isfinite(without).all()):
        return Interval(None, None, "no interval: the metric has no value on some resamples")
    low, high = bca_interval(value, draws, without, level=level)
    if not np.isfinite(low):
        return Interval(None, None, "no interval: all resamples lie on one side of the value")
    return Interval(low, high, f"BCa bootstrap, {resamples:,} resamples")


def _paired(metric: Metric, value: float, a: NDArray[np.float64], b: NDArray[np.float64],
            codes: NDArray[np.int_] | None, level: float) -> Interval:  # fmt: skip
    if metric.form == "share" and codes is None:
        low, high = paired_difference((a > b).sum(), (a < b).sum(), len(a), level=level)
        return Interval(low, high, "paired shares, Bonett and Price")
    spread = spread_of(a - b, codes)
    few = _too_few(spread.units, codes is not None)
    if few is not None:
        return few
    if spread.error == 0:
        return Interval(None, None, "no interval: the two differ on no item")
    step = two_sided_quantile(level, spread.df) * spread.error
    return Interval(value - step, value + step, f"{spread.words}paired contributions of items, t")


def _group_codes(groups: Any, n: int) -> NDArray[np.int_] | None:
    if groups is None:
        return None
    names = np.asarray(groups)
    if names.shape != (n,):
        raise ShapeError(f"groups are (n,), one an item; got {names.shape} for {n:,} items")
    return np.unique(names, return_inverse=True)[1]


def _units(n: int, codes: NDArray[np.int_] | None) -> tuple[int, str]:
    """How many independent units there are, and which population they stand for."""
    return (n, "other such items") if codes is None else (int(codes.max()) + 1, "other such groups")


def _unknown(metric: Metric, name: str, reason: str, n: int, codes: NDArray[np.int_] | None) -> Estimate:
    count, population = _units(n, codes)
    return Estimate.unknown(name, reason, unit=metric.unit, n=count, population=population)


def _estimate(metric: Metric, name: str, value: float, found: Interval, level: float, n: int,
              codes: NDArray[np.int_] | None) -> Estimate:  # fmt: skip
    count, population = _units(n, codes)
    return Estimate(
        name=name, value=value, low=None if found.low is None else min(found.low, value),
        high=None if found.high is None else max(found.high, value), level=None if found.low is None else level,
        n=count, unit=metric.unit, method=found.method, population=population,
    )  # fmt: skip
