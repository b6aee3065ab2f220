"""The numbers of the selection lens, computed once; tables, figures and the verdict only read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.selection.candidates import Aligned, Background, Candidate, Regime, align, named
from assay.assess.selection.compare import Comparison, compare, difference
from assay.assess.selection.replicates import Replicates, replicate
from assay.assess.selection.risk import risk
from assay.assess.selection.scale import Scale, scale_of
from assay.errors import AssayError, NothingToAssessError, UsageError
from assay.estimate import Estimate
from assay.metrics import METRICS, interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """All numbers about m ranked candidates, in the order of their scores, best first."""

    scale: Scale
    level: float
    regime: Regime
    ranked: tuple[Candidate, ...]
    scores: tuple[Estimate, ...]
    """(m,) the metric of each candidate with its interval, in the metric's own direction."""
    replicates: Replicates
    """Of the ranked candidates, higher is better."""
    comparison: Comparison
    chance: NDArray[np.float64]
    """(m,) probability of being the best."""
    regret: tuple[Estimate, ...]
    """(m,) what choosing it is expected to cost against the best."""
    gains: tuple[tuple[str, Estimate], ...]
    """(baseline, score of the leader minus the baseline's), or why it is not known."""
    named_by: Mapping[str, int]
    """Free ranking (the largest model, a published prior) → place of the candidate that it would have chosen."""
    twin_gains: tuple[Estimate | None, ...]
    """(m,) gain over the candidate's own untrained twin, where it was run."""
    other: tuple[tuple[Candidate, Estimate], ...]
    """Candidates of the other regime with their scores."""
    unranked: dict[str, str]
    """Candidates that have no place in the ranking: name → why."""
    aligned: Aligned
    """Of the ranked candidates, in the order of the ranking."""
    population: str

    @property
    def tied(self) -> list[int]:
        """Positions of the candidates that nobody beats."""
        return np.flatnonzero(self.comparison.group == 1).tolist()

    def apart(self, a: int, b: int) -> bool:
        """Whether two candidates were told apart, with all pairs counted."""
        return bool(self.comparison.beats[a, b] or self.comparison.beats[b, a])

    def tied_with(self, baseline: str) -> bool:
        """Whether a baseline is a free ranking that would have chosen a candidate not told apart from the leader."""
        at = self.named_by.get(baseline, 0)
        return at > 0 and not self.apart(0, at)

    @property
    def pairs(self) -> int:
        """How many pairs of candidates were compared."""
        return len(self.ranked) * (len(self.ranked) - 1) // 2


def judge(
    candidates: Sequence[Candidate], background: Background, *, metric: str, regime: Regime | None, level: float,
    resamples: int, rng: np.random.Generator, groups: dict[str, str] | None = None,
) -> Judged:  # fmt: skip
    """Every number of the lens; see `assay.assess.selection.selection` for the arguments."""
    scale = scale_of(metric)
    usable, unranked = _usable(candidates, scale)
    unranked |= dict(background.failures)
    if not usable:
        raise NothingToAssessError("no candidate can be scored" + _why(unranked))
    pool, chosen, missing = _of_regime(usable, regime, scale)
    unranked |= missing
    pool = _in_order(named(pool), scale)
    extras, reasons = _joinable(pool, list(background.baselines), scale)
    aligned = align([*pool, *extras])
    replicates = replicate(
        aligned, metric, sign=scale.sign, bounded=scale.bounded, resamples=resamples, rng=rng,
        groups=_groups(aligned, groups),
    )  # fmt: skip
    order = np.argsort(-replicates.point[: len(pool)], kind="stable")
    ranked = [pool[i] for i in order]
    replicates = replicates.columns([*order, *range(len(pool), len(aligned.names))])
    mine = replicates.columns(range(len(ranked)))
    population = population_of(mine)
    comparison = compare(mine, level=level)
    chance, regret = risk(mine, comparison, scale, level=level, population=population, rng=rng)
    aligned = align(ranked)
    others = [c for c in usable if c.regime != chosen]
    named_by = _free_choices(ranked, background)
    return Judged(
        scale=scale, level=level, regime=chosen, ranked=tuple(ranked), replicates=mine,
        comparison=comparison, chance=chance, regret=regret, unranked=unranked, aligned=aligned,
        scores=tuple(score_estimate(aligned, mine, at, scale, level, rng, groups) for at in range(len(ranked))),
        gains=_gains(ranked, extras, replicates, reasons, named_by, scale, level, population), named_by=named_by,
        twin_gains=_twin_gains(ranked, extras, replicates, scale, level, population),
        other=tuple((c, _alone(c, scale, level, resamples, rng)) for c in named(others)), population=population,
    )  # fmt: skip


