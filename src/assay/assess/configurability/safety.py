"""What is safe: how much of the space is near the best, the safe band of a range, one step off the best, failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from assay.assess.configurability.importance import Importance
from assay.assess.configurability.trials import Trials, Units, parameters_of
from assay.estimate import Estimate
from assay.finding import Row
from assay.stats.effect_bases import effects
from assay.stats.effect_tests import effect_tests

MOST_LEVELS = 8


def near_optimal_share(units: Units, *, tolerance: float, level: float) -> Estimate:
    """Share of configurations whose score is within `tolerance` of their group's best, Clopper–Pearson."""
    best = {name: units.scores[units.groups == name].max() for name in np.unique(units.groups)}
    near = sum(score >= best[group] - tolerance for score, group in zip(units.scores, units.groups, strict=True))
    k, n = int(near), len(units.scores)
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))
    return Estimate(
        name="near_optimal_share", value=k / n, low=low, high=high, level=level, n=n, unit="fraction",
        method=f"Clopper–Pearson; within {tolerance:g} of the best score seen",
        population="other configurations of this space",
    )  # fmt: skip


def safe_bands(trials: Trials, units: Units, found: Importance, *, tolerance: float) -> list[Row]:
    """For each range: the values whose mean effect is within `tolerance` of its best, and how wide that is in decades.

    `low` and `high` bound the band that is safe in nine of ten posterior draws; the mean effect averages over the other
    parameters.
    """
    rows: list[Row] = []
    start = 0
    for effect in found.family:
        columns = slice(start, start + effect.columns.shape[1])
        start = columns.stop
        if len(effect.parameters) != 1 or not found.parameters[effect.parameters[0]].is_range:
            continue
        parameter = found.parameters[effect.parameters[0]]
        raw = np.array(trials.columns[trials.names.index(parameter.name)], dtype=object)[units.rows]
        values = raw.astype(float)
        order = np.argsort(values)
        curve = found.posterior.coefficients[:, columns] @ effect.columns[order].T
        safe = (curve >= curve.max(axis=1, keepdims=True) - tolerance).mean(axis=0) >= 0.9
        sorted_values = values[order]
        loss = (curve.max(axis=1, keepdims=True) - curve).mean()
        rows.append(_band_row(parameter.name, sorted_values, safe, float(loss)))
    return rows


def one_step_rows(trials: Trials, units: Units) -> list[Row]:
    """Loss of one step in each parameter away from the best configuration of each group, where such runs exist."""
    rows: list[Row] = []
    for group in np.unique(units.groups):
        mine = np.flatnonzero(units.groups == group)
        top = int(mine[units.scores[mine].argmax()])
        base = _values(trials, int(units.rows[top]))
        for j, name in enumerate(trials.names):
            levels = sorted({column for column in trials.columns[j] if column is not None}, key=_sortable)
            near = [i for i in mine if i != top and _one_step(_values(trials, int(units.rows[i])), base, j, levels)]
            if near:
                losses = units.scores[top] - units.scores[near]
                rows.append(
                    {
                        "group": str(group), "parameter": name, "at_best": str(base[j]),
                        "mean_loss": float(losses.mean()), "worst_loss": float(losses.max()), "neighbours": len(near),
                    }
                )  # fmt: skip
    return rows


def failure_rows(trials: Trials, *, level: float, rng: np.random.Generator) -> list[Row]:
    """Where runs fail: overall, by reason, and by level of each parameter that failures depend on."""
    bad = ~trials.ok
    n = len(bad)
    rows: list[Row] = [_failure_row("all runs", "", int(bad.sum()), n, level, None)]
    reasons = [reason for reason in trials.failures if reason]
    rows += [
        _failure_row("reason", reason, reasons.count(reason), n, level, None) for reason in sorted(set(reasons))
    ]  # fmt: skip
    if bad.sum() in (0, n) or not trials.names:
        return rows
    first, share = _by_configuration(trials, bad)
    parameters, _ = parameters_of(trials, first)
    family = effects(parameters, degree=2, order=1)
    if not family:
        return rows
    tests = effect_tests(family, share, level=level, permutations=499, rng=rng)
    for effect, p in zip(family, tests.p_adjusted, strict=True):
        parameter = parameters[effect.parameters[0]]
        raw = trials.columns[trials.names.index(parameter.name)]
        for label, members in cells(raw):
            rows.append(
                _failure_row(parameter.name, label, int(bad[members].sum()), len(members), level,
                             None if np.isnan(p) else float(p))
            )  # fmt: skip
    return rows


