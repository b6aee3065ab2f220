"""How many tasks, seeds, items or runs it takes to see a difference, and what difference those at hand can show.

Two questions are kept apart. For *other such tasks* only more tasks help: the interaction of model and task stays in
the error however many seeds and items there are. For *these tasks again* seeds and items help, and more tasks too.
"""

from __future__ import annotations

import math

from scipy import special

from assay.errors import UsageError
from assay.stats.components import Components, Within

LARGEST = 10_000_000
"""No plan asks for more units than this."""


def paired_power(effect: float, error: float, n: float, *, level: float = 0.95) -> float:
    """Power of the two-sided paired t test.

    Args:
        effect: True mean difference.
        error: Standard deviation of one unit's difference.
        n: Number of paired units, at least 2.
        level: 1 − α.

    Returns:
        The chance to reject, by the noncentral t distribution.
    """
    if error <= 0:
        return 1.0 if effect else 1 - level
    shift = abs(effect) / error * math.sqrt(n)
    limit = float(special.stdtrit(n - 1, (1 + level) / 2))
    upper = 1 - float(special.nctdtr(n - 1, shift, limit)) if shift < 37 else 1.0
    return min(upper + float(special.nctdtr(n - 1, shift, -limit)) if shift < 37 else upper, 1.0)


def detectable_effect(error: float, n: float, *, power: float = 0.8, level: float = 0.95) -> float:
    """The smallest true difference that a paired t test of n units finds with the given power.

    Args:
        error: Standard deviation of one unit's difference.
        n: Number of paired units, at least 2.
        power: Chance to find it.
        level: 1 − α.

    Returns:
        The difference, in the unit of `error`.

    Raises:
        UsageError: with fewer than 2 units, or a power outside (1 − level, 1).
    """
    _check(power, level)
    if n < 2:
        raise UsageError(f"a paired test needs at least 2 units, not {n:g}")
    low, high = 0.0, error * 200.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if paired_power(middle, error, n, level=level) < power else (low, middle)
    return high


def units_needed(effect: float, error: float, *, power: float = 0.8, level: float = 0.95) -> int | None:
    """The fewest paired units with which a t test finds a difference; None beyond ten million.

    Args:
        effect: True mean difference, not 0.
        error: Standard deviation of one unit's difference.
        power: Chance to find it.
        level: 1 − α.

    Returns:
        At least 2.

    Raises:
        UsageError: for an effect of 0, or a power outside (1 − level, 1).
    """
    _check(power, level)
    if effect == 0:
        raise UsageError("no number of units tells two equal models apart; name a difference above 0")
    if (_deviates(power, level) * error / effect) ** 2 > LARGEST:
        return None
    high = 2
    while paired_power(effect, error, high, level=level) < power:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if paired_power(effect, error, middle, level=level) >= power else (middle, high)
    return max(high, 2)


def units_for_width(reach: float, spread: float, *, level: float = 0.95) -> int | None:
    """The fewest units whose mean has a Student t interval of ± `reach`; None beyond ten million.

    Args:
        reach: Half the width of the interval, above 0.
        spread: Standard deviation of one unit.
        level: Confidence level.

    Raises:
        UsageError: unless the reach is above 0.
    """
    if reach <= 0:
        raise UsageError(f"no number of units gives an interval of ± {reach}; name a reach above 0")
    if (float(special.ndtri((1 + level) / 2)) * spread / reach) ** 2 > LARGEST:
        return None
    n = 2
    while float(special.stdtrit(n - 1, (1 + level) / 2)) * spread / math.sqrt(n) > reach:
        n = max(n + 1, math.ceil((float(special.stdtrit(n - 1, (1 + level) / 2)) * spread / reach) ** 2 * 0.5))
    while n > 2 and float(special.stdtrit(n - 2, (1 + level) / 2)) * spread / math.sqrt(n - 1) <= reach:
        n -= 1
    return n


def items_needed(
    effect: float, variance: float, *, answers_a: float = 0.0, answers_b: float = 0.0, k_a: int = 1, k_b: int = 1,
    power: float = 0.8, level: float = 0.95,
) -> int:  # fmt: skip
    """Items for a paired comparison of two models, each with K answers an item, by the normal approximation.

    Args:
        effect: Difference to be seen.
        variance: ω², the variance over items of the difference of expected scores.
        answers_a: Mean variance of model A's score between answers to one item.
        answers_b: The same of model B.
        k_a: Answers of model A an item.
        k_b: Answers of model B an item.
        power: Chance to find it.
        level: 1 − α.

    Returns:
        n = ⌈(z_{α/2} + z_β)² (ω² + σ²_A/K_A + σ²_B/K_B) / δ²⌉.

    References:
        Miller (2024), Adding error bars to evals: a statistical approach to language model evaluations, section 5.

    Example:
        >>> items_needed(0.03, 1 / 9)
        969
    """
    _check(power, level)
    total = variance + answers_a / k_a + answers_b / k_b
    return math.ceil((_deviates(power, level) ** 2) * total / effect**2 - 1e-9)


