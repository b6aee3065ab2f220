"""Who stands where: means, rank sets, groups and pairs, each with the population it is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.options import Goals, Reading
from assay.assess.sustainability.part import Part, counted, finding, listed
from assay.assess.sustainability.results import STANDARD, Results, on_scale
from assay.errors import ShapeError
from assay.estimate import Estimate, show_level
from assay.finding import Figure, Finding
from assay.stats.differences import (
    PairedDifferences,
    paired_differences,
    probability_best,
    probability_of_superiority,
)
from assay.stats.means import means_of_these_tasks, means_over_tasks
from assay.stats.rank_sets import RankSets, rank_sets
from assay.stats.rank_sets_again import probability_best_again, rank_sets_of_these_tasks
from assay.stats.task_errors import TaskErrors, item_errors, reported_errors, seed_errors, size_errors

SHARES = frozenset({"accuracy", "acc", "acc_norm", "top1", "top5", "exact_match", "em", "pass@1", "error_rate"})
"""Metrics that are shares of right answers, to which a test size gives an error."""
MOST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the ranking rests on, for the other parts."""

    errors: TaskErrors | None
    """Errors of the scores on these tasks, where something below tasks was recorded."""
    order: NDArray[np.int_]
    """(m,) positions of the models, the best first."""
    part: Part


def standing(
    results: Results, reading: Reading, goals: Goals, *, level: float, rng: np.random.Generator
) -> Standing:  # fmt: skip
    """Means, ranks, groups and pairs of all models."""
    errors, why = errors_of(results, level)
    by_tasks = rank_sets(results.oriented, present=results.present, level=level, rng=rng)
    again = None
    if errors is not None:
        sure = _without_gaps(errors)
        again = rank_sets_of_these_tasks(sure, higher_is_better=results.sign > 0, level=level, rng=rng)
    tasks_speak = by_tasks.reason is None or again is None
    sets = by_tasks if tasks_speak or again is None else replace(again, reason=None)
    population = reading.population if tasks_speak or errors is None else errors.population
    differences = paired_differences(results.oriented, present=results.present)
    order = np.argsort(-np.nan_to_num(by_tasks.effects, nan=-np.inf), kind="stable")
    best = _best(results, errors, tasks_speak=tasks_speak, rng=rng)
    rows = _ranking(results, reading, sets, again, errors, best, order, level=level, rng=rng, goals=goals)
    found, estimates = _findings(results, sets, by_tasks, population, order, why)
    part = Part(
        tables={"ranking": rows, "pairs": _pairs(results, sets, differences, order, level)}, findings=tuple(found),
        estimates=tuple(estimates), figures=(_figure(rows, population, level),) if len(rows) > 1 else (),
        caveats=_caveats(results, why),
    )  # fmt: skip
    return Standing(errors=errors, order=order, part=part)


def errors_of(results: Results, level: float) -> tuple[TaskErrors | None, str]:
    """The errors of scores on these tasks from the best source there is, and why there is none otherwise."""
    if results.items is not None:
        return item_errors(results.items, level=level), ""
    if results.runs is not None:
        errors = seed_errors(np.nan_to_num(results.runs), np.isfinite(results.runs))
        gaps = np.isnan(errors.variance).any(axis=(1, 2))
        if gaps.all():
            return None, "every model has a task that was run once, and one run says nothing of its own error"
        return errors, ""
    if results.errors is not None and np.isfinite(results.errors[results.present]).all():
        return reported_errors(results.scores, results.present, results.errors), ""
    if results.sizes is not None:
        return _by_sizes(results, level)
    return None, "no seeds, items or test sizes were given"


def _by_sizes(results: Results, level: float) -> tuple[TaskErrors | None, str]:
    assert results.sizes is not None
    others = [name for name in results.metrics if name.casefold() not in SHARES]
    if others:
        return None, f"test sizes give an error to shares of right answers, not to {listed(others)}"
    if results.unit not in ("fraction", "points"):
        return None, "test sizes give an error to shares of right answers, as fractions or percent"
    top = 100.0 if results.unit == "points" else 1.0
    try:
        errors = size_errors(results.scores / top, results.present, results.sizes, level=level)
    except ShapeError as error:
        return None, str(error)
    return replace(
        errors, scores=errors.scores * top, centre=errors.centre * top, variance=errors.variance * top**2,
    ), ""  # fmt: skip


