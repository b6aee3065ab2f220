"""Which parameters and pairs matter at all: one family of tests, with a permutation null for the largest of them.

Every main effect and every pairwise interaction is one test. The null of the largest statistic comes from permuting
the scores, so that the chance of any claim on pure noise is the stated one. Claimed effects are then taken out of the
scores and the rest is tested again (step-down), which keeps one strong parameter from hiding the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from assay.errors import ShapeError
from assay.stats.effect_bases import Effect

# An effect may use at most this share of the degrees of freedom that the configurations leave.
LARGEST_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectTests:
    """Adjusted p-values of a family of effects."""

    p_adjusted: NDArray[np.float64]
    """(e,) step-down adjusted p-values; NaN where an effect could not be tested."""
    statistic: NDArray[np.float64]
    """(e,) −ln p of each effect alone, before adjustment; NaN where not tested."""
    claimed: NDArray[np.bool_]
    """(e,) p_adjusted below 1 − level."""


def effect_tests(
    effects: Sequence[Effect], scores: NDArray[np.float64], *, groups: NDArray[np.int_] | None = None,
    level: float = 0.95, permutations: int = 999, rng: np.random.Generator,
) -> EffectTests:  # fmt: skip
    """Test all effects as one family.

    Args:
        effects: From `effect_bases.effects`, main effects before interactions.
        scores: (n,) one score a configuration; within groups already centred where groups are given.
        groups: (n,) group codes; scores are exchanged within a group only.
        level: 1 minus the chance of any false claim.
        permutations: Number of permutations of the scores.
        rng: Draws the permutations.

    Returns:
        Adjusted p-values in the order of `effects`.

    Raises:
        ShapeError: when scores and effects differ in length.

    Notes:
        The statistic is −ln of the F-test's p-value of the effect, interactions after their own main effects. Under
        the global null the permuted and the observed scores have one distribution, so the family-wise rate is exact.
        After a claim the residuals are permuted (Freedman and Lane, 1983), which is exact for large n.

    References:
        Westfall and Young (1993), Resampling-based multiple testing, algorithm 4.1.
    """
    y = np.asarray(scores, dtype=float)
    if any(len(effect.columns) != len(y) for effect in effects):
        raise ShapeError(f"{len(y)} scores cannot be tested against effects of other lengths")
    n = len(y)
    spans = [_span(effects, i, n) for i in range(len(effects))]
    open_tests = [i for i, span in enumerate(spans) if span is not None]
    adjusted, statistic = np.full(len(effects), np.nan), np.full(len(effects), np.nan)
    orders = _permutations(n, groups, permutations, rng)
    taken, floor = np.ones((n, 1)), 0.0
    while open_tests:
        residual = y - taken @ np.linalg.lstsq(taken, y, rcond=None)[0]
        everything = np.column_stack([residual, residual[orders].T])
        surprise = np.stack([_surprise(spans[i], taken, everything) for i in open_tests])
        statistic[open_tests] = np.where(np.isnan(statistic[open_tests]), surprise[:, 0], statistic[open_tests])
        largest = surprise[:, 1:].max(axis=0)
        p = (1.0 + (largest[None, :] >= surprise[:, :1]).sum(axis=1)) / (1.0 + permutations)
        best = int(np.argmin(p - 1e-9 * surprise[:, 0]))
        floor = max(floor, float(p[best]))
        if floor > 1.0 - level:
            adjusted[open_tests] = np.maximum(p, floor)
            break
        adjusted[open_tests[best]] = floor
        taken = np.column_stack([taken, effects[open_tests[best]].columns])
        open_tests.pop(best)
        if taken.shape[1] > 0.7 * n:
            adjusted[open_tests] = 1.0
            break
    return EffectTests(p_adjusted=adjusted, statistic=statistic, claimed=adjusted <= 1.0 - level)


def _span(effects: Sequence[Effect], i: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """What must be taken out first, and the effect itself; None where the configurations are too few or do not vary."""
    effect = effects[i]
    inside = [
        other.columns
        for other in effects
        if len(other.parameters) < len(effect.parameters) and set(other.parameters) < set(effect.parameters)
    ]
    before = np.column_stack([np.ones((n, 1)), *inside])
    if before.shape[1] + effect.columns.shape[1] > LARGEST_SHARE * n + 1 or np.ptp(effect.columns, axis=0).max() == 0:
        return None
    return before, effect.columns


def _surprise(
    span: tuple[NDArray[np.float64], NDArray[np.float64]] | None, taken: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(b,) −ln p of the effect for each column of y, after what is inside it and what was claimed before."""
    assert span is not None
    base = _orthonormal(np.column_stack([taken, span[0]]))
    extra = span[1] - base @ (base.T @ span[1])
    extra = _orthonormal(extra)
    if extra.shape[1] == 0:
        return np.zeros(y.shape[1])
    rest = y - base @ (base.T @ y)
    total = np.maximum((rest**2).sum(axis=0), 1e-300)
    explained = np.minimum(((extra.T @ rest) ** 2).sum(axis=0) / total, 1.0)
    free = len(y) - base.shape[1] - extra.shape[1]
    if free < 1:
        return np.zeros(y.shape[1])
    # 1 − R² of an effect of q columns follows Beta(free / 2, q / 2) under normal noise.
    p = betainc(free / 2.0, extra.shape[1] / 2.0, 1.0 - explained)
    return -np.log(np.maximum(p, 1e-300))


def _orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """An orthonormal basis of the columns' span, directions without variation left out."""
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, s > 1e-9 * max(s[0], 1e-300) * len(columns) ** 0.5] if s.size else u[:, :0]


def _permutations(n: int, groups: NDArray[np.int_] | None, count: int, rng: np.random.Generator) -> NDArray[np.int_]:
    """(count, n) permutations of the rows, within groups where there are groups."""
    if groups is None:
        return rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)
    orders = np.tile(np.arange(n), (count, 1))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        orders[:, rows] = rng.permuted(np.tile(rows, (count, 1)), axis=1)
    return orders
