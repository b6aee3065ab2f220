"""Robust choice: which models are on the Pareto front, how surely, and who wins under which weighting.

The indicators are never folded into one number. Scores are uncertain, so membership of the front is a probability; and
since nobody knows the reader's weights, the share of all weightings under which a model wins is shown instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.assess.reusability.records import Candidate
from assay.errors import UsageError
from assay.finding import Row

DRAWS = 4000

# Name → (how it is read from a candidate, whether more is better).
INDICATORS = ("performance", "adaptation_seconds", "parameters", "flops", "throughput")
_MORE_IS_BETTER = {"performance": True, "throughput": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The models of one target with their indicators, drawn from what is known of each."""

    models: tuple[str, ...]
    indicators: tuple[str, ...]
    """Those that every model has, and that differ between models."""
    draws: NDArray[np.float64]
    """(b, m, i) drawn indicators, more is better."""

    def scaled(self) -> NDArray[np.float64]:
        """(b, m, i) between 0, the worst of the pool, and 1, the best, draw by draw."""
        low, high = self.draws.min(axis=1, keepdims=True), self.draws.max(axis=1, keepdims=True)
        return (self.draws - low) / np.where(high > low, high - low, 1.0)


def make_pool(candidates: Sequence[Candidate], *, rng: np.random.Generator) -> Pool:
    """Draw the indicators of the models of one target; an uncertain one is taken as normal within its interval."""
    columns: dict[str, NDArray[np.float64]] = {}
    for name in INDICATORS:
        drawn = [_draw(candidate, name, rng) for candidate in candidates]
        whole = (
            np.stack([column for column in drawn if column is not None], axis=1) if None not in _kinds(drawn) else None
        )
        if whole is not None and np.ptp(whole.mean(axis=0)) > 0:
            columns[name] = whole
    draws = np.stack(list(columns.values()), axis=2) if columns else np.zeros((DRAWS, len(candidates), 0))
    return Pool(models=tuple(c.model for c in candidates), indicators=tuple(columns), draws=draws)


def pareto_rows(pool: Pool, *, rng: np.random.Generator) -> list[Row]:
    """One row a model: probability of being on the front, share of weightings it wins, and of second places."""
    if not pool.indicators:
        return []
    front = on_front(pool.draws).mean(axis=0)
    weights = rng.dirichlet(np.ones(len(pool.indicators)), size=len(pool.draws))
    value = np.einsum("bmi,bi->bm", pool.scaled(), weights)
    order = np.argsort(-value, axis=1)
    rows: list[Row] = [
        {
            "model": model, "p_on_front": float(front[m]), "share_of_weights": float((order[:, 0] == m).mean()),
            "share_of_second": float((order[:, 1] == m).mean()) if len(pool.models) > 1 else None,
            "central_weights": _central(weights[order[:, 0] == m], pool.indicators),
        }
        for m, model in enumerate(pool.models)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -float(row["share_of_weights"]))


def on_front(draws: NDArray[np.float64]) -> NDArray[np.bool_]:
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


def meets(candidate: Candidate, limits: Mapping[str, float]) -> list[str]:
    """The constraints that a candidate breaks, in words; empty when it meets them all.

    Args:
        candidate: The model on its target.
        limits: Indicator → largest value (`min_performance` is the smallest).

    Raises:
        UsageError: for a constraint that is not known.
    """
    broken: list[str] = []
    values = {
        "parameters": candidate.parameters, "flops": candidate.flops, "size_bytes": candidate.size_bytes,
        "seconds": candidate.seconds.value,
        "milliseconds": None if candidate.throughput is None else 1000.0 / candidate.throughput,
    }  # fmt: skip
    for name, limit in limits.items():
        if name == "min_performance":
            if (candidate.performance.value or -np.inf) < limit:
                broken.append(f"performance below {limit:g}")
            continue
        if name not in values:
            raise UsageError(f"a constraint is one of min_performance, {', '.join(values)}; got {name!r}")
        value = values[name]
        if value is None:
            broken.append(f"{name} is not known")
        elif value > limit:
            broken.append(f"{name} {value:,.4g} above {limit:,.4g}")
    return broken


def _draw(candidate: Candidate, name: str, rng: np.random.Generator) -> NDArray[np.float64] | None:
    if name == "performance":
        estimate = candidate.performance
        if estimate.value is None:
            return None
        spread = 0.0 if estimate.width is None else estimate.width / 3.92
        return estimate.value + spread * rng.normal(size=DRAWS)
    value = candidate.seconds.value if name == "adaptation_seconds" else getattr(candidate, name)
    if value is None:
        return None
    # Costs differ by factors, so they are compared on the logarithmic scale.
    sign = 1.0 if _MORE_IS_BETTER.get(name) else -1.0
    return np.full(DRAWS, sign * np.log(max(float(value), 1e-12)))


def _kinds(drawn: Sequence[NDArray[np.float64] | None]) -> list[bool | None]:
    return [None if column is None else True for column in drawn]


def _central(weights: NDArray[np.float64], names: Sequence[str]) -> str | None:
    """The mean of the weightings under which a model wins, in words."""
    if not len(weights):
        return None
    return ", ".join(f"{name} {share:.2f}" for name, share in zip(names, weights.mean(axis=0), strict=True))
