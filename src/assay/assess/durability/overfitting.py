"""From the training rows to the stream: how much of the fall was never decay.

P(train) − P(later) is the sum of four steps: memorisation (train → validation), selection (validation → held-out rows
of the same time), split optimism (those → the first window of the future) and decay (first window → all later ones).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from assay.assess.durability.periods import Periods
from assay.assess.durability.scoring import Scoring
from assay.estimate import Estimate

Positions = NDArray[np.int_]

_NO_MARK = "no row is marked train; --split COL marks them"


def overfitting_chain(periods: Periods, scoring: Scoring) -> list[dict[str, Any]]:
    """The steps from training rows to the stream, as rows that sum to P(train) − P(later).

    Args:
        periods: training, validation, source and windows.
        scoring: scores of rows.

    Returns:
        One row a step that the log can show: `step`, `from`, `to`, `points`; empty without marked training rows.

    Notes:
        Selection is at most σ √(2 ln K) for the best of K equal settings with σ² = p(1 − p)/n on n validation rows.
    """
    if len(periods.train) == 0:
        return []
    places: list[tuple[str, str, Positions]] = [("", "training rows", periods.train)]
    if len(periods.valid):
        places.append(("memorisation", "validation rows", periods.valid))
    if periods.source_window is None:
        name = "selection" if len(periods.valid) else "memorisation and selection"
        places.append((name, periods.source_kind, periods.source))
    windows = [k for k in range(len(periods.windows)) if len(periods.labelled[k])]
    if windows:
        first = periods.labelled[windows[0]]
        name = (
            "split optimism"
            if periods.source_window is None
            else "memorisation, selection and the step into the future"
        )
        places.append((name, f"first window ({periods.windows.names[windows[0]]})", first))
        if len(windows) > 1:
            rest = np.concatenate([periods.labelled[k] for k in windows[1:]])
            places.append(("decay", "later windows", rest))
    return [
        {"step": name, "from": places[k][1], "to": where,
         "points": fall_between(places[k][2], rows, scoring, name.replace(" ", "_"))}
        for k, (name, where, rows) in enumerate(places[1:])
    ]  # fmt: skip


def fall_between(before: Positions, after: Positions, scoring: Scoring, name: str) -> Estimate:
    """Mean row score of some rows less that of others, in points, with a normal interval."""
    factor, unit = scoring.points
    a, b = scoring.row[before], scoring.row[after]
    about: dict[str, Any] = {"name": name, "unit": unit, "n": len(a) + len(b), "population": "other such items"}
    if min(len(a), len(b)) == 0:
        return Estimate(value=None, reason="no labelled row on one side", **about)
    value = float(a.mean() - b.mean()) * factor
    if min(len(a), len(b)) < 2:
        return Estimate(value=value, method="one row has no interval", **about)
    half = float(ndtri((1 + scoring.level) / 2)) * factor * float(np.sqrt(_square(a) + _square(b)))
    return Estimate(value=value, low=value - half, high=value + half, level=scoring.level,
                    method="difference of two independent means", **about)  # fmt: skip


def overfitting_gap(periods: Periods, scoring: Scoring) -> Estimate:
    """P(train) less P(source) in points: memorisation and selection together."""
    _, unit = scoring.points
    if len(periods.train) == 0:
        return Estimate.unknown("overfitting_gap", _NO_MARK, unit=unit)
    return fall_between(periods.train, periods.source, scoring, "overfitting_gap")


def _square(values: NDArray[np.float64]) -> float:
    """Squared standard error of a mean; scores that are all right or all wrong count two more, one of each."""
    n = len(values)
    if np.isin(values, (0.0, 1.0)).all():
        p = (float(values.sum()) + 1) / (n + 2)
        return p * (1 - p) / n
    return float(values.var(ddof=1)) / n
