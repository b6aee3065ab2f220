"""How far the score of a model on a task would move if the task were run again: from seeds, items or test sizes.

Which of these were recorded decides what "again" means, so each constructor names its population. A single run with
nothing below it has no error that anyone could know; it stays unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.errors import ShapeError

OTHER_SEEDS = "these tasks again, with other seeds"
OTHER_ITEMS = "these tasks again, with other items"
OTHER_SEEDS_AND_ITEMS = "these tasks again, with other seeds and items"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskErrors:
    """Scores of m models on t tasks, with the variance of the error of each, in c independent parts."""

    scores: NDArray[np.float64]
    """(m, t) the score of each cell, a mean over its seeds and items."""
    present: NDArray[np.bool_]
    """(m, t) which cells were measured."""
    centre: NDArray[np.float64]
    """(m, t) where the interval is centred: the score, except for counts near 0 % or 100 %."""
    variance: NDArray[np.float64]
    """(m, t, c) variance of the cell's error, part by part; NaN where it cannot be known."""
    df: NDArray[np.float64]
    """(m, t, c) degrees of freedom behind each part; infinity where the variance follows from the score."""
    shared: tuple[NDArray[np.float64], ...] | None
    """One (m, m) covariance of errors a task, where models share its items; None where they err independently."""
    population: str
    """What "again" means."""
    method: str
    """How the variances were found."""
    units: int
    """How many seeds or items carry them."""

    def gap(self, row: int) -> str:
        """Why the error of a model's mean is unknown."""
        unknown = int((np.isnan(self.variance[row]).any(axis=-1) & self.present[row]).sum())
        return f"{unknown} of its tasks were run once, and one run says nothing of its own error"


def seed_errors(values: NDArray[np.float64], present: NDArray[np.bool_]) -> TaskErrors:
    """Errors from repeated runs with other seeds.

    Args:
        values: (m, t, s) scores of single runs.
        present: (m, t, s) which runs exist.

    Returns:
        TaskErrors for other seeds; a cell with one run has an unknown variance.

    Raises:
        ShapeError: unless three-dimensional and alike.
    """
    if values.ndim != 3 or present.shape != values.shape:
        raise ShapeError(f"runs are models × tasks × seeds; got {values.shape} with a mask of {present.shape}")
    counts = present.sum(axis=2)
    filled = np.where(present, values, 0.0)
    scores = filled.sum(axis=2) / np.maximum(counts, 1)
    squares = (np.where(present, values - scores[:, :, None], 0.0) ** 2).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(counts > 1, squares / (counts - 1) / counts, np.nan)
    here = counts > 0
    variance = np.where(here, variance, 0.0)
    return TaskErrors(
        scores=scores, present=here, centre=scores, variance=variance[:, :, None],
        df=np.maximum(counts - 1.0, 1.0)[:, :, None], shared=None,
        population=OTHER_SEEDS, method="spread over seeds, Student's t", units=int(counts.max(initial=0)),
    )  # fmt: skip


def size_errors(scores: NDArray[np.float64], present: NDArray[np.bool_], sizes: NDArray[np.float64], *,
                level: float = 0.95) -> TaskErrors:  # fmt: skip
    """Errors of accuracies from the sizes of their test sets alone.

    Models are taken to err independently, which overstates the error of a difference when they were tested on the
    same items. Use `item_errors` where single items are known.

    Args:
        scores: (m, t) fractions between 0 and 1.
        present: (m, t) which cells were measured.
        sizes: (m, t) test sizes.
        level: Confidence level that the centre is made for.

    Returns:
        TaskErrors for other items.

    Raises:
        ShapeError: when a present score is no fraction, or a size is missing or not positive.

    Notes:
        Agresti and Coull's interval, with its z² pseudo-items shared out over the tasks; for equal tasks it is theirs
        for all items pooled, and the error is never 0 at 0 % or 100 %.

    References:
        Agresti and Coull (1998), Approximate is better than "exact" for interval estimation of binomial proportions.
    """
    inside = scores[present]
    if ((inside < 0) | (inside > 1)).any():
        raise ShapeError("test sizes give an error only to scores that are shares of right answers, between 0 and 1")
    given = sizes[present]
    if not (np.isfinite(given) & (given > 0)).all():
        raise ShapeError("every present score needs a positive test size")
    n = np.where(present, sizes, 1.0)
    pseudo = float(special.ndtri((1 + level) / 2)) ** 2 / np.maximum(present.sum(axis=1, keepdims=True), 1)
    centre = np.where(present, (np.where(present, scores, 0.0) * n + pseudo / 2) / (n + pseudo), 0.0)
    variance = np.where(present, centre * (1 - centre) / (n + pseudo), 0.0)
    return TaskErrors(
        scores=np.where(present, scores, 0.0), present=present, centre=centre, variance=variance[:, :, None],
        df=np.full((*scores.shape, 1), np.inf), shared=None,
        population=OTHER_ITEMS, method="binomial error from test sizes, Agresti and Coull",
        units=int(given.sum() / max(len(scores), 1)) if given.size else 0,
    )  # fmt: skip


