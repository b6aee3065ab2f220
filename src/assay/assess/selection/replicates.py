"""Paired replicates: what the candidates would score on other test items and other trainings, all at once.

Each replicate draws the items anew, the same items for all candidates, and adds what repeated training varies. The
columns of one replicate are therefore comparable, and differences between candidates are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.selection.candidates import Aligned
from assay.assess.selection.routes import Floats, Metric, Route, Weights, by_calling, fast_route, score_of

SLOW_RESAMPLES = 300
"""Resamples where the metric has to be called on every one of them."""
CELLS = 4_000_000
"""Weights held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicates:
    """Scores of m candidates over b replicates, higher is better."""

    names: tuple[str, ...]
    point: Floats
    """(m,) scores on the rows as they are, averaged over runs."""
    items: Floats
    """(b, m) deviations from `point` that come from drawing other items."""
    trainings: Floats
    """(b, m) deviations that come from repeating the training; zero where each candidate was run once."""
    n: int
    """Test items."""
    repeats: int
    """Independent repetitions of the training: draws, or seeds where there is one draw."""

    @property
    def deviations(self) -> Floats:
        """(b, m) both parts together."""
        return self.items + self.trainings

    @property
    def values(self) -> Floats:
        """(b, m) replicated scores."""
        return self.point + self.deviations

    def columns(self, keep: Sequence[int]) -> Replicates:
        """The same replicates for some candidates."""
        index = list(keep)
        return Replicates(
            names=tuple(self.names[i] for i in index), point=self.point[index], items=self.items[:, index],
            trainings=self.trainings[:, index], n=self.n, repeats=self.repeats,
        )  # fmt: skip


def replicate(
    aligned: Aligned, metric: Metric, *, sign: float, bounded: bool, resamples: int, rng: np.random.Generator,
    groups: NDArray[Any] | None = None,
) -> Replicates:  # fmt: skip
    """Paired replicates of every candidate's score.

    Items are resampled with replacement (whole groups of them where `groups` (n,) is given), the same for all
    candidates and runs. A metric of bounded range gets a little more spread, 1/(2n) in scale for each candidate,
    so that candidates without a single error are not called equal for certain. The training part is drawn from a
    multivariate t about the mean of the repetitions (`training_deviations`).

    Args:
        aligned: the candidates' predictions on common items.
        metric: called as metric(target, label, score).
        sign: 1 when a higher metric is better, -1 otherwise; scores come back with higher better.
        bounded: whether the metric is a fraction of items or of a similar range of about 1.
        resamples: number of replicates; at most 300 where the metric must be called for each.
        rng: the source of randomness.
        groups: (n,) group of each item.
    """
    n = len(aligned.ids)
    per_run = [[sign * score_of(metric, rows) for _, rows in runs] for runs in aligned.runs]
    routes = [[fast_route(metric, rows) for _, rows in runs] for runs in aligned.runs]
    fast = all(route is not None for row in routes for route in row)
    b = resamples if fast else min(resamples, SLOW_RESAMPLES)
    calls = [[route if fast and route is not None else by_calling(metric, rows)
              for (_, rows), route in zip(runs, row, strict=True)]
             for runs, row in zip(aligned.runs, routes, strict=True)]  # fmt: skip
    point = np.array([float(np.mean(row)) for row in per_run])
    items = np.concatenate([sign * _resampled(aligned, calls, w) for w in _weights(n, b, groups, rng)]) - point
    if bounded:
        items += rng.laplace(scale=1.0 / (2 * n), size=items.shape)
    table = repetitions(per_run, aligned.draws)
    return Replicates(
        names=aligned.names, point=point, items=items, n=n, repeats=len(table),
        trainings=training_deviations(table, b, rng),
    )  # fmt: skip


def _resampled(aligned: Aligned, calls: Sequence[Sequence[Route]], weights: Weights) -> Floats:
    """(b, m) scores under (b, n) weights, averaged over each candidate's runs."""
    out = np.zeros((len(weights), len(aligned.names)))
    for column, (runs, row) in enumerate(zip(aligned.runs, calls, strict=True)):
        for (at, _), route in zip(runs, row, strict=True):
            out[:, column] += route(weights[:, at]) / len(runs)
    return out


def repetitions(per_run: Sequence[Sequence[float]], draws: Sequence[NDArray[np.int_]]) -> Floats:
    """(r, m) one row an independent repetition: a draw (seeds averaged), or a seed where there is one draw."""
    labels = np.unique(np.concatenate(draws))
    if len(labels) > 1:
        columns = [
            [float(np.mean(np.asarray(scores)[at == draw])) for draw in labels]
            for scores, at in zip(per_run, draws, strict=True)
        ]
        return np.array(columns).T
    fewest = min(len(scores) for scores in per_run)
    return np.array([list(scores)[:fewest] for scores in per_run]).T


def training_deviations(table: Floats, b: int, rng: np.random.Generator) -> Floats:
    """(b, m) draws of the error of the mean over r repetitions, from an (r, m) table of their scores.

    With fewer than six repetitions the candidates share one variance (compound symmetry: a part common to all and a
    part of their own), which has (r - 1)(m - 1) degrees of freedom instead of r - 1; with six or more each has its
    own. Either way the draws are t, so that few repetitions give wide intervals rather than wrong ones.
    """
    r, m = table.shape
    if r < 2:
        return np.zeros((b, m))
    centred = table - table.mean(axis=0)
    if r >= 6 or m == 1:
        scale = np.sqrt((r - 1) / rng.chisquare(r - 1, size=(b, 1)))
        return np.asarray(scale * (rng.standard_normal((b, r)) @ centred) / np.sqrt(r * (r - 1)), dtype=np.float64)
    common = centred.mean(axis=1, keepdims=True)
    own = np.sqrt(np.sum((centred - common) ** 2) / ((r - 1) * (m - 1)))
    freedom = (r - 1) * (m - 1)
    own_scale = own * np.sqrt(freedom / rng.chisquare(freedom, size=(b, 1)))
    shared_scale = float(common.std(ddof=1)) * np.sqrt((r - 1) / rng.chisquare(r - 1, size=(b, 1)))
    noise = rng.standard_normal((b, m))
    noise -= noise.mean(axis=1, keepdims=True)
    return (own_scale * noise + shared_scale * rng.standard_normal((b, 1))) / np.sqrt(r)


def _weights(n: int, b: int, groups: NDArray[Any] | None, rng: np.random.Generator) -> Iterator[Weights]:
    """Pieces of a (b, n) array: how often each item occurs in each resample."""
    code = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(code.max()) + 1
    piece = max(1, CELLS // n)
    for start in range(0, b, piece):
        drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=min(piece, b - start))
        yield drawn.astype(np.float64)[:, code]
