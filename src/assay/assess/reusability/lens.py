"""The reusability lens: four indicators, each with an interval, and none folded into a magic index."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from assay.assess.reusability.across import across_rows, profile_rows, twin_gains
from assay.assess.reusability.adaptation import adaptation_rows
from assay.assess.reusability.budgets import crossing_rows, curve_rows
from assay.assess.reusability.choice import make_pool, pareto_rows
from assay.assess.reusability.claims import caveats, findings, labels_worth, verdict
from assay.assess.reusability.constraints import broken, parse_limits
from assay.assess.reusability.figures import figures_of
from assay.assess.reusability.nearness import nearness_caveats, nearness_claims, nearness_rows
from assay.assess.reusability.reading import Columns, read_candidates
from assay.assess.reusability.records import Candidate
from assay.canon import key_of
from assay.errors import NothingToAssessError
from assay.estimate import Estimate
from assay.finding import Assessment, Row
from assay.rng import stream

if TYPE_CHECKING:
    import pandas as pd

_HEADLINES = 12


def reusability(
    results: Sequence[Candidate] | pd.DataFrame, *, metric: str = "score", columns: Columns | None = None,
    constraints: Mapping[str, float] | Sequence[str] | None = None, reach: Sequence[float] = (),
    indicators: Sequence[str] = (), level: float = 0.95, rng_seed: int = 0,
) -> Assessment:  # fmt: skip
    """How far each model carries to each target, and what carrying costs.

    Args:
        results: Candidates, one a model and target; or a table with one row a training (`reading.read_candidates`).
        metric: What the performance is, in words.
        columns: Which column of a table holds what.
        constraints: Limits that come before any choice: texts such as `latency<20ms`, `parameters<50M`, `tuning<5min`;
            or indicator → largest value (for performance and throughput the smallest).
        reach: Scores whose time of adaptation is asked for, besides 90, 95 and 99 % of the best score seen.
        indicators: What the choice weighs; see `choice.make_pool` for the usual ones.
        level: Confidence level of the intervals.
        rng_seed: Seeds the draws of uncertain indicators and of weightings.

    Returns:
        Assessment with tables `indicators`, `budget_curve`, `crossings`, `adaptation`, `similarity`, `nearness`
        (does similarity predict the gain?), `pareto`, `complexity`, `profile`, `across_tasks` and `excluded`.

    Raises:
        NothingToAssessError: without candidates, or when no one meets the constraints.
        UnknownNameError: for a constraint, an indicator or a column that does not exist.
        UsageError: for a limit that cannot be read.
        DataError: for a cell of a table that should be a number and is none.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"model": ["a", "b"] * 3, "draw": [0, 0, 1, 1, 2, 2], "seconds": [9, 2] * 3,
        ...                       "score": [0.91, 0.85, 0.92, 0.84, 0.9, 0.86]})
        >>> [row["model"] for row in reusability(table).tables["pareto"] if row["p_on_front"] > 0.9]
        ['b', 'a']
    """
    start = time.perf_counter()
    candidates = _candidates(results, columns or Columns(), level, rng_seed)
    limits = constraints if isinstance(constraints, Mapping) else parse_limits(constraints or ())
    if not candidates:
        raise NothingToAssessError("there is no model that was adapted to a target")
    kept, excluded = _within(candidates, limits)
    targets = sorted({candidate.target for candidate in kept})
    pools = {
        target: make_pool(
            [c for c in kept if c.target == target], rng=stream(rng_seed, "indicators", target), indicators=indicators
        )
        for target in targets
    }
    pareto: list[Row] = [
        {"model": row["model"], "target": target, **row}
        for target, pool in pools.items()
        for row in pareto_rows(pool, rng=stream(rng_seed, "weights", target))
    ]
    curves = curve_rows(kept, level=level)
    gains = twin_gains(curves)
    profile, near = profile_rows(kept, gains), nearness_rows(kept, gains, level=level)
    return Assessment(
        lens="reusability",
        question=f"How far do the models carry to {', '.join(targets)}, and what does carrying cost?",
        verdict=verdict(kept, pareto, gains, curves),
        findings=(*findings(kept, gains, curves), *nearness_claims(near)),
        estimates=_headline_numbers(pareto, curves),
        tables={
            "indicators": [_indicator_row(candidate) for candidate in kept], "pareto": pareto, "budget_curve": curves,
            "crossings": crossing_rows(kept, level=level),
            "adaptation": adaptation_rows(kept, reach=reach, level=level),
            "complexity": [_complexity_row(candidate) for candidate in kept], "similarity": _similarity_rows(kept),
            "nearness": near, "profile": profile if len(targets) > 1 else [],
            "across_tasks": across_rows(profile, level=level), "excluded": excluded,
        },
        figures=figures_of(curves, pools, pareto, kept, profile, metric),
        inputs={
            "rows": len(candidates), "metric": metric, "constraints": dict(limits),
            "weighed": sorted({name for pool in pools.values() for name in pool.indicators}),
            "digest": key_of([[c.model, c.target, c.performance.value or 0.0] for c in candidates]),
        },
        caveats=(*caveats(kept, curves), *nearness_caveats(near)), cost={"seconds": time.perf_counter() - start},
    )  # fmt: skip


def _candidates(
    results: Sequence[Candidate] | pd.DataFrame, columns: Columns, level: float, rng_seed: int
) -> Sequence[Candidate]:
    if isinstance(results, Sequence):
        return results
    return read_candidates(results, columns, level=level, rng=stream(rng_seed, "replicates"))


def _within(candidates: Sequence[Candidate], limits: Mapping[str, float]) -> tuple[list[Candidate], list[Row]]:
    """The candidates that meet all limits, and the others with what they break."""
    why = [broken(candidate, limits) for candidate in candidates]
    kept = [candidate for candidate, breaks in zip(candidates, why, strict=True) if not breaks]
    excluded: list[Row] = [
        {"model": candidate.model, "target": candidate.target, "why": "; ".join(breaks)}
        for candidate, breaks in zip(candidates, why, strict=True)
        if breaks
    ]
    if not kept:
        raise NothingToAssessError(f"no model meets the constraints; {excluded[0]['model']} on "
                                   f"{excluded[0]['target']}: {excluded[0]['why']}")  # fmt: skip
    return kept, excluded


def _headline_numbers(pareto: Sequence[Row], curves: Sequence[Row]) -> tuple[Estimate, ...]:
    """What pretraining is worth in labels, for the model that wins most weightings of each target."""
    found: list[Estimate] = []
    leaders = {row["target"]: row["model"] for row in reversed(pareto)}
    for target, model in sorted(leaders.items()):
        worth = labels_worth(curves, model, target)
        if worth is not None:
            found.append(worth[1].renamed(f"labels saved: {model} on {target}, {worth[0]} a class"))
    return tuple(found[:_HEADLINES])


def _indicator_row(candidate: Candidate) -> Row:
    nearest = (
        candidate.similarities[0].value
        if candidate.similarities
        else Estimate.unknown("similarity", "no source was named; give the source's data with --source-data")
    )
    parameters = candidate.indicator("parameters")
    return {
        "model": candidate.model, "target": candidate.target, "performance": candidate.performance,
        "adaptation_time": candidate.seconds, "feature_time": candidate.feature_seconds, "similarity": nearest,
        "complexity": parameters or Estimate.unknown("parameters", "the source does not state it"),
    }  # fmt: skip


def _complexity_row(candidate: Candidate) -> Row:
    known = candidate.complexity
    return {
        "model": candidate.model, "target": candidate.target, "parameters": known.parameters,
        "trained_parameters": known.trained_parameters, "flops": known.flops, "activations": known.activations,
        "latency_ms": known.latency_ms, "throughput": known.throughput, "best_batch": known.best_batch,
        "peak_bytes": known.peak_bytes, "size_bytes": known.size_bytes, "width": known.width,
    }  # fmt: skip


def _similarity_rows(candidates: Sequence[Candidate]) -> list[Row]:
    return [
        {
            "target": candidate.target, "extractor": found.extractor, "measure": found.measure, "distance": found.value,
            "floor": found.floor, "p_value": found.p_value,
        }
        for candidate in candidates
        for found in candidate.similarities
    ]  # fmt: skip
