"""Rank sets for these tasks again: tasks are fixed, and only the errors of their scores move the ranking.

Each pair of models is compared on the tasks that both have, with the errors of these. Models that share no task are
never told apart, whatever their means.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.stats.additive import additive_effects
from assay.stats.max_t import step_down
from assay.stats.means import combine
from assay.stats.rank_sets import RankSets, affordable, sets_from_pairs
from assay.stats.task_errors import TaskErrors


def rank_sets_of_these_tasks(
    errors: TaskErrors, *, higher_is_better: bool = True, level: float = 0.95, resamples: int = 2000,
    rng: np.random.Generator,
) -> RankSets:  # fmt: skip
    """Rank sets for the same tasks with other seeds or items.

    Use it when the tasks are the question itself, or too few to stand for others.

    Args:
        errors: Scores of each model on each task with their errors.
        higher_is_better: Whether the larger mean leads.
        level: Joint confidence.
        resamples: Draws of the errors.
        rng: Draws them.

    Returns:
        RankSets. A pair whose difference has no error is told apart by any difference at all.

    Notes:
        Errors are drawn from the multivariate t, task by task, so that models that share items keep their covariance;
        the statistic of a pair is its difference over its standard error, the family is all pairs, step-down.

    References:
        Westfall and Young (1993), Resampling-Based Multiple Testing, algorithm 4.1.
    """
    present = errors.present
    m = len(present)
    first, second = np.triu_indices(m, k=1)
    held = present.astype(float)
    shared = (held @ held.T)[first, second]
    turned = np.where(present, errors.scores, 0.0) * (1.0 if higher_is_better else -1.0)
    sums = turned @ held.T
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where(shared > 0, (sums[first, second] - sums[second, first]) / shared, 0.0)
        spread = np.where(shared > 0, np.sqrt(_variances(errors, first, second)) / shared, 0.0)
    p_values = np.where((shared > 0) & (spread == 0) & (difference != 0), 0.0, 1.0)
    usable = np.flatnonzero(spread > 0)
    noise = error_draws(errors, affordable(resamples, len(first)), rng)
    complete = noise.mean(axis=0) if present.all() else None
    scale = spread.astype(np.float32)

    def draws(at: NDArray[np.int_]) -> NDArray[np.floating]:
        pair = usable[at]
        one, other = first[pair], second[pair]
        if complete is not None:
            block = complete[one] - complete[other]
        else:
            weights = ((present[one] & present[other]) / shared[pair, None]).astype(np.float32)
            block = np.zeros((len(pair), noise.shape[2]), dtype=np.float32)
            for task, own in enumerate(noise):
                block += weights[:, task, None] * (own[one] - own[other])
        block /= scale[pair, None]
        return np.abs(block, out=block)

    if usable.size:
        p_values[usable] = step_down(np.abs(difference[usable]) / spread[usable], draws, includes_observed=False)
    reason = None if m > 1 else "one model: there is nothing to rank"
    effects = additive_effects(turned, present)
    return sets_from_pairs(
        effects, first, second, difference, p_values, level=level, units=errors.units, reason=reason
    )  # fmt: skip


def probability_best_again(
    errors: TaskErrors, *, higher_is_better: bool = True, draws: int = 4000, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(m,) chance of each model to be the best on these same tasks; they sum to 1."""
    turned = np.where(errors.present, errors.scores, 0.0) * (1.0 if higher_is_better else -1.0)
    weights = errors.present / np.maximum(errors.present.sum(axis=1, keepdims=True), 1)
    noise = np.einsum("mt,tmr->mr", weights, error_draws(errors, draws, rng))
    drawn = additive_effects(turned, errors.present)[:, None] + noise
    best = drawn >= drawn.max(axis=0) - 1e-12 * np.abs(drawn).max(initial=1.0)
    return np.asarray((best / best.sum(axis=0)).mean(axis=1))


def error_draws(errors: TaskErrors, draws: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(t, m, r) draws of the errors of all cells, with Student tails of a typical mean's degrees of freedom."""
    m, t = errors.present.shape
    tails = np.ones(draws)
    df = _typical_df(errors)
    if df < 1e6:
        tails = np.sqrt(rng.chisquare(df, draws) / df)
    noise = np.empty((t, m, draws), dtype=np.float32)
    for task in range(t):
        normal = rng.standard_normal((m, draws))
        if errors.shared is None:
            own = np.sqrt(errors.variance[:, task].sum(axis=1))[:, None] * normal
        else:
            values, vectors = np.linalg.eigh(errors.shared[task])
            own = (vectors * np.sqrt(np.maximum(values, 0.0))) @ normal
        noise[task] = own / tails
    return noise


def _variances(errors: TaskErrors, first: NDArray[np.int_], second: NDArray[np.int_]) -> NDArray[np.float64]:
    """Variance of the sum of each pair's differences over shared tasks."""
    held = errors.present.astype(float)
    own = (errors.variance.sum(axis=2) * held) @ held.T
    total = own[first, second] + own[second, first]
    for task, covariance in enumerate(errors.shared or ()):
        both = errors.present[first, task] & errors.present[second, task]
        total -= np.where(both, 2 * covariance[first, second], 0.0)
    return np.maximum(total, 0.0)


def _typical_df(errors: TaskErrors) -> float:
    parts = zip(errors.variance, errors.df, errors.present, strict=True)
    found = [combine(variance[here].ravel(), df[here].ravel()) for variance, df, here in parts if here.any()]
    known = [df for total, df in found if total is not None]
    return float(np.median(known)) if known else np.inf
