"""Buying runs one by one: which model to try next, and when to stop.

Each purchase goes to the model with the largest expected gain over the best score bought so far, by what other tasks
teach (`Experience`) and what was bought. The gain is not divided by the cost: on tables of fine-tuning runs that spends
the budget on many cheap models, of which none is the best. Buying stops when the regret is below what the user can
bear, with the stated confidence, or when the budget is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.assess.selection.experience import Experience
from assay.errors import NothingToAssessError
from assay.estimate import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to stop."""

    regret: float
    """Stop when the regret is below this with confidence `level`, in the unit of the scores."""
    spend: float
    """What may be spent, in the unit of the costs."""
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What was bought and what it showed."""

    order: tuple[int, ...]
    """Models in the order of purchase."""
    chosen: int
    """The model with the best score bought."""
    regret: Estimate
    """Expected regret; its upper end holds with confidence `level`."""
    spent: float
    why: str
    """`regret`, `budget` or `all bought`."""
    path: tuple[tuple[float, float, float], ...]
    """(spent, expected regret, its bound) after each purchase: what more would buy."""


def buy(
    experience: Experience, costs: Floats, reveal: Callable[[int], float], limits: Limits, *,
    pool: Sequence[int] | None = None, rng: np.random.Generator,
) -> Bought:  # fmt: skip
    """Buy runs until the regret is small enough or the budget is spent.

    Args:
        experience: What other tasks teach.
        costs: (m,) expected cost of one run of each model.
        reveal: Model → its score; this is where the money goes.
        limits: When to stop.
        pool: Models that can be bought; None for all.
        rng: The source of randomness.

    Raises:
        NothingToAssessError: when not even one run can be paid for.
    """
    left = list(range(len(costs))) if pool is None else list(pool)
    order: list[int] = []
    scores: list[float] = []
    path: list[tuple[float, float, float]] = []
    spent, why = 0.0, "all bought"
    while True:
        draws = experience.draw(order, np.array(scores), left, rng=rng) if left else np.zeros((1, 0))
        best = max(scores, default=-np.inf)
        if order:
            regret = np.maximum(draws.max(axis=1, initial=-np.inf) - best, 0.0)
            path.append((spent, float(regret.mean()), float(np.quantile(regret, limits.level))))
            if path[-1][2] <= limits.regret or not left:
                why = "regret" if path[-1][2] <= limits.regret else why
                break
        payable = [at for at, model in enumerate(left) if spent + costs[model] <= limits.spend]
        if not payable:
            why = "budget"
            break
        at = payable[int(_worth(draws, best)[payable].argmax())]
        model = left.pop(at)
        spent += float(costs[model])
        scores.append(reveal(model))
        order.append(model)
    if not order:
        raise NothingToAssessError(
            f"a budget of {limits.spend:g} does not pay for one run; the cheapest costs {costs.min():g}"
        )
    expected, bound = path[-1][1:]
    return Bought(
        order=tuple(order), chosen=order[int(np.argmax(scores))], spent=spent, why=why, path=tuple(path),
        regret=Estimate(
            name="expected_regret", value=expected, low=0.0, high=max(expected, bound), level=limits.level,
            n=len(order), method="coefficients learned on other tasks, narrowed by the runs bought",
            population="this task",
        ),
    )  # fmt: skip


def _worth(draws: Floats, best: float) -> Floats:
    """(k,) expected gain over the best so far; the expected score before the first run."""
    return draws.mean(axis=0) if not np.isfinite(best) else np.maximum(draws - best, 0.0).mean(axis=0)
