"""The selection lens in words: the verdict, the claims with their numbers, and what a reader must know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import kendalltau

from assay.assess.selection.candidates import Background
from assay.assess.selection.judging import Judged, plain_name
from assay.assess.selection.tables import pair_difference, rows_needed
from assay.estimate import Estimate, show_level, show_number, show_share
from assay.finding import Finding

LISTED = 3


def verdict(judged: Judged) -> str:
    """The answer in a sentence or two; it says when the leaders can't be told apart."""
    leader, score = judged.ranked[0].model, judged.scores[0]
    told = judged.scale.told(score)
    if len(judged.ranked) == 1:
        return f"{leader} scores {told}. It is the only candidate, so there is nothing to choose between."
    tied = [judged.ranked[i].model for i in judged.tied]
    if len(tied) == 1:
        return f"Build on {leader}: {told}, better than each of the other {len(judged.ranked) - 1}{_doubt(judged)}."
    return f"{_together(judged, tied)}. Choosing {leader} ({told}) {_risk(judged)}{_doubt(judged)}.{_cheaper(judged)}"


def _risk(judged: Judged) -> str:
    """What the choice costs on average, and at most with the stated confidence where that says more."""
    regret, unit = judged.regret[0], _unit(judged)
    assert regret.value is not None
    assert regret.high is not None
    expected, most = show_number(regret.value), show_number(regret.high)
    told = f"is expected to cost {expected}{unit} against the best"
    if regret.high > regret.value and most != expected:
        told += f", and with {show_level(judged.level)} confidence costs at most {most}"
    return told


def _together(judged: Judged, tied: Sequence[str]) -> str:
    n = judged.replicates.n
    if judged.ranked[0].model not in tied:
        tied = [judged.ranked[0].model, *tied]
    if len(tied) <= LISTED:
        return f"{joined(tied)} can't be told apart on these {n:,} test items"
    return f"{len(tied)} of {len(judged.ranked)} models can't be told apart from the best on these {n:,} test items"


def _unit(judged: Judged) -> str:
    return f" {judged.scale.unit}" if judged.scale.unit else ""


def _doubt(judged: Judged) -> str:
    weak = [name for name, gain in judged.gains
            if gain.low is not None and (gain.low <= 0 or judged.tied_with(name))]  # fmt: skip
    beaten_by = [name for name in weak if not _is_rank(name, judged)]
    own = judged.twin_gains[0]
    if own is not None and own.low is not None and own.low <= 0:
        beaten_by.append("its untrained twin")
    return f"; it is not shown to beat {joined(beaten_by)}" if beaten_by else ""


def _is_rank(name: str, judged: Judged) -> bool:
    """Whether a baseline is a free ranking that may well name the leader itself."""
    gain = dict(judged.gains)[name]
    return name == "the largest model" or gain.value == 0


def _cheaper(judged: Judged) -> str:
    """Where a tied model costs at most half as much as the leader, the reader should know."""
    for word, cost in (("seconds", lambda c: c.cost.seconds), ("parameters", lambda c: c.parameters)):
        mine = cost(judged.ranked[0])
        others = [(cost(judged.ranked[i]), judged.ranked[i].model) for i in judged.tied if i != 0]
        known = [(value, name) for value, name in others if value is not None]
        if mine and known and min(known)[0] <= mine / 2:
            value, name = min(known)
            return f" {name} takes {show_share(value / mine)} of its {word}."
    return ""


