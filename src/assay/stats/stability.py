"""What it takes to change a ranking: a task less, other weights, a smaller choice of tasks.

Nothing here is an interval. A bootstrap does not see influence: it can be sure of a leader whom two votes would unseat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.errors import UsageError
from assay.stats.additive import additive_effects, additive_fit
from assay.stats.agreement import tau_b_matrix

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOneOut:
    """The ranking without each of t tasks, against the ranking with all."""

    tau: Scores
    """(t,) Kendall τ_b between the two rankings."""
    largest_move: NDArray[np.int_]
    """(t,) the most ranks that any model moves."""
    leader: NDArray[np.int_]
    """(t,) who leads without the task."""
    influence: Scores
    """(m, t) T M − (T − 1) M without the task, less M: how far a task pulls each model's mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """The fewest tasks whose removal gives another leader."""

    leader: int
    rival: int
    """Who would lead or draw level; -1 when no removal changes the leader."""
    tasks: tuple[int, ...]
    """Which tasks to remove, the most decisive first."""
    share: float | None
    """Share of the tasks that both have; None when no removal changes the leader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reweighting:
    """Other weights of the tasks, and who could lead under them."""

    can_lead: Mask
    """(m,) whether some weights with every task at least at the floor put the model level with the leader."""
    moved: Scores
    """(m,) the smallest share of the total weight to move so that it draws level; infinite when none does."""
    floor: float
    """The least weight a task may have, as a share of its equal weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallSubset:
    """How well few tasks keep the ranking by all of them, on models that did not choose the tasks."""

    chosen: Scores
    """(t,) mean Kendall τ_b for the best 1, 2, … t tasks."""
    random: Scores
    """(t,) the same for tasks drawn at random."""
    size: int | None
    """The fewest chosen tasks whose τ_b reaches the target from there on; None when only all do."""
    tasks: tuple[int, ...]
    """Which tasks these are when all models choose, the best first."""
    target: float


def leave_one_task_out(scores: Scores, present: Mask) -> LeaveOneOut:
    """The ranking without each task; see `LeaveOneOut`.

    Args:
        scores: (m, t) higher is better, at least two tasks.
        present: (m, t) which cells were measured.

    Raises:
        UsageError: with fewer than two tasks.
    """
    m, t = scores.shape
    if t < 2:
        raise UsageError("leaving a task out needs at least two tasks")
    whole = additive_effects(scores, present)
    without = np.stack(
        [additive_effects(np.delete(scores, at, 1), np.delete(present, at, 1)) for at in range(t)]
    )  # fmt: skip
    ranks = _ranks(np.vstack([whole, without]))
    order = np.round(np.vstack([whole, without]), 12)
    return LeaveOneOut(
        tau=tau_b_matrix(order)[0, 1:], largest_move=np.abs(ranks[1:] - ranks[0]).max(axis=1),
        leader=np.nanargmax(np.where(np.isnan(without), -np.inf, without), axis=1),
        influence=(t - 1) * (whole - without).T if m else np.zeros((0, t)),
    )  # fmt: skip


def deletion_robustness(scores: Scores, present: Mask) -> Deletion:
    """The fewest tasks whose removal changes the leader, exactly, for the mean over tasks.

    Args:
        scores: (m, t) higher is better, at least two models.
        present: (m, t) which cells were measured; a rival is compared on the tasks that both have.

    Returns:
        Deletion. At least one task stays, so a leader that wins every task cannot be unseated.

    Notes:
        The lead over a rival falls fastest by removing its largest differences, so for each rival the smallest number
        is a sorted sum, and the smallest over rivals is exact.

    References:
        Broderick, Giordano and Meager (2020), An automatic finite-sample robustness metric, section 2, here exact.
    """
    leader = int(np.nanargmax(additive_effects(scores, present)))
    best: Deletion = Deletion(leader=leader, rival=-1, tasks=(), share=None)
    fewest = np.inf
    for rival in range(len(scores)):
        shared = np.flatnonzero(present[leader] & present[rival])
        if rival == leader or not len(shared):
            continue
        lead = scores[leader, shared] - scores[rival, shared]
        order = np.argsort(-lead, kind="stable")
        rest = lead.sum() - np.concatenate([[0.0], np.cumsum(lead[order])])[:-1]
        level = np.flatnonzero(rest <= 1e-12 * np.abs(lead).sum())
        if len(level) and level[0] / len(shared) < fewest:
            fewest = level[0] / len(shared)
            removed = tuple(int(task) for task in shared[order[: level[0]]])
            best = Deletion(leader=leader, rival=rival, tasks=removed, share=float(fewest))
    return best