def score_estimate(aligned: Aligned, replicates: Replicates, at: int, scale: Scale, level: float,
                   rng: np.random.Generator, groups: dict[str, str] | None = None) -> Estimate:  # fmt: skip
    """A candidate's score with its interval: the metric's own for one run, from the replicates for several."""
    population = population_of(replicates)
    if len(aligned.runs[at]) == 1:
        rows = aligned.runs[at][0][1]
        own = interval(scale.metric, rows.target, rows.label, rows.score, level=level,
                       groups=_groups(aligned, groups), rng=rng)  # fmt: skip
        if own.known:
            return replace(own, population=population)
    value = scale.sign * float(replicates.point[at])
    tail = (1 - level) / 2
    ends = np.sort(scale.sign * np.quantile(replicates.values[:, at], [tail, 1 - tail]))
    low, high = METRICS[scale.metric].range
    return Estimate(
        name=scale.metric, value=value, low=float(np.clip(min(ends[0], value), low, high)),
        high=float(np.clip(max(ends[1], value), low, high)), level=level, n=replicates.n,
        unit=scale.own_unit, population=population,
        method=f"mean of {replicates.repeats} trainings, bootstrap over items, t over trainings"
        if replicates.repeats > 1 else "bootstrap over items",
    )  # fmt: skip


def population_of(replicates: Replicates) -> str:
    """Which population the intervals are for."""
    if replicates.repeats > 1:
        return "other test items of the same source, other draws of training rows and seeds"
    return "other test items of the same source, the same training"


def _usable(candidates: Sequence[Candidate], scale: Scale) -> tuple[list[Candidate], dict[str, str]]:
    """Candidates that the metric can score; the others with the reason."""
    good: list[Candidate] = []
    bad: dict[str, str] = {}
    for candidate in candidates:
        try:
            for run in candidate.runs:
                rows = run.predictions
                value = METRICS[scale.metric](rows.target, rows.label, rows.score)
                if not np.isfinite(value):
                    raise UsageError(f"{scale.metric} is not a finite number")
            good.append(candidate)
        except AssayError as error:
            bad[candidate.model] = str(error)
    return good, bad


def _of_regime(
    candidates: list[Candidate], regime: Regime | None, scale: Scale
) -> tuple[list[Candidate], Regime, dict[str, str]]:
    """The candidates to rank: of the regime asked for, else of the one with most models, else of the better leader."""
    by: dict[Regime, list[Candidate]] = {"frozen": [], "finetuned": []}
    for candidate in candidates:
        by[candidate.regime].append(candidate)
    if regime is None:
        regime = max(by, key=lambda r: (len({c.model for c in by[r]}), _leading(by[r], scale)))
    if not by[regime]:
        raise NothingToAssessError(f"no candidate is {'frozen' if regime == 'frozen' else 'fine-tuned'}")
    present = {c.model for c in by[regime]}
    word = "without training the backbone" if regime == "frozen" else "by fine-tuning"
    missing = {c.model: f"not adapted {word}, as the ranked ones are" for c in candidates if c.model not in present}
    return by[regime], regime, missing


def _plain(candidate: Candidate, scale: Scale) -> float:
    scores = [METRICS[scale.metric](run.predictions.target, run.predictions.label, run.predictions.score)
              for run in candidate.runs]  # fmt: skip
    return scale.sign * float(np.mean(scores))


def _leading(candidates: list[Candidate], scale: Scale) -> float:
    return max((_plain(candidate, scale) for candidate in candidates), default=-np.inf)


def _in_order(candidates: list[Candidate], scale: Scale) -> list[Candidate]:
    """Best first; equal scores by cost, then by name, so that the order of the input decides nothing."""
    return sorted(
        candidates, key=lambda c: (-_plain(c, scale), np.inf if c.cost.seconds is None else c.cost.seconds, c.model)
    )


