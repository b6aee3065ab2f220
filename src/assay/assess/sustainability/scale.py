"""Scales of scores: fractions or percent, mixed or not; and columns that are averages of the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError

_AGGREGATE = re.compile(r"(^|[^a-z])(mean|average|avg|overall|score|total|macro|win rate)([^a-z]|$)", re.IGNORECASE)
_RANK = re.compile(r"^\W*(rank|#|no|nr|pos|position|place)\W*$", re.IGNORECASE)
_GAP = 5.0

Scores = NDArray[np.float64]


def unit_of(scores: Scores) -> str:
    """`fraction` when scores lie in 0 to 1, `points` when they lie in 0 to 100, otherwise empty.

    A few may be negative, as correlations are that are near 0.
    """
    known = scores[np.isfinite(scores)]
    if known.size == 0 or (known < 0).mean() > 0.1:
        return ""
    for unit, top in (("fraction", 1.0), ("points", 100.0)):
        if np.abs(known).max() <= top:
            return unit if unit == "fraction" or known.max() > 1.5 else ""
    return ""


def check_scale(
    scores: Scores, tasks: Sequence[str], where: Callable[[int, int], str], *, within_tasks: bool = False
) -> None:
    """Refuse a table in which fractions and percent are mixed.

    Args:
        scores: (m, t) scores, absent cells NaN.
        tasks: (t,) names of the tasks.
        where: Model and task positions → the words that name the cell.
        within_tasks: Whether tasks may be on different scales, because they are standardised anyway.

    Raises:
        DataError: when some cells of a task, or some tasks of a table in percent, look like fractions.
    """
    for at, task in enumerate(tasks):
        small = _fractions_among_percent(scores[:, at])
        if small.size:
            named = "; ".join(f"{where(int(model), at)} is {scores[model, at]:g}" for model in small[:3])
            more = f"; and {len(small) - 3} more" if len(small) > 3 else ""
            raise DataError(
                f"task {task!r} seems to mix fractions and percent: {named}{more}. Write all of its scores on one "
                "scale, or pass --as-is when they are right"
            )
    kinds = [_kind(scores[:, at]) for at in range(len(tasks))]
    if "fraction" in kinds and "percent" in kinds and "other" not in kinds and not within_tasks:
        rare = min(("fraction", "percent"), key=kinds.count)
        named = ", ".join(repr(task) for task, kind in zip(tasks, kinds, strict=True) if kind == rare)
        raise DataError(
            f"tasks on different scales: {named} {'is' if kinds.count(rare) == 1 else 'are'} in "
            f"{'fractions' if rare == 'fraction' else 'percent'} and the others are not, so a mean over tasks would "
            "hardly see the smaller ones. Write all on one scale, leave tasks out with --drop, bring all to one spread "
            "with --standardise, or pass --as-is"
        )


def aggregate_columns(scores: Scores, names: Sequence[str]) -> dict[str, str]:
    """Columns that are no tasks: ranks, row numbers, and averages of the others, with the reason for each."""
    found: dict[str, str] = {}
    for at, name in enumerate(names):
        own = scores[:, at]
        known = np.isfinite(own)
        counted = known.all() and len(own) > 2 and np.array_equal(np.abs(np.diff(own)), np.ones(len(own) - 1))
        if _RANK.match(name) or (name == "index" and counted):
            found[name] = "it numbers the rows"
        elif _AGGREGATE.search(name) and len(names) > 2:
            rest = np.delete(scores, [other for other in range(len(names)) if names[other] in found] + [at], axis=1)
            complete = known & np.isfinite(rest).all(axis=1)
            if complete.sum() > 3 and rest.shape[1] and _alike(own[complete], rest[complete].mean(axis=1)):
                found[name] = "it is an average of the others"
    return found


def _fractions_among_percent(column: Scores) -> NDArray[np.int_]:
    """Positions of cells in (0, 1] that would join the others if multiplied by 100, across a wide gap."""
    known = np.flatnonzero(np.isfinite(column))
    small = known[(column[known] > 0) & (column[known] <= 1)]
    large = known[column[known] > 1]
    if not small.size or not large.size or column[large].max() > 100 or (column[known] < 0).any():
        return np.array([], dtype=int)
    low, high = column[large].min(), column[large].max()
    gap = low / column[small].max() >= _GAP
    slack = max(0.3 * (high - low), 5.0)
    joined = column[small] * 100
    fits = (joined >= low - slack) & (joined <= high + slack)
    return small if gap and fits.mean() > 0.5 else np.array([], dtype=int)


def _kind(column: Scores) -> str:
    known = column[np.isfinite(column)]
    if known.size == 0 or known.min() < 0 or known.max() > 100:
        return "other"
    if known.max() <= 1:
        return "fraction" if known.max() > 0 else "other"
    return "percent" if np.median(known) > 1.5 else "other"


def _alike(column: Scores, mean: Scores) -> bool:
    if np.ptp(column) == 0 or np.ptp(mean) == 0:
        return False
    return float(np.corrcoef(column, mean)[0, 1]) > 0.9
