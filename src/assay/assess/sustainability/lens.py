"""The sustainability lens: will this conclusion hold on other tasks, on these tasks again, and later?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from assay.assess.sustainability.history import history
from assay.assess.sustainability.limits import limits
from assay.assess.sustainability.needs import needs
from assay.assess.sustainability.options import Goals, Options, Reading, split_options
from assay.assess.sustainability.part import Part, amount, counted
from assay.assess.sustainability.reading import read_records, reading_of_other
from assay.assess.sustainability.results import Results, results_of
from assay.assess.sustainability.robustness import robustness
from assay.assess.sustainability.standing import Standing, standing
from assay.assess.sustainability.subtasks import subtasks
from assay.canon import array_digest, key_of
from assay.cube import ScoreCube
from assay.estimate import Estimate, show_number
from assay.finding import Assessment
from assay.rng import stream

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Will this conclusion hold on other tasks, on these tasks again, and later?"
SHOWN_TABLES = (
    "ranking", "scores", "pairs", "reliability", "needed", "stability", "flags", "aggregates", "aggregate_agreement",
    "components", "versions", "sources", "tasks", "limits", "cells",
)  # fmt: skip


def sustainability(
    table: pd.DataFrame | ScoreCube, *, against: pd.DataFrame | None = None, level: float = 0.95,
    rng: np.random.Generator | None = None, **options: Unpack[Options],
) -> Assessment:  # fmt: skip
    """Whether the ranking in a table of scores holds on other such tasks, on these tasks again, and over time.

    Use it on any results, whoever measured them. Do not use it to choose a model for one task; the selection lens
    compares models on that task's items.

    Args:
        table: Long (one row a score; `model=`, `task=`, `score=` name its columns), wide (one row a model, one column
            a task; `index=` names the column of models), or a cube with axes `model`, `task` and perhaps `seed`.
        against: Another source of the same table, to compare with; read in the same way as far as it has the columns.
        level: Confidence level.
        rng: Draws all random numbers; None for a fixed stream.
        **options: How the table is to be read (the fields of `Reading`) and what is to be told apart (those of
            `Goals`).

    Returns:
        Assessment with tables `ranking`, `pairs`, `reliability`, `needed`, `stability`, `flags`, `aggregates` and
        others, three figures, and findings in words. One model, one task, or too few tasks give reasons in place of
        ranks.

    Raises:
        UnknownNameError: for an option, column, task or metric that does not exist.
        UsageError: when the table can be made out neither as long nor as wide.
        DataError: when a model stands twice on a task, or fractions and percent are mixed; with the places.
        NothingToAssessError: when all cells are missing.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"model": ["a", "b"], "x": [0.9, 0.5], "y": [0.8, 0.4], "z": [0.7, 0.6]})
        >>> sustainability(frame).verdict[:32]
        'No rank claim is made: 3 tasks c'
    """
    started = time.perf_counter()
    reading, goals = split_options(options)
    results = results_of(read_records(table, reading), reading)
    other = None if against is None else _read_other(against, reading)
    draws = rng if rng is not None else stream(0, "sustainability")
    stand, parts = _parts(results, reading, goals, other, level, draws)
    findings = tuple(found for part in parts for found in part.findings)
    estimates = tuple(estimate for part in parts for estimate in part.estimates)
    tables = {name: rows for part in parts for name, rows in part.tables.items()}
    return Assessment(
        lens="sustainability", question=QUESTION, verdict=_verdict(results, stand, estimates), findings=findings,
        estimates=estimates, tables={name: tables[name] for name in SHOWN_TABLES if name in tables},
        figures=tuple(figure for part in parts for figure in part.figures),
        inputs=_inputs(results, reading, goals, level),
        caveats=tuple(dict.fromkeys(told for part in parts for told in part.caveats)),
        cost={"seconds": time.perf_counter() - started},
    )  # fmt: skip


def _read_other(against: pd.DataFrame, reading: Reading) -> Results:
    own = reading_of_other(against, reading)
    return results_of(read_records(against, own), own)


def _parts(
    results: Results, reading: Reading, goals: Goals, other: Results | None, level: float, rng: np.random.Generator
) -> tuple[Standing, list[Part]]:  # fmt: skip
    stand = standing(results, reading, goals, level=level, rng=rng)
    first = stand.part.tables["ranking"][0]
    return stand, [
        stand.part,
        subtasks(results, stand.errors, (first["mean"], first["mean_again"]), level=level),
        needs(results, reading, goals, stand.order, stand.errors, level=level),
        robustness(results, stand.order, rng=rng),
        history(results, other),
        limits(results, level=level),
    ]


def _verdict(results: Results, stand: Standing, estimates: tuple[Estimate, ...]) -> str:
    if len(results.models) < 2:
        row = stand.part.tables["ranking"][0]
        return f"{_mean_in_words(row, counted(len(results.tasks), 'task'))}; one model has no rank."
    first = next(iter(stand.part.findings)).claim
    known = {estimate.name: estimate for estimate in estimates}
    g, effect = known.get("generalizability"), known.get("detectable_effect")
    if g is None or g.value is None:
        return first
    more = f" Reliability over {counted(len(results.tasks), 'task')} is {g.value:.2f}"
    if effect is not None and effect.value is not None:
        more += f"; differences below {amount(effect.value, results.unit)} are likely to be missed"
    return f"{first}{more}."


def _mean_in_words(row: Mapping[str, Any], where: str) -> str:
    """M of one model for both populations, in words."""
    wide, again = row["mean"], row["mean_again"]
    words = [
        f"{show_number(mean.low)} to {show_number(mean.high)} for {mean.population}"
        for mean in (wide, again) if mean.width is not None
    ]  # fmt: skip
    unit = f" {wide.unit}" if wide.unit not in ("", "fraction") else ""
    ends = f", {' and '.join(words)}" if words else ""
    return f"The mean of {row['model']} over {where} is {show_number(wide.value)}{unit}{ends}"


def _inputs(results: Results, reading: Reading, goals: Goals, level: float) -> dict[str, Any]:
    used = {name: getattr(reading, name) for name in Reading.__slots__ if getattr(reading, name)}
    wanted = {name: getattr(goals, name) for name in Goals.__slots__ if getattr(goals, name) is not None}
    digest = key_of(
        [list(results.models), list(results.tasks), array_digest(np.nan_to_num(results.scores, nan=-1e300))]
    )
    return {
        "digest": digest, "rows": results.rows, "source": results.source, "models": len(results.models),
        "tasks": len(results.tasks), "missing": int((~results.present).sum()), "unit": results.unit, "level": level,
        "lower_is_better": [task for task, up in zip(results.tasks, results.higher, strict=True) if not up],
        "versions": [version.label for version in results.versions], "options": used | wanted,
    }  # fmt: skip