def _joinable(
    pool: list[Candidate], baselines: list[Candidate], scale: Scale
) -> tuple[list[Candidate], dict[str, str]]:
    """Baselines that share draws and items with the candidates; the others with the reason."""
    n = len(align(pool).ids)
    good: list[Candidate] = []
    bad: dict[str, str] = {}
    for baseline in named(baselines):
        try:
            both = align([*pool, baseline])
            _plain(baseline, scale)
            if len(both.ids) < n or len(both.runs[0]) < len(align(pool).runs[0]):
                raise UsageError("it was not scored on all items of the candidates")
            good.append(baseline)
        except AssayError as error:
            bad[baseline.model] = str(error)
    return good, bad


def _groups(aligned: Aligned, groups: dict[str, str] | None) -> NDArray[Any] | None:
    return None if groups is None else np.array([groups[str(item)] for item in aligned.ids])


def _gains(ranked: list[Candidate], extras: list[Candidate], replicates: Replicates, reasons: dict[str, str],
           named_by: Mapping[str, int], scale: Scale, level: float, population: str,
           ) -> tuple[tuple[str, Estimate], ...]:  # fmt: skip
    def gain(over: str, column: int) -> tuple[str, Estimate]:
        return over, difference(replicates, 0, column, level=level, name=gain_name(over), unit=scale.unit,
                                factor=scale.factor, population=population)  # fmt: skip

    gains = [gain(extra.model, len(ranked) + at) for at, extra in enumerate(extras) if not extra.twin_of]
    gains += [(name, Estimate.unknown(gain_name(name), why, unit=scale.unit)) for name, why in reasons.items()]
    return (*gains, *(gain(name, at) for name, at in named_by.items()))


def _free_choices(ranked: list[Candidate], background: Background) -> dict[str, int]:
    """The candidate that each free ranking would have chosen, where it knows two of them or more."""
    sizes = {c.model: float(c.parameters) for c in ranked if c.parameters is not None}
    priors = {"the largest model": sizes if len(sizes) == len(ranked) > 1 else {}, **background.priors}
    chosen: dict[str, int] = {}
    for name, prior in priors.items():
        held = {at: prior[c.model] for at, c in enumerate(ranked) if c.model in prior}
        if len(held) > 1:
            chosen[name] = max(held, key=lambda at: (held[at], -at))
    return chosen


def _twin_gains(ranked: list[Candidate], extras: list[Candidate], replicates: Replicates, scale: Scale, level: float,
                population: str) -> tuple[Estimate | None, ...]:  # fmt: skip
    columns = {extra.twin_of: len(ranked) + at for at, extra in enumerate(extras) if extra.twin_of}
    out: list[Estimate | None] = []
    for at, candidate in enumerate(ranked):
        own = next((c for name, c in columns.items() if name in (candidate.model, plain_name(candidate))), None)
        out.append(
            None if own is None else
            difference(replicates, at, own, level=level, name="gain_over_untrained_twin", unit=scale.unit,
                       factor=scale.factor, population=population)
        )  # fmt: skip
    return tuple(out)


def plain_name(candidate: Candidate) -> str:
    """The model's name without the recipe that `named` may have added."""
    return candidate.model.removesuffix(f" ({candidate.recipe})")


def gain_name(baseline: str) -> str:
    """The name of the estimate of a gain, as gates use it."""
    return "gain_over_" + "".join(ch if ch.isalnum() else "_" for ch in baseline.lower()).strip("_")


def _alone(candidate: Candidate, scale: Scale, level: float, resamples: int, rng: np.random.Generator) -> Estimate:
    aligned = align([candidate])
    replicates = replicate(aligned, scale.metric, sign=scale.sign, bounded=scale.bounded,
                           resamples=resamples, rng=rng)  # fmt: skip
    return score_estimate(aligned, replicates, 0, scale, level, rng)


def _why(unranked: dict[str, str]) -> str:
    if not unranked:
        return "; give at least one"
    name, reason = next(iter(unranked.items()))
    return f": {name}: {reason}" + (f" (and {len(unranked) - 1} more)" if len(unranked) > 1 else "")
