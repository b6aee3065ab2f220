"""Retraining as a decision: what each way of keeping up scores over the whole period, and what it costs.

Also whether overfitting makes a model fade: heads of the same rows at several strengths of regularisation, the slope of
each against its gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from assay.assess.durability.stream import Predict, Stream
from assay.estimate import Estimate

Floats = NDArray[np.float64]

STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)


Policy = tuple[Sequence[Floats], int, float, int]
"""Correctness of every item per window, number of fits, seconds in all, labels beyond those of the source period."""


def policies(stream: Stream, rivals: Sequence[Stream]) -> dict[str, Policy]:
    """The ways of keeping up that streams show: frozen, and refitted at each window; of rivals under their own names.

    Args:
        stream: the model in question.
        rivals: other recipes, fitted anew at the same windows; one with other windows is left out.
    """
    found = _ways(stream, "frozen")
    for rival in rivals:
        if rival.windows == stream.windows:
            found |= _ways(rival, f"{rival.what} frozen")
    return found


def _ways(stream: Stream, frozen: str) -> dict[str, Policy]:
    stale = [stream.stale(j) for j in range(len(stream.windows))]
    slide, grow = stream.seconds
    later, fits = int(sum(len(rows) for rows in stream.rows[:-1])), len(stream.origins)
    last, every = (f"{stream.what} refit each window, {rows}" for rows in ("last rows only", "all rows so far"))
    found: dict[str, Policy] = {frozen: (stale, 1, slide, 0)}
    if fits > 1:
        youngest = _filled(stream, [stream.fresh(j) for j in range(len(stale))])
        found[every if stream.kind == "growing" else last] = (youngest, fits, slide * fits, later)
    if stream.kind == "both":
        found[every] = (_filled(stream, list(stream.growing)), fits, grow * fits, later)
    return found


def decision_table(found: Mapping[str, Policy], *, level: float = 0.95) -> list[dict[str, Any]]:
    """Score against cost of each way of keeping up, over all windows.

    Args:
        found: the ways, as `policies` gives them; the first is what the others are held against.
        level: confidence level.

    Returns:
        One row a policy: `policy`, `score`, `gain` over the frozen model (paired, over windows), `refits`, `seconds`,
        `labels` that it needs beyond those of the source period, `seconds_per_point` gained where it gains.
    """
    frozen = next(iter(found.values()))[0]
    rows: list[dict[str, Any]] = []
    for name, (right, count, seconds, labels) in found.items():
        gain = _gain(right, frozen, level)
        rows.append({
            "policy": name, "score": float(np.concatenate(right).mean()), "gain": gain, "refits": count,
            "seconds": seconds, "labels": labels,
            "seconds_per_point": seconds / gain.value if gain.low is not None and gain.low > 0 and gain.value else None,
        })  # fmt: skip
    return rows


def _filled(stream: Stream, right: list[Floats | None]) -> list[Floats]:
    """Where no head was refitted, the frozen one serves."""
    return [found if found is not None else stream.stale(j) for j, found in enumerate(right)]


def _gain(right: Sequence[Floats], frozen: Sequence[Floats], level: float) -> Estimate:
    about: dict[str, Any] = {"name": "gain", "unit": "points", "n": len(right), "population": "other such windows"}
    means = 100 * np.array([(a - b).mean() for a, b in zip(right, frozen, strict=True)])
    value = float(means.mean())
    if len(means) < 3 or not means.any():
        return Estimate(value=value, method="paired within windows", **about)
    half = float(t.ppf((1 + level) / 2, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)))
    return Estimate(
        value=value, low=value - half, high=value + half, level=level, method="paired, over windows", **about
    )


def overfitting_and_decay(
    features: Floats, target: NDArray[np.int_], train: NDArray[np.int_], held_out: NDArray[np.int_],
    windows: tuple[NDArray[np.int_], ...], times: Floats, *, level: float = 0.95,
) -> tuple[list[dict[str, Any]], Estimate]:  # fmt: skip
    """Whether heads that overfit more also fade faster.

    Args:
        features: (n, d) standardised features.
        target: (n,) class codes.
        train: rows to fit on.
        held_out: rows of the same time.
        windows: (w) rows of the later windows, three at least.
        times: (w,) of these windows.
        level: confidence level.

    Returns:
        One row a strength (`strength`, `gap` in points, `slope` in points per unit of time), and the slope of slopes
        over gaps: negative when overfitting makes a head fade. A large gap alone shows nothing.
    """
    right = np.empty((len(STRENGTHS), 2 + len(windows)))
    for i, strength in enumerate(STRENGTHS):
        head = _head(features[train], target[train], strength)
        right[i] = [100 * (head(features[part]) == target[part]).mean() for part in (train, held_out, *windows)]
    gap = right[:, 0] - right[:, 1]
    slope = np.polyfit(times, right[:, 2:].T, 1)[0]
    rows = [{"strength": s, "gap": float(g), "slope": float(b)} for s, g, b in zip(STRENGTHS, gap, slope, strict=True)]
    about: dict[str, Any] = {
        "name": "decay_per_overfitting", "unit": "points per unit of time, per point of gap", "n": len(windows),
        "population": "other such windows", "method": "slopes of six heads over their gaps, jackknife over windows",
    }  # fmt: skip
    if float(np.ptp(gap)) < 1.0:
        return rows, Estimate(value=None, reason="the gap hardly depends on the regularisation", **about)
    return rows, _effect(gap, right[:, 2:], times, level, about)


def _effect(gap: Floats, right: Floats, times: Floats, level: float, about: dict[str, Any]) -> Estimate:
    """Slope of slopes over gaps, with a jackknife over windows from four windows on."""

    def effect(keep: NDArray[np.bool_]) -> float:
        return float(np.polyfit(gap, np.polyfit(times[keep], right[:, keep].T, 1)[0], 1)[0])

    w = len(times)
    value = effect(np.ones(w, dtype=bool))
    if w < 4:
        return Estimate(value=value, **about)
    without = np.array([effect(np.arange(w) != k) for k in range(w)])
    half = float(t.ppf((1 + level) / 2, w - 1) * np.sqrt((w - 1) / w * ((without - without.mean()) ** 2).sum()))
    return Estimate(value=value, low=value - half, high=value + half, level=level, **about)


def _head(x: Floats, y: NDArray[np.int_], strength: float) -> Predict:
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(C=1 / strength / len(x) * 100, max_iter=300, tol=1e-3).fit(x, y)
    return lambda rows: head.predict(rows)
