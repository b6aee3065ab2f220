"""What to use next: a default that transfers, a small search space, and whether more runs would change the advice.

The advice rests on the posterior mean of each configuration's true score, so that a configuration that was lucky once
does not win; where all parameters are choices, configurations that were never run are candidates too. What a run showed
beyond the smooth effects counts as far as it is no noise between repeats; without repeats half of it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm as normal
from scipy.stats import t as student

from assay.assess.configurability.trials import Trials, Units, parameters_of
from assay.estimate import Estimate
from assay.finding import Row
from assay.stats.anova_posterior import anova_posterior
from assay.stats.effect_bases import Parameter, effects

LARGEST_GRID = 4000
GOOD_SHARE = 0.2
MOST_NEXT = 3
HOPED = 0.8
"""The quantile of a candidate's drawn scores by which it is chosen for the next run."""
CONTENDERS = ("model", "method", "architecture", "arch")
"""What a parameter is called whose levels compete under the same settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the runs say of every candidate configuration, group by group."""

    names: tuple[str, ...]
    candidates: tuple[tuple[Any, ...], ...]
    """Values of each candidate."""
    groups: tuple[str, ...]
    draws: tuple[NDArray[np.float64], ...]
    """Group → (b, k) drawn true scores of the candidates."""
    run: tuple[NDArray[np.bool_], ...]
    """Group → (k,) which candidates have been run there."""

    def regret(self) -> NDArray[np.float64]:
        """(g, k) expected loss of each candidate against the best of its group."""
        means = np.stack([draws.mean(axis=0) for draws in self.draws])
        return means.max(axis=1, keepdims=True) - means

    def default(self, without: int | None = None) -> int:
        """The candidate with the smallest mean regret over the groups (but one)."""
        regret = self.regret()
        kept = [g for g in range(len(self.groups)) if g != without or len(self.groups) == 1]
        return int(regret[kept].mean(axis=0).argmin())

    def next(self, group: int, most: int) -> dict[int, str]:
        """Candidates never run in a group, and what each is for, in the order in which they should be run.

        In turn one that may well score best there, by the upper end of its draws (what is little known is worth a run
        more than what is surely second), and one that settles which settings suit every contender, where there are any.
        """
        hoped, settling = np.quantile(self.draws[group], HOPED, axis=0), self.settles(group)
        wanted = [(hoped, "may lead")]
        if settling is not None:
            wanted.append((settling, "settles the settings for all"))
        found: dict[int, str] = {}
        while len(found) < min(most, int((~self.run[group]).sum())):
            worth, why = wanted[len(found) % len(wanted)]
            taken = self.run[group] | np.isin(np.arange(len(worth)), list(found))
            found[int(np.where(taken, -np.inf, worth).argmax())] = why
        return found

    def settles(self, group: int) -> NDArray[np.float64] | None:
        """(k,) how much better the settings for all contenders are chosen after a run of a candidate, as expected now.

        None where no parameter is a contender, or no two settings stand beside all its levels.

        Notes:
            The knowledge gradient of a run without noise: with g the gap of another setting to the leading one and s
            the standard deviation of what its mean becomes by the run, E max(0, g + s Z), the largest over settings.

        References:
            Frazier, Powell and Dayanik (2009), The knowledge-gradient policy for correlated normal beliefs.
        """
        contender = self.contender
        beside = None if contender is None else self._beside(contender)
        if beside is None or beside.shape[1] < 2:
            return None
        drawn = self.draws[group] - self.draws[group].mean(axis=0)
        means = self.draws[group].mean(axis=0)[beside].mean(axis=0)
        lead, moves = int(means.argmax()), drawn[:, beside].mean(axis=1)
        shared = drawn.T @ (moves - moves[:, [lead]]) / len(drawn)
        reach = np.abs(shared) / np.maximum(drawn.std(axis=0), 1e-300)[:, None] + 1e-300
        gap = means - means[lead]
        gain = reach * normal.pdf(gap / reach) + gap * normal.cdf(gap / reach)
        return np.delete(gain, lead, axis=1).max(axis=1)

    @property
    def contender(self) -> str | None:
        """The parameter whose levels compete under the same settings, such as the model; None without one."""
        named = next((name for name in CONTENDERS if name in self.names), None)
        return named if len(self.names) > 1 else None

    def settings(self, contender: str) -> tuple[tuple[str, ...], tuple[Any, ...], float | None]:
        """The other settings that lose least for every level of a parameter alike: names, values, and mean loss.

        For each group and level the loss is against the best settings of that level, and the mean is taken over both.
        Only settings that stand beside every level take part; where there are none, those of the default.
        """
        at, beside = self.names.index(contender), self._beside(contender)
        names = (*self.names[:at], *self.names[at + 1 :])
        if beside is None:
            return names, self._rest(self.default(), at), None
        scores = -self.regret()[:, beside]
        loss = (scores.max(axis=2, keepdims=True) - scores).mean(axis=(0, 1))
        return names, self._rest(int(beside[0, loss.argmin()]), at), float(loss.min())

    def _beside(self, contender: str) -> NDArray[np.int_] | None:
        """(levels, s) the candidates with each level of a parameter, for the settings that stand beside all levels."""
        at = self.names.index(contender)
        place = {(repr(own[at]), self._rest(k, at)): k for k, own in enumerate(self.candidates)}
        levels, rests = (list(dict.fromkeys(part)) for part in zip(*place, strict=True))
        whole = [rest for rest in rests if all((level, rest) in place for level in levels)]
        return np.array([[place[level, rest] for rest in whole] for level in levels]) if whole else None

    def _rest(self, k: int, at: int) -> tuple[Any, ...]:
        return (*self.candidates[k][:at], *self.candidates[k][at + 1 :])


