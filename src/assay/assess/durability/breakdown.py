"""The curve by class and by group: which part of the task faded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import t

from assay.assess.durability.periods import Periods
from assay.assess.durability.scoring import Scoring
from assay.estimate import Estimate
from assay.stats.multiplicity import holm
from assay.stats.proportion import wilson
from assay.stats.steps import difference_interval

MOST_PARTS = 24
"""So many classes or groups are shown, the largest first."""

Positions = NDArray[np.int_]


def by_part(periods: Periods, scoring: Scoring, part: NDArray[Any], kind: str) -> list[dict[str, Any]]:
    """Score of each part in the source and in each window, and whether its change is real.

    Args:
        periods: source and windows.
        scoring: scores of rows.
        part: (n,) the class or group of each row of the log.
        kind: `class` or `group`, the name of the first column.

    Returns:
        One row a part and window, the source first; `change` and `real` (after Holm's adjustment over the parts) stand
        in the row of all later windows together.
    """
    names, codes = np.unique(part[np.r_[periods.source, periods.rows_later].astype(int)], return_counts=True)
    shown = [name for _, name in sorted(zip(-codes, names, strict=True))][:MOST_PARTS]
    rows: list[dict[str, Any]] = []
    changes: list[tuple[int, float]] = []
    for name in shown:
        source = _score(scoring, periods.source[part[periods.source] == name])
        later_rows = periods.rows_later[part[periods.rows_later] == name]
        later = _score(scoring, later_rows)
        rows.append({kind: str(name), "window": "source", "n": source.n, "score": source})
        for k in periods.later:
            mine = periods.labelled[k][part[periods.labelled[k]] == name]
            score = _score(scoring, mine)
            rows.append({kind: str(name), "window": periods.windows.names[k], "n": len(mine), "score": score})
        change, p_value = _change(scoring, source, later)
        if p_value is not None:
            changes.append((len(rows), p_value))
        rows.append({kind: str(name), "window": "all later", "n": len(later_rows), "score": later, "change": change})
    adjusted = holm([p for _, p in changes])
    for (row, _), p_value in zip(changes, adjusted, strict=True):
        rows[row]["real"] = bool(p_value <= 1 - scoring.level)
    return rows


def _score(scoring: Scoring, rows: Positions) -> Estimate:
    """Mean row score: a share by Wilson's interval, another mean by the normal's."""
    factor = scoring.row_sign
    about: dict[str, Any] = {"name": scoring.row_name, "n": len(rows), "population": "other such items"}
    if len(rows) == 0:
        return Estimate(value=None, reason="no such row", **about)
    values = scoring.row[rows]
    mean = float(values.mean())
    if np.isin(values, (0.0, 1.0)).all() and scoring.row_name == "accuracy":
        low, high = wilson(float(values.sum()), len(rows), level=scoring.level)
        return Estimate(value=mean, low=low, high=high, level=scoring.level, unit="fraction", method="Wilson", **about)
    if len(rows) < 2:
        return Estimate(value=mean * factor, method="one row has no interval", **about)
    half = float(t.ppf((1 + scoring.level) / 2, len(rows) - 1) * values.std(ddof=1) / np.sqrt(len(rows)))
    return Estimate(value=mean * factor, low=mean * factor - half, high=mean * factor + half, level=scoring.level,
                    method="Student's t", **about)  # fmt: skip


def _change(scoring: Scoring, source: Estimate, later: Estimate) -> tuple[Estimate, float | None]:
    factor, unit = scoring.points
    about: dict[str, Any] = {
        "name": "change", "unit": unit, "n": (source.n or 0) + (later.n or 0), "population": "other such items",
        "method": "later less source, interval from theirs",
    }  # fmt: skip
    ends = difference_interval(later, source)
    if ends is None or later.value is None or source.value is None:
        return Estimate(value=None, reason="too few rows before or after", **about), None
    value = later.value - source.value
    error = float(np.hypot(scoring.error(source) or 0.0, scoring.error(later) or 0.0))
    p_value = float(2 * ndtr(-abs(value) / error)) if error > 0 else 1.0
    estimate = Estimate(value=value * factor, low=ends[0] * factor, high=ends[1] * factor, level=scoring.level, **about)
    return estimate, p_value
