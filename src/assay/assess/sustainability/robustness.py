"""What would change the ranking: a task less, other weights, another metric, another aggregate, fewer tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.part import Part, counted, finding, listed
from assay.assess.sustainability.results import Results
from assay.estimate import Estimate, show_share
from assay.finding import Figure, Finding
from assay.stats.additive import additive_effects
from assay.stats.aggregates import AGGREGATES
from assay.stats.agreement import aggregate_table, irrelevant_model, kendall_tau_b, weighted_tau
from assay.stats.stability import deletion_robustness, leave_one_task_out, small_subset, worst_weights

COMPARED = ("mean", "mean of standardised scores", "win rate", "Borda count", "Bradley–Terry")
"""Aggregates that are tried without each model; medians of a model's own tasks cannot feel the others."""
MOST_LEFT_OUT = 24
FLOOR = 0.5


def robustness(results: Results, order: NDArray[np.int_], *, rng: np.random.Generator) -> Part:
    """Tables `stability`, `aggregates` and `aggregate_agreement`; nothing where models cannot be ordered."""
    if len(results.models) < 2 or not results.connected:
        return Part()
    scores = np.where(results.present, results.oriented, np.nan)
    values, tau = aggregate_table(scores, AGGREGATES)
    names = list(AGGREGATES)
    rows, found, estimates = _over_tasks(results, order, rng)
    rows += _metrics(results)
    rows += [_aggregate_row(results, name, values[at], values[0], tau[0, at]) for at, name in enumerate(names) if at]
    irrelevant = _irrelevant(results, scores)
    rows += irrelevant
    if len(results.tasks) > 1:
        found += _aggregate_findings(results, values, names, tau, irrelevant)
    return Part(
        tables={
            "stability": rows,
            "aggregates": [_aggregates_of(results, values, names, int(model)) for model in order],
            "aggregate_agreement": [
                {"first": names[i], "second": names[j], "tau": _known(tau[i, j])}
                for i in range(len(names)) for j in range(i + 1, len(names))
            ],
        },
        findings=tuple(found), estimates=tuple(estimates),
        figures=(_figure(names, tau),) if np.isfinite(tau).any() else (),
    )  # fmt: skip


def _over_tasks(
    results: Results, order: NDArray[np.int_], rng: np.random.Generator
) -> tuple[list[dict[str, Any]], list[Finding], list[Estimate]]:  # fmt: skip
    scores, present, models = results.oriented, results.present, results.models
    t, leader = len(results.tasks), models[order[0]]
    if t < 2:
        return [], [], []
    out = leave_one_task_out(scores, present)
    rows = [
        _row("task left out", task, tau=out.tau[at], leader=models[out.leader[at]], first=leader,
             largest_move=int(out.largest_move[at]),
             note=f"pulls the mean of {leader} by {out.influence[order[0], at]:+.3g}")
        for at, task in enumerate(results.tasks)
    ]  # fmt: skip
    removal, weights = deletion_robustness(scores, present), worst_weights(scores, present, floor=FLOOR)
    kept = sum(row["leader_kept"] for row in rows)
    found: list[Finding] = []
    estimates: list[Estimate] = []
    names = [results.tasks[at] for at in removal.tasks]
    if removal.share is None:
        found.append(finding(f"{leader} leads whichever tasks are taken away.", subjects=(leader,), verdict="yes",
                             method="exact, over all subsets of tasks"))  # fmt: skip
        estimates.append(Estimate.unknown("share_of_tasks_to_unseat", "no removal of tasks changes the leader"))
    else:
        rival = models[removal.rival]
        rows.append(_row("fewest tasks removed", listed(names), leader=rival, first=leader,
                         note=f"{len(names)} of {t} tasks"))  # fmt: skip
        found.append(finding(
            f"{leader} keeps the lead when any one task is left out in {kept} of {t} cases; {rival} draws level or "
            f"leads without {listed(names)}, {counted(len(names), 'task')} of {t}." if names else
            f"{leader} and {rival} have the same mean, so neither leads alone.", subjects=(leader, rival),
            verdict="yes", margin=removal.share,
            method="exact, over all subsets of tasks",
        ))  # fmt: skip
        estimates.append(Estimate(name="share_of_tasks_to_unseat", value=removal.share, n=t, unit="fraction",
                                  method="exact, for the mean over tasks"))  # fmt: skip
    rivals = [models[at] for at in order if weights.can_lead[at] and models[at] != leader]
    nearest = int(np.argsort(weights.moved, kind="stable")[1])
    moved = weights.moved[nearest]
    rows.append(_row(
        "task weights", f"each task at least {FLOOR:g} of its equal weight", first=leader,
        leader=models[nearest] if rivals else leader,
        note=f"{len(rivals)} other models could lead: {listed(rivals)}" if rivals else "nobody else could lead",
    ))  # fmt: skip
    if np.isfinite(moved):
        rows.append(_row("task weights", f"{show_share(moved)} of the weight moved", leader=models[nearest],
                         first=leader, note="the smallest change of weights that gives another leader"))  # fmt: skip
    rows += _subset_rows(results, leader, rng)
    return rows, found, estimates


