"""Models against each other: the paired difference, the chance to win a single run, the chance to be the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.errors import ShapeError
from assay.estimate import Estimate
from assay.stats.additive import additive_fit
from assay.stats.components import variance_components
from assay.stats.means import OTHER_TASKS
from assay.stats.multiplicity import holm

FEWEST_SEEDS = 5
"""With fewer runs a probability of superiority moves in steps too large to mean anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifferences:
    """All pairs of m models, each on the tasks that both have; row less column."""

    difference: NDArray[np.float64]
    """(m, m) mean difference; NaN where no task is shared."""
    error: NDArray[np.float64]
    """(m, m) its standard error over tasks; NaN with fewer than two shared tasks."""
    shared: NDArray[np.int_]
    """(m, m) number of shared tasks."""
    p_value: NDArray[np.float64]
    """(m, m) two-sided p-value of the paired t test; NaN where it cannot be made."""
    p_holm: NDArray[np.float64]
    """(m, m) the same after Holm's adjustment for all pairs."""

    def estimate(self, a: int, b: int, *, level: float = 0.95, unit: str = "") -> Estimate:
        """The difference of two models as an Estimate, with the unadjusted paired t interval over tasks."""
        n, value, error = int(self.shared[a, b]), float(self.difference[a, b]), float(self.error[a, b])
        if n == 0:
            return Estimate.unknown("difference", "the two share no task", unit=unit, population=OTHER_TASKS)
        if n == 1:
            return Estimate(name="difference", value=value, n=1, unit=unit, population=OTHER_TASKS,
                            method="paired difference; no interval from one task")  # fmt: skip
        reach = float(special.stdtrit(n - 1, (1 + level) / 2)) * error
        return Estimate(
            name="difference", value=value, low=value - reach, high=value + reach, level=level, n=n, unit=unit,
            method="paired t over shared tasks, for this pair alone", population=OTHER_TASKS,
        )  # fmt: skip


