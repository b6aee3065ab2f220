"""Simulated predictions whose true score is known, for measuring how often an interval covers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from assay.estimate import show_level

Drawn = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A source of items with the true value of one metric in the population."""

    name: str
    """What generates the items, in words."""
    metric: str
    """The metric that is known."""
    truth: float
    """Its value in the population."""
    rarest: float
    """The share of the rarest class among the items."""
    draw: Callable[[int, np.random.Generator], Drawn]
    """n items as (target, label, score)."""


def coin(share: float) -> Simulated:
    """Items that are right with this probability; accuracy is known."""

    def draw(n: int, rng: np.random.Generator) -> Drawn:
        target = rng.integers(0, 2, n)
        return target, np.where(rng.random(n) < share, target, 1 - target), None

    return Simulated(name=f"right with probability {share:g}", metric="accuracy", truth=share, draw=draw,
                     rarest=min(share, 1 - share))  # fmt: skip


def confused(table: Any, *, name: str) -> Simulated:
    """Items with (true, predicted) classes from a table of probabilities; macro-F1 is known.

    Args:
        table: (c, c) probability of each true class (row) and prediction (column).
        name: what the table is like.
    """
    cells = np.asarray(table, dtype=np.float64)
    cells = cells / cells.sum()
    c = len(cells)
    f1 = 2 * np.diag(cells) / (cells.sum(axis=0) + cells.sum(axis=1))

    def draw(n: int, rng: np.random.Generator) -> Drawn:
        code = rng.choice(c * c, size=n, p=cells.ravel())
        return code // c, code % c, None

    return Simulated(
        name=name, metric="f1_macro", truth=float(f1.mean()), draw=draw, rarest=float(cells.sum(axis=1).min())
    )


def confusion(prior: Any, right: Any) -> NDArray[np.float64]:
    """(c, c) probabilities: classes with these priors, each right with its probability, else any other alike."""
    share, hit = np.asarray(prior, dtype=np.float64), np.asarray(right, dtype=np.float64)
    table = (share * (1 - hit) / (len(share) - 1))[:, None].repeat(len(share), axis=1)
    np.fill_diagonal(table, share * hit)
    return table


def two_normals(
    distance: float, *, spread: float = 1.0, share: float = 0.5, round_to: float | None = None
) -> Simulated:
    """Scores N(0, 1) of one class and N(distance, spread²) of the other; the area under the ROC curve is known.

    Args:
        distance: of the means.
        spread: standard deviation of class 1.
        share: of class 1.
        round_to: makes ties: scores are rounded to multiples of it.
    """
    truth = float(stats.norm.cdf(distance / np.sqrt(1 + spread**2)))
    if round_to is not None:
        at = round_to * np.arange(-60, 61)
        edges = np.concatenate([at - round_to / 2, [at[-1] + round_to / 2]])
        low, high = np.diff(stats.norm.cdf(edges)), np.diff(stats.norm.cdf(edges, distance, spread))
        truth = float(high @ (np.cumsum(low) - low / 2))

    def draw(n: int, rng: np.random.Generator) -> Drawn:
        target = (rng.random(n) < share).astype(np.int64)
        score = np.where(target == 1, rng.normal(distance, spread, n), rng.normal(size=n))
        score = score if round_to is None else np.round(score / round_to) * round_to
        return target, (score > distance / 2).astype(np.int64), np.column_stack([-score, score])

    ties = "" if round_to is None else ", tied"
    name = f"normal, distance {distance:g}, spread {spread:g}, {show_level(share)} positive{ties}"
    return Simulated(name=name, metric="auroc", truth=truth, draw=draw, rarest=min(share, 1 - share))


def two_exponentials(ratio: float, *, share: float = 0.5) -> Simulated:
    """Exponential scores whose means differ by a ratio: a long tail of positives that look negative."""

    def draw(n: int, rng: np.random.Generator) -> Drawn:
        target = (rng.random(n) < share).astype(np.int64)
        score = rng.exponential(np.where(target == 1, ratio, 1.0))
        return target, (score > 1).astype(np.int64), np.column_stack([-score, score])

    return Simulated(name=f"exponential, means 1 : {ratio:g}, {show_level(share)} positive", metric="auroc",
                     truth=ratio / (1 + ratio), draw=draw, rarest=min(share, 1 - share))  # fmt: skip


def own_columns(distance: float, prior: Any) -> Simulated:
    """One score column a class, N(distance, 1) for its items and N(0, 1) for others; the mean area is known."""
    shares = np.asarray(prior, dtype=np.float64)

    def draw(n: int, rng: np.random.Generator) -> Drawn:
        target = rng.choice(len(shares), size=n, p=shares)
        score = rng.normal(size=(n, len(shares))) + distance * np.eye(len(shares))[target]
        return target, score.argmax(axis=1), score

    return Simulated(
        name=f"{len(shares)} classes, distance {distance:g}, rarest {show_level(shares.min())}", metric="auroc",
        truth=float(stats.norm.cdf(distance / np.sqrt(2))), draw=draw, rarest=float(shares.min()),
    )  # fmt: skip


def in_groups(
    source: Simulated, size: int, *, alike: float, rng: np.random.Generator, n: int
) -> tuple[Drawn, NDArray[np.int_]]:
    """N items in groups of `size`, of which a share `alike` repeat the first of their group; and the group of each.

    The population's score is that of `source`: each item on its own is drawn from it.
    """
    target, label, score = source.draw(n, rng)
    group = np.arange(n) // size
    copy = np.where(rng.random(n) < alike, group * size, np.arange(n))
    return (target[copy], label[copy], None if score is None else score[copy]), group
