"""What a changed mix of classes costs each window: exactly with labels, and by two estimates without them.

BBSE and EM take it that each class still looks as it did. Where that is wrong they can agree and be wrong together, so
they stand beside the exact term wherever labels have come.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from assay.assess.durability.periods import Periods
from assay.assess.durability.scoring import Scoring
from assay.estimate import Estimate
from assay.stats.label_shift import Shares, bbse, class_terms, em_shares

Positions = NDArray[np.int_]

MOST_CLASSES = 50
_FEWEST = 30


def mix_rows(periods: Periods, scoring: Scoring) -> list[dict[str, Any]]:
    """The label term of each window after the source, with and without labels, and the within-class term.

    Args:
        periods: source and windows.
        scoring: scores of rows.

    Returns:
        One row a window: `window`, `label_term` and `within_class` (exact, in points, they sum to the change),
        `label_term_bbse` and `label_term_em` (of all rows of the window, their labels unseen); empty for numbers, for
        more than 50 classes, and without 30 labelled source rows.
    """
    out = scoring.outputs
    if out.regression or len(out.classes) > MOST_CLASSES or len(periods.source) < _FEWEST:
        return []
    first = -1 if periods.source_window is None else periods.source_window
    rows: list[dict[str, Any]] = []
    for k in range(first + 1, len(periods.windows)):
        every = np.r_[periods.labelled[k], periods.unlabelled[k]]
        if len(every) == 0:
            continue
        row: dict[str, Any] = {"window": periods.windows.names[k], "n": len(every)}
        row |= _exact(scoring, periods.source, periods.labelled[k])
        row |= _guessed(scoring, periods.source, every)
        rows.append(row)
    return rows


def _exact(scoring: Scoring, source: Positions, window: Positions) -> dict[str, Estimate]:
    factor, unit = scoring.points
    if len(window) == 0:
        reason = "no label has arrived"
        return {name: Estimate.unknown(name, reason, unit=unit) for name in ("label_term", "within_class")}
    target = scoring.outputs.target.astype(int)
    terms = class_terms(target[source], scoring.row[source], target[window], scoring.row[window],
                        classes=len(scoring.outputs.classes))  # fmt: skip
    z = float(ndtri((1 + scoring.level) / 2))
    found: dict[str, Estimate] = {}
    for name, value, error in (("label_term", float(terms.label.sum()), terms.label_error),
                               ("within_class", float(terms.within.sum()), terms.within_error)):  # fmt: skip
        found[name] = Estimate(
            name=name, value=value * factor, low=(value - z * error) * factor, high=(value + z * error) * factor,
            level=scoring.level, n=len(source) + len(window), unit=unit, population="other such items",
            method="exact sum over classes",
        )  # fmt: skip
    return found


def _guessed(scoring: Scoring, source: Positions, window: Positions) -> dict[str, Estimate]:
    """Σ (π0 − π) a0 with shares π guessed from predictions (BBSE) and from probabilities (EM)."""
    out = scoring.outputs
    classes, target = len(out.classes), out.target.astype(int)
    known = out.label[source] < classes
    said = out.label.astype(int)
    guesses: dict[str, Shares] = {
        "label_term_bbse": bbse(target[source][known], said[source][known], said[window][said[window] < classes],
                                classes=classes) if known.any() and (said[window] < classes).any() else
        Shares(shares=None, reason="no prediction of a known class"),
    }  # fmt: skip
    if out.score is not None:
        guesses["label_term_em"] = em_shares(target[source], out.score[source], out.score[window])
    count = np.bincount(target[source], minlength=classes)
    total = np.bincount(target[source], weights=scoring.row[source], minlength=classes)
    before, right = count / count.sum(), np.divide(total, count, out=np.zeros(classes), where=count > 0)
    factor, unit = scoring.points
    return {
        name: Estimate.unknown(name, guess.reason or "no shares", unit=unit) if guess.shares is None else
        Estimate(name=name, value=float((before - guess.shares) @ right) * factor, unit=unit, n=len(window),
                 method="shares of classes without labels")
        for name, guess in guesses.items()
    }  # fmt: skip
