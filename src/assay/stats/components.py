"""Where the spread of a table of scores comes from: models, tasks, their interaction, seeds, items.

Everything that says "how many tasks, seeds or items are needed" rests on these numbers. Estimates are those of the
analysis of variance, and of fitting constants (Henderson's third method) where cells are missing: unbiased, in closed
form, and equal to the textbook's for a complete table. A negative estimate is reported as 0, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.errors import ShapeError
from assay.estimate import Estimate
from assay.stats.additive import additive_fit

OTHER_MODELS_AND_TASKS = "other such models and tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Variance inside one cell of model × task, by what was repeated there; 0 for what was not."""

    seed: float = 0.0
    """Of one run, between seeds."""
    item: float = 0.0
    """Of one item, shared by all models; it moves scores but not comparisons."""
    model_item: float = 0.0
    """Of one item, different for each model."""
    seed_item: float = 0.0
    """Of one item in one run: what remains."""
    seeds: float = 1.0
    """Harmonic mean of the number of seeds of a cell."""
    items: float = 1.0
    """Harmonic mean of the number of items of a task."""
    measured: tuple[str, ...] = ()
    """Which of the four were measured."""

    def relative(self, seeds: float | None = None, items: float | None = None) -> float:
        """Error variance of a cell in comparisons between models, with that many seeds and items."""
        s, n = self.seeds if seeds is None else seeds, self.items if items is None else items
        return self.seed / s + self.model_item / n + self.seed_item / (s * n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Variance components of models × tasks, and the counts they rest on."""

    model: Estimate
    """Between models, over all tasks: what a ranking is about."""
    task: Estimate
    """Between tasks, over all models: difficulty, which a comparison does not feel."""
    model_task: Estimate
    """Interaction: how far a model's lead depends on the task; without repeats it holds seeds and items too."""
    seed: Estimate
    """Of one run between seeds."""
    item: Estimate
    """Of one item, model × item included."""
    cell: float
    """Residual variance of a cell's score around model + task: interaction with seeds and items in it."""
    between_models: float
    """The model component, floored at 0."""
    between_tasks: float
    """The task component, floored at 0."""
    within: Within
    """What was measured inside cells."""
    models: int
    tasks: float
    """Number of tasks; with missing cells the number that a complete table of the same information would have."""
    df: int
    """Degrees of freedom of the residual."""

    @property
    def interaction(self) -> float:
        """The model × task component proper, floored at 0: the residual less what seeds and items explain."""
        return max(self.cell - self.within.relative(), 0.0)

    def error(self, tasks: float, seeds: float | None = None, items: float | None = None) -> float:
        """Error variance of a model's mean in comparisons, over that many other such tasks."""
        return (self.interaction + self.within.relative(seeds, items)) / tasks if self.within.measured else (
            self.cell / tasks
        )  # fmt: skip


def variance_components(
    scores: NDArray[np.float64], present: NDArray[np.bool_], *, within: Within | None = None, level: float = 0.95,
    unit: str = "",
) -> Components:  # fmt: skip
    """Variance components of a table of m models × t tasks, absent cells allowed.

    Args:
        scores: (m, t) scores of cells, means over seeds and items.
        present: (m, t) which cells were measured.
        within: What is known of the spread inside cells.
        level: Confidence level of the intervals.
        unit: Unit of the scores; components are in its square.

    Returns:
        Components; those that the table cannot give are unknown with a reason.

    Raises:
        ShapeError: unless scores and mask fit.

    Notes:
        E[R(model | task)] = (N − t) σ²_model + (m − 1) σ²_residual and E[SSE] = df σ²_residual, with N cells. The
        interval of the residual is that of chi-square; of models and tasks, Williams's from the F ratio.

    References:
        Searle, Casella and McCulloch (1992), Variance Components, sections 4.3 and 5.5; Williams (1962), A confidence
        interval for variance components.
    """
    if scores.ndim != 2 or scores.shape != present.shape:
        raise ShapeError(f"scores are models × tasks with a mask of that shape; got {scores.shape} and {present.shape}")
    inside = within or Within()
    kept, mask = _kept(scores, present)
    m, t = kept.shape
    fit = additive_fit(kept, mask)
    reason = _reason(m, t, fit.df, fit.connected)
    if reason is not None:
        return _unknown(reason, inside, m, t, unit)
    residual = float((fit.residuals**2).sum()) / fit.df
    cells = int(mask.sum())
    model = _main(kept, mask, m - 1, (cells - t) / (m - 1), residual, fit.df, level)
    task = _main(kept.T, mask.T, t - 1, (cells - m) / (t - 1), residual, fit.df, level)
    spread = np.array([special.chdtri(fit.df, (1 - level) / 2), special.chdtri(fit.df, (1 + level) / 2)])
    low, high = residual * fit.df / spread
    return Components(
        model=_estimate("variance_model", *model, m, level, unit),
        task=_estimate("variance_task", *task, t, level, unit),
        model_task=_interaction(residual, inside, low, high, fit.df, level, unit),
        seed=_inside("variance_seed", inside.seed, "seed" in inside.measured, "a second seed", unit),
        item=_inside("variance_item", inside.item + inside.model_item, "item" in inside.measured, "single items", unit),
        cell=residual, between_models=max(model[0], 0.0), between_tasks=max(task[0], 0.0), within=inside,
        models=m, tasks=(cells - t) / (m - 1), df=fit.df,
    )  # fmt: skip


def within_seeds(values: NDArray[np.float64], present: NDArray[np.bool_]) -> Within:
    """What repeated runs (m, t, s) tell of the spread inside cells; nothing where every cell has one run."""
    counts = present.sum(axis=2)
    repeated = counts > 1
    if not repeated.any():
        return Within()
    centre = np.where(present, values, 0.0).sum(axis=2) / np.maximum(counts, 1)
    squares = np.where(present, values - centre[:, :, None], 0.0) ** 2
    pooled = float(squares.sum() / (counts - 1)[repeated].sum())
    seeds = float(1 / (1 / counts[counts > 0]).mean())
    return Within(seed=pooled, seeds=seeds, measured=("seed",))


def within_sizes(scores: NDArray[np.float64], present: NDArray[np.bool_], sizes: NDArray[np.float64]) -> Within:
    """What test sizes tell of accuracies: p (1 − p) an item, all of it counted against the comparison of models.

    It overstates the error of comparisons on the same items, because items that are hard for everybody count too.
    """
    p, n = scores[present], sizes[present]
    return Within(model_item=float((p * (1 - p)).mean()), items=float(1 / (1 / n).mean()), measured=("item",))


def within_items(items: Sequence[NDArray[np.float64]]) -> Within:
    """What single items tell: one (m, s, n) array a task, models × seeds × items, NaN where absent.

    Only items that all models have in all seeds are used; components are means over tasks with at least two of them.
    """
    parts, sizes, seeds = [], [], 1
    for block in items:
        whole = block[:, ~np.isnan(block).all(axis=(0, 2)), :]
        whole = whole[:, :, ~np.isnan(whole).any(axis=(0, 1))]
        if whole.shape[0] > 1 and whole.shape[2] > 1:
            parts.append(_three_way(whole))
            sizes.append(whole.shape[2])
            seeds = max(seeds, whole.shape[1])
    if not parts:
        return Within()
    item, model_item, seed, seed_item = np.maximum(np.mean(parts, axis=0), 0.0)
    return Within(
        item=float(item), model_item=float(model_item), seed=float(seed), seed_item=float(seed_item),
        seeds=float(seeds), items=float(1 / np.mean(1 / np.array(sizes))),
        measured=("seed", "item") if seeds > 1 else ("item",),
    )  # fmt: skip


def _three_way(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Item, model × item, seed (in model) and seed × item components of a complete (m, s, n) block."""
    m, s, n = block.shape
    cell, runs = block.mean(axis=1), block.mean(axis=2)
    by_item = cell.mean(axis=0)
    interaction = cell - cell.mean(axis=1, keepdims=True) - by_item + by_item.mean()
    ms_interaction = s * float((interaction**2).sum()) / ((m - 1) * (n - 1))
    ms_item = m * s * float(((by_item - by_item.mean()) ** 2).sum()) / (n - 1)
    item = (ms_item - ms_interaction) / (m * s)
    if s == 1:
        return np.array([item, ms_interaction, 0.0, 0.0])
    rest = block - cell[:, None, :] - runs[:, :, None] + cell.mean(axis=1)[:, None, None]
    ms_rest = float((rest**2).sum()) / (m * (s - 1) * (n - 1))
    ms_seed = n * float(((runs - runs.mean(axis=1, keepdims=True)) ** 2).sum()) / (m * (s - 1))
    return np.array([item, (ms_interaction - ms_rest) / s, (ms_seed - ms_rest) / n, ms_rest])


def _kept(scores: NDArray[np.float64], present: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The table without models and tasks that have no cell."""
    rows, columns = present.any(axis=1), present.any(axis=0)
    return scores[rows][:, columns], present[rows][:, columns]


def _reason(m: int, t: int, df: int, connected: bool) -> str | None:
    if m < 2:
        return "one model has no spread between models; add a second"
    if t < 2:
        return "one task cannot part models from their luck on it; add a second"
    if not connected:
        return "the table falls into pieces that share neither a model nor a task"
    if df < 1:
        return "too many cells are missing to part models from tasks"
    return None


def _main(
    kept: NDArray[np.float64], mask: NDArray[np.bool_], df: int, size: float, residual: float, residual_df: int,
    level: float,
) -> tuple[float, float, float]:  # fmt: skip
    """A component (it may be negative) and Williams's interval, for the factor along the rows."""
    columns = np.where(mask, kept, 0.0).sum(axis=0) / np.maximum(mask.sum(axis=0), 1)
    reduction = float((np.where(mask, kept - columns, 0.0) ** 2).sum()) - residual * residual_df
    reduction = max(reduction, 0.0)
    value = (reduction / df - residual) / size
    tails = np.array([(1 + level) / 2, (1 - level) / 2])
    limits = special.fdtri(df, residual_df, tails) * residual * df
    low, high = np.maximum(reduction - limits, 0.0) / (size * special.chdtri(df, 1 - tails))
    return value, float(low), float(high)


def _estimate(name: str, value: float, low: float, high: float, n: int, level: float, unit: str) -> Estimate:
    method = "analysis of variance, Williams's interval"
    if value < 0:
        method += f"; the estimate was {value:.3g} and is reported as 0"
    floored = max(value, 0.0)
    return Estimate(
        name=name, value=floored, low=min(low, floored), high=max(high, floored), level=level, n=n,
        unit=_squared(unit), method=method, population=OTHER_MODELS_AND_TASKS,
    )  # fmt: skip


def _interaction(
    residual: float, within: Within, low: float, high: float, df: int, level: float, unit: str
) -> Estimate:  # fmt: skip
    noise = within.relative()
    value = residual - noise
    method = "analysis of variance, chi-square interval"
    if not within.measured:
        method += "; seeds and items are in it, because none were given"
    elif value < 0:
        method += f"; the estimate was {value:.3g} and is reported as 0"
    floored = max(value, 0.0)
    return Estimate(
        name="variance_model_task", value=floored, low=min(max(low - noise, 0.0), floored),
        high=max(high - noise, floored), level=level, n=df + 1, unit=_squared(unit), method=method,
        population=OTHER_MODELS_AND_TASKS,
    )  # fmt: skip


def _inside(name: str, value: float, measured: bool, need: str, unit: str) -> Estimate:
    if not measured:
        return Estimate.unknown(name, f"not measured; it takes {need}", unit=_squared(unit))
    return Estimate(name=name, value=value, unit=_squared(unit), method="pooled within cells")


def _unknown(reason: str, within: Within, m: int, t: int, unit: str) -> Components:
    def unknown(name: str) -> Estimate:
        return Estimate.unknown(f"variance_{name}", reason, unit=_squared(unit))

    return Components(
        model=unknown("model"), task=unknown("task"), model_task=unknown("model_task"),
        seed=_inside("variance_seed", within.seed, "seed" in within.measured, "a second seed", unit),
        item=_inside("variance_item", within.item + within.model_item, "item" in within.measured, "single items", unit),
        cell=float("nan"), between_models=float("nan"), between_tasks=float("nan"), within=within, models=m, tasks=t,
        df=0,
    )  # fmt: skip


def _squared(unit: str) -> str:
    return f"{unit}²" if unit else ""
