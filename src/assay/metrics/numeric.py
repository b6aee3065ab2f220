"""Metrics of regression: absolute and squared error, R², Spearman's correlation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from assay.metrics.answers import Answers
from assay.metrics.metric import NUMERIC, Metric, pseudo_values

MAE = Metric(
    name="mae", kinds=NUMERIC, form="mean", higher_is_better=False, range=(0.0, np.inf), unit="",
    value=lambda answers: sk.mean_absolute_error(answers.target, answers.label),
    items=lambda answers: np.abs(answers.target - answers.label),
)  # fmt: skip
"""Mean absolute error, in the unit of the target."""


def _rmse_items(answers: Answers) -> NDArray[np.float64]:
    squared = (answers.target - answers.label) ** 2
    without = np.sqrt(np.maximum(squared.sum() - squared, 0) / max(answers.n - 1, 1))
    return pseudo_values(float(np.sqrt(squared.mean())), without)


RMSE = Metric(
    name="rmse", kinds=NUMERIC, form="root_mean", higher_is_better=False, range=(0.0, np.inf), unit="",
    items=_rmse_items,
    value=lambda answers: sk.root_mean_squared_error(answers.target, answers.label),
)  # fmt: skip
"""Root of the mean squared error, in the unit of the target."""


def _r2_items(answers: Answers) -> NDArray[np.float64]:
    n = answers.n
    squared = (answers.target - answers.label) ** 2
    centred = (answers.target - answers.target.mean()) ** 2
    error, spread = squared.sum(), centred.sum()
    left = np.maximum(spread - centred * n / max(n - 1, 1), 1e-300)
    return pseudo_values(float(1 - error / spread), 1 - (error - squared) / left)


def _constant(answers: Answers) -> str | None:
    return "all targets are the same" if np.ptp(answers.target) == 0 else None


R2 = Metric(
    name="r2", kinds=NUMERIC, range=(-np.inf, 1.0), unit="", items=_r2_items, undefined=_constant,
    value=lambda answers: sk.r2_score(answers.target, answers.label),
)  # fmt: skip
"""Share of the target's variance that is explained; below 0 when the mean would do better."""


def _spearman(answers: Answers) -> float:
    found: Any = stats.spearmanr(answers.target, answers.label)
    return float(found.statistic)


def _spearman_items(answers: Answers) -> NDArray[np.float64]:
    """The value plus each item's influence on it: its own part in the correlation of ranks, and its part in the ranks.

    With midranks u and v in (0, 1), influence is that of Pearson's correlation of (u, v) plus what moving every other
    item's rank does (the two terms below), scaled by the spread of the ranks, so that ties are allowed for.
    """
    n = answers.n
    u, v = ((stats.rankdata(column) - 0.5) / n for column in (answers.target, answers.label))
    a, b = u - u.mean(), v - v.mean()
    spread = float(np.sqrt(a.var() * b.var()))
    rho = float((a * b).mean()) / spread
    own = a * b / spread - rho * (a**2 / a.var() + b**2 / b.var()) / 2
    moved = _above(answers.target, b) + _above(answers.label, a)
    moved_spread = rho * (_above(answers.target, a) / a.var() + _above(answers.label, b) / b.var())
    influence = own + moved / spread - moved_spread
    return rho + influence - influence.mean()


def _above(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each item the mean over all items of weight · 1(value above the item's), ties counting one half."""
    order = np.argsort(values, kind="mergesort")
    ranked = values[order]
    sums = np.r_[0.0, np.cumsum(weight[order])]
    low, high = np.searchsorted(ranked, values, "left"), np.searchsorted(ranked, values, "right")
    return (sums[-1] - sums[high] + (sums[high] - sums[low]) / 2) / len(values)


def _spearman_undefined(answers: Answers) -> str | None:
    if answers.n < 3:
        return f"{answers.n} items are too few to rank; at least three are needed"
    return _constant(answers) or ("all predicted values are the same" if np.ptp(answers.label) == 0 else None)


SPEARMAN = Metric(
    name="spearman", kinds=NUMERIC, range=(-1.0, 1.0), unit="", value=_spearman, items=_spearman_items,
    undefined=_spearman_undefined,
)  # fmt: skip
"""Spearman's rank correlation of targets and predicted values."""
