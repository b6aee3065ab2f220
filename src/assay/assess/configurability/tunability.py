"""What tuning buys: the gain of the best configuration over the best common default, free of the winner's curse.

The best of many noisy scores is too good to be true. Here a configuration is chosen on some of the repeats and scored
on the others. Without repeats its true score cannot be had; the answer is a reason, with the naive number beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from assay.assess.configurability.trials import Trials, Units
from assay.estimate import Estimate
from assay.finding import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The gain of a chosen configuration over a default in one group."""

    honest: float | None
    """Chosen on some repeats, scored on the others; None without repeats."""
    naive: float
    """Chosen and scored on the same runs."""


def tunability_rows(trials: Trials, units: Units, default: Mapping[str, object] | None, *, level: float) -> list[Row]:
    """One row for all parameters together and one for each alone: gain over the default in each group's own unit.

    Args:
        trials: The runs.
        units: Their configurations.
        default: The configuration to hold the best against; the best common default of the other groups where None.
        level: Of the intervals over groups.

    Returns:
        Rows of `parameters`, `gain` (Estimate over groups), `naive`, `groups`.
    """
    rows = [_row("all together", None, trials, units, default, level)]
    return rows + [_row(name, j, trials, units, default, level) for j, name in enumerate(trials.names)]


def chosen_score(repeats: list[NDArray[np.float64]]) -> Choice | None:
    """The true score of the best of several configurations, each with its repeats; None for fewer than two.

    Each repeat in turn is held out: the configuration with the best mean of the others is scored on the held-out one.

    Args:
        repeats: Configuration → its (s,) scores.

    Notes:
        The held-out score is unbiased for the configuration that the other repeats choose, so the expectation is that
        of choosing with s − 1 repeats.
    """
    if len(repeats) < 2:
        return None
    naive = max(float(scores.mean()) for scores in repeats)
    depth = min(len(scores) for scores in repeats)
    if depth < 2:
        return Choice(honest=None, naive=naive)
    table = np.stack([scores[:depth] for scores in repeats])
    rest = (table.sum(axis=1, keepdims=True) - table) / (depth - 1)
    held_out = table[rest.argmax(axis=0), np.arange(depth)]
    return Choice(honest=float(held_out.mean()), naive=naive)


def common_default(trials: Trials, units: Units, without: str | None = None) -> int | None:
    """The first run of the configuration with the smallest mean regret over the groups (but `without`).

    Only configurations that were run in every one of those groups take part; None where there is none.
    """
    scores = _by_configuration(trials, units)
    groups = [str(name) for name in np.unique(units.groups) if name != without]
    best = {group: max(values[group][0] for values in scores.values() if group in values) for group in groups}
    regret = {
        key: float(np.mean([best[group] - values[group][0] for group in groups]))
        for key, values in scores.items()
        if groups and all(group in values for group in groups)
    }
    if not regret:
        return None
    winner = min(regret, key=lambda key: regret[key])
    return next(iter(scores[winner].values()))[1]


def _row(
    label: str, parameter: int | None, trials: Trials, units: Units, default: Mapping[str, object] | None, level: float
) -> Row:
    honest: list[float] = []
    naive: list[float] = []
    reason = ""
    if default is None and len(np.unique(units.groups)) < 2:
        lone = "with one group there is no common default to hold the best against; name one"
        return {"parameters": label, "gain": Estimate.unknown("gain", lone), "naive": None, "groups": 0}
    for group in np.unique(units.groups):
        base = _default_values(trials, units, default, str(group))
        if base is None:
            reason = "no configuration was run in all of the other groups, so there is no common default; name one"
            continue
        inside = [
            members
            for row, members, owner in zip(units.rows, units.members, units.groups, strict=True)
            if owner == group and _differs_only_in(trials, int(row), base, parameter)
        ]
        start = [members for members in inside if _values(trials, int(members[0])) == base]
        choice = chosen_score([trials.scores[members] for members in inside])
        if choice is None or not start:
            reason = (
                "fewer than two configurations differ from the default in this alone; run a grid through the default"
            )
            continue
        at_default = float(trials.scores[start[0]].mean())
        naive.append(choice.naive - at_default)
        if choice.honest is None:
            reason = "each configuration was run once, so its score is too good to be true; repeat it with other seeds"
            continue
        honest.append(choice.honest - at_default)
    return {
        "parameters": label, "gain": _over_groups(honest, level, reason),
        "naive": float(np.mean(naive)) if naive else None, "groups": len(honest) or len(naive),
    }  # fmt: skip


def _over_groups(gains: list[float], level: float, reason: str) -> Estimate:
    """The mean gain, with a t-interval over groups where there are several."""
    if not gains:
        return Estimate.unknown("gain", reason or "there is nothing to compare", population="these groups")
    low = high = None
    if len(gains) > 1:
        half = student.ppf((1 + level) / 2, len(gains) - 1) * np.std(gains, ddof=1) / np.sqrt(len(gains))
        low, high = float(np.mean(gains) - half), float(np.mean(gains) + half)
    return Estimate(
        name="gain", value=float(np.mean(gains)), low=low, high=high, level=level if low is not None else None,
        n=len(gains), method="chosen on all repeats but one, scored on that one",
        population="other such groups" if len(gains) > 1 else "this group",
    )  # fmt: skip


def _default_values(
    trials: Trials, units: Units, default: Mapping[str, object] | None, group: str
) -> tuple[object, ...] | None:
    if default is not None:
        return tuple(default.get(name) for name in trials.names)
    several = len(np.unique(units.groups)) > 1
    run = common_default(trials, units, without=group if several else None)
    return None if run is None else _values(trials, run)


def _values(trials: Trials, run: int) -> tuple[object, ...]:
    return tuple(column[run] for column in trials.columns)


def _differs_only_in(trials: Trials, run: int, base: tuple[object, ...], parameter: int | None) -> bool:
    """Whether a run has the default's values but for one parameter (or for any, where that is None)."""
    return parameter is None or all(
        value == other
        for j, (value, other) in enumerate(zip(_values(trials, run), base, strict=True))
        if j != parameter
    )


def _by_configuration(trials: Trials, units: Units) -> dict[tuple[object, ...], dict[str, tuple[float, int]]]:
    """Values of a configuration → group → (mean score, first run)."""
    found: dict[tuple[object, ...], dict[str, tuple[float, int]]] = {}
    for row, score, group in zip(units.rows, units.scores, units.groups, strict=True):
        found.setdefault(_values(trials, int(row)), {})[str(group)] = (float(score), int(row))
    return found
