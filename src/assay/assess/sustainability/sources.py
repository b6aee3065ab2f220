"""Two sources of one table: how far they agree task by task, and what cannot be compared between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.fingerprint import changed, differing
from assay.assess.sustainability.part import counted
from assay.assess.sustainability.results import Results
from assay.stats.versions import TaskAgreement, compare_versions, task_agreement

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What two sources of one table say of each other."""

    flags: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Rows of the table `flags`."""
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """One row a shared task: agreement with limits, whether it is comparable, and why not."""
    caveats: tuple[str, ...] = ()


def compare_sources(results: Results, other: Results) -> Sources:
    """This table against another source of it, over the models and tasks that both have.

    A task whose protocol differs (metric, split, shots and the like) is not comparable, whatever its scores say; its
    cells are not judged. Fractions and percent are brought to the unit of this table.
    """
    label = other.source or "the other table"
    models = [name for name in results.models if name in other.models]
    tasks = [name for name in results.tasks if name in other.tasks]
    if not models or not tasks:
        return Sources(caveats=(f"{label} shares no model or no task with this table, so nothing is compared",))
    here, there = _cut(results, models, tasks), _cut(other, models, tasks)
    factor, scale = _to_unit(other.unit, results.unit)
    mine, theirs = results.scores[here], other.scores[there] * factor
    protocols = [
        "; ".join(differing(other.protocols[other.tasks.index(name)], results.protocols[results.tasks.index(name)]))
        for name in tasks
    ]
    weights, same = changed(
        {"weights": results.parts.get("weights", [])}, {name: mark[there] for name, mark in other.marks.items()},
        {name: mark[here] for name, mark in results.marks.items()}, np.isfinite(mine), (models, tasks), None,
    )  # fmt: skip
    theirs = np.where(same, theirs, np.nan)
    agreement = [task_agreement(theirs[:, at], mine[:, at]) for at in range(len(tasks))]
    judged = np.where([not told for told in protocols], theirs, np.nan)
    compared = compare_versions(judged, mine, tasks=tasks)
    return Sources(
        flags=weights + [
            {"model": models[flag.model], "task": tasks[flag.task], "time": None if flag.later else label,
             "kind": flag.kind, "size": flag.size, "why": flag.why} for flag in compared.flags
        ],
        rows=[_row(task, found, told) for task, found, told in zip(tasks, agreement, protocols, strict=True)],
        caveats=(f"compared with {label} on {counted(len(models), 'model')} and {counted(len(tasks), 'task')}{scale}",),
    )  # fmt: skip


def _row(task: str, found: TaskAgreement, protocol: str) -> dict[str, Any]:
    comparable, why = found.comparable, ""
    if protocol:
        comparable, why = False, f"another protocol: {protocol}"
    elif comparable is False:
        why = "concordance below 0.9: the two do not measure the same thing"
    elif comparable is None:
        why = "too few models to say"
    return {
        "task": task, "models": found.n, "bias": found.bias, "low": found.low, "high": found.high,
        "concordance": found.concordance, "tau": found.tau, "comparable": comparable, "why": why,
    }  # fmt: skip


def _cut(results: Results, models: list[str], tasks: list[str]) -> tuple[NDArray[Any], ...]:
    return np.ix_([results.models.index(name) for name in models], [results.tasks.index(name) for name in tasks])


def _to_unit(theirs: str, ours: str) -> tuple[float, str]:
    """What brings their scores to our unit, and the words for it."""
    if {theirs, ours} == {"fraction", "points"}:
        return (100.0, "; its fractions are read as percent") if ours == "points" else (
            0.01, "; its percent are read as fractions")  # fmt: skip
    if theirs == ours:
        return 1.0, ""
    return 1.0, f"; its scores are in {theirs or 'an unknown unit'}, these in {ours or 'an unknown unit'}"