def find_advice(trials: Trials, units: Units, *, rng: np.random.Generator) -> Advice | str:
    """The posterior of all candidates in every group that has enough configurations; or the reason why not."""
    parameters, _ = parameters_of(trials, units.rows)
    if not parameters:
        return "no parameter varies"
    names = tuple(parameter.name for parameter in parameters)
    codes, values = _candidates(trials, units, parameters)
    place = {tuple(row): k for k, row in enumerate(codes.tolist())}
    noise = _noise(trials, units)
    draws: list[NDArray[np.float64]] = []
    run: list[NDArray[np.bool_]] = []
    groups: list[str] = []
    for group in np.unique(units.groups):
        mine = np.flatnonzero(units.groups == group)
        if len(mine) < 5:
            continue
        seen = [replace(parameter, values=parameter.values[mine]) for parameter in parameters]
        asked = [replace(parameter, values=codes[:, j]) for j, parameter in enumerate(parameters)]
        # All configurations in every chain: a tenth of few runs is too much to leave out of a recommendation.
        posterior = anova_posterior(effects(seen), units.scores[mine], chains=4, draws=50, kept_share=1.0, rng=rng)
        drawn = posterior.predict(effects(asked))
        at = [place[key] for key in zip(*(parameter.values[mine].tolist() for parameter in parameters), strict=True)]
        beyond = units.scores[mine] - drawn.mean(axis=0)[at]
        drawn[:, at] += _believed(noise, float(posterior.unexplained.mean())) * beyond
        draws.append(drawn)
        run.append(np.isin(np.arange(len(values)), at))
        groups.append(str(group))
    if not groups:
        return "no group has five configurations that ended well"
    return Advice(
        names=names, candidates=tuple(values), groups=tuple(groups), draws=tuple(draws), run=tuple(run)
    )  # fmt: skip


def default_rows(advice: Advice, *, level: float) -> list[Row]:
    """The recommended default with its regret on groups that had no say in it, and the best candidate of each group."""
    chosen = advice.default()
    rows: list[Row] = [
        {
            "kind": "default", "group": "all", "configuration": told(advice, chosen),
            "regret": _transferred_regret(advice, level),
        }
    ]  # fmt: skip
    rows += _for_every(advice)
    for g, group in enumerate(advice.groups):
        best = int(advice.draws[g].mean(axis=0).argmax())
        rows.append(
            {
                "kind": "best", "group": group, "configuration": told(advice, best),
                "regret": _regret_of_best(advice.draws[g], best, level),
            }
        )  # fmt: skip
    return rows


def _for_every(advice: Advice) -> list[Row]:
    """The settings to use whatever the model, where the model is a parameter beside others."""
    contender = advice.contender
    if contender is None:
        return []
    names, values, loss = advice.settings(contender)
    if loss is None:
        return []
    regret = Estimate(
        name="regret", value=loss, n=len(advice.groups), population="these groups and these levels",
        method=f"expected loss against the best settings of each {contender}, mean over them",
    )  # fmt: skip
    return [{"kind": f"default for every {contender}", "group": "all", "configuration": told_values(names, values),
             "regret": regret}]  # fmt: skip


def next_rows(advice: Advice, *, most: int = MOST_NEXT) -> list[Row]:
    """What to run next in each group, and why: candidates never run there, if any are left."""
    rows: list[Row] = []
    for g, (group, draws) in enumerate(zip(advice.groups, advice.draws, strict=True)):
        best_run = draws[:, advice.run[g]].max(axis=1)
        rows += [
            {
                "group": group, "configuration": told(advice, k), "expected": float(draws[:, k].mean()),
                "chance_to_lead": float((draws[:, k] > best_run).mean()), "why": why,
            }
            for k, why in advice.next(g, most).items()
        ]  # fmt: skip
    return rows


