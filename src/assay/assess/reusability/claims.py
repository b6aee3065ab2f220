"""What the lens says in words: the verdict, one finding a model and target, and what to beware of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.assess.reusability.across import Gains, served
from assay.assess.reusability.budgets import WANTED_DRAWS, headline
from assay.assess.reusability.records import Candidate
from assay.estimate import Estimate, show_level, show_number, show_share
from assay.finding import Finding, Row, Verdict

MOST_TOLD = 3
"""Targets that the verdict tells one by one."""


def verdict(candidates: Sequence[Candidate], pareto: Sequence[Row], gains: Gains, curves: Sequence[Row]) -> str:
    """Who wins and what its pretraining is worth, target by target where they are few; and who serves no purpose."""
    targets = sorted({candidate.target for candidate in candidates})
    leaders = {target: _leader(candidates, pareto, target) for target in targets}
    if len(targets) > MOST_TOLD:
        parts = _by_leader(leaders, curves)
    else:
        parts = [part for target, leader in leaders.items() if (part := _on(target, *leader, curves))]
    unserved: dict[tuple[str, ...], list[str]] = {}
    for model in dict.fromkeys(candidate.model for candidate in candidates):
        without = tuple(c.target for c in candidates if c.model == model and served(c) == "no")
        if without:
            unserved.setdefault(without, []).append(model)
    for without, models in unserved.items():
        verb = "is" if len(models) == 1 else "are"
        parts.append(f"{_listed(models)} {verb} no better than a free baseline on {_listed(without)}.")
    hurt = [gain for gain in gains.values() if gain.high is not None and gain.high < 0]
    if hurt:
        parts.append(f"Pretraining hurts in {len(hurt)} of {len(gains)} cases: the untrained twin is better.")
    return " ".join(parts) or "The indicators do not differ between the models."


def _leader(candidates: Sequence[Candidate], pareto: Sequence[Row], target: str) -> tuple[str, float | None]:
    """The model that wins under most weightings of a target, and under how many; None where there is no choice."""
    rows = [row for row in pareto if row["target"] == target]
    first = str(rows[0]["model"]) if rows else next(c.model for c in candidates if c.target == target)
    return first, float(rows[0]["share_of_weights"]) if len(rows) > 1 else None


def _on(target: str, leader: str, share: float | None, curves: Sequence[Row]) -> str:
    """The sentence of one target; empty where there is neither a choice nor a twin to compare with."""
    worth = labels_worth(curves, leader, target)
    wins = f"On {target}, {leader} wins under {show_share(share)} of all weightings" if share is not None else ""
    if worth is None:
        return f"{wins}." if wins else ""
    said = f"at {worth[0]} labels a class its pretraining {_worth(worth[1])}"
    return f"{wins}; {said}." if wins else f"On {target}, {leader}: {said}."


def _by_leader(leaders: Mapping[str, tuple[str, float | None]], curves: Sequence[Row]) -> list[str]:
    """A sentence a leader: where it wins, and between which factors its pretraining saves labels there."""
    parts: list[str] = []
    for model in dict.fromkeys(leader for leader, _ in leaders.values()):
        mine = {target: share for target, (leader, share) in leaders.items() if leader == model}
        shares = [share for share in mine.values() if share is not None]
        under = f" under {_span([100 * share for share in shares], 0)} % of all weightings" if shares else ""
        found = [worth[1] for target in mine if (worth := labels_worth(curves, model, target)) is not None]
        values = [estimate.value for estimate in found if estimate.value is not None]
        worth = f"; its pretraining is worth {_span(values, 1)} times the labels there" if values else ""
        parts.append(f"{model} {'wins' if shares else 'stands alone'} on {_listed(list(mine))}{under}{worth}.")
    return parts


def labels_worth(curves: Sequence[Row], model: str, target: str) -> tuple[int, Estimate] | None:
    """The budget that speaks for a model, and how many times the labels pretraining is worth there."""
    mine = {int(row["budget"]): row["labels_saved"] for row in curves
            if row["model"] == model and row["target"] == target}  # fmt: skip
    picked = headline(mine)
    return None if picked is None else (picked, mine[picked])


def findings(candidates: Sequence[Candidate], gains: Gains, curves: Sequence[Row]) -> tuple[Finding, ...]:
    """Gain over the twin, and what pretraining is worth in labels, for each model and target that has a twin."""
    found: list[Finding] = []
    for candidate in candidates:
        gain = gains.get((candidate.model, candidate.target))
        if gain is None or gain.low is None or gain.high is None:
            continue
        held: Verdict = "yes" if gain.low > 0 or gain.high < 0 else "undetermined"
        words = "gains over" if gain.low > 0 else "loses to" if gain.high < 0 else "can't be told apart from"
        claim = f"{candidate.model} {words} its untrained twin on {candidate.target}, with all labels"
        worth, numbers = labels_worth(curves, candidate.model, candidate.target), [gain]
        if worth is not None:
            numbers.append(worth[1])
            claim += f"; at {worth[0]} a class, pretraining {_worth(worth[1])}"
        found.append(
            Finding(
                lens="reusability", subjects=(candidate.model, candidate.target), estimates=tuple(numbers),
                claim=f"{claim}.", verdict=held, margin=min(abs(gain.low), abs(gain.high)) if held == "yes" else None,
                evidence=f"{gain.n} draws of labelled rows", method=gain.method,
            )
        )  # fmt: skip
    return tuple(found)


def caveats(candidates: Sequence[Candidate], curves: Sequence[Row]) -> tuple[str, ...]:
    """What the reader must know before believing it."""
    notes: list[str] = []
    draws = min((int(row["draws"]) for row in curves), default=0)
    if not any(candidate.twin_curve for candidate in candidates):
        notes.append("No untrained twin was run, so what pretraining is worth is unknown.")
    else:
        notes.append("Each twin is one draw of random weights; its intervals are about draws of rows, not of weights.")
    if curves and draws < WANTED_DRAWS:
        notes.append(f"The label curves rest on {draws} {'draw' if draws == 1 else 'draws'}; {WANTED_DRAWS} or more "
                     "make narrower intervals, and fewer than three none.")  # fmt: skip
    if len({row["budget"] for row in curves}) < 2:
        notes.append("One label budget was run; labels saved and crossings need several: budgets: [2, 5, 10, 20, all].")
    if not any(candidate.similarities for candidate in candidates):
        notes.append("No source data were named, so the similarity of source and target is unknown.")
    if any(candidate.performance.known and candidate.performance.width is None for candidate in candidates):
        notes.append("Some scores come without an interval; their place on the front looks surer than it is.")
    if len({candidate.target for candidate in candidates}) > 1:
        notes.append("Weighed indicators run from the worst of the models (0) to the best (1) on each target; another "
                     "model in the pool moves that scale.")  # fmt: skip
    return tuple(notes)


def _worth(estimate: Estimate) -> str:
    """What pretraining is worth in labels, or that it is not shown to be worth any."""
    low, high = estimate.low or 0.0, estimate.high or 0.0
    return f"{'is not shown to save labels:' if low <= 1 <= high else 'is worth'} {_factor(estimate)}"


def _factor(estimate: Estimate) -> str:
    low, high = (show_number(end or 0.0) for end in (estimate.low, estimate.high))
    return f"{show_number(estimate.value or 0.0)} times the labels ({show_level(estimate.level or 0)} {low}–{high})"


def _span(values: Sequence[float], digits: int) -> str:
    """The least and the greatest of some numbers, or the one that both are."""
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
