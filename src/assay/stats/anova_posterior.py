"""Shares of variance with intervals: a Bayesian functional ANOVA with a horseshoe over effects.

The score is a sum of effects, each a combination of functions that are orthonormal under the parameters' own measure,
so that an effect's variance is the sum of its squared coefficients, draw by draw of the posterior. The horseshoe lets
most effects be nothing and leaves the large ones alone; a whole effect shares one scale, so that a parameter with many
levels is not punished for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError
from assay.stats.effect_bases import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class AnovaPosterior:
    """Draws of the variance of each effect, and of what no effect explains."""

    variances: NDArray[np.float64]
    """(b, e) variance of each effect."""
    unexplained: NDArray[np.float64]
    """(b,) variance that no effect explains: noise, and interactions of higher order."""
    coefficients: NDArray[np.float64]
    """(b, q) coefficients of all functions of all effects, side by side in their order."""
    intercepts: NDArray[np.float64]
    """(b,) the mean score under the parameters' measure."""

    def predict(self, effects: Sequence[Effect]) -> NDArray[np.float64]:
        """(b, k) drawn true scores of other configurations, whose effects were built in the same way."""
        columns = np.column_stack([effect.columns for effect in effects])
        return self.intercepts[:, None] + self.coefficients @ columns.T

    def shares(self) -> NDArray[np.float64]:
        """(b, e) share of each effect in the whole variance."""
        return self.variances / (self.variances.sum(axis=1) + self.unexplained)[:, None]

    def signal_shares(self) -> NDArray[np.float64]:
        """(b, e) share of each effect in the variance that the effects explain."""
        return self.variances / np.maximum(self.variances.sum(axis=1), 1e-300)[:, None]


def anova_posterior(
    effects: Sequence[Effect], scores: NDArray[np.float64], *, chains: int = 10, draws: int = 60, burn_in: int = 80,
    kept_share: float = 0.9, rng: np.random.Generator,
) -> AnovaPosterior:  # fmt: skip
    """Draw the variances of all effects from their posterior.

    Args:
        effects: From `effect_bases.effects`.
        scores: (n,) one score a configuration.
        chains: Number of independent chains; each sees its own random part of the configurations.
        draws: Number of draws kept of each chain.
        burn_in: Number of draws of each chain thrown away first.
        kept_share: The part of the configurations that a chain sees.
        rng: Draws everything.

    Returns:
        chains × draws draws; all variances are zero for constant scores.

    Raises:
        ShapeError: when scores and effects differ in length.

    Notes:
        Gibbs sampling with inverse-gamma mixtures for the half-Cauchy scales. Coefficients are drawn in the space of
        configurations where functions outnumber them. The model's noise is normal and real scores are not (a bad corner
        of the space fails all at once), so a single posterior is too sure of itself: leaving a part of the
        configurations out of each chain adds what the choice of configurations varies.

    References:
        Makalic and Schmidt (2016), A simple sampler for the horseshoe estimator, equations 2–8.
        Bhattacharya, Chakraborty and Mallick (2016), Fast sampling with Gaussian scale mixture priors, algorithm 2.1.
    """
    y = np.asarray(scores, dtype=float)
    if any(len(effect.columns) != len(y) for effect in effects):
        raise ShapeError(f"{len(y)} scores do not go with effects of other lengths")
    spread = y.std()
    if spread == 0:
        zeros, count = np.zeros(chains * draws), sum(effect.columns.shape[1] for effect in effects)
        return AnovaPosterior(
            variances=np.zeros((len(zeros), len(effects))), unexplained=zeros,
            coefficients=np.zeros((len(zeros), count)), intercepts=zeros + y.mean(),
        )  # fmt: skip
    phi = np.column_stack([effect.columns for effect in effects])
    owner = np.repeat(np.arange(len(effects)), [effect.columns.shape[1] for effect in effects])
    decay = np.concatenate([effect.decay for effect in effects])
    scaled, seen = (y - y.mean()) / spread, max(2, round(kept_share * len(y)))
    kept: list[NDArray[np.float64]] = []
    unexplained: list[float] = []
    intercepts: list[float] = []
    for _ in range(chains):
        rows = np.sort(rng.choice(len(y), seen, replace=False))
        chain = _Sampler(phi[rows], scaled[rows], owner, decay, rng)
        for i in range(burn_in + draws):
            weights, noise = chain.step()
            if i >= burn_in:
                kept.append(weights * spread)
                unexplained.append(noise)
                intercepts.append(y.mean() + spread * chain.intercept)
    coefficients = np.array(kept)
    starts = np.searchsorted(owner, np.arange(len(effects)))
    return AnovaPosterior(
        variances=np.add.reduceat(coefficients**2, starts, axis=1), unexplained=np.array(unexplained) * spread**2,
        coefficients=coefficients, intercepts=np.array(intercepts),
    )  # fmt: skip


