"""Interval, floor and p-value of a distance between sets of rows, for any measure that can be read by index.

    interval    subsamples of both sets without replacement, at two sizes; their spread is brought to that of the whole
    floor       the distance between two halves of one set, of the size of the subsamples
    p-value     rows exchanged between the sets, which changes nothing if both come from one distribution

The whole is looked at once. Everything else draws rows, at most `Effort.most` of each set, so that the cost does not
grow with the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from assay.errors import UsageError
from assay.estimate import Estimate
from assay.similarity.pooled import Floats, Rows

Between = Callable[[Rows, Rows], float]
Draw = tuple[Rows, Rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is spent on what surrounds a point value."""

    resamples: int = 100
    """Subsamples behind an interval."""
    splits: int = 20
    """Splits of each set behind its floor."""
    permutations: int = 199
    """Exchanges behind a p-value, whose least value is 1 / (permutations + 1)."""
    most: int = 400
    """Rows of each set in one of them."""

    def __post_init__(self) -> None:
        if min(self.resamples, self.splits, self.permutations) < 10 or self.most < 20:
            raise UsageError("an interval needs at least 10 resamples, splits and permutations of at least 20 rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What surrounds a point value."""

    value: Estimate
    """With its interval."""
    floor: Estimate
    """Between two halves of one set."""
    same_size: Estimate
    """The mean distance of the subsamples: what the floor is to be held against."""
    p_value: float | None
    """Of one distribution behind both sets."""


def between_sets(
    measure: Between, point: float, a: Rows, b: Rows, *, effort: Effort, level: float, rng: np.random.Generator,
    unit: str = "", permuted: Callable[[Draw, int], float] | None = None,
) -> Around:  # fmt: skip
    """Interval, floor and p-value of a distance between two sets of pooled rows.

    Args:
        measure: The distance between two sets of rows.
        point: The distance between all rows.
        a: Rows of the first set.
        b: Rows of the second.
        effort: How much to spend.
        level: Of the interval.
        rng: Draws rows.
        unit: Of the distance.
        permuted: A p-value found by a shortcut, from a draw of both sets and a number of exchanges.

    Notes:
        What the interval is about is the mean distance of samples of this size: measures that are biased in small
        samples stay so, and the floor shows by how much. Subsamples of a share f of the rows have, given the sets, the
        variance a(1/fn − 1/n) + c(1/(fn)² − 1/n²), where a is what items add each and c what pairs add; the whole has
        a/n + c/n². Times f/(1 − f), and with V₁ at f and V₂ at f/2, (3V₁ − V₂)/2 is a/n + 2c/n²: right where items
        add up, and what pairs add is counted twice, as the jackknife does. A term of the third order drops out.

    References:
        Wu (1990), On the asymptotic properties of the jackknife histogram, section 2 (subsamples of a share).
        Efron and Stein (1981), The jackknife estimate of variance, section 4 (what pairs add is counted twice).
    """
    share = min(0.5, effort.most / max(len(a), len(b)))
    sizes = max(2, int(share * len(a))), max(2, int(share * len(b)))
    draws = [(_some(a, sizes[0], rng), _some(b, sizes[1], rng)) for _ in range(effort.resamples)]
    drawn, smaller = values(measure, draws), values(measure, [(x[: len(x) // 2], y[: len(y) // 2]) for x, y in draws])
    split: list[Draw] = []
    for rows, size in ((a, sizes[0]), (b, sizes[1])):
        for _ in range(effort.splits):
            order = _some(rows, 2 * size, rng)
            split.append((order[:size], order[size:]))
    floor = values(measure, split)
    whole = draw_of(a, b, effort.most, rng)
    p = (permuted or _p_value(measure, rng))(whole, effort.permutations)
    return Around(
        value=interval_of(point, (drawn, smaller), share, len(a), level=level, unit=unit),
        floor=Estimate(name="floor", value=float(floor.mean()), n=sum(sizes) // 2, unit=unit,
                       method=f"mean over {effort.splits} splits of each set in two"),
        same_size=Estimate(name="distance_at_floor_size", value=float(drawn.mean()), n=sum(sizes) // 2, unit=unit,
                           method=f"mean over {effort.resamples} subsamples"),
        p_value=p,
    )  # fmt: skip


def interval_of(
    point: float, drawn: tuple[Floats, Floats], share: float, n: int, *, level: float, unit: str = ""
) -> Estimate:  # fmt: skip
    """The point with an interval from distances of subsamples of a share of the items, and of half of that share."""
    first, second = (float(np.var(found, ddof=1)) * part / (1 - part)
                     for found, part in zip(drawn, (share, share / 2), strict=True))  # fmt: skip
    variance = max((3.0 * first - second) / 2.0, first * share / (1 + share))
    # Each variance comes from so many draws only: about half as many degrees of freedom are left.
    half = float(student.ppf((1 + level) / 2, len(drawn[0]) / 2)) * float(np.sqrt(variance))
    return Estimate(
        name="distance", value=point, low=point - half, high=point + half, level=level, n=n, unit=unit,
        method=f"{len(drawn[0])} subsamples without replacement, at two sizes",
        population="other items of both sets, as many as here",
    )  # fmt: skip


def values(measure: Between, draws: Sequence[Draw]) -> Floats:
    """The distance of each draw, all at once where the measure can."""
    many = getattr(measure, "many", None)
    return np.asarray(many(draws) if many is not None else [measure(a, b) for a, b in draws], dtype=np.float64)


def draw_of(a: Rows, b: Rows, most: int, rng: np.random.Generator) -> Draw:
    """At most `most` rows of each set."""
    return _some(a, min(len(a), most), rng), _some(b, min(len(b), most), rng)


def share_above(observed: float, others: Floats) -> float:
    """Share of permuted distances that reach the observed one, itself counted; ties within rounding count."""
    slack = 1e-10 * max(abs(observed), float(np.abs(others).max(initial=0.0)))
    return float((1 + (others >= observed - slack).sum()) / (1 + len(others)))


def _p_value(measure: Between, rng: np.random.Generator) -> Callable[[Draw, int], float]:
    def found(draw: Draw, count: int) -> float:
        a, b = draw
        pooled, n = np.concatenate([a, b]), len(a)
        exchanged: list[Draw] = []
        for _ in range(count):
            order = rng.permutation(pooled)
            exchanged.append((order[:n], order[n:]))
        every = values(measure, [draw, *exchanged])
        return share_above(float(every[0]), every[1:])

    return found


def _some(rows: Rows, size: int, rng: np.random.Generator) -> Rows:
    return rng.choice(rows, size=size, replace=False)
