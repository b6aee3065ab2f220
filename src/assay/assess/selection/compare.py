"""Which candidates can be told apart: paired differences, simultaneous over all pairs, and the ranks that follow.

One critical value serves all pairs (the maximum of the studentised differences over the replicates, stepped down), so
that the chance of even one false "better" is held at 1 - level however many candidates there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from assay.assess.selection.replicates import Replicates
from assay.estimate import Estimate
from assay.stats.max_t import step_down

Floats = NDArray[np.float64]
POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Who beats whom among m candidates."""

    beats: NDArray[np.bool_]
    """(m, m) row beats column, simultaneously over all pairs."""
    p_adjusted: Floats
    """(m, m) smallest 1 - level at which the pair is told apart; 1 on the diagonal."""
    errors: Floats
    """(m, m) standard error of each difference."""
    critical: float
    """Standard errors that a difference must exceed to be told apart at the first step, when all pairs count."""

    @property
    def rank_low(self) -> NDArray[np.int_]:
        """(m,) the best rank that each candidate may have."""
        return 1 + self.beats.sum(axis=0)

    @property
    def rank_high(self) -> NDArray[np.int_]:
        """(m,) the worst rank that each candidate may have."""
        return len(self.beats) - self.beats.sum(axis=1)

    @property
    def group(self) -> NDArray[np.int_]:
        """(m,) tie groups: 1 for those that nobody beats, 2 for those that nobody beats once group 1 is gone."""
        left = np.ones(len(self.beats), dtype=bool)
        group = np.zeros(len(self.beats), dtype=int)
        while left.any():
            leaders = left & ~self.beats[left].any(axis=0)
            group[leaders] = group.max() + 1
            left &= ~leaders
        return group


def compare(replicates: Replicates, *, level: float) -> Comparison:
    """All pairs compared at once.

    The pair (i, j) is told apart when |d_ij| / se_ij exceeds the `level` quantile of the maximum of
    |d*_ij - d_ij| / se_ij over the pairs not yet told apart; repeated until no further pair falls.

    References:
        Romano and Wolf (2005), Exact and approximate stepdown methods for multiple hypothesis testing, algorithm 4.1.
        Mogstad, Romano, Shaikh and Wilhelm (2024), Inference for ranks with applications to mobility across
        neighbourhoods and academic achievement across countries, section 3.
    """
    pairs = paired(replicates)
    if len(replicates.names) == 1:
        alone = np.zeros((1, 1))
        return Comparison(beats=alone > 0, p_adjusted=alone + 1, errors=alone, critical=0.0)
    gap, se = np.abs(pairs.difference), pairs.errors
    observed = np.where(se > 0, gap / np.where(se > 0, se, 1.0), np.where(gap == 0, 0.0, np.inf))
    adjusted = step_down(observed, lambda at: pairs.noise[:, at].T.copy(), includes_observed=False)
    p_adjusted = pairs.square(adjusted)
    np.fill_diagonal(p_adjusted, 1.0)
    better = replicates.point[:, None] > replicates.point[None, :]
    return Comparison(
        beats=(p_adjusted <= 1 - level) & better, p_adjusted=p_adjusted, errors=pairs.square(se),
        critical=pairs.critical(level),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Every pair of m candidates once, p = m (m - 1) / 2 of them."""

    rows: NDArray[np.intp]
    """(p,) the first candidate of each."""
    columns: NDArray[np.intp]
    """(p,) the second."""
    difference: Floats
    """(p,) score of the first minus score of the second."""
    errors: Floats
    """(p,) standard errors of the differences."""
    noise: Floats
    """(b, p) studentised deviations of the replicates, without their sign; zero where the error is."""

    def square(self, values: Floats) -> Floats:
        """(m, m) the pairs' values (p,) at both places of each pair; zero on the diagonal."""
        m = round((1 + (1 + 8 * len(values)) ** 0.5) / 2)
        out = np.zeros((m, m))
        out[self.rows, self.columns] = out[self.columns, self.rows] = values
        return out

    def critical(self, level: float) -> float:
        """What the largest of all deviations exceeds with chance 1 - `level`; no tie of `compare` is above."""
        largest = np.sort(self.noise.max(axis=1))[::-1]
        allowed = int((1 - level) * (len(largest) + 1) + 1e-9)
        return float(largest[max(allowed, 1) - 1])


def paired(replicates: Replicates) -> Pairs:
    """All pairs of candidates with their differences, errors and studentised deviations."""
    rows, columns = np.triu_indices(len(replicates.names), 1)
    deviations = replicates.deviations[:, rows] - replicates.deviations[:, columns]
    se = deviations.std(axis=0)
    return Pairs(
        rows=rows, columns=columns, difference=replicates.point[rows] - replicates.point[columns], errors=se,
        noise=np.divide(np.abs(deviations), se, out=np.zeros_like(deviations), where=se > 0),
    )  # fmt: skip


def difference(replicates: Replicates, a: int, b: int, *, level: float, name: str, unit: str, factor: float,
               population: str) -> Estimate:  # fmt: skip
    """Score of `a` minus score of `b` on the same items, with the percentile interval of the paired replicates.

    The ends are read from the reflected deviations (basic bootstrap), in `unit` after multiplying by `factor`.
    """
    deviation = replicates.deviations[:, a] - replicates.deviations[:, b]
    value = float(replicates.point[a] - replicates.point[b])
    tail = (1 - level) / 2
    low, high = np.quantile(value + deviation, [tail, 1 - tail])
    return Estimate(
        name=name, value=value * factor, low=float(min(low, value)) * factor, high=float(max(high, value)) * factor,
        level=level, n=replicates.n, unit=unit, method="paired bootstrap over items", population=population,
    )  # fmt: skip


def rows_to_separate(replicates: Replicates, a: int, b: int, *, level: float, critical: float) -> Estimate:
    """Test items that would tell `a` from `b` with a chance of 80 %, if the observed difference is the true one.

    Told apart is meant as `compare` means it: the difference exceeds `critical` standard errors. A pair that is tied
    therefore always needs more items than there are, though its own interval may leave out zero.
    Only the part of the error that comes from items shrinks with more of them. The lower end takes the largest
    difference that the interval allows; there is no upper end where the interval reaches zero.
    """
    name = "rows_to_separate"
    value = abs(float(replicates.point[a] - replicates.point[b]))
    item_se = float((replicates.items[:, a] - replicates.items[:, b]).std())
    run_se = float((replicates.trainings[:, a] - replicates.trainings[:, b]).std())
    total = float((replicates.deviations[:, a] - replicates.deviations[:, b]).std())
    reach = float(norm.ppf(0.5 + level / 2))
    factor = critical + float(norm.ppf(POWER))
    if value == 0:
        return Estimate.unknown(name, "the observed difference is zero", unit="items", n=replicates.n)

    def rows(distance: float) -> float | None:
        room = (distance / factor) ** 2 - run_se**2
        return None if room <= 0 else replicates.n * item_se**2 / room

    needed = rows(value)
    if needed is None:
        return Estimate.unknown(
            name, "repeated training varies more than the difference; more draws are needed, not more rows",
            unit="items", n=replicates.n,
        )  # fmt: skip
    lowest, highest = rows(value + reach * total), rows(max(value - reach * total, 0.0))
    return Estimate(
        name=name, value=max(1.0, needed), low=None if lowest is None else max(1.0, min(lowest, needed)),
        high=None if highest is None else max(1.0, needed, highest), level=level, n=replicates.n, unit="items",
        method="normal approximation, all pairs counted, power 0.8 at the observed difference",
        population="other test items of the same source",
    )  # fmt: skip
