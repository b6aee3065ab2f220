"""The reusability lens: four indicators, each with an interval, and none folded into a magic index."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from assay.assess.reusability.budgets import crossing_rows, curve_rows
from assay.assess.reusability.choice import Pool, make_pool, meets, pareto_rows, weight_rows
from assay.assess.reusability.records import Candidate
from assay.canon import key_of
from assay.errors import NothingToAssessError
from assay.estimate import Estimate
from assay.finding import Assessment, Figure, Finding, Row
from assay.rng import stream


def reusability(
    candidates: Sequence[Candidate], *, metric: str = "score", constraints: Mapping[str, float] | None = None,
    level: float = 0.95, rng_seed: int = 0,
) -> Assessment:  # fmt: skip
    """How far each model carries to each target, and what carrying costs.

    Args:
        candidates: One a model and target.
        metric: What the performance is, in words.
        constraints: Limits that come before any choice: `parameters`, `flops`, `size_bytes`, `seconds`, `milliseconds`
            (largest values) and `min_performance`.
        level: Confidence level of the intervals.
        rng_seed: Seeds the draws of uncertain indicators and of weightings.

    Returns:
        Assessment with tables `indicators`, `budget_curve`, `crossings`, `similarity`, `pareto`, `complexity`,
        `across_tasks` and `excluded`.

    Raises:
        NothingToAssessError: without candidates, or when no one meets the constraints.
    """
    start = time.perf_counter()
    if not candidates:
        raise NothingToAssessError("there is no model that was adapted to a target")
    broken = {id(candidate): meets(candidate, constraints or {}) for candidate in candidates}
    kept = [candidate for candidate in candidates if not broken[id(candidate)]]
    excluded: list[Row] = [
        {"model": c.model, "target": c.target, "why": "; ".join(broken[id(c)])} for c in candidates if broken[id(c)]
    ]
    if not kept:
        raise NothingToAssessError(f"no model meets the constraints; the first fails on: {excluded[0]['why']}")
    targets = sorted({candidate.target for candidate in kept})
    pools = {
        target: make_pool([c for c in kept if c.target == target], rng=stream(rng_seed, "indicators", target))
        for target in targets
    }
    pareto: list[Row] = [
        {"target": target, **row}
        for target, pool in pools.items()
        for row in pareto_rows(pool, rng=stream(rng_seed, "weights", target))
    ]
    curves = curve_rows(kept, level=level)
    gains = [gain for candidate in kept if (gain := _twin_gain(curves, candidate)) is not None]
    return Assessment(
        lens="reusability",
        question=f"How far do the models carry to {', '.join(targets)}, and what does carrying cost?",
        verdict=_verdict(kept, pareto, gains), findings=_findings(kept, curves),
        estimates=tuple(gains[:12]),
        tables={
            "indicators": [_indicator_row(candidate) for candidate in kept], "budget_curve": curves,
            "crossings": crossing_rows(kept, level=level), "similarity": _similarity_rows(kept), "pareto": pareto,
            "complexity": [_complexity_row(candidate) for candidate in kept],
            "across_tasks": _across_tasks(kept, curves), "excluded": excluded,
        },
        figures=_figures(curves, pools, kept, metric),
        inputs={
            "rows": len(candidates), "metric": metric, "constraints": dict(constraints or {}),
            "digest": key_of([[c.model, c.target, c.performance.value or 0.0] for c in candidates]),
        },
        caveats=_caveats(kept), cost={"seconds": time.perf_counter() - start},
    )  # fmt: skip


def similarity_and_gain(candidates: Sequence[Candidate], gains: Mapping[tuple[str, str], float]) -> Estimate:
    """Spearman correlation over the studied pairs between nearness of the source and gain over the twin."""
    pairs = [
        (-candidate.similarities[0].value.value, gains[candidate.model, candidate.target])
        for candidate in candidates
        if candidate.similarities
        and candidate.similarities[0].value.value is not None
        and (candidate.model, candidate.target) in gains
    ]
    if len(pairs) < 5:
        return Estimate.unknown(
            "similarity_gain_correlation", f"{len(pairs)} pairs have both a similarity and a gain; five are needed"
        )
    near, gain = np.array(pairs).T
    rho = float(np.corrcoef(rankdata(near), rankdata(gain))[0, 1])
    z, half = np.arctanh(np.clip(rho, -0.999, 0.999)), 1.96 / np.sqrt(max(len(pairs) - 3, 1))
    return Estimate(
        name="similarity_gain_correlation", value=rho, low=min(rho, float(np.tanh(z - half))),
        high=max(rho, float(np.tanh(z + half))), level=0.95, n=len(pairs),
        method="Spearman, Fisher z", population="other such pairs",
    )  # fmt: skip


def _indicator_row(candidate: Candidate) -> Row:
    nearest = (
        candidate.similarities[0].value
        if candidate.similarities
        else Estimate.unknown("similarity", "no source was named; give the source's data with --source-data")
    )
    return {
        "model": candidate.model, "target": candidate.target, "performance": candidate.performance,
        "adaptation_time": candidate.seconds, "feature_time": candidate.feature_seconds, "similarity": nearest,
        "complexity": _exact("parameters", candidate.parameters, "parameters"),
    }  # fmt: skip


def _complexity_row(candidate: Candidate) -> Row:
    return {
        "model": candidate.model, "target": candidate.target, "parameters": candidate.parameters,
        "flops": candidate.flops, "size_bytes": candidate.size_bytes, "width": candidate.width,
        "throughput": candidate.throughput,
        "latency_ms": None if candidate.throughput is None else 1000.0 / candidate.throughput,
    }  # fmt: skip


def _exact(name: str, value: float | None, unit: str) -> Estimate:
    if value is None:
        return Estimate.unknown(name, "the source does not state it", unit=unit)
    return Estimate(name=name, value=float(value), unit=unit, method="counted")


def _similarity_rows(candidates: Sequence[Candidate]) -> list[Row]:
    return [
        {
            "target": candidate.target, "extractor": found.extractor, "measure": found.measure, "distance": found.value,
            "floor": found.floor, "p_value": found.p_value,
        }
        for candidate in candidates
        for found in candidate.similarities
    ]  # fmt: skip


def _across_tasks(candidates: Sequence[Candidate], curves: Sequence[Row]) -> list[Row]:
    """One row a model over its targets: mean and worst gain over the twin, share of targets it beats the twin on."""
    rows: list[Row] = []
    for model in sorted({candidate.model for candidate in candidates}):
        mine = [candidate for candidate in candidates if candidate.model == model]
        gains = [gain.value for candidate in mine if (gain := _twin_gain(curves, candidate)) is not None]
        known = [gain for gain in gains if gain is not None]
        rows.append(
            {
                "model": model, "targets": len(mine), "mean_gain": float(np.mean(known)) if known else None,
                "worst_gain": min(known) if known else None,
                "beats_twin": sum(gain > 0 for gain in known) / len(known) if known else None,
                "not_served": [c.target for c in mine if _worse_than_free(c)],
            }
        )  # fmt: skip
    return rows


def _worse_than_free(candidate: Candidate) -> bool:
    """Whether a free baseline is at least as good as the upper end of the model's interval."""
    top = candidate.performance.high if candidate.performance.high is not None else candidate.performance.value
    return top is not None and any(score >= top for score in candidate.baselines.values())