def worst_weights(scores: Scores, present: Mask, *, floor: float = 0.0) -> Reweighting:
    """Who could lead under other task weights, and how much weight would have to move.

    Args:
        scores: (m, t) higher is better.
        present: (m, t) which cells were measured.
        floor: The least weight of a task, as a share of 1/t.

    Returns:
        Reweighting, exact for each rival against the leader.

    Raises:
        UsageError: unless the floor is between 0 and 1.

    Notes:
        Against one rival the worst weights put everything above the floor on the task where the leader's lead is
        smallest; the cheapest change takes weight from the tasks where the lead is largest, one after the other.

    References:
        Zhang and Hardt (2024), Inherent trade-offs between diversity and stability in multi-task benchmarks, section 4.
    """
    if not 0 <= floor <= 1:
        raise UsageError(f"the floor of a task's weight is a share of its equal weight, 0 to 1; got {floor}")
    leader = int(np.nanargmax(additive_effects(scores, present)))
    can_lead, moved = np.zeros(len(scores), dtype=bool), np.full(len(scores), np.inf)
    can_lead[leader], moved[leader] = True, 0.0
    for rival in range(len(scores)):
        shared = present[leader] & present[rival]
        if rival == leader or not shared.any():
            continue
        lead = np.sort(scores[leader, shared] - scores[rival, shared])[::-1]
        can_lead[rival] = floor * lead.mean() + (1 - floor) * lead[-1] <= 0
        moved[rival] = _weight_to_move(lead, floor)
    return Reweighting(can_lead=can_lead, moved=moved, floor=floor)


def small_subset(
    scores: Scores, present: Mask, *, target: float = 0.9, splits: int = 5, rng: np.random.Generator
) -> SmallSubset | None:
    """The smallest subset of tasks that keeps the ranking, chosen on half of the models and scored on the other.

    Args:
        scores: (m, t) higher is better.
        present: (m, t) which cells were measured; absent ones are filled in from model + task for this purpose.
        target: Kendall τ_b with the ranking by all tasks that counts as keeping it.
        splits: How often the models are halved anew.
        rng: Halves the models and draws the random subsets.

    Returns:
        SmallSubset; None with fewer than 8 models or 3 tasks, which cannot be halved with any meaning.

    Notes:
        Tasks are added greedily by the correlation of the subset's mean with the mean over all. The subset is a part
        of the whole, so τ_b rises to 1 by construction; the random subsets beside it show what the choice gains.
    """
    m, t = scores.shape
    if m < 8 or t < 3:
        return None
    fit = additive_fit(scores, present)
    filled = np.where(present, scores, fit.effects[:, None] + np.nan_to_num(fit.difficulty))
    chosen, drawn = np.zeros((splits, t)), np.zeros((splits, t))
    for split in range(splits):
        order = rng.permutation(m)
        here, there = filled[order[: m // 2]], filled[order[m // 2 :]]
        chosen[split] = _kept_order(there, _greedy(here))
        drawn[split] = _kept_order(there, rng.permutation(t))
    curve = chosen.mean(axis=0)
    good = curve >= target
    # The size from which on every larger subset keeps the ranking too.
    size = t - int(np.argmin(good[::-1])) if not good.all() else 0
    found = size + 1 if size < t - 1 else None
    return SmallSubset(
        chosen=curve, random=drawn.mean(axis=0), size=found, target=target,
        tasks=tuple(int(task) for task in _greedy(filled)[: found or t]),
    )  # fmt: skip


def _weight_to_move(lead: Scores, floor: float) -> float:
    """The least weight to move from the tasks with the largest lead to the one with the smallest."""
    needed = float(lead.mean())
    if needed <= 0:
        return 0.0
    each = (1 - floor) / len(lead)
    gains = lead - lead[-1]
    moved = 0.0
    for gain in gains[:-1]:
        if gain <= 0:
            break
        if gain * each >= needed - 1e-15:
            return moved + needed / float(gain)
        needed -= float(gain) * each
        moved += each
    return float("inf")


def _greedy(scores: Scores) -> NDArray[np.int_]:
    """All tasks in the order in which they best complete the mean of those before."""
    m, t = scores.shape
    centred = scores - scores.mean(axis=0)
    whole = centred.mean(axis=1)
    order: list[int] = []
    total = np.zeros(m)
    for _ in range(t):
        sums = total[:, None] + centred
        length = np.sqrt((sums**2).sum(axis=0))
        fit = np.where(length > 0, whole @ sums / np.maximum(length, 1e-300), -np.inf)
        fit[order] = -np.inf
        best = next(iter(set(range(t)) - set(order))) if np.isneginf(fit).all() else int(fit.argmax())
        order.append(best)
        total = total + centred[:, best]
    return np.array(order)


def _kept_order(scores: Scores, order: NDArray[np.int_]) -> Scores:
    """(t,) Kendall τ_b of the means over the first 1, 2, … tasks of an order with the mean over all."""
    sums = np.cumsum(scores[:, order], axis=1) / np.arange(1, len(order) + 1)
    taus = tau_b_matrix(np.round(np.vstack([sums[:, -1], sums.T]), 12))[0, 1:]
    return np.nan_to_num(taus)


def _ranks(rows: Scores) -> NDArray[np.int_]:
    """(k, m) ranks from 1 for the largest of each row; equal values in the order of the columns, NaN last."""
    order = np.argsort(-np.nan_to_num(rows, nan=-np.inf), axis=1, kind="stable")
    ranks = np.empty(rows.shape, dtype=int)
    np.put_along_axis(ranks, order, np.arange(1, rows.shape[1] + 1)[None, :].repeat(len(rows), 0), axis=1)
    return ranks
