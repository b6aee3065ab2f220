"""The selection lens: which model should I build on?

Scores with intervals, differences on the same items, tie groups, the chance of being best, expected regret, rows that
would separate the tied, and the gain over what is free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.assess.selection.candidates import Background, Candidate, Regime
from assay.assess.selection.figures import figures
from assay.assess.selection.judging import Judged, judge
from assay.assess.selection.tables import baseline_rows, pair_rows, per_class_rows, ranking_rows, unranked_rows
from assay.assess.selection.verdict import caveats, findings, verdict
from assay.canon import key_of
from assay.estimate import Estimate
from assay.finding import Assessment


def selection(
    candidates: Sequence[Candidate], *, metric: str, background: Background | None = None, task: str = "the task",
    regime: Regime | None = None, level: float = 0.95, resamples: int = 2000, rng: np.random.Generator,
    groups: Mapping[str, str] | None = None,
) -> Assessment:  # fmt: skip
    """Which of the candidates to build on, and how sure that is.

    Args:
        candidates: Models with their predictions; those scored on the same draws and items can be compared.
        metric: A name in `assay.metrics.METRICS`.
        background: Free baselines, published priors, failures, names of classes.
        task: What the data set is called in words.
        regime: `frozen` or `finetuned`; None ranks the regime that covers most models, the better one on a tie.
        level: Confidence level; simultaneous over all pairs for ranks and groups.
        resamples: Replicates of the paired bootstrap; 300 for metrics that have no fast route.
        rng: The source of randomness.
        groups: Item → group, where items of one group belong together.

    Returns:
        Assessment with tables `ranking`, `pairs`, `baselines`, `per_class`, `unranked`, and estimates
        `expected_regret`, `cost_fraction`, `score`, `p_best`, `rows_to_separate` and one `gain_over_...` a baseline.

    Raises:
        NothingToAssessError: when no candidate can be scored, or no item is common to all.
        UsageError: when the candidates were run on different draws, or a name is given twice.
        DataError: when candidates disagree about the target of an item.
        UnknownNameError: when there is no such metric.
    """
    background = background or Background()
    judged = judge(
        candidates, background, metric=metric, regime=regime, level=level, resamples=resamples, rng=rng,
        groups=None if groups is None else dict(groups),
    )  # fmt: skip
    per_class = per_class_rows(judged, background)
    pairs = pair_rows(judged)
    return Assessment(
        lens="selection", question=f"Which model should I build on for {task}?", verdict=verdict(judged),
        findings=findings(judged), estimates=_headline(judged, pairs),
        tables={
            "ranking": ranking_rows(judged), "pairs": pairs, "baselines": baseline_rows(judged),
            "per_class": per_class, "unranked": unranked_rows(judged),
        },
        figures=figures(judged, per_class), caveats=caveats(judged, background),
        inputs={
            "digest": _digest(judged), "rows": judged.replicates.n, "models": len(judged.ranked),
            "repeats": judged.replicates.repeats, "metric": metric, "regime": judged.regime, "level": level,
            "task": task,
        },
        cost={"seconds": _total_seconds(candidates)},
    )  # fmt: skip


def _headline(judged: Judged, pairs: Sequence[Mapping[str, Any]]) -> tuple[Estimate, ...]:
    first = next((row["rows_to_separate"] for row in pairs if row["rows_to_separate"] is not None), None)
    numbers = [
        judged.regret[0].renamed("expected_regret"),
        Estimate(name="cost_fraction", value=1.0, unit="fraction", method="every candidate was run in full"),
        judged.scores[0].renamed("score"),
    ]
    if len(judged.ranked) > 1:
        numbers.append(
            Estimate(name="p_best", value=float(judged.chance[0]), n=judged.replicates.n, unit="fraction",
                     method="hierarchical model of the true scores", population=judged.population)
        )  # fmt: skip
    if first is not None:
        numbers.append(first)
    return (*numbers, *(gain for _, gain in judged.gains))


def _total_seconds(candidates: Sequence[Candidate]) -> float | None:
    seconds = [c.cost.seconds for c in candidates if c.cost.seconds is not None]
    return float(sum(seconds)) if seconds else None


def _digest(judged: Judged) -> str:
    return key_of(
        [[name, [[at, rows.target, rows.labels(), rows.score] for at, rows in runs]]
         for name, runs in zip(judged.aligned.names, judged.aligned.runs, strict=True)]
    )  # fmt: skip
