"""Comparisons that look at something else than two sets of features: a source head, class names, stored moments."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from assay.errors import ShapeError
from assay.estimate import Estimate
from assay.similarity.catalogue import HEAD_MEASURES
from assay.similarity.comparison import Comparison
from assay.similarity.frechet import Moments, frechet_distance, moments
from assay.similarity.label_space import NamesOfRows
from assay.similarity.pooled import Floats, matrix
from assay.similarity.resampling import Effort, interval_of, share_above, values
from assay.similarity.source_head import leep_similarity, nce_similarity

FEW_A_CELL = 5


def compare_head(
    probabilities: NDArray[Any], y: NDArray[Any], *, source: str, target: str, extractor: str,
    rng: np.random.Generator, level: float = 0.95, effort: Effort | None = None,
) -> list[Comparison]:  # fmt: skip
    """The share of the target's classes that the source's own head leaves unexplained, by LEEP and by NCE.

    Args:
        probabilities: (n, z) of the source head on the target's items.
        y: (n,) classes of the target.
        source: What the source is called.
        target: What the target is called.
        extractor: The model with the head.
        rng: Draws items and shuffles.
        level: Of the intervals.
        effort: How much to spend.

    Returns:
        Two comparisons; 0 means that the head decides the classes, about 1 that it says nothing of them. The floor is 0
        by definition: a head that names the target's classes. The p-value is that of shuffled labels.
    """
    theta, labels, spent = np.asarray(probabilities, dtype=np.float64), np.asarray(y), effort or Effort()
    measures: dict[str, Callable[[Floats, NDArray[Any]], float]] = {"leep": leep_similarity, "nce": nce_similarity}
    n, found = len(theta), list[Comparison]()
    cells = theta.shape[1] * len(np.unique(labels))
    for name, similarity in measures.items():
        start, point = time.perf_counter(), 1.0 - similarity(theta, labels)
        draws = [rng.choice(n, size=n // 2, replace=False) for _ in range(spent.resamples)]
        drawn, smaller = (
            np.array([1.0 - similarity(theta[rows[:size]], labels[rows[:size]]) for rows in draws
                      if _varies(labels[rows[:size]])])
            for size in (n // 2, n // 4)
        )  # fmt: skip
        shuffled = np.array([similarity(theta, rng.permutation(labels)) for _ in range(spent.permutations)])
        chance = 1.0 - float(shuffled.mean())
        notes = [f"{n:,} items for {cells:,} cells of source and target classes: with shuffled labels {chance:.2f} is "
                 "left unexplained, not 1; read it beside that."] if n < FEW_A_CELL * cells else []  # fmt: skip
        found.append(
            Comparison(
                measure=HEAD_MEASURES[name], value=interval_of(point, (drawn, smaller), 0.5, n, level=level),
                floor=Estimate(name="floor", value=0.0, method="a head that names the target's own classes"),
                same_size=Estimate(name="distance_at_floor_size", value=point, n=n, method="as it is"),
                p_value=share_above(1.0 - point, shuffled), null="labels shuffled",
                extractor=extractor, source=source, target=target, warnings=tuple(notes),
                seconds=time.perf_counter() - start,
            )
        )  # fmt: skip
    return found


def compare_names(
    a: NDArray[Any], b: NDArray[Any], *, source: str, target: str, extractor: str, rng: np.random.Generator,
    effort: Effort | None = None,
) -> Comparison:  # fmt: skip
    """How far the class names of two tasks are from each other; `a` and `b` are vectors of the names.

    The names are all there, so that there is no sampling error and no interval. The floor is the distance between two
    halves of one task's names, and the p-value that of names dealt to the tasks at random.
    """
    start, spent = time.perf_counter(), effort or Effort()
    first, second = matrix(a, 1), matrix(b, 1)
    measure = NamesOfRows(np.concatenate([first, second]))
    rows = np.arange(len(first)), np.arange(len(first), len(first) + len(second))
    point, every = measure(*rows), np.concatenate(rows)
    halves = [np.array_split(rng.permutation(side), 2) for side in rows if len(side) > 1 for _ in range(spent.splits)]
    dealt = [rng.permutation(every) for _ in range(spent.permutations)]
    others = values(measure, [(order[: len(first)], order[len(first) :]) for order in dealt])
    floor = (
        Estimate(name="floor", value=float(np.mean([measure(x, y) for x, y in halves])),
                 method="mean over splits of each task's names in two")
        if halves else Estimate.unknown("floor", "tasks of one class have no halves")
    )  # fmt: skip
    exact = Estimate(name="distance", value=point, n=len(every), method="all names", population="these names")
    return Comparison(
        measure="label-space distance", value=exact, floor=floor, same_size=exact.renamed("distance_at_floor_size"),
        p_value=share_above(point, others), null="names dealt at random", extractor=extractor,
        source=source, target=target, seconds=time.perf_counter() - start,
        warnings=("Names only: it does not know what the classes hold.",),
    )  # fmt: skip


def compare_moments(
    source: Moments, x: NDArray[Any], *, names: tuple[str, str], extractor: str, rng: np.random.Generator,
    level: float = 0.95, effort: Effort | None = None,
) -> Comparison:  # fmt: skip
    """The Fréchet distance from stored moments of a source to a target's features, for want of the source's items.

    The interval counts both sides' sampling: that of the target by subsamples, that of the source by drawing from the
    normal distribution that its moments stand for. There are no items to exchange, so there is no p-value.

    Raises:
        ShapeError: when the widths differ.
    """
    start, spent, rows = time.perf_counter(), effort or Effort(), matrix(x, 20)
    if len(source.mean) != rows.shape[1]:
        raise ShapeError(f"statistics of {len(source.mean)} columns and features of {rows.shape[1]} cannot be compared")
    n, size = len(rows), min(len(rows) // 2, spent.most)
    count = max(10, spent.resamples // 2)
    subsets = [rng.choice(n, size=2 * size, replace=False) for _ in range(count)]
    drawn = np.array([frechet_distance(source, rows[subset[:size]]) for subset in subsets])
    # Each stand-in has as many items as a subsample; its spread is brought to the source's own size.
    target = moments(rows)
    stand_ins = [_normal_draw(source, size, rng) for _ in range(count)]
    moved = np.array([frechet_distance(stand_in, target) for stand_in in stand_ins])
    variance = drawn.var(ddof=1) * size / (n - size) + moved.var(ddof=1) * size / source.n
    half, point = float(norm.ppf((1 + level) / 2) * np.sqrt(variance)), frechet_distance(source, target)
    splits = [frechet_distance(rows[subset[:size]], rows[subset[size:]]) for subset in subsets[: spent.splits]]
    notes: list[str] = []
    if n < 2 * rows.shape[1]:
        notes.append(f"{n:,} items for {rows.shape[1]:,} columns: the target's covariance is not resolved.")
    return Comparison(
        measure="Fréchet distance",
        value=Estimate(name="distance", value=point, low=point - half, high=point + half, level=level, n=n,
                       unit="squared feature units", population="other items of both sets, as many as here",
                       method=f"{count} subsamples of the target; normal draws for the source of {source.n:,} items"),
        floor=Estimate(name="floor", value=float(np.mean(splits)), n=size, unit="squared feature units",
                       method=f"mean over {len(splits)} splits of the target in two"),
        same_size=Estimate(name="distance_at_floor_size", n=size, unit="squared feature units", method="subsamples",
                           value=float(np.mean([frechet_distance(stand_in, rows[subset[:size]])
                                                for stand_in, subset in zip(stand_ins[:20], subsets, strict=False)]))),
        p_value=None, extractor=extractor, source=names[0], target=names[1], warnings=tuple(notes),
        seconds=time.perf_counter() - start,
    )  # fmt: skip


def _normal_draw(source: Moments, size: int, rng: np.random.Generator) -> Moments:
    """Moments of a sample from the normal distribution with these moments."""
    return moments(source.mean + rng.standard_normal((size, len(source.factor))) @ source.factor)


def _varies(y: NDArray[Any]) -> bool:
    return bool((y != y[0]).any())
