"""Rows of the selection lens's tables, read off what was judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.assess.selection.candidates import Background, Candidate
from assay.assess.selection.compare import difference, rows_to_separate
from assay.assess.selection.judging import Judged, plain_name
from assay.estimate import Estimate
from assay.stats.proportion import wilson

MOST_CLASSES = 200


def ranking_rows(judged: Judged) -> list[dict[str, Any]]:
    """One row a candidate, best first: the published columns, then frozen, fine-tuned and the gain over its twin."""
    comparison = judged.comparison
    rows: list[dict[str, Any]] = []
    for at, candidate in enumerate(judged.ranked):
        own, other = judged.scores[at], _other_regime(judged, candidate)
        frozen, finetuned = (own, other) if judged.regime == "frozen" else (other, own)
        rows.append(
            {
                "model": candidate.model, "rank": at + 1, "score": own, "rank_low": int(comparison.rank_low[at]),
                "rank_high": int(comparison.rank_high[at]), "group": int(comparison.group[at]),
                "p_best": float(judged.chance[at]) if len(judged.ranked) > 1 else None,
                "regret": judged.regret[at], "cost": cost_of(candidate), "battery": dict(candidate.battery),
                "recipe": candidate.recipe, "frozen": frozen, "finetuned": finetuned,
                "gain_over_twin": judged.twin_gains[at],
            }
        )  # fmt: skip
    return rows


def cost_of(candidate: Candidate) -> dict[str, float | int | None]:
    """What the candidate cost, with None where it was not measured."""
    return {
        "seconds": candidate.cost.seconds, "parameters": candidate.parameters,
        "flops": candidate.flops_per_item if candidate.flops_per_item is not None else candidate.cost.flops,
        "peak_bytes": candidate.cost.peak_bytes,
    }  # fmt: skip


def _other_regime(judged: Judged, candidate: Candidate) -> Estimate | None:
    for other, estimate in judged.other:
        if plain_name(other) == plain_name(candidate):
            return estimate
    return None


def pair_rows(judged: Judged) -> list[dict[str, Any]]:
    """One row a pair: the difference on the same items, whether it is told apart, and what would tell it."""
    rows: list[dict[str, Any]] = []
    m = len(judged.ranked)
    for a in range(m):
        for b in range(a + 1, m):
            apart = judged.apart(a, b)
            rows.append(
                {
                    "better": judged.ranked[a].model, "other": judged.ranked[b].model,
                    "difference": pair_difference(judged, a, b), "told_apart": apart,
                    "p_adjusted": float(judged.comparison.p_adjusted[a, b]),
                    "rows_to_separate": None if apart else rows_needed(judged, a, b),
                }
            )  # fmt: skip
    return rows


def pair_difference(judged: Judged, a: int, b: int) -> Estimate:
    """How much better `a` scored than `b`; positive when `a` is better, whatever the metric's direction."""
    return difference(
        judged.replicates, a, b, level=judged.level, name="difference", unit=judged.scale.unit,
        factor=judged.scale.factor, population=judged.population,
    )  # fmt: skip


def rows_needed(judged: Judged, a: int, b: int) -> Estimate:
    """Test items that would tell a tied pair apart, with all pairs counted as they are now."""
    return rows_to_separate(judged.replicates, a, b, level=judged.level, critical=judged.comparison.critical)


def baseline_rows(judged: Judged) -> list[dict[str, Any]]:
    """One row a free baseline: what the leader gains over it, and whether that is beyond doubt."""
    rows = [
        {"baseline": name, "gain": gain,
         "beaten": None if gain.low is None else gain.low > 0 and not judged.tied_with(name)}
        for name, gain in judged.gains
    ]  # fmt: skip
    own = judged.twin_gains[0]
    if own is not None:
        rows.append({"baseline": "its untrained twin", "gain": own, "beaten": own.low is not None and own.low > 0})
    return rows


def per_class_rows(judged: Judged, background: Background) -> list[dict[str, Any]]:
    """One row a class and candidate: recall with its Wilson interval, averaged over runs; empty for regression."""
    rows: list[dict[str, Any]] = []
    for at, candidate in enumerate(judged.ranked):
        runs = [predictions for _, predictions in judged.aligned.runs[at]]
        target = np.asarray(runs[0].target)
        if target.ndim != 1 or target.dtype.kind == "f":
            return []
        classes = np.unique(np.concatenate([np.asarray(run.target) for run in runs]))
        if len(classes) > MOST_CLASSES:
            return []
        for code in classes:
            found = [(run.labels()[run.target == code] == code) for run in runs if (run.target == code).any()]
            recall, n = float(np.mean([hits.mean() for hits in found])), round(np.mean([len(hits) for hits in found]))
            low, high = wilson(round(recall * n), n, level=judged.level)
            rows.append(
                {
                    "class": class_name(code, background), "model": candidate.model,
                    "recall": Estimate(
                        name="recall", value=recall, low=min(low, recall), high=max(high, recall), level=judged.level,
                        n=n, unit="fraction", method="Wilson score interval", population=judged.population,
                    ),
                }
            )  # fmt: skip
    return rows


def class_name(code: Any, background: Background) -> str:
    """The name of a class by its code, or the code where no names were given."""
    if isinstance(code, (int, np.integer)) and 0 <= int(code) < len(background.classes):
        return background.classes[int(code)]
    return str(code)


def unranked_rows(judged: Judged) -> list[dict[str, Any]]:
    """One row a candidate that has no place in the ranking, with the reason."""
    return [{"model": name, "reason": reason} for name, reason in judged.unranked.items()]
