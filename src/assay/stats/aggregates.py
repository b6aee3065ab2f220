"""Ways to turn a table of models × tasks into one number a model, each named by what it is.

All take (m, t) scores where higher is better, with absent cells as NaN, and return (m,) numbers where higher is better.
Which of them a leaderboard uses decides its order as much as the models do; `assay.stats.agreement` says how much.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from assay.stats.additive import additive_effects

Scores = NDArray[np.float64]


def mean(scores: Scores) -> Scores:
    """Mean over tasks; with missing cells, corrected for the difficulty of the tasks a model skipped."""
    return additive_effects(scores, np.isfinite(scores))


def median(scores: Scores) -> Scores:
    """Median over the tasks a model has."""
    return _over_tasks(scores, np.nanmedian)


def iqm(scores: Scores) -> Scores:
    """Interquartile mean over the tasks a model has: the mean without the lowest and the highest quarter.

    With 6 tasks it drops 2 of them, so it answers a narrower question than the mean.

    References:
        Agarwal et al. (2021), Deep Reinforcement Learning at the Edge of the Statistical Precipice, section 4.3.
    """
    return _over_tasks(scores, lambda own, axis: np.apply_along_axis(_trimmed, axis, own))


def optimality_gap(runs: Scores, gamma: float = 1.0) -> float:
    """Mean shortfall from `gamma` over all runs (s, t) of one model; runs above it count as reaching it.

    References:
        Agarwal et al. (2021), section 4.3.
    """
    return float(gamma - np.minimum(np.asarray(runs, dtype=float), gamma).mean())


def standardised_mean(scores: Scores) -> Scores:
    """Mean over tasks of scores in standard deviations between models; every task has equal say.

    A task on which all models are equal counts 0. Missing cells are corrected for as in `mean`.
    """
    return mean(standardise(scores))


def standardise(scores: Scores) -> Scores:
    """(m, t) scores less the task's mean, over the task's standard deviation between models (n − 1)."""
    counts = np.isfinite(scores).sum(axis=0)
    filled = np.nan_to_num(scores)
    centre = filled.sum(axis=0) / np.maximum(counts, 1)
    centred = np.where(np.isfinite(scores), scores - centre, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / np.maximum(counts - 1, 1))
    floor = 1e-12 * np.maximum(np.abs(centre), 1e-300)
    scaled = np.where(spread > floor, centred / np.where(spread > floor, spread, 1.0), 0.0)
    return np.where(np.isfinite(scores), scaled, np.nan)


def win_rate(scores: Scores) -> Scores:
    """Mean over rivals of the share of shared tasks on which a model is better; a tie is half a win.

    It depends on who else is in the table. Rivals without a shared task are left out; nobody to meet gives NaN.
    """
    wins, met = meetings(scores)
    np.fill_diagonal(met, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(met > 0, wins / met, 0.0)
        return shares.sum(axis=1) / (met > 0).sum(axis=1)


def borda(scores: Scores) -> Scores:
    """Borda count: mean over tasks of the share of the task's other models that are beaten; a tie is half.

    For a complete table it orders models as the win rate does; with missing cells the two part.
    """
    points = np.zeros(len(scores))
    counted = np.zeros(len(scores))
    for task in scores.T:
        here = np.flatnonzero(np.isfinite(task))
        if len(here) < 2:
            continue
        # The mean of 1 for a win, ½ for a tie and 0 for a loss against each of the task's other models.
        ahead = np.sign(task[here][:, None] - task[here]).sum(axis=1)
        points[here] += 0.5 + 0.5 * ahead / (len(here) - 1)
        counted[here] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return points / counted


def bradley_terry(scores: Scores, *, prior: float = 0.5, start: Scores | None = None) -> Scores:
    """Bradley–Terry strengths (log odds of winning a task, mean 0), each shared task a match, a tie half a win.

    Every model also plays `prior` wins and `prior` losses against an average opponent, so that a model that wins
    always keeps a finite strength.

    Args:
        scores: (m, t) scores, absent cells NaN.
        prior: Virtual wins and losses.
        start: (m,) strengths to start from.

    Returns:
        (m,) strengths.

    References:
        Hunter (2004), MM algorithms for generalized Bradley–Terry models, section 2; solved here by Newton's method.
    """
    wins, met = meetings(scores)
    np.fill_diagonal(met, 0.0)
    np.fill_diagonal(wins, 0.0)
    total = wins.sum(axis=1) + prior
    strength = np.zeros(len(scores)) if start is None else start.copy()
    for _ in range(100):
        chance = 1 / (1 + np.exp(np.clip(strength[None, :] - strength[:, None], -50, 50)))
        average = 1 / (1 + np.exp(-np.clip(strength, -50, 50)))
        gradient = total - (met * chance).sum(axis=1) - 2 * prior * average
        information = met * chance * (1 - chance)
        hessian = np.diag(information.sum(axis=1) + 2 * prior * average * (1 - average)) - information
        step = np.linalg.solve(hessian, gradient)
        strength = strength + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    return strength - strength.mean()


def meetings(scores: Scores) -> tuple[Scores, Scores]:
    """(m, m) wins of the row's model over the column's on shared tasks, a tie half, and the number of shared tasks."""
    held = np.isfinite(scores).astype(float)
    met = held @ held.T
    better = np.zeros(met.shape, dtype=np.int32)
    for task in scores.T:
        better += task[:, None] > task
    return (better - better.T + met) / 2, met


AGGREGATES: dict[str, Callable[[Scores], Scores]] = {
    "mean": mean,
    "median": median,
    "interquartile mean": iqm,
    "mean of standardised scores": standardised_mean,
    "win rate": win_rate,
    "Borda count": borda,
    "Bradley–Terry": bradley_terry,
}
"""The aggregates that are compared, by the name that readers see."""


def _over_tasks(scores: Scores, summary: Callable[..., Scores]) -> Scores:
    if np.isfinite(scores).all() and scores.size:
        return np.asarray(summary(scores, axis=1))
    rows = [row[np.isfinite(row)] for row in scores]
    return np.array([float(summary(row[None], axis=1)[0]) if row.size else np.nan for row in rows])


def _trimmed(values: Scores) -> float:
    cut = int(0.25 * len(values))
    ordered = np.partition(values, (cut, len(values) - cut - 1)) if cut else values
    return float(ordered[cut : len(values) - cut].mean())
