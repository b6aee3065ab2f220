"""Rank sets: for every model the ranks that the data leave open, all of them right together with the stated confidence.

`rank_sets` takes scores on units (tasks, or items) and asks what holds for other such units. It flips the signs of
whole units, which is exact however few they are, as long as differences are symmetric. A bootstrap of ranks is not:
with equal models it never covers. What these same tasks would give again is asked in `rank_sets_again`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.errors import ShapeError, UsageError
from assay.stats.additive import additive_effects
from assay.stats.max_t import step_down

ENUMERATED = 12
"""Up to this many units all patterns of signs are used, beyond it a sample of them."""
BORROWED = 2.0
"""Units' worth of spread that every pair borrows from the typical pair; it steadies the t of a few units."""
WORK = 4e8
"""Pairs times draws beyond which fewer draws are made, never fewer than 400: for more than about 600 models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSets:
    """Which ranks each of m models may hold; rank 1 is the best."""

    low: NDArray[np.int_]
    """(m,) best rank: 1 + the number of models that are certainly better."""
    high: NDArray[np.int_]
    """(m,) worst rank: m − the number of models that are certainly worse."""
    beats: NDArray[np.bool_]
    """(m, m) whether the row's model is certainly better than the column's."""
    group: NDArray[np.int_]
    """(m,) significance group from 1: a new group begins with the first model that the group's leader beats."""
    tied_with_best: NDArray[np.bool_]
    """(m,) whether no model is certainly better."""
    p_values: NDArray[np.float64]
    """(m, m) two-sided p-values, adjusted for all pairs; 1 where a pair cannot be compared."""
    effects: NDArray[np.float64]
    """(m,) the mean of each model, corrected for the difficulty of units it was not scored on."""
    level: float
    """Joint confidence of everything above."""
    units: int
    """How many units carry the claim."""
    reason: str | None
    """Why no claim is made, or None."""

    def best_sets(self, tau: int = 1) -> NDArray[np.bool_]:
        """(m,) whether a model may be among the `tau` best: a set that holds all of them with the same confidence."""
        return self.low <= tau


def rank_sets(
    scores: ArrayLike, *, present: ArrayLike | None = None, level: float = 0.95, resamples: int = 2000,
    rng: np.random.Generator,
) -> RankSets:  # fmt: skip
    """Rank sets for other such units: studentised sign-flip of all pairs, step-down maximum.

    Use it for models scored on the same tasks, or on the same items. Do not use it with tasks for the question whether
    these same tasks would give the ranking again; `rank_sets_of_these_tasks` answers that.

    Args:
        scores: (m, t) models × units, higher is better.
        present: (m, t) which cells were measured; None for those that are finite. A pair of models is compared on the
            units that both have.
        level: Joint confidence.
        resamples: Number of sign patterns where there are too many to use all.
        rng: Draws the patterns.

    Returns:
        RankSets; with too few units every rank stays open and `reason` says how many are needed.

    Raises:
        ShapeError: unless scores and mask are two-dimensional and alike.
        UsageError: when the level is not between 0 and 1 or a present score is not finite.

    Notes:
        For a pair the statistic is the paired t over shared units, its squares raised by 2 units' worth of the typical
        pair's, on a scale that is comparable between pairs with different numbers of units. Without that loan, a pair
        that by chance hardly varies over 6 tasks would set the limit for all.
        Under a true null the vector of a unit's differences is symmetric about 0, so flipping its sign changes
        nothing; nor does it change any squares. The p-values need no distribution, hold for every subset of true nulls
        and with missing cells. With T units there are 2^(T−1) patterns, hence no claim at level 0.95 with fewer than 6.

    References:
        Mogstad, Romano, Shaikh and Wilhelm (2024), Inference for ranks with applications to mobility across
        neighbourhoods and academic achievement across countries, section 3; Romano and Wolf (2005), section 3; Tusher,
        Tibshirani and Chu (2001), Significance analysis of microarrays, for the borrowed spread.

    Example:
        >>> import numpy as np
        >>> table = np.array([[5.0, 6, 7, 5, 6, 8], [4, 5, 6, 4, 5, 7.5], [1, 2, 2, 1, 1, 3]])
        >>> rank_sets(table, rng=np.random.default_rng(0)).high.tolist()
        [1, 2, 3]
    """
    values, mask = _checked(scores, present, level)
    m, t = values.shape
    pairs = _pairs(values, mask)
    needed = fewest_units(level)
    usable = (pairs.shared >= needed) & (pairs.lengths > 0)
    p_values = np.ones(len(usable))
    if usable.any():
        p_values[usable] = _sign_flip(pairs.keep(usable), mask, resamples, rng)
    reason = _reason(m, t, needed, level, pairs.shared)
    effects = additive_effects(values, mask)
    return sets_from_pairs(
        effects, pairs.first, pairs.second, pairs.sums, p_values, level=level, units=t, reason=reason
    )


