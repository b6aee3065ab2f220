"""The scores Eᵢ behind a mean M over N subtasks: each with its interval, where one is known, and their picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from assay.assess.sustainability.part import Part
from assay.assess.sustainability.results import Results, on_scale
from assay.estimate import Estimate
from assay.finding import Figure
from assay.stats.means import means_of_these_tasks
from assay.stats.task_errors import TaskErrors

MOST_CELLS = 500
"""Above this the scores are the reader's own table, and are not repeated."""


def subtasks(results: Results, errors: TaskErrors | None, means: tuple[Estimate, Estimate], *, level: float) -> Part:
    """Table `scores`, one row a model and task, and for one model a picture of its scores around their mean.

    Args:
        results: The table.
        errors: Errors of its cells on these tasks again; None where nothing is known of them.
        means: M of the first model, for other such tasks and for these tasks again.
        level: Confidence level.
    """
    if results.present.sum() > MOST_CELLS:
        return Part()
    rows: list[dict[str, Any]] = []
    for at, task in enumerate(results.tasks):
        known = [None] * len(results.models) if errors is None else _of_task(results, errors, at, level)
        rows += [
            {"model": name, "task": task, "score": found or Estimate(
                name="score", value=float(results.scores[model, at]), unit=results.unit,
                method="as given; no seeds, items or test sizes")}
            for model, (name, found) in enumerate(zip(results.models, known, strict=True)) if results.present[model, at]
        ]  # fmt: skip
    alone = len(results.models) == 1 and len(rows) > 1
    if not alone:
        return Part(tables={"scores": rows})
    named = tuple(mean.renamed(name) for mean, name in zip(means, ("mean", "mean_again"), strict=True))
    return Part(tables={"scores": rows}, estimates=named, figures=(_figure(rows, means),))


def _of_task(results: Results, errors: TaskErrors, at: int, level: float) -> list[Estimate]:
    """The score of every model on one task, as a mean over that task alone."""
    cut = {name: getattr(errors, name)[:, [at]] for name in ("scores", "present", "centre", "variance", "df")}
    found = means_of_these_tasks(replace(errors, **cut, shared=None), level=level, name="score", unit=results.unit)
    return [_without_certainty(on_scale(score, results)) for score in found]


def _without_certainty(score: Estimate) -> Estimate:
    """Runs that all gave the same score do not say that the next one will."""
    if score.width is None or score.width > 1e-12:
        return score
    return replace(score, low=None, high=None, level=None, method="no interval: all of its runs gave the same score")


def _figure(rows: list[dict[str, Any]], means: tuple[Estimate, Estimate]) -> Figure:
    model, wide = rows[0]["model"], means[0]
    shown = [{"task": row["task"], "score": row["score"], "what": "a task"} for row in rows[:60]]
    names = ("mean, other tasks", "mean, these again")
    shown += [
        {"task": name, "score": mean, "what": "the mean"} for name, mean in zip(names, means, strict=True) if mean.known
    ]  # fmt: skip
    return Figure(
        name="scores", kind="intervals", title=f"The score of {model} on every task, and its mean", rows=shown,
        x="score", y="task", colour="what", x_title=f"score{f', {wide.unit}' if wide.unit else ''}",
        options={} if wide.value is None else {"rule": wide.value, "rule_label": "mean"},
        alt=f"{len(rows)} scores of {model}; their mean is {wide}.",
    )  # fmt: skip
