"""Why a mean score fell between two samples: changed classes, changed inputs, a changed relation; in either order.

One joint law factors as p(x) p(y|x) or as p(y) p(x|y), and the same fall splits differently along each. `x-y` follows
DISDE: inputs leave the source for what both samples share, the relation changes there, inputs leave for the window.
`y-x` first gives the source the class shares of the window, exactly, and then goes on as `x-y` does. The terms of each
order sum to the fall.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError
from assay.stats.overlap import Overlap, effective_size, fit_overlap

Floats = NDArray[np.float64]
Codes = NDArray[np.int_]
Order = Literal["x-y", "y-x"]
TERMS = ("label", "inputs", "relation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What is known of the rows of one sample."""

    columns: Floats
    """(n, d) columns for the odds model, the first constant."""
    target: Codes
    """(n,) class codes; for a number, codes of its bins."""
    score: Floats
    """(n,) score of each row, such as 1 for correct."""
    weight: Floats | None = None
    """(n,) relative weights; equal by default. Used by resampling."""

    def shares(self) -> Floats:
        """(n,) weights that sum to 1."""
        n = len(self.score)
        return np.full(n, 1 / n) if self.weight is None else self.weight / self.weight.sum()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A fall split along one order; `terms` sums to `fall`."""

    order: Order
    fall: float
    """Mean score of the source less that of the window."""
    terms: Floats
    """(3,) label, inputs, relation; label is 0 under `x-y`."""
    inputs: tuple[float, float]
    """The two parts of the inputs term: source → shared, shared → window."""
    overlap: Overlap
    """The fitted odds model."""
    effective: tuple[float, float]
    """Effective rows of source and window in the shared part."""
    source_influence: Floats = field(repr=False)
    """(n0, 3) influence of each source row on the terms."""
    window_influence: Floats = field(repr=False)
    """(n1, 3) influence of each row of the window."""

    @property
    def covariance(self) -> Floats:
        """(3, 3) covariance of the terms, by their influence functions: resampling in one step, without end."""
        parts = (self.source_influence, self.window_influence)
        return sum((np.cov(part.T, bias=True) / len(part) for part in parts), np.zeros((3, 3)))


def split_fall(source: Rows, window: Rows, order: Order, *, start: Floats | None = None) -> Split:
    """Split the fall of a mean score between two samples along one order of causes.

    Use `x-y` where inputs give rise to labels (a diagnosis from an image), `y-x` where labels give rise to inputs (a
    speaker's words). Without that knowledge show both: the data alone cannot choose.

    Args:
        source: n0 rows of the source period, not used in training.
        window: n1 rows of the window.
        order: which factor comes first.
        start: coefficients to start the odds model from, for refits.

    Returns:
        The split with influence functions.

    Raises:
        ShapeError: an empty sample, or no class in common under `y-x`.

    Notes:
        Classes of the window that the source never had count in the label term under `y-x`.

    References:
        Cai, Namkoong and Yadlowsky (2023), Diagnosing model performance under distribution shift (the three terms).
    """
    a, b = source.shares(), window.shares()
    if len(a) == 0 or len(b) == 0:
        raise ShapeError("the split of a fall needs rows in the source and in the window")
    if order == "x-y":
        return _split(source, window, a, b, np.ones(len(a)), np.ones(len(b), dtype=bool), order, start)
    classes = int(max(source.target.max(), window.target.max())) + 1
    p0, p1 = (np.bincount(t, w, classes) for t, w in ((source.target, a), (window.target, b)))
    known = p0[window.target] > 0
    if not known.any():
        raise ShapeError("no class of the window is known from the source period")
    ratio = np.divide(p1, p0, out=np.zeros(classes), where=p0 > 0)[source.target]
    return _split(source, window, a, b, ratio, known, order, start)


def _split(
    source: Rows, window: Rows, a: Floats, b: Floats, ratio: Floats, known: NDArray[np.bool_], order: Order,
    start: Floats | None,
) -> Split:  # fmt: skip
    """Terms and influences; `ratio` moves the source to the window's classes, `known` leaves out its new ones."""
    s0, s1 = source.score, window.score
    share = float(b[known].sum())
    a1, b1 = a * ratio / share, b * known / share
    overlap = fit_overlap(source.columns, window.columns, source_weights=a1, window_weights=b1, start=start)
    e0, e1 = overlap.source, overlap.window
    d0, d1 = float(a1 @ e0), float(b1 @ (1 - e1))
    shared0, shared1 = float(a1 @ (e0 * s0)) / d0, float(b1 @ ((1 - e1) * s1)) / d1
    before, middle, after = float(a @ s0), float(a1 @ s0), float(b1 @ s1)
    fall = before - float(b @ s1)
    relation, inputs = share * (shared0 - shared1), (share * (middle - shared0), share * (shared1 - after))
    label = fall - relation - inputs[0] - inputs[1] if order == "y-x" else 0.0
    left, right = inputs[0], fall - label - relation - inputs[0]
    influence0, influence1 = _influence(
        _Fitted(source=source, window=window, a=a, b=b, ratio=ratio, known=known, share=share, overlap=overlap,
                shared=(shared0, shared1), size=(d0, d1), labelled=order == "y-x")
    )  # fmt: skip
    return Split(
        order=order, fall=fall, terms=np.array([label, left + right, relation]), inputs=(left, right), overlap=overlap,
        effective=(effective_size(a1 * e0), effective_size(b1 * (1 - e1))),
        source_influence=influence0, window_influence=influence1,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    source: Rows
    window: Rows
    a: Floats
    b: Floats
    ratio: Floats
    known: NDArray[np.bool_]
    share: float
    overlap: Overlap
    shared: tuple[float, float]
    size: tuple[float, float]
    labelled: bool


def _influence(f: _Fitted) -> tuple[Floats, Floats]:
    """Influence of each row on (label, inputs, relation): directly, through the odds model and the class shares."""
    s0, s1, x0, x1 = f.source.score, f.window.score, f.source.columns, f.window.columns
    e0, e1 = f.overlap.source, f.overlap.window
    n0, n1 = len(s0), len(s1)
    u, k = f.ratio / f.share, f.known / f.share
    w0, w1 = f.a * n0, f.b * n1
    # The odds model: rows push its coefficients, coefficients push both shared means.
    push0, push1 = -(u * e0)[:, None] * x0, (k * (1 - e1))[:, None] * x1
    slope0 = (f.a * u * e0 * (1 - e0) * (s0 - f.shared[0])) @ x0 / f.size[0]
    slope1 = -(f.b * k * e1 * (1 - e1) * (s1 - f.shared[1])) @ x1 / f.size[1]
    lever: Floats = np.linalg.solve(f.overlap.curvature, slope0 - slope1).astype(float)
    direct0 = u * e0 * (s0 - f.shared[0]) / f.size[0] + push0 @ lever
    direct1 = -k * (1 - e1) * (s1 - f.shared[1]) / f.size[1] + push1 @ lever
    shares0, shares1, label0, label1 = _through_shares(f, lever)
    relation0, relation1 = f.share * (direct0 + shares0), f.share * (direct1 + shares1)
    total0, total1 = s0 - f.a @ s0, -(s1 - f.b @ s1)
    out0 = np.column_stack([label0, total0 - label0 - relation0, relation0]) * w0[:, None]
    out1 = np.column_stack([label1, total1 - label1 - relation1, relation1]) * w1[:, None]
    return out0, out1


def _through_shares(f: _Fitted, lever: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """What a row does by moving the class shares: to the relation term and to the label term."""
    n0, n1 = len(f.a), len(f.b)
    if not f.labelled:
        return np.zeros(n0), np.zeros(n1), np.zeros(n0), np.zeros(n1)
    t0, t1 = f.source.target, f.window.target
    classes = int(max(t0.max(), t1.max())) + 1
    s0, e0 = f.source.score, f.overlap.source
    p0, p1 = np.bincount(t0, f.a, classes), np.bincount(t1, f.b, classes)
    inverse = np.divide(1.0, p0, out=np.zeros(classes), where=p0 > 0)
    ratio = p1 * inverse
    # How the relation term moves when the ratio of one class moves.
    per_row = e0 * (s0 - f.shared[0]) / f.size[0] - e0 * (f.source.columns @ lever)
    gain = np.bincount(t0, f.a * per_row, classes) / f.share
    relation0 = -(gain * ratio * inverse)[t0] + float(gain @ ratio)
    relation1 = (gain * inverse)[t1] - float(gain @ ratio)
    mean = np.bincount(t0, f.a * s0, classes) * inverse
    new = p0 == 0
    mean = np.where(new, np.divide(np.bincount(t1, f.b * f.window.score, classes), p1, out=np.zeros(classes),
                                   where=p1 > 0), mean)  # fmt: skip
    label0 = mean[t0] - float(p0 @ mean) + (1 - ratio[t0]) * (s0 - mean[t0])
    fresh = np.where(new[t1], f.window.score - mean[t1], 0.0)
    label1 = -(mean[t1] - float(p1 @ mean)) - fresh
    return relation0, relation1, label0, label1
