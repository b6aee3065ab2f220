"""How reliable the ranking is, and how many tasks, seeds or items it takes to tell models apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.options import Goals, Reading
from assay.assess.sustainability.part import Part, amount, counted, finding
from assay.assess.sustainability.results import Results
from assay.estimate import Estimate, show_level, show_share
from assay.finding import Figure, Finding, Verdict
from assay.stats.agreement import kendall_w
from assay.stats.components import (
    Components,
    Within,
    variance_components,
    within_items,
    within_seeds,
    within_sizes,
)
from assay.stats.power import (
    best_seeds,
    chance_of_right_order,
    detectable_effect,
    difference_error,
    items_for_these_tasks,
    runs_for_these_tasks,
    units_for_width,
    units_needed,
)
from assay.stats.reliability import dependability, generalizability, predicted_reliability, tasks_for
from assay.stats.task_errors import TaskErrors

TARGETS = (0.8, 0.9, 0.95)
ENOUGH = 0.8
"""The reliability from which a ranking counts as reliable."""
AGAIN = "these tasks again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """All models, or the best among which a reader chooses."""

    name: str
    rows: NDArray[np.int_]
    """Positions of the models."""
    components: Components


def needs(
    results: Results, reading: Reading, goals: Goals, order: NDArray[np.int_], errors: TaskErrors | None, *,
    level: float,
) -> Part:  # fmt: skip
    """Variance components, reliability now and for more tasks, and what it takes to tell two models apart."""
    if len(results.models) < 2:
        return _of_one_model(results, reading, goals, level)
    within = _within(results, errors)
    scopes = [_scope("all models", np.arange(len(results.models)), results, within, level)]
    top = goals.top or (10 if len(results.models) >= 20 else None)
    if top is not None and top < len(results.models):
        scopes.append(_scope(f"top {top}", np.sort(order[:top]), results, within, level))
    whole = scopes[0].components
    delta = _delta(results, goals, whole)
    reliability = [row for scope in scopes for row in _reliability(results, scope, level)]
    needed = [row for scope in scopes for row in _needed(results, scope, goals, delta, reading, level)]
    components = [
        {"scope": scope.name, "component": name.replace("_", " × ", 1) if "_" in name else name,
         "variance": getattr(scope.components, name), "share": _share(scope.components, name)}
        for scope in scopes for name in ("model", "task", "model_task", "seed", "item")
    ]  # fmt: skip
    found, estimates = _findings(results, scopes, goals, delta, needed, level)
    figures = (_figure(scopes, results, level),) if whole.model.known else ()
    return Part(
        tables={"reliability": reliability, "components": components, "needed": needed}, findings=tuple(found),
        estimates=tuple(estimates), figures=figures, caveats=_caveats(scopes),
    )  # fmt: skip


def _of_one_model(results: Results, reading: Reading, goals: Goals, level: float) -> Part:
    """How many tasks give the mean of a single model to within the difference that matters."""
    own = results.scores[results.present]
    delta = goals.delta or {"fraction": 0.01, "points": 1.0}.get(results.unit) or 0.1 * max(float(own.std()), 1e-12)
    goal = f"know the mean to within ± {amount(delta, results.unit)}"
    if len(own) < 2:
        need = Estimate.unknown("needed", "one task shows no spread between tasks", unit="tasks")
    else:
        count = units_for_width(delta, float(own.std(ddof=1)), level=level)
        need = (
            Estimate.unknown("needed", "no number below ten million would do", unit="tasks") if count is None
            else Estimate(name="needed", value=count, unit="tasks", population=reading.population, method=goal)
        )  # fmt: skip
    row = {"scope": "this model", "goal": goal, "population": reading.population, "what": "tasks", "now": len(own),
           "needed": need, "cost": None}  # fmt: skip
    claim = f"To {goal} takes {need.value:,.0f} tasks like these; there are {len(own)}." if need.value else (
        f"How many tasks it takes to {goal} is unknown: {need.reason}."
    )  # fmt: skip
    verdict: Verdict = "yes" if need.known else "undetermined"
    found = finding(claim, verdict=verdict, estimates=(need,), method="Student's t")
    return Part(tables={"needed": [row]}, findings=(found,))


def _within(results: Results, errors: TaskErrors | None) -> Within:
    """What is known of the spread inside cells, in the unit of the scores."""
    if results.items is not None:
        return within_items(results.items)
    if results.runs is not None:
        return within_seeds(np.nan_to_num(results.runs), np.isfinite(results.runs))
    if errors is not None and results.sizes is not None and results.unit in ("fraction", "points"):
        top = 100.0 if results.unit == "points" else 1.0
        found = within_sizes(np.clip(results.scores / top, 0, 1), results.present, results.sizes)
        return Within(model_item=found.model_item * top**2, items=found.items, measured=("item",))
    return Within()


def _scope(name: str, rows: NDArray[np.int_], results: Results, within: Within, level: float) -> Scope:
    components = variance_components(
        results.oriented[rows], results.present[rows], within=within, level=level, unit=results.unit
    )
    return Scope(name=name, rows=rows, components=components)


def _share(components: Components, name: str) -> float | None:
    """Share of a component in the variance of single scores."""
    parts = [getattr(components, part).value for part in ("model", "task", "model_task", "seed", "item")]
    total = sum(part for part in parts if part is not None)
    own = getattr(components, name).value
    return None if own is None or total <= 0 else own / total


def _reliability(results: Results, scope: Scope, level: float) -> list[dict[str, Any]]:
    """Rows for the tasks there are, twice as many, and those that reach each target."""
    now = len(results.tasks)
    wanted = {now, 2 * now} | {t for target in TARGETS if (t := tasks_for(scope.components, target)) and t < 10_000}
    scores, present = results.oriented[scope.rows], results.present[scope.rows]
    used = present.any(axis=0)
    return [
        {
            "scope": scope.name, "tasks": tasks, "now": tasks == now,
            "generalizability": generalizability(scope.components, tasks=tasks, level=level),
            "dependability": dependability(scope.components, tasks=tasks, level=level),
            "another_set_of_tasks": predicted_reliability(scores[:, used], present[:, used], tasks=tasks),
        }
        for tasks in sorted(wanted)
    ]  # fmt: skip


def _needed(
    results: Results, scope: Scope, goals: Goals, delta: float, reading: Reading, level: float
) -> list[dict[str, Any]]:  # fmt: skip
    components, now = scope.components, len(results.tasks)
    rows: list[dict[str, Any]] = []

    def add(goal: str, population: str, what: str, have: int | None, need: int | None, reason: str) -> None:
        told = reason if need is None else None
        estimate = (
            Estimate.unknown("needed", told or "", unit=what, population=population) if need is None
            else Estimate(name="needed", value=need, unit=what, population=population, method=goal)
        )  # fmt: skip
        rows.append({"scope": scope.name, "goal": goal, "population": population, "what": what, "now": have,
                     "needed": estimate, "cost": _cost(results, scope, goals, what, have, need)})  # fmt: skip

    unknown = components.model.reason or ""
    for target in TARGETS:
        need = tasks_for(components, target) if components.model.known else None
        add(f"reliability {target:g}", reading.population, "tasks", now, need,
            unknown or "the table shows no real difference between models")  # fmt: skip
    apart = f"tell two models {amount(delta, results.unit)} apart, power {show_level(goals.power)}"
    need = (
        units_needed(delta, difference_error(components), power=goals.power, level=level)
        if components.model.known else None
    )  # fmt: skip
    add(apart, reading.population, "tasks", now, need, unknown or "no number below ten million would do")
    within = components.within
    if "seed" in within.measured:
        add(apart, AGAIN, "seeds", round(within.seeds),
            runs_for_these_tasks(delta, within, now, power=goals.power, level=level),
            "more seeds alone do not do it: the items' share of the error stays")  # fmt: skip
    if "item" in within.measured:
        add(apart, AGAIN, "items", round(within.items),
            items_for_these_tasks(delta, within, now, power=goals.power, level=level),
            "more items alone do not do it: the seeds' share of the error stays")  # fmt: skip
    if goals.cost_task and goals.cost_run and "seed" in within.measured and components.model.known:
        add("the least error for a budget", reading.population, "seeds", round(within.seeds),
            best_seeds(components, cost_task=goals.cost_task, cost_run=goals.cost_run), "")  # fmt: skip
    return rows


def _cost(results: Results, scope: Scope, goals: Goals, what: str, have: int | None, need: int | None) -> float | None:
    """What the further tasks, seeds or items cost, where prices were given."""
    if need is None or have is None:
        return None
    more, m = max(need - have, 0), len(scope.rows)
    seeds = max(round(scope.components.within.seeds), 1)
    price = {
        "tasks": None if goals.cost_task is None and goals.cost_run is None
        else (goals.cost_task or 0.0) + (goals.cost_run or 0.0) * m * seeds,
        "seeds": None if goals.cost_run is None else goals.cost_run * m * len(results.tasks),
        "items": None if goals.cost_item is None else goals.cost_item * m * len(results.tasks) * seeds,
    }[what]  # fmt: skip
    return None if price is None else more * price


def _delta(results: Results, goals: Goals, components: Components) -> float:
    """The difference that matters: as stated, 1 point, or a tenth of the spread between models."""
    if goals.delta is not None:
        return goals.delta
    if results.unit in ("fraction", "points"):
        return 0.01 if results.unit == "fraction" else 1.0
    spread = float(np.sqrt(components.between_models)) if components.model.known else 0.0
    return 0.1 * spread if spread > 0 else 1.0


def _findings(
    results: Results, scopes: list[Scope], goals: Goals, delta: float, needed: list[dict[str, Any]], level: float
) -> tuple[list[Finding], list[Estimate]]:  # fmt: skip
    whole, now = scopes[0].components, len(results.tasks)
    g, phi = generalizability(whole, level=level), dependability(whole, level=level)
    predicted = predicted_reliability(results.oriented, results.present)
    estimates = [g, phi, predicted, kendall_w(np.where(results.present, results.oriented, np.nan))]
    if not g.known:
        return [finding(f"Reliability is unknown: {g.reason}.", estimates=(g,))], estimates
    assert g.value is not None
    predicted_words = "" if not predicted.known else (
        f"; another {counted(now, 'task')} like these would show {predicted.low:.2f} to {predicted.high:.2f}"
    )  # fmt: skip
    ends = "" if g.low is None or g.high is None else f" ({g.low:.2f} to {g.high:.2f})"
    found = [
        finding(
            f"The ranking over {counted(now, 'task')} {_reliable(g)}: {g.value:.2f}{ends}{predicted_words}.",
            verdict=_enough(g), estimates=(g, predicted), margin=g.value - ENOUGH,
            method=f"generalizability of the mean, {ENOUGH:g} counts as enough",
        )
    ]  # fmt: skip
    found += [_of_top(scope, now) for scope in scopes[1:] if scope.components.model.known]
    error = difference_error(whole)
    if error > 0 and now >= 2:
        smallest = detectable_effect(error, now, power=goals.power, level=level)
        method = f"paired t over tasks, power {show_level(goals.power)}, one planned comparison"
        estimates.append(
            Estimate(name="detectable_effect", value=smallest, n=now, unit=results.unit, method=method)
        )  # fmt: skip
        need = next(row["needed"] for row in needed if row["goal"].startswith("tell") and row["what"] == "tasks")
        word = f"{need.value:,.0f}" if need.known else "more than ten million"
        found.append(finding(
            f"{counted(now, 'task')} can show a difference of {amount(smallest, results.unit)} between two models; one "
            f"of {amount(delta, results.unit)} takes {word} tasks, and with those at hand two such models come out in "
            f"the right order with a chance of {show_share(chance_of_right_order(delta, whole, now))}.",
            verdict="yes", estimates=(estimates[-1],), method=method,
        ))  # fmt: skip
    return found, estimates


def _enough(g: Estimate) -> Verdict:
    """Whether a reliability is on one side of 0.8 with all of its interval, so that what is said of it holds."""
    assert g.value is not None
    low, high = (g.value if end is None else end for end in (g.low, g.high))
    return "yes" if low >= ENOUGH or high < ENOUGH else "undetermined"


def _reliable(g: Estimate) -> str:
    return "is reliable" if g.value is not None and g.value >= ENOUGH else "is not reliable enough"


def _of_top(scope: Scope, now: int) -> Finding:
    g = generalizability(scope.components)
    assert g.value is not None
    tasks = tasks_for(scope.components, 0.9)
    more = f"; 0.9 would take {counted(tasks, 'task')}" if tasks else "; they show no real difference to each other"
    return finding(
        f"Among the {scope.name} it {_reliable(g)}: {g.value:.2f} over {counted(now, 'task')}{more}.", estimates=(g,),
        verdict=_enough(g),
        caveats=("the best were chosen on the same scores, which makes them look more alike on them",),
    )  # fmt: skip


def _figure(scopes: list[Scope], results: Results, level: float) -> Figure:
    last = max(30, 3 * len(results.tasks))
    steps = sorted({round(float(t)) for t in np.geomspace(1, last, 30)} | {len(results.tasks)})
    rows = [
        {"tasks": tasks, "reliability": g.value, "low": g.low, "high": g.high, "models": scope.name}
        for scope in scopes
        for tasks in steps
        for g in (generalizability(scope.components, tasks=tasks, level=level),)
        if g.known
    ]
    return Figure(
        name="reliability", kind="curve", title="Reliability of the ranking against the number of tasks", rows=rows,
        x="tasks", y="reliability", low="low", high="high", colour="models", x_title="number of tasks",
        y_title="reliability (generalizability)", options={"rule": 0.9},
        alt=f"Reliability rises with the number of tasks; the table has {len(results.tasks)}.",
    )  # fmt: skip


def _caveats(scopes: list[Scope]) -> tuple[str, ...]:
    told: list[str] = []
    for scope in scopes:
        for name in ("model", "task", "model_task"):
            estimate: Estimate = getattr(scope.components, name)
            if "reported as 0" in estimate.method:
                told.append(f"the variance component of {name.replace('_', ' × ')} is negative for {scope.name} and is "
                            "reported as 0")  # fmt: skip
    return tuple(told)
