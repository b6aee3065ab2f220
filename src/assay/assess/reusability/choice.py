"""Robust choice: which models are on the Pareto front, how surely, and who wins under which weighting.

The indicators are never folded into one number. Scores are uncertain, so membership of the front is a probability; and
since nobody knows the reader's weights, the share of all weightings under which a model wins is shown instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from assay.assess.reusability.records import INDICATORS, MORE_IS_BETTER, Candidate
from assay.errors import UnknownNameError
from assay.estimate import Estimate, show_share
from assay.finding import Row
from assay.stats.true_scores import true_scores

DRAWS = 2000
_COSTS = ("adaptation_seconds", "latency_ms", "flops", "parameters")
_COMPLEXITY = ("latency_ms", "flops", "parameters")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The models of one target with their indicators, drawn from what is known of each."""

    models: tuple[str, ...]
    indicators: tuple[str, ...]
    """Those that every model has, and that differ between models."""
    draws: Floats
    """(b, m, i) drawn indicators, more is better."""

    def scaled(self) -> Floats:
        """(b, m, i) between 0, the worst of the pool, and 1, the best, draw by draw."""
        low, high = self.draws.min(axis=1, keepdims=True), self.draws.max(axis=1, keepdims=True)
        return (self.draws - low) / np.where(high > low, high - low, 1.0)


def make_pool(candidates: Sequence[Candidate], *, rng: np.random.Generator, indicators: Sequence[str] = ()) -> Pool:
    """Draw the indicators of the models of one target.

    Args:
        candidates: The models, all on one target.
        rng: Draws what is uncertain: true scores given the replicates that the models share (`stats.true_scores`), and
            costs about their value, as wide as their interval says.
        indicators: Names among `INDICATORS`. By default performance, time of adaptation, one measure of complexity (the
            first of latency, FLOPs and parameters that all models have, so that complexity does not count three times)
            and the distance of source and target, each where it is known for all models and differs between them.

    Raises:
        UnknownNameError: for an indicator that does not exist.
    """
    for name in indicators:
        if name not in INDICATORS:
            raise UnknownNameError("indicator", name, INDICATORS)
    columns: dict[str, Floats] = {}
    for name in indicators or _usual(candidates):
        drawn = _draw(candidates, name, rng)
        if drawn is not None and np.ptp(drawn, axis=1).max() > 0:
            columns[name] = drawn
    draws = np.stack(list(columns.values()), axis=2) if columns else np.zeros((DRAWS, len(candidates), 0))
    return Pool(models=tuple(c.model for c in candidates), indicators=tuple(columns), draws=draws)


def pareto_rows(pool: Pool, *, rng: np.random.Generator) -> list[Row]:
    """One row a model: probability of being on the front, share of weightings it wins, and of second places.

    Weightings are drawn evenly from all that sum to one.

    References:
        Lahdelma and Salminen (2001), SMAA-2: Stochastic multicriteria acceptability analysis, section 3.
    """
    if not pool.indicators:
        return []
    front = on_front(pool.draws).mean(axis=0)
    weights = rng.dirichlet(np.ones(len(pool.indicators)), size=len(pool.draws))
    order = np.argsort(-np.einsum("bmi,bi->bm", pool.scaled(), weights), axis=1)
    rows: list[Row] = [
        {
            "model": model, "p_on_front": float(front[m]), "share_of_weights": float((order[:, 0] == m).mean()),
            "share_of_second": float((order[:, 1] == m).mean()) if len(pool.models) > 1 else None,
            "wins_when_weights_are": _central(weights[order[:, 0] == m], pool.indicators),
        }
        for m, model in enumerate(pool.models)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-float(row["share_of_weights"]), -float(row["p_on_front"])))


def on_front(draws: Floats) -> NDArray[np.bool_]:
    """(b, m) whether no other model is at least as good in all indicators and better in one."""
    at_least = np.all(draws[:, :, None, :] >= draws[:, None, :, :], axis=3)
    better = np.any(draws[:, :, None, :] > draws[:, None, :, :], axis=3)
    return np.logical_not(np.any(at_least & better, axis=1))


