"""The score where labels have not arrived: which method has been right here, and what it says now.

Each method is taught by the source period and asked about every labelled window of the past as if it had no labels. Its
past error there is the only evidence for it, and it widens the interval; a second form of each takes off its mean past
error. The choice for a window uses earlier windows alone. No method sees a changed relation between input and label;
only labels do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from assay.assess.durability.periods import Periods
from assay.assess.durability.representation import Representation
from assay.assess.durability.scoring import Scoring
from assay.assess.durability.track import CORRECTED, Track, correct, track
from assay.estimate import Estimate
from assay.stats.label_free import METHODS, NEEDS_CONFIDENCE, Learned, Method, Unlabelled, learn, prediction_powered

Floats = NDArray[np.float64]
Positions = NDArray[np.int_]

BLIND = (
    "Without labels nothing can show a changed relation between input and label: every label-free figure assumes that "
    "equal inputs are still as often right as they were."
)
_MOST_SOURCE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFree:
    """Label-free estimates of every window, checked on those with labels."""

    methods: tuple[str, ...]
    """The methods that could be used, each followed by its corrected form."""
    estimates: NDArray[np.float64]
    """(m, w) mean row score that each method gives to each window; NaN without rows."""
    realised: NDArray[np.float64]
    """(w,) mean row score of the labelled rows; NaN without."""
    chosen: tuple[str, ...]
    """(w) the method chosen for each window, on earlier windows only."""
    windows: tuple[Estimate, ...]
    """(w) estimate of the chosen method, with an interval; in the metric's own sign."""
    combined: tuple[Estimate | None, ...]
    """(w) with the few labels there are; None where all rows have labels or fewer than ten do."""


def estimate_without_labels(
    periods: Periods, scoring: Scoring, seen: Representation, *, rng: np.random.Generator,
) -> LabelFree | str:  # fmt: skip
    """Label-free estimates of every window, and how right they have been.

    Args:
        periods: source and windows.
        scoring: scores of the rows.
        seen: columns of the rows.
        rng: draws source rows above 20,000.

    Returns:
        The estimates, or the reason why there are none.
    """
    if len(periods.source) < 50:
        return f"{len(periods.source)} labelled rows in the source period are too few to learn from; 50 are the least"
    out = scoring.outputs
    methods: list[Method] = [m for m in METHODS if out.confidence is not None or m not in NEEDS_CONFIDENCE]
    if not np.isin(scoring.row[periods.source], (0.0, 1.0)).all():
        methods = [m for m in methods if m not in NEEDS_CONFIDENCE]
    teach = periods.source
    if len(teach) > _MOST_SOURCE:
        teach = np.sort(rng.choice(teach, _MOST_SOURCE, replace=False))
    rows = [np.sort(np.r_[a, b]) for a, b in zip(periods.labelled, periods.unlabelled, strict=True)]
    everything = _as_unlabelled(scoring, seen, teach)
    source = everything.take(teach)
    learned: dict[Method, Learned] = {name: learn(name, source, scoring.row[teach]) for name in methods}
    w = len(rows)
    estimates, errors = np.full((len(methods), w), np.nan), np.full((len(methods), w), np.nan)
    guesses: list[dict[str, tuple[Floats, Floats]]] = []
    for k in range(w):
        guesses.append(_ask(learned, everything.take(rows[k])) if len(rows[k]) else {})
        for i, name in enumerate(methods):
            if name in guesses[k]:
                estimates[i, k] = float(guesses[k][name][0].mean())
                errors[i, k] = float(
                    np.hypot(guesses[k][name][1][0], guesses[k][name][0].std() / np.sqrt(len(rows[k])))
                )
    realised = np.array([scoring.row[r].mean() if len(r) else np.nan for r in periods.labelled])
    checked = [j for j in range(w) if np.isfinite(realised[j]) and j != periods.source_window]
    found = track(methods, estimates, errors, realised, checked)
    chosen = tuple(found.choose(k) for k in range(w))
    windows = tuple(_estimate(scoring, found, chosen[k], k, len(rows[k])) for k in range(w))
    combined = tuple(_combine(scoring, periods, rows[k], guesses[k], chosen[k], k) for k in range(w))
    return LabelFree(methods=found.names, estimates=found.estimates, realised=realised, chosen=chosen, windows=windows,
                     combined=combined)  # fmt: skip


def _as_unlabelled(scoring: Scoring, seen: Representation, teach: Positions) -> Unlabelled:
    """All rows as the methods see them; columns are scaled on the source."""
    out = scoring.outputs
    label = np.zeros(len(out.label), dtype=int) if out.regression else out.label.astype(int)
    return Unlabelled(label=label, confidence=out.confidence, columns=seen.scaled_on(teach))


