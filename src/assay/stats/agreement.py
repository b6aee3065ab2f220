"""How far rankings, aggregates or raters agree, and what an irrelevant model changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.errors import ShapeError
from assay.estimate import Estimate

Scores = NDArray[np.float64]

MOST_AT_ONCE = 1000
"""Up to this many numbers all pairs are compared at once, which takes n² numbers of memory."""


def kendall_tau_b(a: ArrayLike, b: ArrayLike) -> float:
    """Kendall's τ_b of two lists of n numbers; NaN where one of them is constant or fewer than two pairs remain.

    Pairs with a NaN in either list are left out. Give n beside it: τ of 5 models means little.

    References:
        Kendall (1945), The treatment of ties in ranking problems.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if len(x) > MOST_AT_ONCE or x.shape != y.shape:
        return float(tau_b_matrix(np.stack([x, y]))[0, 1])
    both = np.isfinite(x) & np.isfinite(y)
    one, other = (np.sign(own[both, None] - own[both]) for own in (x, y))
    untied = float(np.abs(one).sum()) * float(np.abs(other).sum())
    return float((one * other).sum() / np.sqrt(untied)) if untied > 0 else float("nan")


def tau_b_matrix(rows: ArrayLike) -> Scores:
    """(k, k) Kendall τ_b between the rows of a (k, n) array; NaN entries are left out pairwise.

    Raises:
        ShapeError: unless two-dimensional.
    """
    values = np.asarray(rows, dtype=float)
    if values.ndim != 2:
        raise ShapeError(f"rankings are a (k, n) array, not of shape {values.shape}")
    k, n = values.shape
    agree, untied = np.zeros((k, k)), np.zeros((k, k))
    # One item against all later ones at a time: n steps of (k, n) work, never n² numbers in memory.
    for item in range(n - 1):
        order = np.sign(values[:, item, None] - values[:, item + 1 :])
        known = np.isfinite(order)
        order = np.where(known, order, 0.0)
        agree += order @ order.T
        untied += np.abs(order) @ known.T.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(untied * untied.T > 0, agree / np.sqrt(untied * untied.T), np.nan)


def weighted_tau(a: ArrayLike, b: ArrayLike) -> float:
    """Vigna's weighted τ of two lists of n numbers with additive hyperbolic weights; higher is better in both.

    Exchanges among the best count most. It has no p-value. Use it where only the head of a ranking matters.

    Notes:
        A pair weighs 1/(r + 1) + 1/(s + 1), with r and s its ranks from 0; the mean of ranking by the first list and
        by the second.

    References:
        Vigna (2015), A weighted correlation index for rankings with ties, section 4.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return (_weighted_by(x, y) + _weighted_by(y, x)) / 2


def _weighted_by(first: Scores, second: Scores) -> float:
    """Weighted τ with ranks by the first list, ties broken by the second."""
    weight = np.empty(len(first))
    weight[np.lexsort((second, first))[::-1]] = 1 / np.arange(1.0, len(first) + 1)
    product = norm_first = norm_second = 0.0
    for at in range(len(first) - 1):
        w = weight[at] + weight[at + 1 :]
        one, other = np.sign(first[at] - first[at + 1 :]), np.sign(second[at] - second[at + 1 :])
        product += float(w @ (one * other))
        norm_first += float(w @ np.abs(one))
        norm_second += float(w @ np.abs(other))
    below = np.sqrt(norm_first * norm_second)
    return product / below if below > 0 else float("nan")


def kendall_w(scores: ArrayLike) -> Estimate:
    """Kendall's coefficient of concordance W between tasks, corrected for ties.

    Args:
        scores: (m, t) models × tasks, complete.

    Returns:
        Estimate of W between 0 (no agreement) and 1, with n tasks; without an interval.

    Notes:
        With R_j the sum of a model's ranks over t tasks, W = 12 Σ (R_j − R̄)² / (t² (m³ − m) − t Σ ties), where a tie
        of g models counts g³ − g. The mean Spearman correlation between tasks is (t W − 1) / (t − 1).

    References:
        Kendall and Gibbons (1990), Rank Correlation Methods, chapter 6.
    """
    values = np.asarray(scores, dtype=float)
    if values.ndim != 2:
        raise ShapeError(f"scores are models × tasks, not of shape {values.shape}")
    m, t = values.shape
    if m < 2 or t < 2 or not np.isfinite(values).all():
        return Estimate.unknown("kendall_w", "needs a complete table of at least two models and two tasks")
    ranks = average_ranks(values)
    ties = sum(int((g**3 - g).sum()) for g in (np.unique(task, return_counts=True)[1] for task in values.T))
    below = t**2 * (m**3 - m) - t * ties
    if below <= 0:
        return Estimate.unknown("kendall_w", "all models are tied on every task")
    sums = ranks.sum(axis=1)
    w = 12 * float(((sums - sums.mean()) ** 2).sum()) / below
    return Estimate(name="kendall_w", value=w, n=t, method="Kendall's W, corrected for ties")


def concordance(a: ArrayLike, b: ArrayLike) -> float:
    """Lin's concordance correlation of two lists of the same quantity: 1 only where they are equal.

    References:
        Lin (1989), A concordance correlation coefficient to evaluate reproducibility, equation 3.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if len(x) < 2:
        return float("nan")
    below = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * ((x - x.mean()) * (y - y.mean())).mean() / below) if below > 0 else 1.0


