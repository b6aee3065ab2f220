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
from assay.metrics import METRICS
from assay.metrics import contributions as contributions_of
from assay.stats.repetitions import covariance_of, training_deviations

Floats = NDArray[np.float64]
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
    aligned: Aligned, metric: str, *, sign: float, bounded: bool, resamples: int, rng: np.random.Generator,
    groups: NDArray[Any] | None = None,
) -> Replicates:  # fmt: skip
    """Paired replicates of every candidate's score.

    Items are resampled with replacement (whole groups of them where `groups` (n,) is given), the same for all
    candidates and runs. A score moves by the mean of its items' contributions, which is exact for means and the
    jackknife's straight line for other metrics. A metric of bounded range gets a little more spread, 1/(2n) in scale
    for each candidate, so that candidates without a single error are not called equal for certain. The training part is
    drawn from a multivariate t about the mean of the repetitions (`training_deviations`).

    Args:
        aligned: The candidates' predictions on common items.
        metric: A name in `METRICS`.
        sign: 1 when a higher metric is better, -1 otherwise; scores come back with higher better.
        bounded: Whether the metric is a fraction of items or of a similar range of about 1.
        resamples: Number of replicates.
        rng: The source of randomness.
        groups: (n,) group of each item.

    Raises:
        UsageError: where the metric has no value for a candidate's predictions.
    """
    n = len(aligned.ids)
    per_run = [[sign * METRICS[metric](rows.target, rows.label, rows.score) for _, rows in runs]
               for runs in aligned.runs]  # fmt: skip
    moves = [[sign * own for own in runs] for runs in contributions(aligned, metric)]
    total = np.stack([np.mean(runs, axis=0) for runs in moves], axis=1)
    items = np.concatenate([weights @ total for weights in _weights(n, resamples, groups, rng)])
    if bounded:
        items += rng.laplace(scale=1.0 / (2 * n), size=items.shape)
    table = repetitions(per_run, aligned.draws)
    counted = repetitions(moves, aligned.draws)
    return Replicates(
        names=aligned.names, point=np.array([float(np.mean(row)) for row in per_run]), items=items, n=n,
        repeats=len(table), trainings=training_deviations(table, covariance_of(counted), resamples, rng),
    )  # fmt: skip


def contributions(aligned: Aligned, metric: str) -> list[list[Floats]]:
    """Candidate → run → (n,) what each item adds to the score, less the mean, divided by the items of the run."""
    out: list[list[Floats]] = []
    for runs in aligned.runs:
        out.append([])
        for at, rows in runs:
            own = contributions_of(metric, rows.target, rows.label, rows.score)
            moved = np.zeros(len(aligned.ids))
            moved[at] = (own - own.mean()) / len(own)
            out[-1].append(moved)
    return out


def repetitions(per_run: Sequence[Sequence[Any]], draws: Sequence[NDArray[np.int_]]) -> Floats:
    """(r, m, ...) one row an independent repetition: a draw (seeds averaged), or a seed where there is one draw."""
    labels = np.unique(np.concatenate(draws))
    if len(labels) > 1:
        columns = [[np.mean(np.asarray(values)[at == draw], axis=0) for draw in labels]
                   for values, at in zip(per_run, draws, strict=True)]  # fmt: skip
    else:
        fewest = min(len(values) for values in per_run)
        columns = [list(values)[:fewest] for values in per_run]
    return np.swapaxes(np.array(columns, dtype=np.float64), 0, 1)


def _weights(n: int, b: int, groups: NDArray[Any] | None, rng: np.random.Generator) -> Iterator[Floats]:
    """Pieces of a (b, n) array: how often each item occurs in each resample, less one."""
    code = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(code.max()) + 1
    piece = max(1, CELLS // n)
    for start in range(0, b, piece):
        drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=min(piece, b - start))
        yield np.asarray(drawn[:, code], dtype=np.float64) - 1.0
