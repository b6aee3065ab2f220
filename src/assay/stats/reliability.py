"""Reliability of a ranking: how far other such tasks would order the models alike, now and with more tasks.

G is for comparisons between models, Φ for scores taken by themselves. Their classical intervals (Feldt; McGraw and
Wong) suppose that all tasks measure the same thing up to noise. Real tasks come in kinds, so the prediction for another
set of tasks comes from leaving tasks out instead, and is wider.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.estimate import Estimate
from assay.stats.components import OTHER_MODELS_AND_TASKS, Components, variance_components

OTHER_TASKS_THESE_MODELS = "other such tasks, these models"


def generalizability(
    components: Components, *, tasks: float | None = None, seeds: float | None = None, items: float | None = None,
    level: float = 0.95,
) -> Estimate:  # fmt: skip
    """G: the share of variance between models' means that is theirs and not the tasks'.

    Args:
        components: Variance components of the table.
        tasks: Number of tasks to answer for; None for those of the table.
        seeds: Runs a cell to answer for; None for those of the table.
        items: Items a task to answer for; None for those of the table.
        level: Confidence level.

    Returns:
        Estimate between 0 and 1; unknown where the components are. For the table's own tasks it is Cronbach's α.

    Notes:
        G(T′) = σ²_m / (σ²_m + σ²_e / T′), with σ²_e the error of one cell. The interval is Feldt's for T, carried over
        to T′ by the Spearman–Brown formula.

    References:
        Feldt (1965), The approximate sampling distribution of Kuder–Richardson reliability coefficient twenty;
        Brennan (2001), Generalizability Theory, sections 2.2 and 6.3.
    """
    if not components.model.known:
        return Estimate.unknown("generalizability", components.model.reason or "", population=OTHER_MODELS_AND_TASKS)
    now = components.tasks
    wanted = now if tasks is None else tasks
    signal, error = components.between_models, components.error(1.0, seeds, items)
    if signal == 0 and error == 0:
        return Estimate.unknown("generalizability", "all scores of a task are equal: nothing tells models apart")
    if components.cell <= 0:
        return Estimate(name="generalizability", value=1.0, n=components.models, method="no error at all",
                        population=OTHER_MODELS_AND_TASKS)  # fmt: skip
    value = signal / (signal + error / wanted)
    alpha = signal / (signal + components.cell / now)
    scale = components.cell / error if error > 0 else np.inf
    ends = [
        _stepped(1 - (1 - alpha) * float(special.fdtri(components.models - 1, components.df, q)), now, wanted, scale)
        for q in ((1 + level) / 2, (1 - level) / 2)
    ]
    method = "generalizability coefficient, Feldt's interval"
    if signal == 0:
        method += "; the model component was negative and counts as 0"
    return Estimate(
        name="generalizability", value=value, low=min(ends[0], value), high=max(ends[1], value), level=level,
        n=components.models, method=method, population=OTHER_MODELS_AND_TASKS,
    )  # fmt: skip


def dependability(components: Components, *, tasks: float | None = None, level: float = 0.95) -> Estimate:
    """Φ: reliability of the scores by themselves, with the luck of easy or hard tasks counted as error.

    Args:
        components: Variance components of the table.
        tasks: Number of tasks to answer for; None for those of the table.
        level: Confidence level.

    Returns:
        Estimate between 0 and 1; unknown where the components are.

    Notes:
        Φ(T′) = σ²_m / (σ²_m + (σ²_t + σ²_e) / T′); the interval is that of the intraclass correlation ICC(A, 1),
        stepped up to T′ tasks.

    References:
        Brennan (2001), section 2.2; McGraw and Wong (1996), Forming inferences about some intraclass correlation
        coefficients, table 7.
    """
    if not components.model.known:
        return Estimate.unknown("dependability", components.model.reason or "", population=OTHER_MODELS_AND_TASKS)
    wanted = components.tasks if tasks is None else tasks
    signal, error = components.between_models, components.cell + components.between_tasks
    if signal + error == 0:
        return Estimate.unknown("dependability", "all scores are equal: nothing tells models apart")
    value = signal / (signal + error / wanted)
    low, high = (_stepped(end, 1.0, wanted, 1.0) for end in _single(components, level))
    return Estimate(
        name="dependability", value=value, low=min(low, value), high=max(high, value), level=level,
        n=components.models, method="index of dependability, McGraw and Wong's interval",
        population=OTHER_MODELS_AND_TASKS,
    )  # fmt: skip


def predicted_reliability(
    scores: NDArray[np.float64], present: NDArray[np.bool_], *, tasks: int | None = None, level: float = 0.9
) -> Estimate:
    """What G another set of such tasks would show for these models, with an interval for that value.

    Use it before relying on a reliability for tasks that are still to come.

    Args:
        scores: (m, t) scores.
        present: (m, t) which cells were measured.
        tasks: How many tasks the other set has; None for as many as this one.
        level: Confidence level of the interval.

    Returns:
        Estimate; unknown with fewer than 4 tasks.

    Notes:
        log(σ²_model / σ²_residual) is jackknifed over tasks; its variance is taken twice over, once for these tasks
        and once, in proportion, for the others. Student's t with t − 1 degrees of freedom.

    References:
        Arvesen (1969), Jackknifing U-statistics, section 4.
    """
    name = "predicted_reliability"
    t = scores.shape[1]
    if t < 4:
        return Estimate.unknown(name, f"{t} tasks show too little of how tasks differ; 4 are the fewest",
                                population=OTHER_TASKS_THESE_MODELS)  # fmt: skip
    wanted = t if tasks is None else tasks
    whole = _log_ratio(scores, present)
    parts = np.array([_log_ratio(np.delete(scores, at, 1), np.delete(present, at, 1)) for at in range(t)])
    if not np.isfinite([whole, *parts]).all():
        return Estimate.unknown(name, "the model component is not positive, with or without one of the tasks",
                                population=OTHER_TASKS_THESE_MODELS)  # fmt: skip
    pseudo = t * whole - (t - 1) * parts
    spread = np.sqrt(pseudo.var(ddof=1) / t * (1 + t / wanted)) * float(special.stdtrit(t - 1, (1 + level) / 2))
    value, low, high = (1 / (1 + np.exp(-end) / wanted) for end in (whole, whole - spread, whole + spread))
    return Estimate(
        name=name, value=float(value), low=float(low), high=float(high), level=level, n=t,
        method="jackknife over tasks, for the value another set of tasks would show",
        population=OTHER_TASKS_THESE_MODELS,
    )  # fmt: skip


def tasks_for(components: Components, target: float) -> int | None:
    """The fewest tasks with G ≥ target; None when no number would do or the components are unknown."""
    if not components.model.known or components.between_models <= 0:
        return None
    error = components.error(1.0)
    return max(int(np.ceil(target / (1 - target) * error / components.between_models - 1e-9)), 1)


def _log_ratio(scores: NDArray[np.float64], present: NDArray[np.bool_]) -> float:
    components = variance_components(scores, present)
    if not components.model.known or components.between_models <= 0 or components.cell <= 0:
        return float("nan")
    return float(np.log(components.between_models / components.cell))


def _stepped(reliability: float, now: float, wanted: float, scale: float) -> float:
    """Spearman–Brown: a reliability for `now` tasks carried over to `wanted`, error being `scale` times smaller."""
    clipped = min(max(reliability, 0.0), 1.0)
    above = clipped * wanted * scale
    return above / (above + now * (1 - clipped)) if above > 0 else 0.0


def _single(components: Components, level: float) -> tuple[float, float]:
    """Interval of ICC(A, 1), the dependability of one task."""
    n, k = components.models, components.tasks
    ms_e = components.cell
    ms_r = ms_e + k * components.between_models
    ms_c = ms_e + n * components.between_tasks
    rho = components.between_models / (components.between_models + components.between_tasks + components.cell)
    if rho >= 1:
        return 1.0, 1.0
    a, b = k * rho / (n * (1 - rho)), 1 + k * rho * (n - 1) / (n * (1 - rho))
    below = (a * ms_c) ** 2 / (k - 1) + (b * ms_e) ** 2 / ((n - 1) * (k - 1))
    df = (a * ms_c + b * ms_e) ** 2 / below if below > 0 else 1.0
    upper, lower = float(special.fdtri(n - 1, df, (1 + level) / 2)), float(special.fdtri(df, n - 1, (1 + level) / 2))
    rest = k * ms_c + (k * n - k - n) * ms_e
    low = n * (ms_r - upper * ms_e) / (upper * rest + n * ms_r)
    high = n * (lower * ms_r - ms_e) / (rest + n * lower * ms_r)
    return max(low, 0.0), min(max(high, 0.0), 1.0)
