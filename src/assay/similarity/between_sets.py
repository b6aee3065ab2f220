"""All measures between two sets under one extractor, each with what surrounds it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from assay.errors import MissingExtraError, UnknownNameError, UsageError
from assay.estimate import Estimate
from assay.similarity.catalogue import SET_MEASURES
from assay.similarity.comparison import Comparison
from assay.similarity.mmd import MmdOfRows
from assay.similarity.pooled import Pooled
from assay.similarity.proxy_a import ProxyAOfRows
from assay.similarity.resampling import Around, Draw, Effort, between_sets, share_above

FEW_ITEMS = 50
FEW_A_CLASS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFeatures:
    """One set of items as an extractor sees it."""

    name: str
    """What people call it."""
    x: NDArray[Any]
    """(n, d) features."""
    labels: NDArray[Any] | None = None
    """(n,) classes; None where it has none."""


def set_distances(a: SetFeatures, b: SetFeatures, *, measures: Sequence[str] | None = None) -> dict[str, float]:
    """The plain distances between all items, by measure; those that need labels are left out where there are none.

    Args:
        a: The source.
        b: The target, of the same extractor.
        measures: Names of `SET_MEASURES`; all that apply where None.

    Raises:
        ShapeError: when the widths differ.
        UnknownNameError: for a measure of another name.
        MissingExtraError: for OTDD without POT.
    """
    pool = Pooled(a.x, b.x, a.labels, b.labels)
    return {name: _point(SET_MEASURES[name].prepare(pool), pool) for name in _chosen(a, b, measures)}


def compare_sets(
    a: SetFeatures, b: SetFeatures, *, extractor: str, rng: np.random.Generator, measures: Sequence[str] | None = None,
    level: float = 0.95, effort: Effort | None = None,
) -> list[Comparison]:  # fmt: skip
    """Each distance between two sets with an interval, the floor within a set, a p-value, and warnings.

    Args:
        a: The source.
        b: The target, of the same extractor.
        extractor: What made the features.
        rng: Draws subsamples, splits and exchanges.
        measures: Names of `SET_MEASURES`; all that apply where None.
        level: Of the intervals.
        effort: How much to spend.

    Returns:
        One comparison a measure, in the order of `SET_MEASURES`; OTDD is left out where POT is not installed.

    Raises:
        ShapeError: when the widths differ.
        UsageError: for fewer than 20 items in a set.
    """
    pool, spent = Pooled(a.x, b.x, a.labels, b.labels), effort or Effort()
    if min(pool.n, pool.m) < 20:
        raise UsageError(f"at least 20 items of each set are needed; got {pool.n} and {pool.m}")
    found: list[Comparison] = []
    for name in _chosen(a, b, measures):
        start, card = time.perf_counter(), SET_MEASURES[name]
        try:
            prepared = card.prepare(pool)
            point = _point(prepared, pool)
        except MissingExtraError:
            if measures is not None:
                raise
            continue
        around = between_sets(
            prepared, point, pool.a, pool.b, effort=spent, level=level, rng=rng, unit=card.unit,
            permuted=_shortcut(prepared, rng),
        )  # fmt: skip
        value = _closed_form(prepared, pool, around.value, level) or around.value
        found.append(
            Comparison(
                measure=card.title, value=value, floor=around.floor, same_size=around.same_size,
                p_value=around.p_value, extractor=extractor, source=a.name, target=b.name,
                warnings=tuple(_warnings(name, pool, around)), seconds=time.perf_counter() - start,
            )
        )  # fmt: skip
    return found


def _chosen(a: SetFeatures, b: SetFeatures, measures: Sequence[str] | None) -> list[str]:
    for name in measures or ():
        if name not in SET_MEASURES:
            raise UnknownNameError("measure between sets", name, SET_MEASURES)
    labelled = all(side.labels is not None and len(np.unique(side.labels)) > 1 for side in (a, b))
    return list(measures) if measures else [
        name for name, card in SET_MEASURES.items() if labelled or card.needs == "features"
    ]  # fmt: skip


def _point(prepared: Any, pool: Pooled) -> float:
    """The distance between all items; the larger set is thinned evenly where a measure needs balanced sets."""
    if isinstance(prepared, ProxyAOfRows):
        size = min(pool.n, pool.m)
        even = [rows[np.linspace(0, len(rows) - 1, size).astype(int)] for rows in (pool.a, pool.b)]
        return prepared(even[0], even[1])
    return prepared.exact().value if isinstance(prepared, MmdOfRows) else float(prepared(pool.a, pool.b))


def _shortcut(prepared: Any, rng: np.random.Generator) -> Any:
    """How a measure finds its p-value from one factorisation; None where each exchange is computed."""
    if not isinstance(prepared, ProxyAOfRows):
        return None

    def found(draw: Draw, count: int) -> float:
        errors, observed = prepared.permuted(draw[0], draw[1], count, rng)
        return share_above(-observed, -errors)

    return found


def _closed_form(prepared: Any, pool: Pooled, drawn: Estimate, level: float) -> Estimate | None:
    """The interval where a formula gives it: of a U-statistic, and of a share of errors (Wilson)."""
    z = float(norm.ppf((1 + level) / 2))
    if isinstance(prepared, MmdOfRows):
        exact = prepared.exact()
        half = z * exact.standard_error
        return replace(drawn, low=exact.value - half, high=exact.value + half, population="other items of both sets",
                       method=f"unbiased U-statistic; standard error {exact.standard_error:.3g}")  # fmt: skip
    if isinstance(prepared, ProxyAOfRows) and drawn.value is not None:
        judged = 2 * min(pool.n, pool.m)
        error = (2.0 - drawn.value) / 4.0
        middle = (error + z**2 / (2 * judged)) / (1 + z**2 / judged)
        half = z / (1 + z**2 / judged) * float(np.sqrt(error * (1 - error) / judged + z**2 / (4 * judged**2)))
        low, high = (float(np.clip(2.0 - 4.0 * end, 0.0, 2.0)) for end in (middle + half, middle - half))
        return replace(drawn, low=min(low, drawn.value), high=max(high, drawn.value),
                       method="Wilson interval of the held-out error")  # fmt: skip
    return None


def _warnings(name: str, pool: Pooled, around: Around) -> list[str]:
    """What the sample sizes forbid to read into a distance."""
    notes: list[str] = []
    n, width = min(pool.n, pool.m), pool.x.shape[1]
    if n < FEW_ITEMS:
        notes.append(f"{n} items in the smaller set are few for any distance; {FEW_ITEMS} or more are wanted.")
    if name == "frechet" and n < 2 * width:
        notes.append(f"{n:,} items for {width:,} columns: the covariances are not resolved; read it beside its "
                     "floor.")  # fmt: skip
    if name == "proxy_a" and around.value.value is not None and around.value.value > 1.95:
        notes.append("The sets are told apart without error: beyond that the distance says nothing.")
    if SET_MEASURES[name].needs == "labels":
        least = min(int(np.bincount(np.unique(pool.codes[rows], return_inverse=True)[1]).min())
                    for rows in (pool.a, pool.b))  # fmt: skip
        if least < FEW_A_CLASS:
            notes.append(f"A class has {least} items; its covariance is not known from so few.")
    beyond = (around.same_size.value or 0.0) - (around.floor.value or 0.0)
    if beyond < (around.value.width or 0.0) / 2:
        notes.append("No farther than two halves of one set are from each other, as far as this sample tells.")
    return notes