def _without_gaps(errors: TaskErrors) -> TaskErrors:
    """Unknown variances of cells replaced by the largest known one, so that no pair is told apart falsely."""
    return replace(errors, variance=np.where(np.isnan(errors.variance), np.nanmax(errors.variance), errors.variance))


def _best(
    results: Results, errors: TaskErrors | None, *, tasks_speak: bool, rng: np.random.Generator
) -> NDArray[np.float64] | None:  # fmt: skip
    if len(results.models) < 2 or not results.connected:
        return None
    if not tasks_speak and errors is not None:
        return probability_best_again(_without_gaps(errors), higher_is_better=results.sign > 0, rng=rng)
    return probability_best(results.oriented, results.present, rng=rng)


def _ranking(
    results: Results, reading: Reading, sets: RankSets, again: RankSets | None, errors: TaskErrors | None,
    best: NDArray[np.float64] | None, order: NDArray[np.int_], *, level: float, rng: np.random.Generator, goals: Goals,
) -> list[dict[str, Any]]:  # fmt: skip
    means = means_over_tasks(
        results.scores, level=level, rng=rng, unit=results.unit, population=reading.population
    )  # fmt: skip
    these = None if errors is None else means_of_these_tasks(errors, level=level, unit=results.unit)
    effects = np.round(sets.effects, 12)
    alone = len(results.models) < 2
    unranked = alone or not results.connected
    rows: list[dict[str, Any]] = []
    for at in order:
        row: dict[str, Any] = {
            "model": results.models[at], "mean": on_scale(means[at], results),
            "rank": None if unranked else int((effects > effects[at]).sum()) + 1,
            "rank_low": None if alone else int(sets.low[at]), "rank_high": None if alone else int(sets.high[at]),
            "group": None if alone else int(sets.group[at]), "p_best": None if best is None else float(best[at]),
            "tasks": int(results.present[at].sum()),
        }  # fmt: skip
        if goals.tau > 1:
            row[f"may_be_among_{goals.tau}_best"] = bool(sets.best_sets(goals.tau)[at])
        if these is not None and again is not None:
            row["mean_again"] = on_scale(these[at], results)
            row["rank_low_again"] = None if alone else int(again.low[at])
            row["rank_high_again"] = None if alone else int(again.high[at])
        else:
            row["mean_again"] = Estimate.unknown(
                "mean", "no seeds, items or test sizes were given, so nothing is known of these tasks run again",
                unit=results.unit, population="these tasks again",
            )  # fmt: skip
        rows.append(row)
    return rows


def _pairs(
    results: Results, sets: RankSets, differences: PairedDifferences, order: NDArray[np.int_], level: float
) -> list[dict[str, Any]]:  # fmt: skip
    """Neighbours in the ranking, and the leader against the next twenty."""
    wanted = [(order[i], order[i + 1]) for i in range(len(order) - 1)]
    wanted += [(order[0], other) for other in order[2:22]]
    return [
        {
            "better": results.models[a], "worse": results.models[b],
            "difference": differences.estimate(int(a), int(b), level=level, unit=results.unit),
            "p": _number(float(differences.p_value[a, b])), "p_holm": _number(float(differences.p_holm[a, b])),
            "p_rank_sets": float(sets.p_values[a, b]), "certain": bool(sets.beats[a, b]),
        } | ({} if results.runs is None else {"superiority": _superiority(results, int(a), int(b), level)})
        for a, b in wanted
    ]  # fmt: skip


def _superiority(results: Results, a: int, b: int, level: float) -> Estimate:
    """The chance that a run of one model beats a run of the other, where runs are known."""
    name, population = "probability_of_superiority", "these tasks again, with other seeds"
    assert results.runs is not None
    turned = np.where(results.higher[:, None], results.runs, -results.runs)
    both = np.isfinite(turned[a]) & np.isfinite(turned[b])
    shared = both.any(axis=1)
    if not shared.any():
        return Estimate.unknown(name, "the two share no task", population=population)
    together = both[shared].all(axis=0)
    if together.sum() >= both[shared].sum(axis=1).min():
        return probability_of_superiority(
            turned[a][np.ix_(shared, together)], turned[b][np.ix_(shared, together)], paired=True, level=level
        )
    own = [np.isfinite(turned[model]).all(axis=0) for model in (a, b)]
    if not own[0].any() or not own[1].any():
        return Estimate.unknown(name, "runs are missing on some tasks", population=population)
    return probability_of_superiority(turned[a][:, own[0]], turned[b][:, own[1]], level=level)


