"""How far a score carries from the rows a model learned from to rows it did not: gaps, calibration, abstention.

Parts are `train`, `valid`, `test` and, where given, `shifted` (corrupted or from elsewhere). A gap between parts with
different items is unpaired; one between the same items in another form (corrupted) is paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from assay.assess.selection.scale import Scale, scale_of
from assay.errors import AssayError, NothingToAssessError
from assay.estimate import Estimate
from assay.finding import Figure
from assay.metrics import METRICS, contributions, interval
from assay.outcome import Predictions
from assay.stats.proportion import wilson

PARTS = ("train", "valid", "test", "shifted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generalisation:
    """One model's scores side by side, what is lost on the way, and how far its confidence can be used."""

    scores: Mapping[str, Estimate]
    """Part → score."""
    gaps: Mapping[str, Estimate]
    """`train_to_test`, `valid_to_test`, `test_to_shifted`: what is lost; positive is a loss."""
    calibration: Mapping[str, Estimate]
    """Part → calibration error; a reason where there are no scores."""
    abstention: Sequence[Mapping[str, Any]]
    """Rows of `answered` (share), `accuracy`, `low`, `high`, best-known first; empty without scores."""
    figures: tuple[Figure, ...] = ()


def generalisation(
    parts: Mapping[str, Predictions], *, metric: str, level: float = 0.95, rng: np.random.Generator
) -> Generalisation:
    """Scores of each part with intervals, the gaps between them, calibration and the abstention curve.

    Args:
        parts: Part (`train`, `valid`, `test`, `shifted`) → predictions of one model.
        metric: A name in `assay.metrics.METRICS`.
        level: Confidence level.
        rng: The source of randomness.

    Raises:
        NothingToAssessError: without a `test` part.
        UnknownNameError: when there is no such metric.
    """
    if "test" not in parts:
        raise NothingToAssessError("there are no predictions for test rows, so nothing can be said of new rows")
    scale = scale_of(metric)
    present = [part for part in PARTS if part in parts]
    scores = {part: _score(parts[part], metric, level, rng) for part in present}
    steps = (("train", "test"), ("valid", "test"), ("test", "shifted"))
    gaps = {f"{a}_to_{b}": gap(parts[a], parts[b], scale, name=f"{a}_to_{b}", level=level)
            for a, b in steps if a in parts and b in parts}  # fmt: skip
    calibration = {part: _calibration(parts[part], level, rng) for part in present}
    curve = abstention(parts["test"], level=level)
    return Generalisation(
        scores=scores, gaps=gaps, calibration=calibration, abstention=curve,
        figures=_figures(scores, curve, scale),
    )  # fmt: skip


def gap(a: Predictions, b: Predictions, scale: Scale, *, name: str, level: float) -> Estimate:
    """What is lost from part `a` to part `b`: positive where `b` scores worse.

    Paired over items where both parts hold the same items, else the two errors add.
    """
    metric = METRICS[scale.metric]
    try:
        first, second = (metric(p.target, p.label, p.score) for p in (a, b))
        moves = [contributions(scale.metric, p.target, p.label, p.score) for p in (a, b)]
    except AssayError as error:
        return Estimate.unknown(name, str(error), unit=scale.unit)
    loss = scale.sign * (first - second)
    paired = _paired(a, b)
    if paired is not None:
        change = moves[0] - moves[1][paired]
        error, n = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.inf, len(change)
    else:
        error = np.sqrt(sum(m.var(ddof=1) / len(m) if len(m) > 1 else np.inf for m in moves))
        n = min(len(m) for m in moves)
    if not np.isfinite(error):
        return Estimate.unknown(name, "one item is too few for an interval", unit=scale.unit, n=n)
    reach = float(norm.ppf(0.5 + level / 2)) * float(error)
    return Estimate(
        name=name, value=loss * scale.factor, low=(loss - reach) * scale.factor, high=(loss + reach) * scale.factor,
        level=level, n=n, unit=scale.unit, population="other items of both parts, the same training",
        method="paired over items" if paired is not None else "two independent parts",
    )  # fmt: skip


def _paired(a: Predictions, b: Predictions) -> NDArray[np.int_] | None:
    """Where each item of `a` is in `b`, when they hold the same items."""
    if len(a.ids) != len(b.ids) or len(np.unique(a.ids)) != len(a.ids):
        return None
    order = np.argsort(b.ids)
    at = np.searchsorted(b.ids, a.ids, sorter=order)
    if (at >= len(order)).any() or not (b.ids[order[at]] == a.ids).all():
        return None
    return order[at]


def abstention(rows: Predictions, *, level: float, steps: int = 20) -> list[dict[str, Any]]:
    """Accuracy on the most confident share of the items, from 5 % to all of them; empty without scores.

    Notes:
        The interval at each share is Wilson's for that many items; the curve as a whole has no joint confidence.

    References:
        El-Yaniv and Wiener (2010), On the foundations of noise-free selective classification (risk and coverage).
    """
    if rows.score is None or rows.score.ndim != 2 or np.asarray(rows.target).ndim != 1:
        return []
    hits = np.asarray(rows.labels()) == np.asarray(rows.target)
    order = np.argsort(-rows.score.max(axis=1), kind="stable")
    right = np.cumsum(hits[order])
    curve: list[dict[str, Any]] = []
    for count in sorted({max(1, round(len(hits) * step / steps)) for step in range(1, steps + 1)}):
        low, high = wilson(int(right[count - 1]), count, level=level)
        curve.append(
            {"answered": count / len(hits), "accuracy": float(right[count - 1] / count), "low": low, "high": high}
        )
    return curve


def _score(rows: Predictions, metric: str, level: float, rng: np.random.Generator) -> Estimate:
    try:
        return interval(metric, rows.target, rows.label, rows.score, level=level, rng=rng)
    except AssayError as error:
        return Estimate.unknown(metric, str(error), n=len(rows.ids))


def _calibration(rows: Predictions, level: float, rng: np.random.Generator) -> Estimate:
    if rows.score is None:
        return Estimate.unknown("calibration_error", "there are no predicted probabilities", n=len(rows.ids))
    return _score(rows, "calibration_error", level, rng)


def _figures(scores: Mapping[str, Estimate], curve: Sequence[Mapping[str, Any]], scale: Scale) -> tuple[Figure, ...]:
    words = scale.metric.replace("_", " ")
    rows = [{"part": part, "score": e.value, "low": e.low, "high": e.high} for part, e in scores.items() if e.known]
    found = [
        Figure(
            name="parts", kind="intervals", title=f"{words.capitalize()} on each part of the data", rows=rows,
            x="score", y="part", low="low", high="high", x_title=words,
            alt="; ".join(f"{part}: {e}" for part, e in scores.items()),
        )
    ]  # fmt: skip
    if curve:
        found.append(
            Figure(
                name="abstention", kind="curve", title="Accuracy when the least confident items are left to a person",
                rows=list(curve), x="answered", y="accuracy", low="low", high="high", x_title="share answered",
                y_title="accuracy", alt=f"All items: {curve[-1]['accuracy']:.3f}.",
            )
        )  # fmt: skip
    return tuple(found)