def fewest_units(level: float) -> int:
    """The fewest units with which flipping signs can make any claim: the first T with 2^(1−T) ≤ 1 − level."""
    return int(np.ceil(1 - np.log2(1 - level) - 1e-12))


def _checked(
    scores: ArrayLike, present: ArrayLike | None, level: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values = np.asarray(scores, dtype=float)
    mask = np.isfinite(values) if present is None else np.asarray(present, dtype=bool)
    if values.ndim != 2 or mask.shape != values.shape:
        raise ShapeError(
            f"scores are models × units with a mask of the same shape; got {values.shape} and {mask.shape}"
        )
    if not np.isfinite(values[mask]).all():
        raise UsageError("a present score must be a finite number; mark missing cells in `present`")
    _check_level(level)
    return np.where(mask, values, 0.0), mask


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise UsageError(f"a level lies between 0 and 1, such as 0.95; got {level}")


def _reason(m: int, t: int, needed: int, level: float, shared: NDArray[np.int_]) -> str | None:
    if m < 2:
        return "one model: there is nothing to rank"
    if t < needed:
        return f"{t} task{'s' if t != 1 else ''} cannot carry a rank claim at level {level:g}; {needed} can"
    if (shared < needed).all():
        return f"no two models share {needed} tasks, the fewest that can carry a rank claim at level {level:g}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """All pairs of models, each on the units that both have."""

    centred: NDArray[np.float64]
    """(m, t) scores less the unit's mean; 0 where absent. Centring changes no difference and keeps squares exact."""
    first: NDArray[np.int_]
    second: NDArray[np.int_]
    shared: NDArray[np.int_]
    """How many units both models of a pair have."""
    sums: NDArray[np.float64]
    """Sum of the differences, first less second."""
    lengths: NDArray[np.float64]
    """Euclidean length of the vector of differences; 0 where the models agree on every unit."""

    def keep(self, which: NDArray[np.bool_]) -> _Pairs:
        return _Pairs(
            centred=self.centred, first=self.first[which], second=self.second[which], shared=self.shared[which],
            sums=self.sums[which], lengths=self.lengths[which],
        )  # fmt: skip


def _pairs(values: NDArray[np.float64], mask: NDArray[np.bool_]) -> _Pairs:
    first, second = np.triu_indices(len(values), k=1)
    held = mask.astype(float)
    centred = np.where(mask, values - values.sum(axis=0) / np.maximum(mask.sum(axis=0), 1), 0.0)
    sums, squares = centred @ held.T, (centred**2) @ held.T
    size = squares[first, second] + squares[second, first]
    squared = size - 2 * (centred @ centred.T)[first, second]
    return _Pairs(
        centred=centred, first=first, second=second, shared=(held @ held.T)[first, second].astype(int),
        sums=sums[first, second] - sums[second, first],
        lengths=np.sqrt(np.where(squared > 1e-12 * size, squared, 0.0)),
    )  # fmt: skip


def _sign_flip(pairs: _Pairs, mask: NDArray[np.bool_], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Adjusted p-values of the pairs; every pair's statistic is a monotone function of its paired t."""
    signs, whole = _signs(mask.shape[1], affordable(resamples, len(pairs.first)), rng)
    kind = np.dtype(np.float64 if whole else np.float32)
    complete = bool(mask.all())
    typical = float(np.median(pairs.lengths**2 / pairs.shared))
    lengths = np.sqrt(pairs.lengths**2 + BORROWED * typical)
    projected = _project(pairs.centred, signs, kind) if complete else None

    def draws(at: NDArray[np.int_]) -> NDArray[np.floating]:
        one, other = pairs.first[at], pairs.second[at]
        if projected is not None:
            flipped = projected[one] - projected[other]
        else:
            both = mask[one] & mask[other]
            flipped = _project(np.where(both, pairs.centred[one] - pairs.centred[other], 0.0), signs, kind)
        flipped *= (1 / (lengths[at] * np.sqrt(pairs.shared[at]))).astype(kind)[:, None]
        np.multiply(flipped, flipped, out=flipped)
        return flipped if complete else _comparable(flipped, pairs.shared[at])

    shares = pairs.sums**2 / (lengths**2 * pairs.shared)
    observed = shares if complete else _comparable(shares[:, None], pairs.shared)[:, 0]
    return step_down(observed, draws, includes_observed=whole)


def affordable(resamples: int, pairs: int) -> int:
    """How many draws so many pairs can have."""
    return min(resamples, max(400, int(WORK / max(pairs, 1))))


def _comparable(shares: NDArray[np.floating], shared: NDArray[np.int_]) -> NDArray[np.floating]:
    """(b, r) paired t of pairs with different numbers of units, as squares of normal deviates.

    With u the sum of n differences over their length, the share is u²/n and t²/(n − 1) = share / (1 − share), but for
    the loan.

    References:
        Wallace (1959), Bounds on normal approximations to Student's and the chi-square distributions, section 3.
    """
    df = np.maximum(shared - 1, 1)
    factor = ((8 * df + 1) / (8 * df + 3)) ** 2 * df
    return np.log1p(-np.minimum(shares, 1 - 1e-6)) * -factor.astype(shares.dtype)[:, None]


def _signs(t: int, resamples: int, rng: np.random.Generator) -> tuple[NDArray[np.int8], bool]:
    """(t, r) patterns of signs, and whether they are all there are; a pattern and its opposite are the same."""
    if t <= ENUMERATED:
        bits = (np.arange(2 ** (t - 1))[None, :] >> np.arange(t)[:, None]) & 1
        return (1 - 2 * bits).astype(np.int8), True
    return (2 * rng.integers(0, 2, size=(t, resamples), dtype=np.int8) - 1).astype(np.int8), False


def _project(
    vectors: NDArray[np.float64], signs: NDArray[np.int8], kind: np.dtype[np.floating]
) -> NDArray[np.floating]:
    """`vectors @ signs`, a stretch of units at a time, so that ten thousands of items need little memory."""
    total = np.zeros((len(vectors), signs.shape[1]), dtype=kind)
    for start in range(0, len(signs), 4096):
        stretch = slice(start, start + 4096)
        total += vectors[:, stretch].astype(kind) @ signs[stretch].astype(kind)
    return total


def sets_from_pairs(
    effects: NDArray[np.float64], first: NDArray[np.int_], second: NDArray[np.int_], difference: NDArray[np.float64],
    p_pairs: NDArray[np.float64], *, level: float, units: int, reason: str | None,
) -> RankSets:  # fmt: skip
    """Rank sets from the adjusted p-values of all pairs, given as positions of the first and the second model."""
    m = len(effects)
    p_values = np.ones((m, m))
    p_values[first, second] = p_values[second, first] = p_pairs
    beats = np.zeros((m, m), dtype=bool)
    claimed = p_pairs <= 1 - level + 1e-12
    beats[first, second] = claimed & (difference > 0)
    beats[second, first] = claimed & (difference < 0)
    low = 1 + beats.sum(axis=0)
    return RankSets(
        low=low, high=m - beats.sum(axis=1), beats=beats, group=_groups(effects, beats), tied_with_best=low == 1,
        p_values=p_values, effects=effects, level=level, units=units, reason=reason,
    )  # fmt: skip


def _groups(effects: NDArray[np.float64], beats: NDArray[np.bool_]) -> NDArray[np.int_]:
    group = np.ones(len(effects), dtype=int)
    leader, number = -1, 0
    for model in np.argsort(-np.nan_to_num(effects, nan=-np.inf), kind="stable"):
        if leader < 0 or beats[leader, model]:
            leader, number = model, number + 1
        group[model] = number
    return group