class _Sampler:
    """One chain: coefficients, an intercept, a scale an effect, a global scale, the noise."""

    def __init__(self, phi: NDArray[np.float64], y: NDArray[np.float64], owner: NDArray[np.int_],
                 decay: NDArray[np.float64], rng: np.random.Generator) -> None:  # fmt: skip
        self.phi, self.y, self.owner, self.decay, self.rng = phi, y, owner, decay, rng
        self.sizes = np.bincount(owner)
        effects = len(self.sizes)
        self.local, self.local_mix = np.ones(effects), np.ones(effects)
        self.overall, self.overall_mix = 1.0 / effects, 1.0
        self.noise, self.intercept = 0.5, 0.0
        self.gram = phi.T @ phi if phi.shape[1] <= len(y) else None

    def step(self) -> tuple[NDArray[np.float64], float]:
        """One sweep; the coefficients and the noise variance."""
        rng, n = self.rng, len(self.y)
        prior = self.overall * self.local[self.owner] * self.decay
        weights = self._weights(prior, self.y - self.intercept)
        fit = self.phi @ weights
        self.intercept = rng.normal((self.y - fit).mean(), np.sqrt(self.noise / n))
        rest = ((self.y - self.intercept - fit) ** 2).sum()
        energy = weights**2 / self.decay
        pull = (energy / (self.overall * self.local[self.owner])).sum()
        self.noise = (0.5 * (rest + pull)) / rng.gamma(0.5 * (n + len(weights)))
        by_effect = np.bincount(self.owner, energy) / (2.0 * self.noise)
        self.local = (1.0 / self.local_mix + by_effect / self.overall) / rng.gamma((self.sizes + 1.0) / 2.0)
        self.local_mix = (1.0 + 1.0 / self.local) / rng.gamma(1.0, size=len(self.local))
        whole = (by_effect / self.local).sum()
        self.overall = (1.0 / self.overall_mix + whole) / rng.gamma((len(weights) + 1.0) / 2.0)
        self.overall_mix = (1.0 + 1.0 / self.overall) / rng.gamma(1.0)
        self.local, self.overall = np.clip(self.local, 1e-12, 1e12), float(np.clip(self.overall, 1e-12, 1e12))
        return weights, float(self.noise)

    def _weights(self, prior: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients given everything else; prior variances are in units of the noise variance."""
        rng, scale = self.rng, np.sqrt(self.noise)
        if self.gram is not None:
            root = np.sqrt(prior)
            inner = self.gram * root[:, None] * root + np.eye(len(prior))
            factor = np.linalg.cholesky(inner)
            mean = np.linalg.solve(factor, root * (self.phi.T @ y))
            return root * np.linalg.solve(factor.T, mean + scale * rng.normal(size=len(prior)))
        start = np.sqrt(prior) * rng.normal(size=len(prior))
        target = y / scale - self.phi @ start - rng.normal(size=len(y))
        inner = (self.phi * prior) @ self.phi.T + np.eye(len(y))
        return scale * (start + prior * (self.phi.T @ np.linalg.solve(inner, target)))