def weight_rows(pool: Pool) -> list[Row]:
    """One row a model with its indicators scaled to [0, 1], for the sliders."""
    scaled = pool.scaled().mean(axis=0)
    return [
        {"model": model, **{name: float(scaled[m, i]) for i, name in enumerate(pool.indicators)}}
        for m, model in enumerate(pool.models)
    ]


def _usual(candidates: Sequence[Candidate]) -> list[str]:
    def known(name: str) -> bool:
        return all(candidate.indicator(name) is not None for candidate in candidates)

    measures = {candidate.similarities[0].measure if candidate.similarities else "" for candidate in candidates}
    weighed = [name for name in ("performance", "adaptation_seconds") if known(name)]
    weighed += [name for name in _COMPLEXITY if known(name)][:1]
    return [*weighed, *(["distance"] if len(measures) == 1 and known("distance") else [])]


def _draw(candidates: Sequence[Candidate], name: str, rng: np.random.Generator) -> Floats | None:
    """(b, m) draws of one indicator, more is better; None where a model lacks it."""
    found = [candidate.indicator(name) for candidate in candidates]
    if any(estimate is None for estimate in found):
        return None
    if name == "performance":
        return _scores(candidates, rng)
    # What was measured once for several candidates, such as one model under two recipes, is drawn once.
    kinds = {estimate: _normal(estimate, rng) for estimate in dict.fromkeys(found) if estimate is not None}
    drawn = np.stack([kinds[estimate] for estimate in found if estimate is not None], axis=1)
    if name == "distance":
        return -drawn
    # Costs differ by factors, so they are compared on the logarithmic scale; a wide interval draws none below zero.
    middle = np.array([estimate.value for estimate in found if estimate is not None])
    logs = np.log(np.maximum(drawn, np.maximum(0.05 * middle, 1e-12)))
    return logs if name in MORE_IS_BETTER else -logs


def _scores(candidates: Sequence[Candidate], rng: np.random.Generator) -> Floats:
    """(b, m) what the true scores may be.

    Noisy scores are drawn towards what models of their cost reach in this pool: taken as they are, the luckiest would
    seem to beat the others too often, and the costly ones, which tend to be better, would be left off the front.
    """
    observed = np.array([candidate.performance.value for candidate in candidates], dtype=float)
    shared = [candidate.replicates for candidate in candidates]
    if all(replicates is not None for replicates in shared):
        covariance = np.cov(np.array(shared, dtype=float)).reshape(len(observed), -1)
    else:
        covariance = np.diag([_spread(candidate.performance) ** 2 for candidate in candidates])
    if len(observed) < 2:
        return observed + np.sqrt(covariance[0, 0]) * rng.normal(size=(DRAWS, 1))
    costs = [[estimate.value for c in candidates if (estimate := c.indicator(name)) is not None] for name in _COSTS]
    logs = [np.log(np.maximum(np.array(cost, dtype=float), 1e-12)) for cost in costs if len(cost) == len(candidates)]
    along = np.mean([(log - log.mean()) / (log.std() or 1.0) for log in logs], axis=0) if logs else None
    return true_scores(observed, covariance, samples=DRAWS, rng=rng, along=along)


def _spread(estimate: Estimate) -> float:
    """The standard error that an interval tells; zero without one."""
    return (estimate.width or 0.0) / (2 * float(norm.ppf((1 + (estimate.level or 0.95)) / 2)))


def _normal(estimate: Estimate, rng: np.random.Generator) -> Floats:
    """(b,) draws about a value, as wide as its interval says."""
    return (estimate.value or 0.0) + _spread(estimate) * rng.normal(size=DRAWS)


def _central(weights: Floats, names: Sequence[str]) -> str | None:
    """The mean of the weightings under which a model wins, in words."""
    if not len(weights):
        return None
    told = zip(names, weights.mean(axis=0), strict=True)
    return ", ".join(f"{name.replace('_', ' ')} {show_share(share)}" for name, share in told)