def paired_runs_needed(gamma: float = 0.75, *, alpha: float = 0.05, beta: float = 0.05) -> int:
    """Paired runs to find a probability of superiority of γ.

    Args:
        gamma: P(A > B) that matters, above 0.5.
        alpha: One-sided error of the first kind.
        beta: Error of the second kind.

    Returns:
        N = ⌈((z_{1−α} + z_{1−β}) / (√6 (γ − ½)))²⌉.

    References:
        Noether (1987), Sample size determination for some common nonparametric tests; used by Bouthillier et al.
        (2021), Accounting for variance in machine learning benchmarks, section 4.

    Example:
        >>> paired_runs_needed()
        29
    """
    if not 0.5 < gamma <= 1:
        raise UsageError(f"a probability of superiority to look for lies above 0.5 and up to 1; got {gamma}")
    deviates = float(special.ndtri(1 - alpha) + special.ndtri(1 - beta))
    return math.ceil((deviates / (math.sqrt(6) * (gamma - 0.5))) ** 2 - 1e-9)


def chance_of_right_order(effect: float, components: Components, tasks: float) -> float:
    """Chance that the better of two models, `effect` apart, has the better mean over that many other such tasks."""
    error = math.sqrt(2 * components.error(tasks))
    return 1.0 if error == 0 else float(special.ndtr(abs(effect) / error))


def difference_error(components: Components) -> float:
    """Standard deviation between tasks of the difference of two models' scores."""
    return math.sqrt(2 * components.error(1.0))


def runs_for_these_tasks(
    effect: float, within: Within, tasks: int, *, power: float = 0.8, level: float = 0.95
) -> int | None:
    """Seeds a cell that tell two models `effect` apart on these very tasks; None when items alone forbid it."""
    seed = within.seed + within.seed_item / within.items
    fixed = within.model_item / within.items
    return _repeats(effect, seed, fixed, tasks, power, level)


def items_for_these_tasks(
    effect: float, within: Within, tasks: int, *, power: float = 0.8, level: float = 0.95
) -> int | None:
    """Items a task that tell two models `effect` apart on these very tasks; None when seeds alone forbid it."""
    item = within.model_item + within.seed_item / within.seeds
    fixed = within.seed / within.seeds
    return _repeats(effect, item, fixed, tasks, power, level)


def best_seeds(components: Components, *, cost_task: float, cost_run: float) -> int:
    """Seeds a cell that give the smallest error for a fixed budget, when a task costs `cost_task` before its runs.

    Raises:
        UsageError: unless both costs are positive.

    References:
        Brennan (2001), Generalizability Theory, section 8.2: S′ = √((σ²_seed / σ²_model×task) (cost_task / cost_run)).
    """
    if cost_task <= 0 or cost_run <= 0:
        raise UsageError("costs are positive: one of a task, one of a run")
    if components.interaction <= 0:
        return max(round(components.within.seeds), 1)
    seed = components.within.seed + components.within.seed_item / components.within.items
    return max(round(math.sqrt(seed / components.interaction * cost_task / cost_run)), 1)


def _repeats(effect: float, variance: float, fixed: float, tasks: int, power: float, level: float) -> int | None:
    """Repeats r with 2 (variance / r + fixed) / tasks small enough for the normal approximation."""
    _check(power, level)
    if effect == 0:
        raise UsageError("no number of repeats tells two equal models apart; name a difference above 0")
    allowed = tasks * (effect / _deviates(power, level)) ** 2 / 2 - fixed
    if allowed <= 0 or variance / allowed > LARGEST:
        return None
    return max(math.ceil(variance / allowed - 1e-9), 1)


def _deviates(power: float, level: float) -> float:
    return float(special.ndtri((1 + level) / 2) + special.ndtri(power))


def _check(power: float, level: float) -> None:
    if not 0 < 1 - level < power < 1:
        raise UsageError(f"power lies between 1 − level and 1; got power {power} at level {level}")
