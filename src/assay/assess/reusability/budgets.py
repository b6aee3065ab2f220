"""Scores over the label budget: gain over the untrained twin, and how many labels pretraining is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from assay.assess.reusability.records import BudgetScore, Candidate
from assay.estimate import Estimate
from assay.finding import Row

LEAST_DRAWS = 3


def curve_rows(candidates: Sequence[Candidate], *, level: float) -> list[Row]:
    """One row a model, target and budget: the score, the twin's, and the gain, paired by draw."""
    rows: list[Row] = []
    for candidate in candidates:
        for budget in sorted({point.budget for point in candidate.curve}):
            mine, twin = at_budget(candidate.curve, budget), at_budget(candidate.twin_curve, budget)
            shared = sorted(set(mine) & set(twin))
            gains = np.array([mine[draw] - twin[draw] for draw in shared])
            rows.append(
                {
                    "model": candidate.model, "target": candidate.target, "budget": budget, "draws": len(mine),
                    "score": over_draws(np.array(list(mine.values())), "score", level),
                    "twin": over_draws(np.array(list(twin.values())), "twin_score", level),
                    "gain": over_draws(gains, "gain_over_twin", level),
                    "labels_saved": labels_saved(candidate.curve, candidate.twin_curve, budget, level=level),
                }
            )  # fmt: skip
    return rows


def labels_saved(curve: Sequence[BudgetScore], twin: Sequence[BudgetScore], budget: int, *, level: float) -> Estimate:
    """How many times the labels the untrained twin needs for the score that the model has at a budget.

    Args:
        curve: The model's scores over budgets and draws.
        twin: The twin's, on the same draws.
        budget: The model's budget.
        level: Of the interval over draws.

    Returns:
        The factor, with a t-interval of its logarithm over draws. Where the twin does not get there with all the labels
        that were tried in some draw, the factor has a lower end only.

    Notes:
        In each draw the twin's curve is made monotone and read by interpolation between the logarithms of its budgets.
    """
    reached = [
        crossing_factor(curve, twin, budget, draw) for draw in sorted({p.draw for p in curve if p.budget == budget})
    ]
    found = [factor for factor in reached if factor is not None]
    if len(found) < LEAST_DRAWS:
        return Estimate.unknown(
            "labels_saved", f"needs the twin's curve in at least {LEAST_DRAWS} draws; it is there in {len(found)}",
            unit="times the labels", n=len(found),
        )  # fmt: skip
    logs = np.log([factor for factor, _ in found])
    censored = any(never for _, never in found)
    half = float(student.ppf((1 + level) / 2, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs)))
    middle = float(logs.mean())
    return Estimate(
        name="labels_saved", value=float(np.exp(middle)), low=float(np.exp(middle - half)),
        high=None if censored else float(np.exp(middle + half)), level=level, n=len(logs), unit="times the labels",
        method=f"t interval of the logarithm over draws{'; the twin never got there' if censored else ''}",
        population="other draws of labelled rows",
    )  # fmt: skip


def crossing_factor(
    curve: Sequence[BudgetScore], twin: Sequence[BudgetScore], budget: int, draw: int
) -> tuple[float, bool] | None:
    """(factor, whether it is only a lower bound) of one draw; None where a curve is missing."""
    wanted = next((p.score for p in curve if p.budget == budget and p.draw == draw), None)
    points = sorted((p.budget, p.score) for p in twin if p.draw == draw)
    if wanted is None or len(points) < 2:
        return None
    budgets = np.array([b for b, _ in points], dtype=float)
    scores = np.maximum.accumulate(np.array([s for _, s in points]))
    if wanted > scores[-1]:
        return float(max(budgets[-1] / budget, 1e-9)), True
    if wanted <= scores[0]:
        return float(budgets[0] / budget), False
    k = int(np.searchsorted(scores, wanted))
    share = (wanted - scores[k - 1]) / max(scores[k] - scores[k - 1], 1e-12)
    log = np.log(budgets[k - 1]) + share * (np.log(budgets[k]) - np.log(budgets[k - 1]))
    return float(np.exp(log) / budget), False


def crossing_rows(candidates: Sequence[Candidate], *, level: float) -> list[Row]:
    """Where the mean curves of two models on one target cross: below that budget the first is better."""
    del level
    rows: list[Row] = []
    for i, first in enumerate(candidates):
        for second in candidates[i + 1 :]:
            if first.target != second.target:
                continue
            budgets = sorted({p.budget for p in first.curve} & {p.budget for p in second.curve})
            gaps = [_mean(first.curve, b) - _mean(second.curve, b) for b in budgets]
            turns = [budgets[k + 1] for k in range(len(gaps) - 1) if gaps[k] * gaps[k + 1] < 0]
            if turns:
                ahead = first.model if gaps[0] > 0 else second.model
                rows.append(
                    {
                        "target": first.target, "better_with_few_labels": ahead,
                        "better_with_many": second.model if ahead == first.model else first.model,
                        "from_budget": turns[0],
                    }
                )  # fmt: skip
    return rows


def at_budget(curve: Sequence[BudgetScore], budget: int) -> dict[int, float]:
    """Draw → score at a budget."""
    return {point.draw: point.score for point in curve if point.budget == budget}


def over_draws(values: NDArray[np.float64], name: str, level: float) -> Estimate:
    """Mean over draws with a t-interval; no interval from one draw."""
    if not len(values):
        return Estimate.unknown(name, "it was not run at this budget", population="other draws of labelled rows")
    if len(values) < LEAST_DRAWS:
        return Estimate(
            name=name, value=float(values.mean()), n=len(values), method="mean over draws; too few for an interval"
        )
    half = student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(
        name=name, value=float(values.mean()), low=float(values.mean() - half), high=float(values.mean() + half),
        level=level, n=len(values), method="t interval over draws", population="other draws of labelled rows",
    )  # fmt: skip


def _mean(curve: Sequence[BudgetScore], budget: int) -> float:
    return float(np.mean(list(at_budget(curve, budget).values())))
