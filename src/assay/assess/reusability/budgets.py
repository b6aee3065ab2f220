"""Scores over the label budget: gain over the untrained twin, labels saved, and where two models cross.

Budget 0 is that of recipes that learn from no labels. It has no place on the logarithm of the budget: such a score is a
level line that other curves may cross, and no number of labels is worth it or saved by it as a factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from assay.assess.reusability.records import BudgetScore, Candidate
from assay.estimate import Estimate
from assay.finding import Row
from assay.stats.crossing import Crossing, rising_crossing

LEAST_DRAWS = 3
"""Draws from which an interval is made."""
WANTED_DRAWS = 5
"""Draws from which its width is no longer mostly the uncertainty of the spread."""
OTHER_DRAWS = "other draws of labelled rows"
NO_LABELS = "no labels are learned from, so there are none to save; table crossings tells who overtakes it, and when"
SAME = "the same in each draw: nothing is learned and the test rows are the same; table indicators resamples items"
NO_TWIN = "no untrained twin was run with this recipe at this budget"

Floats = NDArray[np.float64]
Curve = Sequence[BudgetScore]


def curve_rows(candidates: Sequence[Candidate], *, level: float) -> list[Row]:
    """One row a model, target and budget: the score, the twin's, the gain paired by draw, the labels it saves."""
    return [row for candidate in candidates for row in _rows_of(candidate, level)]


def _rows_of(candidate: Candidate, level: float) -> list[Row]:
    rows: list[Row] = []
    for budget in sorted({point.budget for point in candidate.curve}):
        mine, twin = at_budget(candidate.curve, budget), at_budget(candidate.twin_curve, budget)
        gains = np.array([mine[draw] - twin[draw] for draw in sorted(set(mine) & set(twin))])
        rows.append(
            {
                "model": candidate.model, "target": candidate.target, "budget": budget, "draws": len(mine),
                "score": _at(budget, np.array(list(mine.values())), "score", level),
                "twin": _at(budget, np.array(list(twin.values())), "twin_score", level),
                "gain": _at(budget, gains, "gain_over_twin", level),
                "labels_saved": labels_saved(candidate.curve, candidate.twin_curve, budget, level=level),
            }
        )  # fmt: skip
    return rows


def _at(budget: int, values: Floats, name: str, level: float) -> Estimate:
    """The mean over draws; without labels and on the same test rows draws do not differ, and then tell no interval."""
    if budget == 0 and len(values) > 1 and not np.ptp(values):
        return Estimate(name=name, value=float(values[0]), n=len(values), method=SAME)
    return over_draws(values, name, level, missing="it was not run" if name == "score" else NO_TWIN)


def labels_saved(curve: Curve, twin: Curve, budget: int, *, level: float) -> Estimate:
    """How many times the labels the untrained twin needs for the score that the model has at a budget.

    Args:
        curve: The model's scores over budgets and draws.
        twin: The twin's, on the same draws.
        budget: The model's budget.
        level: Of the interval over draws.

    Returns:
        The factor with its interval; without a value, and perhaps with one end, where the twin's mean curve does not
        reach the score within the budgets that were tried.

    Notes:
        The twin's labels are found where its curve and the model's score can't be told apart over draws
        (`stats.crossing`), on the logarithm of the budget.
    """
    name, unit = "labels_saved", "times the labels"
    if budget == 0:
        return Estimate.unknown(name, NO_LABELS, unit=unit)
    wanted = at_budget(curve, budget)
    budgets, draws, scores = _matrix(twin, set(wanted))
    if len(budgets) < 2 or len(draws) < LEAST_DRAWS:
        if not len(budgets):
            return Estimate.unknown(name, NO_TWIN, unit=unit)
        return Estimate.unknown(
            name, f"it needs the twin's scores at two budgets or more in {LEAST_DRAWS} draws or more; there are "
            f"{len(budgets)} budgets in {len(draws)} draws", unit=unit, n=len(draws),
        )  # fmt: skip
    level_of_model = np.array([wanted[draw] for draw in draws])[:, None]
    found = rising_crossing(np.log(budgets), scores - level_of_model, level=level)
    value, low, high = (None if end is None else float(np.exp(end)) / budget
                        for end in (found.value, found.low, found.high))  # fmt: skip
    return Estimate(
        name=name, value=value, low=low or 0.0, high=high, level=level, n=len(draws), unit=unit, population=OTHER_DRAWS,
        method="t test over draws along the twin's curve", reason=_why_unknown(found, low, high, budgets),
    )  # fmt: skip


def _why_unknown(found: Crossing, low: float | None, high: float | None, budgets: Floats) -> str | None:
    if found.value is not None:
        return None
    if found.side < 0:
        bound = f": at least {low:.2g} times" if low is not None else ""
        return f"the untrained twin does not get there with {budgets[-1]:,.0f} labels a class{bound}"
    bound = f": at most {high:.2g} times" if high is not None else ""
    return f"the untrained twin is beyond that with {budgets[0]:,.0f} labels a class already{bound}"


