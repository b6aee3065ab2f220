"""Results: models × tasks with all that was recorded below and beside each score, checked and ready to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.cells import OddCell
from assay.assess.sustainability.checks import comparable, higher_of_tasks, no_doubles, one_metric, scales_agree
from assay.assess.sustainability.options import Reading
from assay.assess.sustainability.records import Column, Records, Scores, coded, is_missing
from assay.assess.sustainability.scale import unit_of
from assay.errors import NothingToAssessError, UnknownNameError
from assay.estimate import Estimate
from assay.stats.additive import additive_fit
from assay.stats.aggregates import standardise

STANDARD = "standard deviations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the table."""

    label: str
    scores: Scores
    """(m, t), absent cells NaN."""
    marks: Mapping[str, Column]
    """Column of the fingerprint → (m, t) values, None where absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What is assessed: the latest score of every cell, and what lies below it."""

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    scores: Scores
    """(m, t), absent cells NaN."""
    higher: NDArray[np.bool_]
    """(t,) whether higher is better."""
    unit: str
    """`fraction`, `points`, `standard deviations`, or empty."""
    runs: Scores | None = None
    """(m, t, s) single runs, NaN where absent; None where no cell has two."""
    items: tuple[Scores, ...] | None = None
    """One (m, s, n) array a task; None without single items."""
    sizes: Scores | None = None
    """(m, t) test sizes."""
    errors: Scores | None = None
    """(m, t) standard errors as reported."""
    metrics: tuple[str, ...] = ()
    """Which metrics the scores are, where the table says."""
    other_metrics: Mapping[str, Scores] = field(default_factory=dict[str, Scores])
    """Further metrics of the same cells, turned so that higher is better."""
    versions: tuple[Version, ...] = ()
    """All versions in order; empty when there is one."""
    parts: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Which columns of the fingerprint belong to `weights`, `protocol` and `numerics`."""
    protocols: tuple[Mapping[str, Any], ...] = ()
    """(t,) the protocol that all scores of a task share."""
    marks: Mapping[str, Column] = field(default_factory=dict[str, Column])
    """Column of the fingerprint → (m, t) values of the latest scores, None where absent."""
    incomparable: tuple[dict[str, Any], ...] = ()
    """Cells left out because metric, split or protocol differ from the rest of their task, as rows of `flags`."""
    odd: tuple[OddCell, ...] = ()
    notes: tuple[str, ...] = ()
    rows: int = 0
    source: str = ""

    @property
    def present(self) -> NDArray[np.bool_]:
        """(m, t) which cells were measured."""
        return np.isfinite(self.scores)

    @property
    def oriented(self) -> Scores:
        """(m, t) scores turned so that higher is better; 0 in absent cells."""
        return np.where(self.present, np.where(self.higher, self.scores, -self.scores), 0.0)

    @property
    def connected(self) -> bool:
        """Whether all models can be compared, directly or by way of other models and tasks."""
        return additive_fit(self.oriented, self.present).connected

    @property
    def sign(self) -> float:
        """−1 when lower is better, else 1: what turns oriented means back into those of the table."""
        return 1.0 if self.higher.all() else -1.0


def results_of(records: Records, reading: Reading) -> Results:
    """Records as Results.

    Args:
        records: One row a score.
        reading: How the table is to be read.

    Raises:
        NothingToAssessError: when no cell has a score.
        DataError: when a model stands twice on a task, or scales are mixed.
        UnknownNameError: when `lower` or `metric` names what is not there.
    """
    for name in reading.lower:
        if name not in records.tasks:
            raise UnknownNameError("task", name, records.tasks, where="--lower")
    given = records.keep(np.isfinite(records.score))
    if not len(given):
        raise NothingToAssessError(f"{records.source or 'the table'}: all cells are missing; nothing can be assessed")
    given, others, metric_notes = one_metric(given, reading)
    no_doubles(given)
    given, incomparable = comparable(given)
    versions, now = _versions(given)
    table, higher = now.table(), higher_of_tasks(now, reading)
    if not reading.as_is:
        # Tasks of both directions are standardised anyway, so only what lies within a task must agree.
        scales_agree(now, table, within_tasks=reading.standardise or bool(higher.any() and not higher.all()))
    rows: NDArray[np.bool_] = np.asarray(np.isfinite(table).any(axis=1))
    columns: NDArray[np.bool_] = np.asarray(np.isfinite(table).any(axis=0))
    cut = np.ix_(rows, columns)
    results = Results(
        models=_picked(records.models, rows), tasks=_picked(records.tasks, columns), scores=table[cut],
        higher=higher[columns], unit=unit_of(table),
        runs=_runs(now, cut), items=_items(now, rows, columns),
        sizes=None if now.sizes is None else now.table(now.sizes)[cut],
        errors=None if now.errors is None else now.table(now.errors)[cut],
        metrics=tuple(str(name) for name in coded(now.marks["metric"])[0]) if "metric" in now.marks else (),
        other_metrics={name: values[cut] for name, values in others.items()},
        versions=tuple(
            Version(label=v.label, scores=v.scores[cut], marks={k: mark[cut] for k, mark in v.marks.items()})
            for v in versions
        ),
        parts=records.parts, protocols=_protocols(now, columns),
        marks={name: _marks(now, values)[cut] for name, values in now.marks.items()}, incomparable=incomparable,
        odd=records.odd,
        notes=records.notes + metric_notes + _without_scores(records, rows, columns), rows=len(records),
        source=records.source,
    )  # fmt: skip
    return _on_one_scale(results, reading)


def on_scale(estimate: Estimate, results: Results) -> Estimate:
    """The interval cut at the ends of the scale, where all scores lie within 0 to 1 or 0 to 100."""
    top = {"fraction": 1.0, "points": 100.0}.get(results.unit)
    if top is None or estimate.low is None or estimate.high is None or np.nanmin(results.scores) < 0:
        return estimate
    if estimate.low >= 0 and estimate.high <= top:
        return estimate
    return replace(
        estimate,
        low=max(estimate.low, 0.0),
        high=min(estimate.high, top),
        method=f"{estimate.method}; cut at the scale",
    )


def _on_one_scale(results: Results, reading: Reading) -> Results:
    """Standardised by task when asked for, or when tasks differ in direction and so have no common mean."""
    mixed = results.higher.any() and not results.higher.all()
    if not (reading.standardise or mixed):
        return results
    turned = np.where(results.higher, results.scores, -results.scores)
    spread = np.nanstd(turned, axis=0, ddof=1) if len(turned) > 1 else np.ones(turned.shape[1])
    centre, spread = np.nanmean(turned, axis=0), np.where(spread > 0, spread, 1.0)
    note = "tasks where lower is better and tasks where higher is better have no common mean, so scores are in " \
           "standard deviations between models"  # fmt: skip
    sign = np.where(results.higher, 1.0, -1.0)
    runs, items, errors = results.runs, results.items, results.errors
    return replace(
        results, scores=standardise(turned), higher=np.ones(len(sign), dtype=bool), unit=STANDARD, sizes=None,
        runs=None if runs is None else (runs * sign[:, None] - centre[:, None]) / spread[:, None],
        items=None if items is None else tuple(
            (block * sign[at] - centre[at]) / spread[at] for at, block in enumerate(items)
        ),
        errors=None if errors is None else errors / spread, notes=(*results.notes, *([note] if mixed else [])),
    )  # fmt: skip


def _versions(given: Records) -> tuple[list[Version], Records]:
    """The versions in order, and the records of each cell's latest one."""
    if "time" not in given.levels:
        return [], given
    stamps = sorted({stamp for stamp in given.levels["time"] if stamp is not None}, key=_in_order)
    order = np.array([stamps.index(stamp) if stamp is not None else -1 for stamp in given.levels["time"]])
    versions: list[Version] = []
    for at, stamp in enumerate(stamps):
        rows = given.keep(order == at)
        versions.append(Version(label=str(stamp), scores=rows.table(),
                                marks={name: _marks(rows, values) for name, values in rows.marks.items()}))  # fmt: skip
    latest = np.full(len(given.models) * len(given.tasks), -1)
    np.maximum.at(latest, given.cell, order)
    return versions if len(stamps) > 1 else [], given.keep(order == latest[given.cell])


