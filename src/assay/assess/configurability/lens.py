"""The configurability lens: what tuning buys, which settings matter, and what is safe to leave alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.assess.configurability.defaults import (
    Advice,
    chance_of_change,
    default_rows,
    find_advice,
    next_rows,
    space_rows,
)
from assay.assess.configurability.effort import budget_rows, crossing_rows, variance_rows
from assay.assess.configurability.figures import draw
from assay.assess.configurability.importance import (
    Importance,
    claimed_names,
    find_importance,
    importance_rows,
    share_rows,
)
from assay.assess.configurability.safety import failure_rows, near_optimal_share, one_step_rows, safe_bands
from assay.assess.configurability.stopping import stopping_findings, stopping_rows
from assay.assess.configurability.trials import Trials, Units
from assay.assess.configurability.tunability import tunability_rows
from assay.canon import key_of
from assay.errors import NothingToAssessError
from assay.estimate import Estimate, show_number, show_share
from assay.finding import Assessment, Finding, Row
from assay.rng import stream


def configurability(
    trials: Trials, *, tolerance: float | None = None, default: Mapping[str, Any] | None = None, level: float = 0.95,
    stop_below: float = 0.05, resamples: int = 1000, rng_seed: int = 0, source: str = "the runs",
) -> Assessment:  # fmt: skip
    """What tuning buys on these runs, which parameters matter, and what to use next.

    Args:
        trials: The runs of a search, by Assay or anyone; see `trials_from_frame`.
        tolerance: How much worse than the best still counts as good, in the unit of the score; a tenth of the spread
            of the configurations within a group where None.
        default: The configuration to hold tuning against; the best common default of the other groups where None.
        stop_below: The chance that the recommended default changes below which a search may stop.
        level: Confidence level of intervals, and 1 minus the chance of any false claim of importance.
        resamples: Resamples of the bands, and permutations of the tests.
        rng_seed: Seeds everything random.
        source: What the question calls the runs.

    Returns:
        Assessment with tables `importance`, `shares`, `tunability`, `variance`, `budget_curve`, `crossings`,
        `defaults`, `next_runs`, `stopping`, `next_space`, `safe_bands`, `one_step` and `failures`, and estimates
        `tuning_gain`, `near_optimal_share`, `p_change` and `failure_probability`.

    Raises:
        NothingToAssessError: when all runs failed, or there is a single run.
    """
    start = time.perf_counter()
    _require(trials, source)
    units = trials.units()
    near = _tolerance(units) if tolerance is None else tolerance
    whole = find_importance(trials, units, level=level, permutations=resamples - 1, rng=stream(rng_seed, "importance"))
    close = find_importance(
        trials, units, level=level, permutations=resamples - 1, rng=stream(rng_seed, "near"), near=True
    )
    advice = find_advice(trials, units, rng=stream(rng_seed, "advice"))
    tables = _tables(trials, units, whole, close, advice, near, default, level, resamples, rng_seed)
    stops = list(tables["stopping"])
    estimates = _estimates(units, advice, tables, near, level)
    return Assessment(
        lens="configurability", question=f"What does tuning buy on {source}, which settings matter, and what is safe?",
        verdict=_verdict(whole, estimates, tables),
        findings=(*_findings(whole, advice, estimates, tables, len(units.rows)),
                  *stopping_findings(stops, below=stop_below, tolerance=near)),
        estimates=estimates, tables=tables, figures=draw(trials, units, tables),
        inputs={
            "source": source, "rows": len(trials.scores), "configurations": len(units.rows), "level": level,
            "groups": [str(name) for name in np.unique(units.groups)], "fixed": dict(trials.fixed or {}),
            "tolerance": near, "digest": key_of([list(map(repr, trials.scores)), list(trials.names)]),
        },
        caveats=_caveats(trials, whole, close, advice), cost={"seconds": time.perf_counter() - start},
    )  # fmt: skip


def _require(trials: Trials, source: str) -> None:
    if not trials.ok.any():
        reasons = sorted({reason for reason in trials.failures if reason})
        raise NothingToAssessError(
            f"all {len(trials.scores)} runs of {source} failed: {', '.join(reasons) or 'no score'}"
        )
    if len(trials.scores) < 2:
        raise NothingToAssessError(
            f"{source} has one run; a second configuration is needed before anything can be said"
        )


def _tolerance(units: Units) -> float:
    spreads = [units.scores[units.groups == name].std() for name in np.unique(units.groups)]
    return float(0.1 * np.mean(spreads))


def _tables(
    trials: Trials, units: Units, whole: Importance | str, close: Importance | str, advice: Advice | str, near: float,
    default: Mapping[str, Any] | None, level: float, resamples: int, rng_seed: int,
) -> dict[str, Sequence[Row]]:  # fmt: skip
    found = [item for item in (whole, close) if isinstance(item, Importance)]
    n = len(units.rows)
    return {
        "importance": [row for item in found for row in importance_rows(item, level=level, n=n)],
        "shares": share_rows(whole, level=level, n=n) if isinstance(whole, Importance) else [],
        "tunability": tunability_rows(trials, units, default, level=level),
        "variance": variance_rows(trials, units, level=level),
        "budget_curve": budget_rows(
            trials, units, level=level, resamples=resamples, rng=stream(rng_seed, "budget")
        ),
        "crossings": crossing_rows(
            trials, units, level=level, resamples=resamples, rng=stream(rng_seed, "crossing")
        ),
        "defaults": default_rows(advice, level=level) if isinstance(advice, Advice) else [],
        "next_runs": next_rows(advice) if isinstance(advice, Advice) else [],
        "stopping": (
            stopping_rows(trials, units, advice, tolerance=near, rng=stream(rng_seed, "stopping"))
            if isinstance(advice, Advice) else []
        ),
        "next_space": space_rows(advice) if isinstance(advice, Advice) else [],
        "safe_bands": safe_bands(trials, units, whole, tolerance=near) if isinstance(whole, Importance) else [],
        "one_step": one_step_rows(trials, units),
        "failures": failure_rows(trials, level=level, rng=stream(rng_seed, "failures")),
    }  # fmt: skip


def _estimates(
    units: Units, advice: Advice | str, tables: Mapping[str, Sequence[Row]], near: float, level: float
) -> tuple[Estimate, ...]:
    change = (
        chance_of_change(advice, tolerance=near) if isinstance(advice, Advice) else Estimate.unknown("p_change", advice)
    )
    gain: Estimate = tables["tunability"][0]["gain"]
    failed: Estimate = tables["failures"][0]["probability"]
    return (
        gain.renamed("tuning_gain"), near_optimal_share(units, tolerance=near, level=level), change, failed,
    )  # fmt: skip


def _verdict(whole: Importance | str, estimates: Sequence[Estimate], tables: Mapping[str, Sequence[Row]]) -> str:
    named = {estimate.name: estimate for estimate in estimates}
    if isinstance(whole, str):
        first = f"No parameter can be called important: {whole}."
    else:
        names = claimed_names(whole)
        first = f"What matters: {', '.join(names)}." if names else "No parameter stands out from noise."
    gain = named["tuning_gain"]
    second = (
        f" Tuning buys {gain} over the best common default." if gain.known
        else f" What tuning buys is unknown: {gain.reason}."
    )  # fmt: skip
    share = named["near_optimal_share"].value
    third = "" if share is None else f" {show_share(share)} of the configurations are near the best."
    advised = tables["defaults"]
    last = f" Use {advised[0]['configuration']}." if advised else ""
    return first + second + third + last


def _findings(
    whole: Importance | str, advice: Advice | str, estimates: Sequence[Estimate], tables: Mapping[str, Sequence[Row]],
    n: int,
) -> tuple[Finding, ...]:  # fmt: skip
    found: list[Finding] = []
    if isinstance(whole, Importance):
        for row in tables["importance"]:
            if row["claimed"] and row["region"] == "whole space":
                name = " and ".join(row["parameters"])
                kind = "matters" if len(row["parameters"]) == 1 else "matter together"
                found.append(
                    Finding(
                        lens="configurability", verdict="yes", subjects=tuple(row["parameters"]),
                        claim=f"{name} {kind}: {show_share(row['share'].value)} of the variance of the scores",
                        estimates=(row["share"],), evidence=f"{n} configurations",
                        method="permutation test of all effects as one family",
                    )
                )  # fmt: skip
        silent = not claimed_names(whole)
        if silent:
            found.append(
                Finding(
                    lens="configurability", claim="No parameter and no pair stands out from noise",
                    verdict="undetermined", evidence=f"{n} configurations",
                    method="permutation test of all effects as one family",
                )
            )  # fmt: skip
    if isinstance(advice, Advice):
        change = next(estimate for estimate in estimates if estimate.name == "p_change")
        found.append(
            Finding(
                lens="configurability", verdict="yes" if (change.value or 0) < 0.1 else "undetermined",
                claim=f"More runs change the recommended default with probability {show_number(change.value or 0)}",
                estimates=(change,), evidence=f"{n} configurations", method="posterior of the true scores",
            )
        )  # fmt: skip
    return tuple(found)


def _caveats(trials: Trials, whole: Importance | str, close: Importance | str, advice: Advice | str) -> tuple[str, ...]:
    notes: list[str] = []
    if trials.running:
        ended = "1 run has not ended and is" if trials.running == 1 else f"{trials.running} runs have not ended and are"
        notes.append(f"{ended} left out; the numbers will move.")
    if trials.fixed:
        notes.append(f"Never varied, so nothing is known of: {', '.join(trials.fixed)}.")
    for region, found in (("", whole), ("Near the optimum: ", close)):
        if isinstance(found, str):
            notes.append(f"{region}{found[0].upper()}{found[1:]}.")
        else:
            notes += [f"{region}{name} {reason}." for name, reason in found.left_out.items()]
    if isinstance(advice, str):
        notes.append(f"No default is recommended: {advice}.")
    bad = int((~trials.ok).sum())
    if bad:
        notes.append(f"{bad} of {len(trials.scores)} runs failed; they count as failures and have no score.")
    return tuple(dict.fromkeys(notes))
