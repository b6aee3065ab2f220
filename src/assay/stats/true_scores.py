"""What the candidates' true scores may be, given that the best of many observed scores is too good.

The observed scores are the true ones plus an error of known covariance (from the replicates). The true scores of a
pool scatter around a common level with an unknown spread and heavy tails: most candidates are alike, a few are far off.
Sampling from the resulting posterior draws noisy leaders towards the pool, which is the cure for the winner's curse;
a candidate far from the rest, or measured well, is hardly moved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FREEDOM = 3.0
"""Degrees of freedom of the scatter of true scores: heavy tails, finite variance."""
WARM_UP = 200


def true_scores(
    observed: Floats, covariance: Floats, *, samples: int, rng: np.random.Generator, along: Floats | None = None
) -> Floats:
    """(samples, m) draws of the true scores, jointly.

    Model: observed ~ N(true, covariance); true_i ~ t_3(level, spread), independent; flat prior for the level;
    half-Cauchy prior for the spread, its scale the typical error of one candidate against the others. Gibbs sampling
    with the t written as a scale mixture of normals.

    Args:
        observed: (m,) observed scores, m >= 2.
        covariance: (m, m) covariance of their errors.
        samples: how many draws to return.
        rng: the source of randomness.
        along: (m,) what the level may rise or fall with, such as the logarithm of the cost; its slope, for `along` of
            unit spread, is normal about zero with the spread of the true scores.

    References:
        Gelman (2006), Prior distributions for variance parameters in hierarchical models, section 3.
        Makalic and Schmidt (2016), A simple sampler for the horseshoe estimator (the auxiliary variable of the
        half-Cauchy).
    """
    m = len(observed)
    unit = own_error(covariance)
    if unit <= 0:
        return np.tile(observed, (samples, 1))
    noise = covariance / unit**2 + 1e-9 * np.eye(m)
    noise_inverse = np.linalg.inv(noise)
    centre = observed.mean()
    data = (observed - centre) / unit
    pulled = noise_inverse @ data
    spread2, extra = max(1.0, float(data.var())), 1.0
    level, trend = np.zeros(m), _Trend(along, m)
    mixing = np.ones(m)
    kept = np.empty((samples, m))
    for step in range(WARM_UP + samples):
        prior = 1.0 / (spread2 * mixing)
        factor = np.linalg.cholesky(noise_inverse + np.diag(prior))
        mean = np.linalg.solve(factor.T, np.linalg.solve(factor, pulled + prior * level))
        true = mean + np.linalg.solve(factor.T, rng.standard_normal(m))
        level, rise = trend.draw(true, prior, spread2, rng)
        squares = (true - level) ** 2
        mixing = (FREEDOM + squares / spread2) / (2 * rng.standard_gamma((FREEDOM + 1) / 2, size=m))
        among = np.sum(squares / mixing) + rise
        spread2 = float((1 / extra + among / 2) / rng.standard_gamma((m + trend.slopes + 1) / 2))
        extra = float((1 + 1 / spread2) / rng.standard_gamma(1.0))
        if step >= WARM_UP:
            kept[step - WARM_UP] = true
    return centre + unit * kept


class _Trend:
    """The level of the true scores: one for all, or one that rises along something."""

    def __init__(self, along: Floats | None, m: int) -> None:
        varies = along is not None and bool(np.ptp(along) > 0)
        self.slopes = int(varies)
        columns = [np.ones(m)]
        if along is not None and varies:
            columns.append((along - along.mean()) / along.std())
        self.design = np.column_stack(columns)

    def draw(self, true: Floats, prior: Floats, spread2: float, rng: np.random.Generator) -> tuple[Floats, float]:
        """(m,) a level given the true scores and their prior precisions, and the square of its slope."""
        weighed = self.design * prior[:, None]
        precision = self.design.T @ weighed + np.diag([0.0, 1.0 / spread2][: 1 + self.slopes])
        factor = np.linalg.cholesky(precision)
        mean = np.linalg.solve(factor.T, np.linalg.solve(factor, weighed.T @ true))
        found = mean + np.linalg.solve(factor.T, rng.standard_normal(1 + self.slopes))
        return self.design @ found, float(np.sum(found[1:] ** 2))


def own_error(covariance: Floats) -> float:
    """The typical error of one candidate that the others do not share: root mean square of the contrasts."""
    m = len(covariance)
    return float(np.sqrt(max(0.0, (np.trace(covariance) - covariance.sum() / m) / max(m - 1, 1))))


def chance_of_best(true: Floats) -> Floats:
    """(m,) share of the draws in which each candidate is the best."""
    return np.bincount(true.argmax(axis=1), minlength=true.shape[1]) / len(true)


def regrets(true: Floats) -> Floats:
    """(samples, m) how far each candidate falls short of the best, draw by draw."""
    return true.max(axis=1, keepdims=True) - true
