"""Nouns of the selection lens: candidates with their per-item predictions, what they cost, and what is free.

A candidate is one model adapted by one recipe. It may have been run several times (draws of training rows, seeds);
each run keeps its prediction for every test item, so that candidates are compared on the same items.
This file holds no statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError, NothingToAssessError, UsageError
from assay.outcome import Cost, Predictions

Regime = Literal["frozen", "finetuned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training and its predictions for the test items."""

    predictions: Predictions
    """What it said of every test item."""
    draw: int = 0
    """Which draw of rows; the same number means the same rows for all candidates."""
    seed: int = 0
    """The seed of the training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One model adapted by one recipe."""

    model: str
    """The name people read; unique within a regime unless recipes differ."""
    runs: Sequence[Run]
    """At least one."""
    recipe: str = "probe"
    """How it was adapted."""
    regime: Regime = "frozen"
    """Whether the backbone stayed as it was, or was trained too."""
    cost: Cost = field(default_factory=Cost)
    """What all its runs cost together, features included."""
    parameters: int | None = None
    """Number of parameters of the model."""
    flops_per_item: float | None = None
    """Floating-point operations for one item."""
    battery: Mapping[str, float | str] = field(default_factory=dict[str, float | str])
    """Transferability scores by name: a number, or the reason why there is none."""
    twin_of: str = ""
    """For an untrained twin: the name of the pretrained model. A twin is a baseline and is not ranked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What the candidates are held against, and what else the reader should know."""

    baselines: Sequence[Candidate] = ()
    """Predictions that cost next to nothing: majority class, raw features with the same probe."""
    priors: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    """Free rankings: name (`published score`, `static rank`) → model → number, higher is better."""
    failures: Mapping[str, str] = field(default_factory=dict[str, str])
    """Candidates that could not be run: name → why."""
    classes: Sequence[str] = ()
    """Names of the classes in the order of their codes."""
    caveats: Sequence[str] = ()
    """What the caller knows that the numbers don't show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """Runs of several candidates over one list of items."""

    names: tuple[str, ...]
    """(m,) names of the columns."""
    ids: NDArray[np.str_]
    """(n,) items that occur in every run of some draw."""
    runs: tuple[tuple[tuple[NDArray[np.int_], Predictions], ...], ...]
    """Candidate → run → (positions of its items in `ids`, its predictions in that order)."""
    draws: tuple[NDArray[np.int_], ...]
    """Candidate → the draw of each of its runs."""
    dropped: int
    """Items left out because some candidate has no prediction for them."""


def named(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with unique names: where a model has several recipes, the recipe joins its name.

    Raises:
        UsageError: when a model appears twice with the same recipe.
    """
    models = [candidate.model for candidate in candidates]
    out: list[Candidate] = []
    for candidate in candidates:
        if models.count(candidate.model) == 1:
            out.append(candidate)
        else:
            out.append(replace(candidate, model=f"{candidate.model} ({candidate.recipe})"))
    doubled = sorted({c.model for c in out if [o.model for o in out].count(c.model) > 1})
    if doubled:
        raise UsageError(f"{doubled[0]} is given twice; put its runs into one candidate, or name the recipes apart")
    return out


def align(candidates: Sequence[Candidate]) -> Aligned:
    """The candidates' predictions brought to the same items, draw by draw.

    Raises:
        UsageError: when a candidate has no runs, or draws differ between candidates.
        DataError: when two candidates give different targets for one item, or an item occurs twice in a run.
        NothingToAssessError: when no item is common to all candidates.
    """
    for candidate in candidates:
        if not candidate.runs:
            raise UsageError(f"{candidate.model} has no runs; leave it out, or name it among the failures")
    draws = _common_draws(candidates)
    kept = {draw: _common_items(candidates, draw) for draw in draws}
    ids = np.unique(np.concatenate([kept[draw] for draw in draws]))
    if len(ids) == 0:
        raise NothingToAssessError("the candidates have no test item in common; score them on the same items")
    kept = {draw: common for draw, common in kept.items() if len(common)}
    runs = [[(run.draw, _rows(run.predictions, kept[run.draw], candidate.model)) for run in candidate.runs
             if run.draw in kept] for candidate in candidates]  # fmt: skip
    _same_targets([candidate.model for candidate in candidates], runs)
    seen = np.unique(np.concatenate([run.predictions.ids for candidate in candidates for run in candidate.runs]))
    return Aligned(
        names=tuple(candidate.model for candidate in candidates), ids=ids, dropped=len(seen) - len(ids),
        runs=tuple(tuple((np.searchsorted(ids, kept[draw]), rows) for draw, rows in row) for row in runs),
        draws=tuple(np.array([draw for draw, _ in row]) for row in runs),
    )  # fmt: skip


def _common_draws(candidates: Sequence[Candidate]) -> list[int]:
    """Draws that every candidate was run on."""
    common = set.intersection(*[{run.draw for run in candidate.runs} for candidate in candidates])
    if not common:
        listed = "; ".join(f"{c.model}: {sorted({r.draw for r in c.runs})}" for c in candidates[:6])
        raise UsageError(f"the candidates were not run on the same draws ({listed}); run them on the same rows")
    return sorted(common)


def _common_items(candidates: Sequence[Candidate], draw: int) -> NDArray[np.str_]:
    common: NDArray[np.str_] | None = None
    for candidate in candidates:
        for run in candidate.runs:
            if run.draw != draw:
                continue
            ids = np.unique(run.predictions.ids)
            if len(ids) != len(run.predictions.ids):
                raise DataError(
                    f"{candidate.model}, draw {draw}: an item occurs twice; if these are several trainings, "
                    "name the column of seeds"
                )
            common = ids if common is None else np.intersect1d(common, ids, assume_unique=True)
    assert common is not None
    return common


def _rows(predictions: Predictions, ids: NDArray[np.str_], model: str) -> Predictions:
    """The predictions for `ids`, in that order."""
    order = np.argsort(predictions.ids)
    at = order[np.searchsorted(predictions.ids, ids, sorter=order)]
    target = np.asarray(predictions.target)[at]
    for name, column in (("target", target), ("score", predictions.score), ("label", predictions.label)):
        if column is not None and np.asarray(column).dtype.kind == "f" and not np.isfinite(np.asarray(column)).all():
            raise DataError(f"{model}: a {name} is not a finite number; leave the item out or name the model as failed")
    return Predictions(
        ids=ids, target=target, label=None if predictions.label is None else predictions.label[at],
        score=None if predictions.score is None else predictions.score[at],
    )  # fmt: skip


def _same_targets(names: Sequence[str], runs: Sequence[Sequence[tuple[int, Predictions]]]) -> None:
    first: dict[int, tuple[str, Predictions]] = {}
    for name, row in zip(names, runs, strict=True):
        for draw, rows in row:
            known, theirs = first.setdefault(draw, (name, rows))
            if rows is theirs or np.array_equal(rows.target, theirs.target):
                continue
            at = int(np.flatnonzero(np.atleast_2d((rows.target != theirs.target).T).any(axis=0))[0])
            raise DataError(
                f"item {str(rows.ids[at])!r} has target {theirs.target[at]!r} for {known} and {rows.target[at]!r} for "
                f"{name}; the models were not scored on the same task"
            )