def _subset_rows(results: Results, leader: str, rng: np.random.Generator) -> list[dict[str, Any]]:
    subset = small_subset(results.oriented, results.present, rng=rng)
    if subset is None:
        return []
    if subset.size is None:
        told = f"no smaller choice keeps Kendall's tau at {subset.target:g} on models that did not choose"
        return [_row("fewest tasks kept", "all", first=leader, note=told)]
    names = [results.tasks[at] for at in subset.tasks]
    kept = additive_effects(results.oriented[:, subset.tasks], results.present[:, subset.tasks])
    at = subset.size - 1
    return [_row(
        "fewest tasks kept", listed(names, 8), tau=subset.chosen[at], first=leader,
        leader=results.models[int(np.nanargmax(kept))],
        note=f"{subset.size} of {len(results.tasks)} tasks, chosen on half of the models and scored on the other; as "
        f"many at random give {subset.random[at]:.2f}",
    )]  # fmt: skip


def _metrics(results: Results) -> list[dict[str, Any]]:
    """The ranking by each other metric, over the cells that have it."""
    rows: list[dict[str, Any]] = []
    for name, table in results.other_metrics.items():
        shared = np.isfinite(table) & results.present
        some = shared.any(axis=1)
        if some.sum() < 2:
            continue
        here = additive_effects(np.where(shared, table, 0.0), shared)
        usual = additive_effects(np.where(shared, results.oriented, 0.0), shared)
        rows.append(_row("metric", name, tau=kendall_tau_b(np.round(usual, 12), np.round(here, 12)),
                         leader=results.models[int(np.nanargmax(here))], first=results.models[int(np.nanargmax(usual))],
                         note=f"on the {counted(int(shared.sum()), 'cell')} that have it"))  # fmt: skip
    return rows


def _aggregate_row(
    results: Results, name: str, values: NDArray[np.float64], mean: NDArray[np.float64], tau: float
) -> dict[str, Any]:  # fmt: skip
    known = np.isfinite(values) & np.isfinite(mean)
    head = f"; weighted tau {weighted_tau(mean[known], values[known]):.2f}" if known.sum() > 2 else ""
    return _row("aggregate", name, tau=tau, leader=results.models[int(np.nanargmax(values))],
                first=results.models[int(np.nanargmax(mean))], largest_move=_largest_move(mean, values),
                note=f"against the mean{head}")  # fmt: skip


