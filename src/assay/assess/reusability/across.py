"""One model over many targets: what it gains, whom it beats, and which targets it can't serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from assay.assess.reusability.budgets import over_draws
from assay.assess.reusability.records import Candidate
from assay.estimate import Estimate
from assay.finding import Row

Gains = Mapping[tuple[str, str], Estimate]
"""(model, target) → gain over the untrained twin at the largest budget that both were run at."""


def twin_gains(curves: Sequence[Row]) -> dict[tuple[str, str], Estimate]:
    """The gain over the twin at the largest budget, of every model and target that has one."""
    found: dict[tuple[str, str], Estimate] = {}
    for row in sorted(curves, key=lambda row: int(row["budget"])):
        if row["gain"].known:
            found[row["model"], row["target"]] = row["gain"]
    return found


def profile_rows(candidates: Sequence[Candidate], gains: Gains) -> list[Row]:
    """One row a model and target: its score against the pool's mean, the twin's, the static best and what is free.

    The static best on a target is the model that stands highest above the pool's mean on the other targets; it takes no
    look at the target itself.
    """
    values = _values(candidates)
    targets = sorted({target for _, target in values})
    static = {target: _static_best(values, target, targets) for target in targets}
    rows: list[Row] = []
    for candidate in candidates:
        model, target = candidate.model, candidate.target
        if (model, target) not in values:
            continue
        best = static[target]
        rows.append(
            {
                "model": model, "target": target, "score": candidate.performance,
                "above_pool": values[model, target] - _pool_mean(values, target),
                "gain_over_twin": gains.get((model, target), _no_twin()), "static_best": best,
                "above_static_best": None if best is None else values[model, target] - values[best, target],
                "served": served(candidate),
            }
        )  # fmt: skip
    return rows


def across_rows(profile: Sequence[Row], *, level: float) -> list[Row]:
    """One row a model that was run on two targets or more."""
    models = list(dict.fromkeys(row["model"] for row in profile))
    rows: list[Row] = []
    for model in models:
        mine = [row for row in profile if row["model"] == model]
        if len(mine) < 2:
            continue
        known = [row for row in mine if row["gain_over_twin"].known]
        gains = np.array([row["gain_over_twin"].value for row in known])
        against = [row["above_static_best"] for row in mine if row["static_best"] not in (None, model)]
        worst = known[int(gains.argmin())] if known else None
        rows.append(
            {
                "model": model, "targets": len(mine),
                "mean_gain": _over_targets(gains, level) if known else _no_twin(),
                "worst_gain": worst["gain_over_twin"] if worst else _no_twin(),
                "worst_on": worst["target"] if worst else None,
                "beats_twin": _share([row["gain_over_twin"].low is not None and row["gain_over_twin"].low > 0
                                      for row in known]),
                "beats_static_best": _share([gap > 0 for gap in against]),
                "above_pool": float(np.mean([row["above_pool"] for row in mine])),
                "not_served": ", ".join(row["target"] for row in mine if row["served"] == "no") or None,
            }
        )  # fmt: skip
    return rows


def served(candidate: Candidate) -> str | None:
    """`yes` where the model is surely better than every free baseline, `no` where surely not; None without one."""
    if not candidate.baselines or not candidate.performance.known:
        return None
    free, score = max(candidate.baselines.values()), candidate.performance
    low = score.value if score.low is None else score.low
    high = score.value if score.high is None else score.high
    assert low is not None
    assert high is not None
    return "yes" if low > free else "no" if high <= free else "undetermined"


def _values(candidates: Sequence[Candidate]) -> dict[tuple[str, str], float]:
    return {(c.model, c.target): c.performance.value for c in candidates if c.performance.value is not None}


def _pool_mean(values: Mapping[tuple[str, str], float], target: str) -> float:
    return float(np.mean([score for (_, other), score in values.items() if other == target]))


def _static_best(values: Mapping[tuple[str, str], float], target: str, targets: Sequence[str]) -> str | None:
    """The model that leads on the other targets, among those that were run on this one too; None without such."""
    above: dict[str, list[float]] = {}
    for other in targets:
        if other != target:
            mean = _pool_mean(values, other)
            for (model, at), score in values.items():
                if at == other and (model, target) in values:
                    above.setdefault(model, []).append(score - mean)
    return max(above, key=lambda model: float(np.mean(above[model]))) if len(above) > 1 else None


def _over_targets(gains: np.ndarray, level: float) -> Estimate:
    found = over_draws(gains, "mean_gain", level)
    return Estimate(name=found.name, value=found.value, low=found.low, high=found.high, level=found.level, n=found.n,
                    method=found.method.replace("draws", "targets"), population="other such targets")  # fmt: skip


def _share(held: Sequence[bool]) -> str | None:
    return f"{sum(held)} of {len(held)}" if held else None


def _no_twin() -> Estimate:
    return Estimate.unknown("gain_over_twin", "no untrained twin was run at the same budgets")