def _twin_gain(curves: Sequence[Row], candidate: Candidate) -> Estimate | None:
    """Gain over the twin at the largest budget that both were run at."""
    mine = [
        row for row in curves
        if row["model"] == candidate.model and row["target"] == candidate.target and row["gain"].known
    ]  # fmt: skip
    if not mine:
        return None
    gain: Estimate = max(mine, key=lambda row: row["budget"])["gain"]
    return gain.renamed(f"gain over the twin: {candidate.model} on {candidate.target}")


def _verdict(candidates: Sequence[Candidate], pareto: Sequence[Row], gains: Sequence[Estimate]) -> str:
    targets = sorted({candidate.target for candidate in candidates})
    parts: list[str] = []
    for target in targets:
        rows = [row for row in pareto if row["target"] == target]
        unserved = [c.model for c in candidates if c.target == target and _worse_than_free(c)]
        if rows:
            parts.append(
                f"On {target}, {rows[0]['model']} wins under {rows[0]['share_of_weights']:.0%} of all weightings."
            )
        if unserved:
            parts.append(
                f"{', '.join(unserved)} {'is' if len(unserved) == 1 else 'are'} no better than a free baseline there."
            )
    lost = [gain for gain in gains if gain.high is not None and gain.high < 0]
    if lost:
        parts.append(f"Pretraining hurts in {len(lost)} of {len(gains)} cases: the untrained twin is better.")
    return " ".join(parts) or "The indicators do not differ between the models."