def _irrelevant(results: Results, scores: NDArray[np.float64]) -> list[dict[str, Any]]:
    """What the absence of one model does to the order of the others, aggregate by aggregate."""
    m = len(results.models)
    if m < 3:
        return []
    # The work grows with the square of the models; for many of them an even choice is left out, one at a time.
    candidates = np.unique(np.linspace(0, m - 1, min(m, MOST_LEFT_OUT, max(6, int(2.5e6 / m**2)))).astype(int))
    rows: list[dict[str, Any]] = []
    for name in COMPARED:
        if name == "Bradley–Terry" and m > 60:
            continue
        effect = irrelevant_model(scores, AGGREGATES[name], candidates=candidates.tolist())
        gone = results.models[effect.model] if effect.model >= 0 else "no model"
        rows.append(_row(
            "irrelevant model", name,
            note=f"without {gone}, {counted(effect.pairs, 'pair')} of other models change order; the leader changes "
            f"for {effect.leader_changes} of {len(candidates)} models left out",
        ) | {"pairs_changed": effect.pairs, "leader_changes": effect.leader_changes})  # fmt: skip
    return rows


def _aggregate_findings(
    results: Results, values: NDArray[np.float64], names: list[str], tau: NDArray[np.float64],
    irrelevant: list[dict[str, Any]],
) -> list[Finding]:  # fmt: skip
    leaders = {name: results.models[int(np.nanargmax(row))] for name, row in zip(names, values, strict=True)}
    known = tau[np.triu_indices(len(names), 1)]
    known = known[np.isfinite(known)]
    found: list[Finding] = []
    if known.size:
        same = len(set(leaders.values())) == 1
        who = f"all name {leaders['mean']} as the leader" if same else (
            "they do not agree on the leader: " + "; ".join(f"{name}: {model}" for name, model in leaders.items())
        )  # fmt: skip
        claim = f"{len(names)} ways to aggregate agree to Kendall's tau {known.min():.2f} or better, and {who}."
        found.append(finding(claim, verdict="yes", method="Kendall's tau-b between rankings"))
    changing = [row["what"] for row in irrelevant if row["pairs_changed"]]
    if changing:
        found.append(finding(f"Leaving out a single model changes the order of others under: {listed(changing, 6)}.",
                             verdict="yes", method="one model left out at a time"))  # fmt: skip
    return found


def _aggregates_of(results: Results, values: NDArray[np.float64], names: list[str], model: int) -> dict[str, Any]:
    row: dict[str, Any] = {"model": results.models[model]}
    numbers: dict[str, float | None] = {}
    for at, name in enumerate(names):
        own, rounded = values[at], np.round(values[at], 12)
        row[f"rank by {name}"] = None if np.isnan(own[model]) else int((rounded > rounded[model]).sum()) + 1
        turned = results.sign if name in ("mean", "median", "interquartile mean") else 1.0
        numbers[name] = _known(turned * own[model])
    return row | {"values": numbers}


def _figure(names: list[str], tau: NDArray[np.float64]) -> Figure:
    return Figure(
        name="aggregate_agreement", kind="heatmap", title="How far ways to aggregate agree on the order of models",
        rows=[{"aggregate": a, "another": b, "tau": _known(tau[i, j])} for i, a in enumerate(names)
              for j, b in enumerate(names)],
        x="aggregate", y="another", colour="tau", options={"scheme": "sequential", "text": True},
        alt=f"Kendall's tau between {len(names)} aggregates, from {np.nanmin(tau):.2f} to 1.",
    )  # fmt: skip


def _row(
    kind: str, what: str, *, note: str, first: str | None = None, leader: str | None = None, tau: float | None = None,
    largest_move: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "kind": kind, "what": what, "tau": None if tau is None else _known(tau), "largest_move": largest_move,
        "leader": leader, "leader_kept": None if leader is None else leader == first, "note": note,
    }  # fmt: skip


def _largest_move(before: NDArray[np.float64], after: NDArray[np.float64]) -> int:
    ranks = [(np.round(values, 12)[None, :] > np.round(values, 12)[:, None]).sum(axis=1) for values in (before, after)]
    return int(np.abs(ranks[0] - ranks[1]).max())


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