def average_ranks(scores: Scores) -> Scores:
    """(m, t) ranks of models on each task from 1 for the lowest score, ties averaged; complete tables only."""
    ranks = np.empty(scores.shape)
    for at, task in enumerate(scores.T):
        _, place, counts = np.unique(task, return_inverse=True, return_counts=True)
        ranks[:, at] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Friedman:
    """Friedman's test that all m models are equal over t tasks, and Nemenyi's critical difference of mean ranks."""

    mean_ranks: Scores
    """(m,) mean rank, 1 the best."""
    chi2: float
    """Friedman's statistic; with `tie_correction` as SciPy computes it."""
    f: float
    """Iman and Davenport's less conservative statistic, F with m − 1 and (m − 1)(t − 1) degrees of freedom."""
    p_value: float
    """Of the F statistic."""
    critical_difference: float
    """Two mean ranks further apart than this differ by Nemenyi's test; it depends on which other models take part."""


def friedman(ranks: ArrayLike, *, level: float = 0.95) -> Friedman:
    """Friedman's test and Nemenyi's critical difference, for comparison with published results.

    Whether two models differ by Nemenyi depends on the others in the table; prefer `rank_sets`.

    Args:
        ranks: (m, t) ranks of the models on each task, 1 the best, ties averaged.
        level: Confidence level of the critical difference.

    Returns:
        The statistics without a tie correction, as Demšar defines them.

    References:
        Demšar (2006), Statistical comparisons of classifiers over multiple data sets, section 3.2.2; Benavoli, Corani
        and Mangili (2016), Should we really use post-hoc tests based on mean-ranks?
    """
    from scipy.stats import studentized_range

    table = np.asarray(ranks, dtype=float)
    m, t = table.shape
    means = table.mean(axis=1)
    chi2 = 12 * t / (m * (m + 1)) * (float((means**2).sum()) - m * (m + 1) ** 2 / 4)
    below = t * (m - 1) - chi2
    f = (t - 1) * chi2 / below if below > 0 else np.inf
    # The studentised range is that of m normals with known spread; a difference of two of them has √2 of it.
    q = float(studentized_range.ppf(level, m, np.inf)) / np.sqrt(2)
    return Friedman(
        mean_ranks=means, chi2=chi2, f=float(f), p_value=float(special.fdtrc(m - 1, (m - 1) * (t - 1), f)),
        critical_difference=q * float(np.sqrt(m * (m + 1) / (6 * t))),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class IrrelevantModel:
    """What leaving one model out of the table does to the order of the others, at worst."""

    pairs: int
    """The largest number of pairs of other models that change their order."""
    model: int
    """Position of the model whose absence does that; -1 when none changes anything."""
    leader_changes: int
    """For how many models that are not the leader the first of the others becomes another one."""


def irrelevant_model(
    scores: Scores, aggregate: Callable[[Scores], Scores], *, candidates: Iterable[int] | None = None
) -> IrrelevantModel:
    """The effect of a model that has nothing to do with the comparison, under one aggregate.

    A mean of raw scores is immune; whatever compares models with each other need not be.

    Args:
        scores: (m, t) scores, absent cells NaN.
        aggregate: (m, t) → (m,).
        candidates: Positions of the models to leave out, one at a time; None for every model.

    Returns:
        The worst effect over the models left out.

    References:
        Zhang and Hardt (2024), Inherent trade-offs between diversity and stability in multi-task benchmarks, section 4.
    """
    m = len(scores)
    whole = aggregate(scores)
    leader = int(np.nanargmax(whole))
    worst, culprit, changes = 0, -1, 0
    for gone in range(m) if candidates is None else candidates:
        rest = np.delete(np.arange(m), gone)
        before, after = whole[rest], aggregate(scores[rest])
        pairs = _reversed_pairs(before, after)
        if pairs > worst:
            worst, culprit = pairs, gone
        if gone != leader and rest[int(np.nanargmax(after))] != leader:
            changes += 1
    return IrrelevantModel(pairs=worst, model=culprit, leader_changes=changes)


def aggregate_table(scores: Scores, aggregates: Mapping[str, Callable[[Scores], Scores]]) -> tuple[Scores, Scores]:
    """(a, m) value of each aggregate for each model, and the (a, a) Kendall τ_b between their orders."""
    values = np.stack([aggregate(scores) for aggregate in aggregates.values()])
    return values, tau_b_matrix(np.round(values, 12))


def _reversed_pairs(before: Scores, after: Scores) -> int:
    scale = max(float(np.nanmax(np.abs(after))), 1e-300)
    a = np.sign(np.round((before[:, None] - before) / max(float(np.nanmax(np.abs(before))), 1e-300), 10))
    b = np.sign(np.round((after[:, None] - after) / scale, 10))
    return int((a * b < 0).sum() // 2)