def headline(by_budget: Mapping[int, Estimate]) -> int | None:
    """The budget that speaks for a model: the middle one of those whose labels saved are bounded on both sides."""
    closed = sorted(
        budget for budget, estimate in by_budget.items() if estimate.known and estimate.low and estimate.high
    )
    return closed[(len(closed) - 1) // 2] if closed else None


def crossing_rows(candidates: Sequence[Candidate], *, level: float) -> list[Row]:
    """One row a pair of models and target: who leads with few labels, who with many, and from which budget on."""
    return [
        row
        for i, first in enumerate(candidates)
        for second in candidates[i + 1 :]
        if first.target == second.target and (row := _crossing_row(first, second, level)) is not None
    ]


def _crossing_row(first: Candidate, second: Candidate, level: float) -> Row | None:
    """The crossing of two models; None where fewer than two budgets above zero are common to them."""
    one, other = _levelled(_table(first.curve), second), _levelled(_table(second.curve), first)
    draws = sorted(set(one) & set(other))
    common = sorted(set.intersection(*(set(one[d]) & set(other[d]) for d in draws)) - {0}) if draws else []
    if len(common) < 2:
        return None
    gaps = np.array([[one[draw][b] - other[draw][b] for b in common] for draw in draws])
    mean = gaps.mean(axis=0)
    few, many = (first.model, second.model) if mean[0] >= 0 else (second.model, first.model)
    row = {"target": first.target, "with_few_labels": few, "with_many_labels": few, "cross": "unknown"}
    if mean[0] * mean[-1] >= 0:
        sure = _leads(gaps if mean[0] >= 0 else -gaps, level)
        why = f"{few} leads at every budget" if sure else "no crossing is seen, and one is not ruled out"
        said = Estimate.unknown("crossing", why, unit="labels a class", n=len(draws))
        return {**row, "cross": "no" if sure else "unknown", "at_budget": said}
    row = {**row, "with_many_labels": many}
    if len(draws) < LEAST_DRAWS:
        return {**row, "at_budget": Estimate.unknown(
            "crossing", f"the mean curves cross, and {len(draws)} draws are too few to say where: {LEAST_DRAWS} are "
            "needed", unit="labels a class", n=len(draws))}  # fmt: skip
    found = rising_crossing(np.log(common), gaps if mean[0] < 0 else -gaps, level=level)
    value, low, high = (None if end is None else float(np.exp(end)) for end in (found.value, found.low, found.high))
    if value is None or (low is None and high is None):
        return {**row, "at_budget": Estimate.unknown(
            "crossing", "the mean curves cross, and the draws cannot tell the two apart on either side",
            unit="labels a class", n=len(draws))}  # fmt: skip
    sure = low is not None and high is not None
    return {**row, "cross": "yes" if sure else "unknown", "at_budget": Estimate(
        name="crossing", value=value, low=low or 0.0, high=high, level=level, n=len(draws), unit="labels a class",
        method="t test over draws along both curves", population=OTHER_DRAWS)}  # fmt: skip


def _leads(gaps: Floats, level: float) -> bool:
    """Whether a gap is above zero at every budget, each tested at `level` (an intersection-union test)."""
    n = len(gaps)
    if n < LEAST_DRAWS:
        return False
    error = gaps.std(axis=0, ddof=1) / np.sqrt(n)
    return bool(np.all(gaps.mean(axis=0) > student.ppf(level, n - 1) * error))


def at_budget(curve: Curve, budget: int) -> dict[int, float]:
    """Draw → score at a budget."""
    return {point.draw: point.score for point in curve if point.budget == budget}


def over_draws(values: Floats, name: str, level: float, *, missing: str = "it was not run") -> Estimate:
    """Mean over draws with a t-interval; no interval from fewer than three draws, and a reason without any."""
    if not len(values):
        return Estimate.unknown(name, missing, population=OTHER_DRAWS)
    mean = round(float(values.mean()), 15)
    if len(values) < LEAST_DRAWS:
        return Estimate(name=name, value=mean, n=len(values), method="mean over draws; too few for an interval")
    half = float(student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Estimate(
        name=name, value=mean, low=mean - half, high=mean + half, level=level, n=len(values),
        method="t interval over draws", population=OTHER_DRAWS,
    )  # fmt: skip


def _table(curve: Curve) -> dict[int, dict[int, float]]:
    """Draw → budget → score."""
    found: dict[int, dict[int, float]] = {}
    for point in curve:
        found.setdefault(point.draw, {})[point.budget] = point.score
    return found


def _levelled(table: dict[int, dict[int, float]], beside: Candidate) -> dict[int, dict[int, float]]:
    """The table, where it has budget 0 alone drawn level over the budgets of the other model."""
    budgets = {point.budget for point in beside.curve}
    return {
        draw: dict.fromkeys(budgets, row[0]) if set(row) == {0} else row for draw, row in table.items()
    }  # fmt: skip


def _matrix(curve: Curve, draws: set[int]) -> tuple[Floats, list[int], Floats]:
    """(k,) budgets above zero, the draws that have them all, and their (n, k) scores."""
    table = {draw: row for draw, row in _table([p for p in curve if p.budget > 0]).items() if draw in draws}
    budgets = sorted({budget for row in table.values() for budget in row})
    whole = sorted(draw for draw, row in table.items() if len(row) == len(budgets))
    return np.array(budgets, float), whole, np.array([[table[d][b] for b in budgets] for d in whole])