def _by_configuration(trials: Trials, bad: NDArray[np.bool_]) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """The first run of each configuration and the share of its runs that failed; repeats are not independent."""
    runs: dict[tuple[str, ...], list[int]] = {}
    for i in range(len(bad)):
        runs.setdefault(tuple(repr(column[i]) for column in trials.columns), []).append(i)
    members = list(runs.values())
    return np.array([found[0] for found in members]), np.array([bad[found].mean() for found in members])


def _failure_row(parameter: str, value: str, k: int, n: int, level: float, p: float | None) -> Row:
    tail = (1 - level) / 2
    return {
        "parameter": parameter, "value": value, "failed": k, "runs": n,
        "probability": Estimate(
            name="failure_probability", value=k / n, low=0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1)),
            high=1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k)), level=level, n=n, unit="fraction",
            method="Clopper–Pearson", population="other runs of this space",
        ),
        "p_adjusted": p,
    }  # fmt: skip


def cells(raw: Sequence[Any]) -> list[tuple[str, NDArray[np.int_]]]:
    """Levels of a column, or quarters of a range, with their runs."""
    distinct = sorted({value for value in raw if value is not None}, key=_sortable)
    if len(distinct) <= MOST_LEVELS:
        return [(str(value), np.array([i for i, other in enumerate(raw) if other == value])) for value in distinct]
    if all(isinstance(value, (int, float)) for value in distinct):
        numbers = np.array([np.nan if value is None else float(value) for value in raw])
        edges = np.nanquantile(numbers, [0, 0.25, 0.5, 0.75, 1])
        codes = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, 3)
        return [
            (f"{edges[k]:.3g} to {edges[k + 1]:.3g}", np.flatnonzero((codes == k) & np.isfinite(numbers)))
            for k in range(4)
            if ((codes == k) & np.isfinite(numbers)).any()
        ]
    return []


def _band_row(name: str, values: NDArray[np.float64], safe: NDArray[np.bool_], sensitivity: float) -> Row:
    if not safe.any():
        return {"parameter": name, "low": None, "high": None, "decades": None, "mean_loss": sensitivity,
                "note": "no value is within the tolerance in nine of ten draws"}  # fmt: skip
    low, high = float(values[safe].min()), float(values[safe].max())
    decades = float(np.log10(high / low)) if low > 0 else None
    return {"parameter": name, "low": low, "high": high, "decades": decades, "mean_loss": sensitivity, "note": None}


def _one_step(values: tuple[Any, ...], base: tuple[Any, ...], j: int, levels: Sequence[Any]) -> bool:
    """Whether two configurations differ in parameter j only; by one level where its levels have an order."""
    if any(value != other for i, (value, other) in enumerate(zip(values, base, strict=True)) if i != j):
        return False
    if values[j] == base[j] or values[j] not in levels or base[j] not in levels:
        return False
    ordered = all(isinstance(level, (int, float)) for level in levels)
    return not ordered or abs(levels.index(values[j]) - levels.index(base[j])) == 1


def _values(trials: Trials, run: int) -> tuple[Any, ...]:
    return tuple(column[run] for column in trials.columns)


def _sortable(value: Any) -> tuple[int, float, str]:
    return (0, float(value), "") if isinstance(value, (int, float)) else (1, 0.0, str(value))
