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
from assay.estimate import Estimate
from assay.finding import Row

DRAWS = 4000
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
        rng: Draws what is uncertain: the replicates that the models share, or normal draws about each value.
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


def paired_replicates(scores: Floats, *, rng: np.random.Generator, b: int = DRAWS) -> Floats:
    """(b, m) means that other draws would give, from (n, m) scores over n draws that the models share.

    The mean of n draws is t about its truth, with the draws' own covariance: every difference of two models is then t
    with n − 1 degrees of freedom, as in their paired t test.
    """
    n = len(scores)
    centred = scores - scores.mean(axis=0)
    spread = np.sqrt((n - 1) / rng.chisquare(n - 1, size=(b, 1)))
    return scores.mean(axis=0) + spread * (rng.standard_normal((b, n)) @ centred) / np.sqrt(n * (n - 1))


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
    shared = [candidate.replicates for candidate in candidates]
    if name == "performance" and all(replicate is not None for replicate in shared):
        return np.resize(np.stack([r for r in shared if r is not None], axis=1), (DRAWS, len(candidates)))
    if any(estimate is None for estimate in found):
        return None
    # What was measured once for several candidates, such as one model under two recipes, is drawn once.
    kinds = {estimate: _normal(estimate, rng) for estimate in dict.fromkeys(found) if estimate is not None}
    drawn = np.stack([kinds[estimate] for estimate in found if estimate is not None], axis=1)
    if name in ("performance", "distance"):
        return drawn if name in MORE_IS_BETTER else -drawn
    # Costs differ by factors, so they are compared on the logarithmic scale; a wide interval draws none below zero.
    middle = np.array([estimate.value for estimate in found if estimate is not None])
    logs = np.log(np.maximum(drawn, np.maximum(0.05 * middle, 1e-12)))
    return logs if name in MORE_IS_BETTER else -logs


def _normal(estimate: Estimate, rng: np.random.Generator) -> Floats:
    """(b,) draws about a value, as wide as its interval says."""
    value = estimate.value or 0.0
    if estimate.width is None:
        return np.full(DRAWS, value)
    spread = estimate.width / (2 * float(norm.ppf((1 + (estimate.level or 0.95)) / 2)))
    return value + spread * rng.normal(size=DRAWS)


def _central(weights: Floats, names: Sequence[str]) -> str | None:
    """The mean of the weightings under which a model wins, in words."""
    if not len(weights):
        return None
    told = zip(names, weights.mean(axis=0), strict=True)
    return ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in told)