def reported_errors(scores: NDArray[np.float64], present: NDArray[np.bool_], errors: NDArray[np.float64]) -> TaskErrors:
    """Errors as the tool that measured the scores reports them, taken as known and as independent between models.

    Args:
        scores: (m, t) scores.
        present: (m, t) which cells were measured.
        errors: (m, t) standard errors, in the unit of the scores; NaN where the tool gave none.

    Returns:
        TaskErrors for other items.
    """
    variance = np.where(present, errors**2, 0.0)
    filled = np.where(present, scores, 0.0)
    return TaskErrors(
        scores=filled, present=present, centre=filled, variance=variance[:, :, None],
        df=np.full((*scores.shape, 1), np.inf), shared=None,
        population=OTHER_ITEMS, method="standard errors as reported", units=0,
    )  # fmt: skip


def item_errors(items: Sequence[NDArray[np.float64]], *, level: float = 0.95) -> TaskErrors:
    """Errors from the scores of single items, the same items for all models, with one or more seeds.

    Args:
        items: One array (m, s, n) a task: models × seeds × items; NaN where absent. A model's seeds share its items.
        level: Confidence level, for scores that are only 0 and 1.

    Returns:
        TaskErrors for other items, or for other seeds and items where a task has several seeds. Shared items make the
        covariance of the models full, so that their comparison is paired.

    Notes:
        With seeds and items crossed, the variance of a cell is (MS_seed + MS_item − MS_rest) / (s n), each mean square
        a part with its own degrees of freedom, never below what items or seeds alone give.

    References:
        Searle, Casella and McCulloch (1992), Variance Components, section 4.2; Owen (2007), The pigeonhole bootstrap,
        section 3.
    """
    m, t = (len(items[0]) if items else 0), len(items)
    shape = (m, t)
    scores, variance, df = np.zeros(shape), np.full((*shape, 3), np.nan), np.ones((*shape, 3))
    present = np.zeros(shape, dtype=bool)
    shared: list[NDArray[np.float64]] = []
    several = False
    for task, block in enumerate(items):
        for row in range(m):
            runs = block[row][~np.isnan(block[row]).all(axis=1)]
            runs = runs[:, ~np.isnan(runs).any(axis=0)] if len(runs) else runs
            if runs.size == 0:
                continue
            several = several or len(runs) > 1
            present[row, task] = True
            scores[row, task] = runs.mean()
            variance[row, task], df[row, task] = _crossed(runs)
        shared.append(_item_covariance(block, variance[:, task]))
    variance = np.where(present[:, :, None], variance, 0.0)
    population = OTHER_SEEDS_AND_ITEMS if several else OTHER_ITEMS
    units = sum(block.shape[2] for block in items)
    if not several and _binary(items):
        sizes = np.stack([(~np.isnan(block)).sum(axis=(1, 2)) for block in items], axis=1).astype(float)
        counted = size_errors(scores, present, sizes, level=level)
        scores, centre, variance, df = counted.scores, counted.centre, counted.variance, counted.df
        method = "binomial error of single items, Agresti and Coull"
    else:
        centre, method = scores, f"spread over {'seeds and items' if several else 'items'}, Student's t"
    return TaskErrors(
        scores=scores, present=present, centre=centre, variance=variance, df=df, shared=tuple(shared),
        population=population, method=method, units=units,
    )  # fmt: skip


def _crossed(runs: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Three variance parts of the mean of an (s, n) block, and their degrees of freedom."""
    s, n = runs.shape
    grand = runs.mean()
    if s == 1:
        spread = runs.var(ddof=1) / n if n > 1 else np.nan
        return np.array([spread, 0.0, 0.0]), np.array([max(n - 1, 1), 1.0, 1.0])
    if n == 1:
        return np.array([runs.var(ddof=1) / s, 0.0, 0.0]), np.array([s - 1.0, 1.0, 1.0])
    seeds, columns = runs.mean(axis=1), runs.mean(axis=0)
    by_seed = n * ((seeds - grand) ** 2).sum() / (s - 1)
    by_item = s * ((columns - grand) ** 2).sum() / (n - 1)
    rest = ((runs - seeds[:, None] - columns + grand) ** 2).sum() / ((s - 1) * (n - 1))
    df = np.array([s - 1.0, n - 1.0, (s - 1.0) * (n - 1.0)])
    parts = np.array([by_seed, by_item, -rest]) / (s * n)
    if rest >= min(by_seed, by_item):
        # One of the two levels adds nothing that the rest does not hold already: the other one carries the error.
        parts[[1, 2] if by_seed >= by_item else [0, 2]] = 0.0
    return parts, df


def _item_covariance(block: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, m) covariance of the models' task means: shared items off the diagonal, all parts on it."""
    with np.errstate(invalid="ignore"):
        means = np.where(np.isnan(block).any(axis=1), np.nan, np.nan_to_num(block).mean(axis=1))
    here = ~np.isnan(means)
    counts = here.astype(float) @ here.T
    own = np.where(here, means, 0.0).sum(axis=1) / np.maximum(here.sum(axis=1), 1)
    centred = np.where(here, means - own[:, None], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = np.where(counts > 1, centred @ centred.T / (counts - 1), 0.0)
    sizes = np.maximum(here.sum(axis=1), 1)
    covariance = shared * counts / np.outer(sizes, sizes)
    total = np.nan_to_num(variance).sum(axis=1)
    np.fill_diagonal(covariance, np.maximum(total, np.diag(covariance)))
    return covariance


def _binary(items: Sequence[NDArray[np.float64]]) -> bool:
    return all(np.isin(block[~np.isnan(block)], (0.0, 1.0)).all() for block in items)