def _findings(
    results: Results, sets: RankSets, by_tasks: RankSets, population: str, order: NDArray[np.int_], why: str
) -> tuple[list[Finding], list[Estimate]]:  # fmt: skip
    m = len(results.models)
    if m < 2:
        return [finding("One model: there is nothing to rank.", verdict="yes", subjects=results.models)], []
    if not results.connected:
        claim = "The table falls into pieces that share no task; models of different pieces are not compared."
        return [finding(claim, method="connected models and tasks")], []
    if sets.reason is not None:
        more = "" if "share" in sets.reason else f"; {why}"
        return [finding(f"No rank claim is made: {sets.reason}{more}.", verdict="undetermined",
                        method="sign flips need enough tasks")], []  # fmt: skip
    if np.ptp(sets.effects) <= 1e-12 * np.abs(sets.effects).max():
        return [finding(f"All {m} models have the same mean; nothing tells them apart.", verdict="yes")], []
    leader = results.models[order[0]]
    tied = [results.models[at] for at in order if sets.tied_with_best[at]]
    adjacent = sum(bool(sets.beats[order[i], order[i + 1]]) for i in range(m - 1))
    method = f"rank sets, joint confidence {show_level(sets.level)}"
    scope = f"{population}, {counted(sets.units, 'task' if sets is by_tasks else 'unit')}"
    first = (
        finding(f"{leader} is the best of {m} models for {population}.", subjects=(leader,), verdict="yes",
                method=method, evidence=scope)
        if len(tied) == 1
        else finding(f"{len(tied)} of {m} models may be the best for {population}: {listed(tied)}.",
                     subjects=tuple(tied[:20]), verdict="undetermined", method=method, evidence=scope)
    )  # fmt: skip
    second = finding(
        f"{adjacent} of {m - 1} neighbours in the ranking are told apart, and the models fall into "
        f"{counted(int(sets.group.max()), 'group')}.", verdict="yes", method=method,
        evidence=scope, caveats=("overlapping rank sets do not mean that two models are equal",),
    )  # fmt: skip
    estimates = [
        Estimate(name="tied_with_best", value=len(tied), n=m, unit="models", method=method, population=population),
        Estimate(name="neighbours_told_apart", value=adjacent / (m - 1), n=m - 1, unit="fraction", method=method,
                 population=population),
    ]  # fmt: skip
    return [first, second], estimates


def _figure(rows: list[dict[str, Any]], population: str, level: float) -> Figure:
    shown = rows[:MOST_SHOWN]
    title = f"Ranks that the data leave open, for {population}"
    if len(rows) > len(shown):
        title += f"; the first {len(shown)} of {len(rows)} models"
    return Figure(
        name="rank_sets", kind="intervals", title=title,
        rows=[{"model": row["model"], "rank": row["rank"], "low": row["rank_low"], "high": row["rank_high"],
               "group": str(row["group"])} for row in shown],
        x="rank", y="model", low="low", high="high", colour="group", x_title="rank, 1 is the best", y_title="",
        alt=f"One interval of ranks a model, all right together with {show_level(level)} confidence; "
        f"{shown[0]['model']} has the highest mean.",
    )  # fmt: skip


def _caveats(results: Results, why: str) -> tuple[str, ...]:
    told: list[str] = []
    missing = int((~results.present).sum())
    if missing:
        told.append(
            f"{missing} of {results.present.size} cells are missing; means are corrected for the difficulty of skipped "
            "tasks, and two models are compared on the tasks that both have"
        )  # fmt: skip
    if why:
        told.append(f"nothing is said of these tasks run again: {why}")
    if results.unit != STANDARD:
        spread = np.nanstd(results.scores, axis=0) if len(results.models) > 1 else np.zeros(1)
        if spread.max() > 10 * max(float(np.median(spread)), 1e-300) and len(spread) > 2:
            ruler = results.tasks[int(spread.argmax())]
            told.append(f"scores on {ruler} spread more than ten times as far as on a typical task, so it rules the "
                        "mean; --standardise gives every task equal say")  # fmt: skip
    return tuple(told)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
