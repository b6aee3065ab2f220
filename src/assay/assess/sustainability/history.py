"""Over time and between sources: what changed beyond noise, what looks like a fault, and what is not comparable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.fingerprint import changed
from assay.assess.sustainability.part import Part, counted, finding, listed
from assay.assess.sustainability.results import Results, Version
from assay.assess.sustainability.sources import Sources, compare_sources
from assay.estimate import Estimate
from assay.finding import Finding
from assay.stats.aggregates import mean
from assay.stats.agreement import kendall_tau_b
from assay.stats.versions import Flag, compare_versions, implausible_scores

FAULTS = ("fault", "columns swapped", "task changed", "impossible")
"""Kinds of flags that count as faults; a score unlike the rest may be odd and right."""


def history(results: Results, against: Results | None = None) -> Part:
    """Tables `flags`, `versions` and `sources`, and what they mean.

    Args:
        results: The table, with its versions if it has any.
        against: Another source of the same table; only models and tasks that both have are compared.
    """
    flags = [dict(row) for row in results.incomparable]
    found: list[Finding] = []
    versions, steps = _compared(results)
    flags += versions
    sources = Sources() if against is None else compare_sources(results, against)
    flags += sources.flags
    caveats = list(sources.caveats)
    if not results.versions and against is None:
        flags += [_row(results, flag, None) for flag in implausible_scores(results.scores)]
    flags = _once(flags)
    found += _findings(flags, sources.rows, compared=bool(steps) or against is not None)
    faults = sum(row["kind"] in FAULTS for row in flags)
    doubtful = faults + sum(row["kind"] == "unlike the rest" for row in flags)
    if doubtful:
        caveats.append(
            f"{counted(doubtful, 'score')} that may be wrong {'is' if doubtful == 1 else 'are'} listed in flags and "
            "still counted; correct them in the table, or leave out what cannot be right"
        )  # fmt: skip
    method = "changes beyond honest noise" if steps or against else "distance from the rest"
    count = Estimate(name="flagged_faults", value=faults, n=int(results.present.sum()), unit="cells", method=method)
    tables: dict[str, Sequence[dict[str, Any]]] = {"flags": flags}
    if steps:
        tables["versions"] = steps
    if sources.rows:
        tables["sources"] = sources.rows
    return Part(tables=tables, findings=tuple(found), estimates=(count,), caveats=tuple(caveats))


def _compared(results: Results) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Flags of every step from one version to the next, and a row for each step."""
    flags: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    # A version often lists only what is new: each is compared with the last score that a cell had.
    last = np.full(results.scores.shape, np.nan)
    marks: dict[str, NDArray[np.object_]] = {}
    previous: Version | None = None
    for version in results.versions:
        if previous is not None:
            causes, comparable = changed(results.parts, marks, version.marks, np.isfinite(version.scores),
                                         (results.models, results.tasks), version.label)  # fmt: skip
            comparison = compare_versions(np.where(comparable, last, np.nan), version.scores,
                                          resolution=_resolution(results, last), tasks=results.tasks)  # fmt: skip
            flags += causes
            flags += [_row(results, flag, version.label if flag.later else previous.label)
                      for flag in comparison.flags]  # fmt: skip
            steps.append(_step(previous.label, version, last, comparison.compared, len(comparison.flags)))
        here = np.isfinite(version.scores)
        last = np.where(here, version.scores, last)
        marks = {name: np.where(here, mark, marks.get(name, mark)) for name, mark in version.marks.items()}
        previous = version
    return flags, steps


def _resolution(results: Results, scores: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """The change that a test set of known size can show of one model, in the unit of the scores."""
    if results.sizes is None or results.unit not in ("fraction", "points"):
        return 0.0
    top = 100.0 if results.unit == "points" else 1.0
    p = np.clip(np.nan_to_num(np.nanmedian(np.where(results.present, scores, np.nan), axis=0)) / top, 0.0, 1.0)
    n = np.nanmedian(results.sizes, axis=0)
    # One item in ten that is judged otherwise the second time is already a very different run.
    return top * 2.8 * np.sqrt(np.minimum(0.1, 2 * p * (1 - p)) / n)


def _step(before: str, version: Version, last: NDArray[np.float64], compared: int, flagged: int) -> dict[str, Any]:
    change = np.abs(version.scores - last)
    known = np.isfinite(change)
    tau = None
    both = known.any(axis=1)
    if both.sum() > 2:
        held = np.where(known, 0.0, np.nan)
        value = kendall_tau_b(np.round(mean(last + held)[both], 12), np.round(mean(version.scores + held)[both], 12))
        tau = None if np.isnan(value) else value
    return {
        "before": before, "after": version.label, "compared": compared, "flagged": flagged,
        "median_change": float(np.median(change[known])) if known.any() else None, "tau": tau,
    }  # fmt: skip


def _row(results: Results, flag: Flag, time: str | None) -> dict[str, Any]:
    return {"model": results.models[flag.model], "task": results.tasks[flag.task], "time": time, "kind": flag.kind,
            "size": flag.size, "why": flag.why}  # fmt: skip


def _once(flags: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A fault that comes and goes is one flag, not two."""
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in flags:
        seen.setdefault((row["model"], row["task"], row["time"], row["kind"]), row)
    return list(seen.values())


def _findings(flags: list[dict[str, Any]], sources: list[dict[str, Any]], *, compared: bool) -> list[Finding]:
    found: list[Finding] = []
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in flags:
        by_kind.setdefault(row["kind"], []).append(row)
    for kind, words in (
        ("fault", "a score that cannot be right"), ("impossible", "a score outside its range"),
        ("columns swapped", "a score of another task"), ("task changed", "a score of a task that changed as a whole"),
        ("unlike the rest", "a score unlike the rest of its model and task"),
    ):  # fmt: skip
        rows = by_kind.get(kind, [])
        if rows:
            where = [f"{row['model']} on {row['task']}{' in ' + row['time'] if row['time'] else ''}" for row in rows]
            tasks = sorted({row["task"] for row in rows})
            shown = listed(where) if len(rows) <= 4 else f"{counted(len(rows), 'cell')} of {listed(tasks)}"
            verdict = "yes" if kind in FAULTS else "undetermined"
            found.append(finding(f"{words.capitalize()}: {shown}.", verdict=verdict, evidence="table flags",
                                 subjects=tuple(dict.fromkeys(row["model"] for row in rows))[:20]))  # fmt: skip
    beyond = by_kind.get("beyond noise", [])
    if beyond:
        found.append(finding(f"{counted(len(beyond), 'score')} changed by more than honest noise.", verdict="yes",
                             evidence="table flags"))  # fmt: skip
    elif compared and not any(kind in by_kind for kind in FAULTS):
        found.append(finding("No score changed by more than honest noise.", verdict="yes", evidence="table flags"))
    poor = [row["task"] for row in sources if row["comparable"] is False]
    if poor:
        found.append(finding(f"Not comparable between the two sources: {listed(poor, 6)}.", verdict="yes",
                             method="another protocol, or Lin's concordance below 0.9"))  # fmt: skip
    return found
