"""What the table itself cannot give, said where it matters; and what more runs of each kind would cost and gain."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from assay.assess.sustainability.fingerprint import fingerprint
from assay.assess.sustainability.part import Part, counted, finding, listed
from assay.assess.sustainability.results import Results
from assay.estimate import show_share
from assay.finding import Finding
from assay.stats.means import BOOTSTRAP_FROM, unseen_share
from assay.stats.rank_sets import fewest_units
from assay.stats.schemes import schemes

FOLDS = 5
FEW_TASKS = 15
"""Below this many tasks it is said what they cannot show."""


def limits(results: Results, *, level: float) -> Part:
    """Table `limits`, and caveats on how the table was read."""
    return Part(
        tables={"limits": _rows(results), "tasks": _tasks(results), "cells": _odd_cells(results)},
        findings=tuple(_findings(results, level)), caveats=tuple(_caveats(results)),
    )  # fmt: skip


def _rows(results: Results) -> list[dict[str, Any]]:
    """More seeds, then ways to resample the items, each with its cost in fits and its error."""
    cells = int(results.present.sum())
    seeds = 1 if results.runs is None else int(np.median(np.isfinite(results.runs).sum(axis=2)[results.present]))
    rows: list[dict[str, Any]] = [
        {"scheme": f"{more} seeds a cell", "fits": more, "fits_in_all": (more - seeds) * cells,
         "error": float(np.sqrt(seeds / more)), "against": counted(seeds, "seed"),
         "limit": "says nothing of other tasks; no interval from one run" if more < 5 else
         "says nothing of other tasks"}
        for more in (2, 3, 5, 10) if more > seeds
    ]  # fmt: skip
    n = _items(results)
    if n is not None and n >= 2 * FOLDS:
        rows += [
            {"scheme": scheme.name, "fits": scheme.fits, "fits_in_all": (scheme.fits - 1) * cells,
             "error": scheme.error, "against": f"one hold-out of {n // FOLDS} items", "limit": scheme.limit}
            for scheme in schemes(n, folds=FOLDS)
        ]  # fmt: skip
    return rows


def _tasks(results: Results) -> list[dict[str, Any]]:
    """Every task with its models, its spread between them, and the fingerprint of its protocol."""
    rows: list[dict[str, Any]] = []
    for at, task in enumerate(results.tasks):
        own = results.scores[results.present[:, at], at]
        protocol = results.protocols[at]
        rows.append({
            "task": task, "models": len(own), "lower_is_better": not results.higher[at], "mean": float(own.mean()),
            "spread": float(own.std(ddof=1)) if len(own) > 1 else None,
            "fingerprint": fingerprint(protocol) if protocol else None,
            "protocol": ", ".join(f"{name} {value}" for name, value in protocol.items()) or None,
        })  # fmt: skip
    return rows


def _items(results: Results) -> int | None:
    """The usual number of items that a task could be trained and tested on: its test items, five times over."""
    if results.items is not None:
        return FOLDS * int(np.median([block.shape[2] for block in results.items]))
    if results.sizes is not None and np.isfinite(results.sizes).any():
        return FOLDS * int(np.nanmedian(results.sizes))
    return None


def _odd_cells(results: Results) -> list[dict[str, Any]]:
    return [
        {"place": cell.place, "text": cell.text, "kind": cell.kind, "used": cell.used} for cell in results.odd
    ]  # fmt: skip


def _findings(results: Results, level: float) -> list[Finding]:
    t, needed = len(results.tasks), fewest_units(level)
    if t == 1:
        return [finding("One task says nothing of other tasks.", verdict="yes")]
    if t >= FEW_TASKS:
        return []
    few = f"; with fewer than {needed} they rank no models either" if t < needed else ""
    claim = f"{counted(t, 'task')} are too few for a percentile bootstrap, so none is given{few}."
    method = "at 3, 6 and 10 tasks its 95 % interval covers 74, 85 and 90 %"
    return [finding(claim, verdict="yes", method=method)]


def _caveats(results: Results) -> list[str]:
    told = list(results.notes)
    kinds = Counter(cell.kind for cell in results.odd)
    for kind, count in kinds.items():
        cells = [cell for cell in results.odd if cell.kind == kind]
        first = cells[0]
        used = "left missing" if first.used is None else f"read as {first.used:g}"
        told.append(f"{counted(count, 'cell')}: {kind}; the first in {first.place}: {first.text!r}, {used}")
    told += _few_tasks(len(results.tasks))
    if len(results.models) > 1:
        told += _idle_tasks(results)
    return told


def _few_tasks(t: int) -> list[str]:
    """What the interval of a mean for other tasks cannot hold when there are few."""
    if not 1 < t < FEW_TASKS:
        return []
    unseen = (
        f"a kind of task that makes up {show_share(unseen_share(t))} of all such tasks is absent from {t} of them by "
        "chance in 1 of 20 cases, a rarer kind more often, and no interval for other tasks can know of it"
    )
    if t >= BOOTSTRAP_FROM:
        return [unseen]
    return [
        f"with fewer than {BOOTSTRAP_FROM} tasks the interval of a mean is right for scores that lie evenly around "
        "their mean, too narrow for very skewed ones such as losses (87 to 93 % for 95) and where tasks are of two "
        "kinds (81 to 92 %)",
        unseen,
    ]


def _idle_tasks(results: Results) -> list[str]:
    """Tasks that compare no models: one model only, or all of them equal."""
    alone: list[str] = []
    flat: list[str] = []
    for at, task in enumerate(results.tasks):
        own = results.scores[results.present[:, at], at]
        if len(own) == 1:
            alone.append(task)
        elif np.ptp(own) == 0:
            flat.append(task)
    told = [f"one model only on {listed(alone)}, which compares nothing"] if alone else []
    return told + ([f"all models are equal on {listed(flat)}, which tells none apart"] if flat else [])
