"""All measures between two models' features of the same items, each with what surrounds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import UnknownNameError
from assay.estimate import Estimate
from assay.similarity.catalogue import MODEL_MEASURES
from assay.similarity.cka import same_items
from assay.similarity.comparison import Comparison
from assay.similarity.pooled import Floats
from assay.similarity.resampling import Effort, interval_of

LEAST_ITEMS = 20
FEW_ITEMS = 100


def model_distances(
    a: NDArray[Any], b: NDArray[Any], *, measures: Sequence[str] | None = None
) -> dict[str, float]:  # fmt: skip
    """The plain distances between two models' features of all items, by measure; 0 is the same geometry.

    Args:
        a: (n, d) features of one model.
        b: (n, e) features of the other, items in the same order.
        measures: Names of `MODEL_MEASURES`; all where None.

    Raises:
        ShapeError: when the numbers of items differ.
        UnknownNameError: for a measure of another name.
    """
    x, y = same_items(a, b, 4)
    rows = np.arange(len(x))
    return {name: float(MODEL_MEASURES[name][1](x, y)(rows, rows)) for name in _chosen(measures)}


def compare_models(
    a: NDArray[Any], b: NDArray[Any], *, names: tuple[str, str], items: str, rng: np.random.Generator,
    measures: Sequence[str] | None = None, level: float = 0.95, effort: Effort | None = None,
) -> list[Comparison]:  # fmt: skip
    """Each distance between two models on the same items, with an interval, a floor, a p-value and warnings.

    The floor is the distance between two random halves of one model's columns: what the same model is from itself
    when it is seen through half of its features. The p-value is that of a distance as small as this one when the items
    of one model are shuffled, so that small means that the models do agree.

    Args:
        a: (n, d) features of one model.
        b: (n, e) features of the other, items in the same order.
        names: What the models are called.
        items: What the items are, in words.
        rng: Draws items, columns and shuffles.
        measures: Names of `MODEL_MEASURES`; all where None.
        level: Of the intervals.
        effort: How much to spend.

    Raises:
        ShapeError: when the numbers of items differ.
        UsageError: for fewer than 20 items.
    """
    x, y = same_items(a, b, LEAST_ITEMS)
    spent = effort or Effort()
    found: list[Comparison] = []
    for name in _chosen(measures):
        start, (title, prepare) = time.perf_counter(), MODEL_MEASURES[name]
        prepared, every = prepare(x, y), np.arange(len(x))
        size = min(len(x) // 2, spent.most)
        draws = [rng.choice(every, size=size, replace=False) for _ in range(spent.resamples)]
        drawn = np.array([prepared(rows, rows) for rows in draws])
        smaller = np.array([prepared(rows[: size // 2], rows[: size // 2]) for rows in draws])
        point = float(prepared(every, every))
        value = interval_of(point, (drawn, smaller), size / len(x), len(x), level=level)
        shuffled = np.array([prepared(draws[0], rng.permutation(draws[0])) for _ in range(spent.permutations)])
        p = float((1 + (shuffled <= drawn[0]).sum()) / (1 + len(shuffled)))
        found.append(
            Comparison(
                measure=title, value=value, floor=_floor(prepare, x, y, draws, spent, rng),
                same_size=Estimate(name="distance_at_floor_size", value=float(drawn.mean()), n=size,
                                   method=f"mean over {len(drawn)} subsamples"),
                p_value=p, null="items shuffled", extractor=f"both, on {items}",
                source=names[0], target=names[1], seconds=time.perf_counter() - start,
                warnings=tuple(_warnings(name, x, y, float(shuffled.mean()))),
            )
        )  # fmt: skip
    return found


def _chosen(measures: Sequence[str] | None) -> list[str]:
    for name in measures or ():
        if name not in MODEL_MEASURES:
            raise UnknownNameError("measure between models", name, MODEL_MEASURES)
    return list(measures or MODEL_MEASURES)


def _floor(
    prepare: Callable[[Any, Any], Any], x: Floats, y: Floats, draws: Sequence[NDArray[np.intp]], effort: Effort,
    rng: np.random.Generator,
) -> Estimate:  # fmt: skip
    """The distance between halves of one model's columns, the mean over both models."""
    drawn: list[float] = []
    for side in (x, y):
        if side.shape[1] < 4:
            continue
        for split in range(max(2, effort.splits // 4)):
            columns, rows = rng.permutation(side.shape[1]), draws[split % len(draws)]
            halves = np.array_split(columns, 2)
            prepared, every = prepare(side[rows][:, halves[0]], side[rows][:, halves[1]]), np.arange(len(rows))
            drawn.append(float(prepared(every, every)))
    if not drawn:
        return Estimate.unknown("floor", "models of fewer than four features have no halves to compare")
    return Estimate(name="floor", value=float(np.mean(drawn)), n=len(draws[0]),
                    method=f"mean over {len(drawn)} splits of a model's columns in two")  # fmt: skip


def _warnings(name: str, x: Floats, y: Floats, chance: float) -> list[str]:
    notes: list[str] = []
    n, width = len(x), max(x.shape[1], y.shape[1])
    if n < FEW_ITEMS:
        notes.append(f"{n} items are few for comparing geometries; {FEW_ITEMS} or more are wanted.")
    if name == "procrustes" and n < 2 * width:
        notes.append(f"{n:,} items for {width:,} columns: with items shuffled the distance is {chance:.3g}, "
                     "not 2; read it beside that.")  # fmt: skip
    return notes
