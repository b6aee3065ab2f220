"""Fast routes from resampling weights to metric values.

Three routes give the same numbers: averages of per-item values, counts of (target, label) pairs, and the metric called
on the drawn rows. A fast route is taken only where it reproduces the metric on the rows as they are and on two halves
of them, so that a metric is never replaced by one of a similar name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.errors import AssayError
from assay.outcome import Predictions

Metric = Callable[[NDArray[Any], NDArray[Any], NDArray[np.float64] | None], float]
Floats = NDArray[np.float64]
Weights = NDArray[np.float64]
Route = Callable[[Weights], Floats]
MOST_CLASSES = 60
"""Above this many classes the table of counts is larger than the calls it saves."""


def score_of(metric: Metric, rows: Predictions) -> float:
    """The metric on the rows as they are."""
    return float(metric(rows.target, rows.labels(), rows.score))


def by_calling(metric: Metric, rows: Predictions) -> Route:
    """The metric called on every resample; one where it has no meaning (one class only) repeats another's value."""

    def route(weights: Weights) -> Floats:
        out = np.full(len(weights), np.nan)
        for at, row in enumerate(weights):
            try:
                out[at] = _on(metric, rows, np.repeat(np.arange(len(row)), row.astype(int)))
            except AssayError:
                continue
        missing = ~np.isfinite(out)
        if missing.all():
            return np.full(len(weights), score_of(metric, rows))
        out[missing] = np.resize(out[~missing], int(missing.sum()))
        return out

    return route


def fast_route(metric: Metric, rows: Predictions) -> Route | None:
    """A fast route from weights (b, n) to metric values (b,) that gives the metric's own value on the plain rows."""
    wanted = score_of(metric, rows)
    plain = np.ones((1, len(rows.target)))
    for make in (_mean_routes, _count_routes):
        for route in make(rows):
            if abs(float(route(plain)[0]) - wanted) <= 1e-9 * max(1.0, abs(wanted)) and _agrees(metric, rows, route):
                return route
    return None


def _agrees(metric: Metric, rows: Predictions, route: Route) -> bool:
    """Whether the route also gives the metric's value on two halves of the rows, so that no coincidence passes."""
    n = len(rows.target)
    for start in (0, 1):
        weights = np.zeros((1, n))
        weights[0, start::2] = 1
        if weights.sum() == 0:
            continue
        try:
            wanted = float(_on(metric, rows, np.flatnonzero(weights[0])))
        except AssayError:
            continue
        if abs(float(route(weights)[0]) - wanted) > 1e-9 * max(1.0, abs(wanted)):
            return False
    return True


def _on(metric: Metric, rows: Predictions, index: NDArray[np.int_]) -> float:
    return metric(rows.target[index], rows.labels()[index], None if rows.score is None else rows.score[index])


def _mean_routes(rows: Predictions) -> list[Route]:
    """Averages of per-item values: hits, absolute and squared errors, log loss, Brier."""

    def average(values: Floats, root: bool = False) -> Route:
        def route(weights: Weights) -> Floats:
            totals = weights @ values / weights.sum(axis=1)
            return np.sqrt(totals) if root else totals

        return route

    target, label = np.asarray(rows.target), np.asarray(rows.labels())
    if target.ndim != 1 or label.ndim != 1:
        return []
    routes = [average((label == target).astype(float))]
    if target.dtype.kind == "f" and label.dtype.kind in "fi":
        error = label.astype(float) - target
        routes += [average(np.abs(error)), average(error**2), average(error**2, root=True)]
    score = rows.score
    if (
        score is not None
        and score.ndim == 2
        and target.dtype.kind in "iu"
        and 0 <= target.min() <= target.max() < (score.shape[1])
    ):
        truth = score[np.arange(len(target)), target]
        tiny = np.finfo(score.dtype).eps
        total = score.sum(axis=1)
        routes.append(average(-np.log(np.clip(truth, tiny, 1 - tiny))))
        routes.append(average(-np.log(np.clip(truth / np.where(total > 0, total, 1), tiny, 1 - tiny))))
        brier = (score**2).sum(axis=1) - 2 * truth + 1
        routes += [average(brier), average(brier / 2)]
    return routes


def _count_routes(rows: Predictions) -> list[Route]:
    """Metrics of the confusion matrix: balanced accuracy, macro and weighted F1, precision, recall, Matthews."""
    target, label = np.asarray(rows.target), np.asarray(rows.labels())
    if target.ndim != 1 or label.ndim != 1 or target.dtype.kind == "f":
        return []
    classes, codes = np.unique(np.concatenate([target, label]), return_inverse=True)
    c, n = len(classes), len(target)
    if c > MOST_CLASSES:
        return []
    cells = codes[:n] * c + codes[n:]
    onehot = sparse.csr_matrix((np.ones(n), (np.arange(n), cells)), shape=(n, c * c))

    def of(formula: Callable[[Floats], Floats]) -> Route:
        return lambda weights: formula(np.asarray(weights @ onehot).reshape(-1, c, c))

    return [of(formula) for formula in (_balanced, _macro_f1, _weighted_f1, _macro_precision, _macro_recall, _matthews)]


def _parts(counts: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """(b, c) hits, targets, labels, and which classes occur at all."""
    hits = np.einsum("bii->bi", counts)
    targets, labels = counts.sum(axis=2), counts.sum(axis=1)
    return hits, targets, labels, (targets + labels) > 0


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _mean_over(values: Floats, keep: NDArray[np.bool_]) -> Floats:
    return (values * keep).sum(axis=1) / np.maximum(keep.sum(axis=1), 1)


def _balanced(counts: Floats) -> Floats:
    hits, targets, _, _ = _parts(counts)
    return _mean_over(_ratio(hits, targets), targets > 0)


def _macro_f1(counts: Floats) -> Floats:
    hits, targets, labels, present = _parts(counts)
    return _mean_over(_ratio(2 * hits, targets + labels), present)


def _weighted_f1(counts: Floats) -> Floats:
    hits, targets, labels, _ = _parts(counts)
    return (_ratio(2 * hits, targets + labels) * targets).sum(axis=1) / targets.sum(axis=1)


def _macro_precision(counts: Floats) -> Floats:
    hits, _, labels, present = _parts(counts)
    return _mean_over(_ratio(hits, labels), present)


def _macro_recall(counts: Floats) -> Floats:
    hits, targets, _, present = _parts(counts)
    return _mean_over(_ratio(hits, targets), present)


def _matthews(counts: Floats) -> Floats:
    hits, targets, labels, _ = _parts(counts)
    total = targets.sum(axis=1)
    top = hits.sum(axis=1) * total - (targets * labels).sum(axis=1)
    bottom = np.sqrt((total**2 - (targets**2).sum(axis=1)) * (total**2 - (labels**2).sum(axis=1)))
    return _ratio(top, bottom)