def _findings(candidates: Sequence[Candidate], curves: Sequence[Row]) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for candidate in candidates:
        gain = _twin_gain(curves, candidate)
        if gain is None or gain.low is None or gain.high is None:
            continue
        sure = gain.low > 0 or gain.high < 0
        words = "gains over" if (gain.value or 0) > 0 else "loses to"
        found.append(
            Finding(
                lens="reusability", subjects=(candidate.model, candidate.target), estimates=(gain,),
                claim=f"{candidate.model} {words} its untrained twin on {candidate.target}: {gain}",
                verdict="yes" if sure else "undetermined", margin=min(abs(gain.low), abs(gain.high)) if sure else None,
                evidence=f"{gain.n} draws of labelled rows", method=gain.method,
            )
        )  # fmt: skip
    return tuple(found)


def _figures(
    curves: Sequence[Row], pools: Mapping[str, Pool], candidates: Sequence[Candidate], metric: str
) -> tuple[Figure, ...]:
    figures: list[Figure] = []
    for target, pool in pools.items():
        lines = [
            {
                "budget": row["budget"], "score": estimate.value, "low": estimate.low, "high": estimate.high,
                "series": name, "untrained": untrained,
            }
            for row in curves
            if row["target"] == target
            for name, estimate, untrained in (
                (row["model"], row["score"], False), (f"{row['model']}, untrained", row["twin"], True)
            )
            if estimate.known
        ]  # fmt: skip
        if len({line["budget"] for line in lines}) > 1:
            figures.append(
                Figure(
                    name=f"budget_{key_of(target)[:8]}", kind="curve", title=f"Score over the label budget on {target}",
                    rows=lines, x="budget", y="score", low="low", high="high", colour="series",
                    x_title="labelled rows a class", y_title=metric, options={"log_x": True, "dashed": "untrained"},
                    alt=f"Score against label budget on {target}, twins dashed.",
                )
            )  # fmt: skip
        mine = [c for c in candidates if c.target == target and c.performance.known and c.seconds.known]
        if len(mine) > 1:
            figures.append(
                Figure(
                    name=f"front_{key_of(target)[:8]}", kind="scatter",
                    title=f"Performance against adaptation time on {target}",
                    rows=[
                        {
                            "seconds": c.seconds.value, "performance": c.performance.value, "model": c.model,
                            "low": c.performance.low, "high": c.performance.high,
                        }
                        for c in mine
                    ],
                    x="seconds", y="performance", low="low", high="high",
                    x_title="seconds of adaptation", y_title=metric, options={"label": "model", "log_x": True},
                    alt=f"Performance against adaptation time on {target}.",
                )
            )  # fmt: skip
        if len(pool.indicators) > 1:
            figures.append(
                Figure(
                    name=f"weights_{key_of(target)[:8]}", kind="weights",
                    title=f"Who wins under your weights on {target}",
                    rows=weight_rows(pool), y="model", options={"indicators": list(pool.indicators)},
                    alt="Sliders for the weight of each indicator, and the winner.",
                )
            )  # fmt: skip
    return tuple(figures)


def _caveats(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    notes: list[str] = []
    if not any(candidate.twin_curve for candidate in candidates):
        notes.append("No untrained twin was run, so what pretraining is worth is unknown.")
    if not any(candidate.similarities for candidate in candidates):
        notes.append("No source data were named, so the similarity of source and target is unknown.")
    if any(candidate.performance.level is None and candidate.performance.known for candidate in candidates):
        notes.append("Some scores come without an interval; their place on the front looks surer than it is.")
    return tuple(notes)