def _protocols(now: Records, columns: NDArray[np.bool_]) -> tuple[dict[str, Any], ...]:
    """The protocol of each task: the first value of each of its columns that is not missing."""
    names = now.parts.get("protocol", [])
    found: list[dict[str, Any]] = []
    for task in np.flatnonzero(columns):
        here = now.task == task
        given = {name: [mark for mark in now.marks[name][here] if not is_missing(mark)] for name in names}
        found.append({name: values[0] for name, values in given.items() if values})
    return tuple(found)


def _in_order(stamp: Any) -> tuple[bool, Any]:
    return (False, stamp) if isinstance(stamp, (int, float)) else (True, str(stamp))


def _marks(rows: Records, values: Column) -> Column:
    table = np.full(len(rows.models) * len(rows.tasks), None, dtype=object)
    table[rows.cell] = values
    return table.reshape(len(rows.models), len(rows.tasks))


def _runs(now: Records, cut: tuple[NDArray[Any], ...]) -> Scores | None:
    """(m, t, s) single runs where some cell has more than one."""
    if "seed" not in now.levels or "item" in now.levels or len(set(now.cell.tolist())) == len(now):
        return None
    seeds, seed = coded(now.levels["seed"])
    runs = np.full((len(now.models), len(now.tasks), len(seeds)), np.nan)
    runs[now.model, now.task, seed] = now.score
    return runs[cut]


def _items(now: Records, rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> tuple[Scores, ...] | None:
    """One (m, s, n) array a task, where single items are known."""
    if "item" not in now.levels:
        return None
    blocks: list[Scores] = []
    for task in np.flatnonzero(columns):
        mine = now.keep(now.task == task)
        items, item = coded(mine.levels["item"])
        seeds, seed = coded(mine.levels["seed"]) if "seed" in mine.levels else (("",), np.zeros(len(mine), dtype=int))
        block = np.full((len(now.models), len(seeds), len(items)), np.nan)
        block[mine.model, seed, item] = mine.score
        blocks.append(block[rows])
    return tuple(blocks)


def _picked(names: tuple[str, ...], keep: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, kept in zip(names, keep, strict=True) if kept)


def _without_scores(records: Records, rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> tuple[str, ...]:
    asked = {"model": set(records.model.tolist()), "task": set(records.task.tolist())}
    notes: list[str] = []
    for kind, names, keep in (("model", records.models, rows), ("task", records.tasks, columns)):
        empty = [name for at, name in enumerate(names) if at in asked[kind] and not keep[at]]
        if empty:
            shown = ", ".join(repr(name) for name in empty[:5]) + (" and others" if len(empty) > 5 else "")
            notes.append(f"no score for {kind} {shown}")
    return tuple(notes)