def joined(names: Sequence[str]) -> str:
    """Names as a person lists them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def findings(judged: Judged) -> tuple[Finding, ...]:
    """The claims: who leads, what separates the first two, baselines, and the other regime."""
    found = [_leader(judged)] if len(judged.ranked) > 1 else []
    if len(judged.ranked) > 1:
        found.append(_first_two(judged))
    found += [_over(judged, name, gain) for name, gain in judged.gains]
    twin = judged.twin_gains[0]
    if twin is not None:
        found.append(_over(judged, "its untrained twin", twin))
    regime = _regimes(judged)
    return tuple(found + ([regime] if regime else []))


def _leader(judged: Judged) -> Finding:
    tied = [judged.ranked[i].model for i in judged.tied]
    alone = len(tied) == 1
    chance = Estimate(
        name="p_best", value=float(judged.chance[0]), n=judged.replicates.n, unit="fraction",
        method="hierarchical model of the true scores", population=judged.population,
    )  # fmt: skip
    leader = judged.ranked[0].model
    place = f"is the best of {len(judged.ranked)}" if alone else f"leads, tied with {len(tied) - 1} more"
    claim = f"{leader} {place}"
    return Finding(
        lens="selection", claim=f"{claim}; its chance of being the best is {show_share(judged.chance[0])}.",
        subjects=tuple(tied), estimates=(judged.scores[0], chance, judged.regret[0]),
        verdict="yes" if alone else "undetermined", evidence=f"{judged.replicates.n} test items, the same for all",
        method=f"step-down maximum of paired differences at level {judged.level:g} for all pairs together",
    )  # fmt: skip


def _first_two(judged: Judged) -> Finding:
    apart = judged.apart(0, 1)
    a, b = judged.ranked[0].model, judged.ranked[1].model
    gap = pair_difference(judged, 0, 1)
    numbers: tuple[Estimate, ...] = (gap,)
    if apart:
        claim = f"{a} beats {b} by {gap}."
    else:
        needed = rows_needed(judged, 0, 1)
        numbers = (gap, needed)
        claim = f"{a} and {b} can't be told apart ({gap}{_although(judged, gap, 1)}); "
        if needed.value is None:
            claim += f"{needed.reason}."
        else:
            claim += f"if that difference is real, about {int(np.ceil(needed.value)):,} test items would show it."
    return Finding(
        lens="selection", claim=claim, subjects=(a, b), estimates=numbers, verdict="yes" if apart else "undetermined",
        margin=gap.low, evidence=f"{judged.replicates.n} paired test items",
        method="paired bootstrap; told apart by the step-down maximum over all pairs",
    )  # fmt: skip


def _although(judged: Judged, gap: Estimate, at: int) -> str:
    """Why a pair is called tied though its own interval, which counts no other pair, leaves out zero."""
    if gap.low is None or gap.low <= 0:
        return ""
    p = show_number(float(judged.comparison.p_adjusted[0, at]))
    if judged.pairs == 1:
        return f", an interval that leaves out 0; but p is {p} by the studentised difference"
    return f", an interval for this pair alone; with all {judged.pairs} pairs counted p is {p}"


def _over(judged: Judged, name: str, gain: Estimate) -> Finding:
    leader = judged.ranked[0].model
    if gain.value is None:
        claim, holds = f"The gain over {name} is unknown: {gain.reason}.", "undetermined"
    elif gain.value == 0 and gain.width == 0:
        claim, holds = f"Going by {name} would have chosen {leader} too.", "no"
    elif judged.tied_with(name):
        at = judged.named_by[name]
        named = f"{judged.ranked[at].model}, which {name} would have chosen"
        claim = f"{leader} can't be told apart from {named}: {gain}{_although(judged, gain, at)}."
        holds = "undetermined"
    elif gain.low is not None and gain.low > 0:
        claim, holds = f"{leader} gains {gain} over {name}.", "yes"
    elif gain.high is not None and gain.high < 0:
        claim, holds = f"{leader} does worse than {name}: {gain}.", "no"
    else:
        claim, holds = f"{leader} is not shown to beat {name}: {gain}.", "undetermined"
    return Finding(
        lens="selection", claim=claim, subjects=(leader,), estimates=(gain,), verdict=holds, margin=gain.low,
        evidence=f"{judged.replicates.n} paired test items", method="paired bootstrap",
    )  # fmt: skip


def _regimes(judged: Judged) -> Finding | None:
    """How the other regime ranks the same models."""
    if not judged.other:
        return None
    mine = {plain_name(c): e.value for c, e in zip(judged.ranked, judged.scores, strict=True)}
    theirs = {plain_name(c): e.value for c, e in judged.other}
    both = [name for name in mine if name in theirs and mine[name] is not None and theirs[name] is not None]
    word = ("Fine-tuned", "frozen") if judged.regime == "frozen" else ("Frozen", "fine-tuned")
    best, score = max(judged.other, key=lambda pair: judged.scale.sign * (pair[1].value or 0.0))
    claim = f"{word[0]}, {best.model} leads with {judged.scale.told(score)}"
    if len(both) >= 3:
        tau = float(np.asarray(kendalltau([mine[n] for n in both], [theirs[n] for n in both]))[0])
        if np.isfinite(tau):
            claim += f"; the two orders of {len(both)} models agree with Kendall's tau {show_number(tau)}"
    return Finding(
        lens="selection", claim=claim + f". The ranking is of {word[1]} models.", subjects=(best.model,),
        estimates=(score,), verdict="undetermined", evidence="the same models in both regimes",
        caveats=("A frozen score does not say how a model does when fine-tuned, nor the other way round.",),
    )  # fmt: skip


def caveats(judged: Judged, background: Background) -> tuple[str, ...]:
    """What the reader must know before believing it."""
    notes = list(background.caveats)
    n = judged.replicates.n
    if judged.replicates.repeats == 1:
        notes.append("Each model was trained once; what repeating the training would change is not in the intervals.")
    elif judged.replicates.repeats < 5:
        notes.append(
            f"{judged.replicates.repeats} trainings each: what repeating varies is estimated from little, "
            "with one variance for all models."
        )
    if n < 100:
        notes.append(f"{n} test items tell only large differences apart.")
    if judged.aligned.dropped:
        notes.append(f"{judged.aligned.dropped:,} items that some model was not scored on are left out.")
    if judged.unranked:
        names = list(judged.unranked)
        some = joined(names) if len(names) <= LISTED else f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"
        notes.append(f"Not ranked: {some}; the table `unranked` says why.")
    return tuple(notes)