def _ask(learned: Mapping[Method, Learned], rows: Unlabelled) -> dict[str, tuple[Floats, Floats]]:
    answers: dict[str, tuple[Floats, Floats]] = {}
    for name, method in learned.items():
        if name == "importance" and len(rows) < 30:
            continue
        guess, error = method.expected(rows)
        answers[name] = (guess, np.array([error]))
    return answers


def _estimate(scoring: Scoring, found: Track, name: str, k: int, n: int) -> Estimate:
    """The chosen method's figure; past errors give the interval once there are three, assumptions before that."""
    about: dict[str, Any] = {"name": scoring.row_name, "unit": _unit(scoring), "n": n, "population": "this window"}
    i = found.names.index(name)
    value, error = float(found.estimates[i, k]), float(found.errors[i, k])
    if not np.isfinite(value):
        return Estimate(value=None, reason="no row in the window", **about)
    gaps = found.gaps(i, k)
    if len(gaps) >= 3:
        spread = float(np.sqrt((gaps**2).mean() * (1 + 1 / len(gaps))))
        half = float(t.ppf((1 + scoring.level) / 2, len(gaps))) * max(spread, error)
        method = f"{name}, interval from its error on {len(gaps)} earlier windows"
    else:
        half = float(t.ppf((1 + scoring.level) / 2, 50)) * error
        method = f"{name}, interval from sampling alone: too few earlier windows to check it"
    return _signed(value, value - half, value + half, method, scoring, about)


def _combine(
    scoring: Scoring, periods: Periods, rows: Positions, guesses: dict[str, tuple[Floats, Floats]], name: str, k: int,
) -> Estimate | None:  # fmt: skip
    """Few labels and a guess of every row together, unbiased when the labelled rows are a random sample."""
    known, name = np.isin(rows, periods.labelled[k]), name.removesuffix(CORRECTED)
    if known.all() or known.sum() < 10 or name not in guesses:
        return None
    guess = guesses[name][0]
    both = prediction_powered(scoring.row[rows[known]], guess[known], guess[~known])
    half = float(t.ppf((1 + scoring.level) / 2, int(known.sum()) - 1)) * both.error
    about: dict[str, Any] = {
        "name": scoring.row_name, "unit": _unit(scoring), "n": int(known.sum()),
        "population": "this window, its labelled rows a random sample",
    }  # fmt: skip
    method = f"prediction-powered, {name}, weight {both.weight:.2f}"
    return _signed(both.value, both.value - half, both.value + half, method, scoring, about)


def _signed(value: float, low: float, high: float, method: str, scoring: Scoring, about: dict[str, Any]) -> Estimate:
    if scoring.row_sign < 0:
        value, low, high = -value, -high, -low
    if about["unit"] == "fraction":
        value, low, high = (float(np.clip(end, 0.0, 1.0)) for end in (value, low, high))
    return Estimate(value=value, low=low, high=high, level=scoring.level, method=method, **about)


def _unit(scoring: Scoring) -> str:
    return "fraction" if scoring.points[1] == "points" else scoring.points[1]


def method_rows(found: LabelFree, scoring: Scoring, periods: Periods) -> list[dict[str, Any]]:
    """How right each method has been on the labelled windows after the source, in points; the source score beside it.

    The row `chosen on the past` is what a user would have had: each window's method chosen on earlier windows only.
    """
    factor, _ = scoring.points
    later = np.array(periods.later, dtype=int)
    if len(later) == 0:
        return []
    realised = found.realised[later]
    said = {name: found.estimates[i, later] for i, name in enumerate(found.methods)}
    said["chosen on the past"] = np.array([found.estimates[found.methods.index(found.chosen[k]), k] for k in later])
    constant = np.full((1, len(found.realised)), float(scoring.row[periods.source].mean()))
    said["the source score, unchanged"] = constant[0, later]
    said["the source score" + CORRECTED] = correct(constant, found.realised, list(later))[0, later]
    rows: list[dict[str, Any]] = []
    for name, values in said.items():
        gaps = (values - realised)[np.isfinite(values)]
        if len(gaps):
            rows.append({"method": name, "windows": len(gaps),
                         "mean_absolute_error": float(np.abs(gaps).mean()) * factor,
                         "bias": scoring.row_sign * float(gaps.mean()) * factor,
                         "chosen": sum(c == name for c in found.chosen)})  # fmt: skip
    return rows