def paired_differences(scores: ArrayLike, *, present: ArrayLike | None = None) -> PairedDifferences:
    """Paired t tests of all pairs of models over the tasks they share, with Holm's adjustment.

    Args:
        scores: (m, t) models × tasks.
        present: (m, t) which cells were measured; None for those that are finite.

    Returns:
        PairedDifferences. Two models that differ by the same amount on every task have p-value 0, two that never
        differ 1.

    Raises:
        ShapeError: unless scores and mask are two-dimensional and alike.

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    values = np.asarray(scores, dtype=float)
    mask = np.isfinite(values) if present is None else np.asarray(present, dtype=bool)
    if values.ndim != 2 or mask.shape != values.shape:
        raise ShapeError(f"scores are models × tasks with a mask of that shape; got {values.shape} and {mask.shape}")
    held = mask.astype(float)
    centred = np.where(mask, values - np.where(mask, values, 0.0).sum(0) / np.maximum(mask.sum(0), 1), 0.0)
    shared = (held @ held.T).astype(int)
    sums = centred @ held.T - held @ centred.T
    size = (centred**2) @ held.T + held @ (centred**2).T
    squares = size - 2 * centred @ centred.T
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where(shared > 0, sums / shared, np.nan)
        around = squares - sums**2 / shared
        around = np.where(around > 1e-12 * size, around, 0.0)
        error = np.where(shared > 1, np.sqrt(around / (shared - 1) / shared), np.nan)
        ratio = np.where(error > 0, np.abs(difference) / error, np.where(difference == 0, 0.0, np.inf))
    p_value = np.where(shared > 1, 2 * special.stdtr(np.maximum(shared - 1, 1), -ratio), np.nan)
    first, second = np.triu_indices(len(values), k=1)
    p_holm = np.full(p_value.shape, np.nan)
    p_holm[first, second] = p_holm[second, first] = holm(p_value[first, second])
    return PairedDifferences(difference=difference, error=error, shared=shared, p_value=p_value, p_holm=p_holm)


def probability_of_superiority(a: ArrayLike, b: ArrayLike, *, paired: bool = False, level: float = 0.95) -> Estimate:
    """Chance that a new run of model A beats a new run of model B on these tasks, ties counted as half.

    It says how often, not by how much, and it is not transitive. Decide for A where the lower end is above 0.5 and
    the upper end above the chance that matters, such as 0.75.

    Args:
        a: (t, s) scores of model A, tasks × seeds, higher is better.
        b: (t, s′) scores of model B.
        paired: Whether run i of both models shares its seed; then s = s′ and only such runs are compared.
        level: Confidence level.

    Returns:
        Estimate, a mean over tasks; unknown with fewer than 5 runs a cell.

    Raises:
        ShapeError: when tasks or paired seeds differ in number.

    Notes:
        Unpaired: the score interval of the Mann–Whitney statistic with its variance at the hypothetical value.
        Paired: Wilson's interval of the share of won pairs.

    References:
        Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks, section 4; Newcombe (2006),
        Confidence intervals for an effect size measure based on the Mann–Whitney statistic, part 2, method 5.
    """
    x, y = np.atleast_2d(np.asarray(a, dtype=float)), np.atleast_2d(np.asarray(b, dtype=float))
    if x.shape[0] != y.shape[0] or (paired and x.shape != y.shape):
        raise ShapeError(
            f"both models need the same tasks, and paired runs the same seeds; got {x.shape} and {y.shape}"
        )
    tasks, runs = x.shape[0], min(x.shape[1], y.shape[1])
    population = "these tasks again, with other seeds"
    if runs < FEWEST_SEEDS:
        return Estimate.unknown(
            "probability_of_superiority", f"{runs} runs a cell are not enough; {FEWEST_SEEDS} are the fewest",
            population=population,
        )  # fmt: skip
    won = np.sign(x - y) if paired else np.sign(x[:, :, None] - y[:, None, :])
    value = float((won / 2 + 0.5).mean())
    low, high = _score_interval(value, x.shape[1], y.shape[1], tasks, paired, level)
    return Estimate(
        name="probability_of_superiority", value=value, low=low, high=high, level=level, n=tasks * runs,
        method="paired runs, Wilson's interval" if paired else "all pairs of runs, score interval",
        population=population,
    )  # fmt: skip


def probability_best(
    scores: NDArray[np.float64], present: NDArray[np.bool_], *, draws: int = 4000, rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """(m,) chance of each model to be the best over all such tasks; None with fewer than 3 tasks or 2 models.

    The means are shrunk towards each other by what the table shows of real differences between models, so that models
    without any share the chance equally.

    Args:
        scores: (m, t) higher is better.
        present: (m, t) which cells were measured.
        draws: Draws from the posterior.
        rng: Draws them.

    Returns:
        Chances that sum to 1.

    Notes:
        θ_j = μ + G_j (x̄_j − μ) + √G_j e_j with G_j = σ²_m / (σ²_m + σ²_r / n_j), and e from the multivariate t
        distribution with the tasks' own residuals and t − 1 degrees of freedom, the same tasks for all models.

    References:
        Efron (2010), Large-Scale Inference, section 1.2 (James–Stein with an estimated prior).
    """
    m, t = scores.shape
    components = variance_components(scores, present)
    fit = additive_fit(scores, present)
    if m < 2 or t < 3 or not components.model.known or np.isnan(fit.effects).any():
        return None
    counts = present.sum(axis=1)
    shrink = _shrinkage(components.between_models, components.cell, counts)
    centre = fit.effects.mean() + shrink * (fit.effects - fit.effects.mean())
    # Residuals around models and tasks are short by (m − 1)/m; around the model's own mean by (n − 1)/n.
    scale = np.sqrt(m / (m - 1) / (np.maximum(counts - 1, 1) * counts))
    noise = rng.standard_normal((t, draws)) / np.sqrt(rng.chisquare(t - 1, draws) / (t - 1))
    posterior = centre[:, None] + np.sqrt(shrink)[:, None] * (scale[:, None] * (fit.residuals @ noise))
    # Equal draws (no error at all, or no real difference) share the win.
    best = posterior >= posterior.max(axis=0) - 1e-12 * np.abs(posterior).max(initial=1.0)
    return np.asarray((best / best.sum(axis=0)).mean(axis=1))


def _shrinkage(between: float, cell: float, counts: NDArray[np.int_]) -> NDArray[np.float64]:
    if between <= 0:
        return np.zeros(len(counts))
    return between / (between + cell / counts)


def _score_interval(value: float, s_a: int, s_b: int, tasks: int, paired: bool, level: float) -> tuple[float, float]:
    z = float(special.ndtri((1 + level) / 2))

    def error(theta: float) -> float:
        spread = theta * (1 - theta)
        if paired:
            return float(np.sqrt(spread / (s_a * tasks)))
        half = (s_a + s_b) / 2 - 1
        inflation = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return float(np.sqrt(spread * inflation / (s_a * s_b * tasks)))

    def end(side: float) -> float:
        inner, outer = value, side
        for _ in range(60):
            middle = (inner + outer) / 2
            inside = abs(middle - value) <= z * error(middle)
            inner, outer = (middle, outer) if inside else (inner, middle)
        return inner

    return end(0.0), end(1.0)