def space_rows(advice: Advice) -> list[Row]:
    """A small space to search next: what the best fifth of the candidates of every group have in common."""
    regret = advice.regret().mean(axis=0)
    good = np.argsort(regret, kind="stable")[: max(2, int(np.ceil(GOOD_SHARE * len(regret))))]
    rows: list[Row] = []
    for j, name in enumerate(advice.names):
        column = [advice.candidates[i][j] for i in good]
        everything = {repr(candidate[j]) for candidate in advice.candidates}
        if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in column):
            kept = f"{min(column):g} to {max(column):g}"
        else:
            kept = ", ".join(sorted({str(value) for value in column}))
        rows.append({"parameter": name, "search": kept, "dropped": len(everything) - len({repr(v) for v in column})})
    return rows


def chance_of_change(advice: Advice, *, tolerance: float) -> Estimate:
    """Probability that, with the truth known, another default would be better by more than the tolerance.

    Stop searching when it is below what you can live with.
    """
    chosen = advice.default()
    regret = np.mean([draws.max(axis=1, keepdims=True) - draws for draws in _aligned(advice)], axis=0)
    gain = regret[:, chosen] - regret.min(axis=1)
    return Estimate(
        name="p_change", value=float((gain > tolerance).mean()), n=len(gain), unit="fraction",
        method=f"posterior draws in which another default is better by more than {tolerance:g}",
        population="this space, these groups",
    )  # fmt: skip


def _noise(trials: Trials, units: Units) -> float | None:
    """Variance of a mean over repeats; None where no configuration was repeated."""
    repeated = [trials.scores[members] for members in units.members if len(members) > 1]
    if not repeated:
        return None
    return float(np.mean([scores.var(ddof=1) / len(scores) for scores in repeated]))


def _believed(noise: float | None, unexplained: float) -> float:
    """How much of what a run showed beyond the effects is taken for real."""
    if noise is None:
        return 0.5
    return float(np.clip(1 - noise / unexplained, 0.0, 1.0)) if unexplained > 0 else 0.0


def _aligned(advice: Advice) -> list[NDArray[np.float64]]:
    fewest = min(len(draws) for draws in advice.draws)
    return [draws[:fewest] for draws in advice.draws]


def _transferred_regret(advice: Advice, level: float) -> Estimate:
    """Regret on each group of the default that the other groups choose."""
    if len(advice.groups) < 2:
        return Estimate.unknown(
            "regret", "with one group nothing says how the default does elsewhere; add another data set",
            population="other such groups",
        )  # fmt: skip
    regret = advice.regret()
    found = np.array([regret[g, advice.default(without=g)] for g in range(len(advice.groups))])
    half = student.ppf((1 + level) / 2, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found))
    return Estimate(
        name="regret", value=float(found.mean()), low=max(0.0, float(found.mean() - half)),
        high=float(found.mean() + half), level=level, n=len(found),
        method="chosen on the other groups, leave one group out", population="other such groups",
    )  # fmt: skip


def _regret_of_best(draws: NDArray[np.float64], best: int, level: float) -> Estimate:
    loss = draws.max(axis=1) - draws[:, best]
    return Estimate(
        name="regret", value=float(loss.mean()), low=0.0, high=float(np.quantile(loss, level)), level=level,
        n=len(loss), method="posterior over configurations", population="this group",
    )  # fmt: skip


def _candidates(
    trials: Trials, units: Units, parameters: list[Parameter]
) -> tuple[NDArray[np.float64], list[tuple[Any, ...]]]:
    """(k, p) codes or positions of the candidates, and their raw values."""
    raw = [trials.columns[trials.names.index(parameter.name)] for parameter in parameters]
    size = np.prod([len(parameter.levels) or np.inf for parameter in parameters])
    if size <= LARGEST_GRID:
        by_code = [
            {int(code): column[row] for code, row in zip(parameter.values, units.rows, strict=True)}
            for parameter, column in zip(parameters, raw, strict=True)
        ]
        combos = list(product(*(sorted(found) for found in by_code)))
        values = [tuple(found[code] for found, code in zip(by_code, combo, strict=True)) for combo in combos]
        return np.array(combos, dtype=float), values
    first: dict[tuple[str, ...], int] = {}
    for i, row in enumerate(units.rows):
        first.setdefault(tuple(repr(column[row]) for column in raw), i)
    kept = list(first.values())
    codes = np.stack([parameter.values[kept] for parameter in parameters], axis=1)
    return codes, [tuple(column[units.rows[i]] for column in raw) for i in kept]


def told(advice: Advice, i: int) -> str:
    """A candidate for people: `lr=0.1, epochs=40`."""
    return told_values(advice.names, advice.candidates[i])


def told_values(names: Sequence[str], values: Sequence[Any]) -> str:
    """Names and values as `lr=0.1, epochs=40`."""

    def shown(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    return ", ".join(f"{name}={shown(value)}" for name, value in zip(names, values, strict=True))
