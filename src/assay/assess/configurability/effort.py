"""What effort buys: the best of a budget, and where two models or methods cross; repeats that would settle the top."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as fisher
from scipy.stats import norm

from assay.assess.configurability.defaults import CONTENDERS
from assay.assess.configurability.trials import Trials, Units
from assay.estimate import Estimate
from assay.finding import Row
from assay.stats.expected_maximum import expected_maximum, maximum_band

LEAST_CONFIGURATIONS = 4
CURVE_POINTS = 12


def budget_rows(trials: Trials, units: Units, *, level: float, resamples: int, rng: np.random.Generator) -> list[Row]:
    """Expected best score of each budget up to half of the configurations, one curve a group and contender.

    A contender is a level of the parameter called `model` or `method`, where there is one.
    """
    rows: list[Row] = []
    for group in np.unique(units.groups):
        for contender in contenders(trials, units):
            mine = [
                i for i in range(len(units.scores)) if units.groups[i] == group and _is(trials, units, i, contender)
            ]
            if len(mine) < LEAST_CONFIGURATIONS:
                continue
            scores = units.scores[mine]
            budgets = np.unique(np.geomspace(1, max(1, len(mine) // 2), CURVE_POINTS).round().astype(int))
            low, high = maximum_band(scores, budgets, level=level, resamples=resamples, rng=rng)
            middle = expected_maximum(scores, budgets)
            seconds = _seconds_a_run(trials, units, mine)
            rows += [
                {
                    "group": str(group), "contender": contender or "all", "budget": int(budget),
                    "expected_best": Estimate(
                        name="expected_best", value=float(middle[i]), low=float(min(low[i], middle[i])),
                        high=float(max(high[i], middle[i])), level=level, n=len(mine),
                        method="U-statistic, percentile band over configurations",
                        population="other configurations of this space",
                    ),
                    "seconds": None if seconds is None else seconds * float(budget),
                }
                for i, budget in enumerate(budgets)
            ]  # fmt: skip
    return rows


def crossing_rows(trials: Trials, units: Units, *, level: float, resamples: int, rng: np.random.Generator) -> list[Row]:
    """The budget from which the contender that gains by tuning overtakes the one that is better without."""
    names = [name for name in contenders(trials, units) if name is not None]
    rows: list[Row] = []
    for group in np.unique(units.groups):
        pools = {name: _pool(trials, units, str(group), name) for name in names}
        pools = {name: pool for name, pool in pools.items() if len(pool) >= LEAST_CONFIGURATIONS}
        ordered = list(pools)
        for i, first in enumerate(ordered):
            for second in ordered[i + 1 :]:
                crossing = _crossing(pools[first], pools[second], level, resamples, rng)
                if crossing is not None:
                    rows.append({"group": str(group), "first": first, "second": second, "budget": crossing})
    return rows


def variance_rows(trials: Trials, units: Units, *, level: float) -> list[Row]:
    """Variance between configurations and between repeats within groups, and how many repeats settle the top."""
    repeated = [members for members in units.members if len(members) > 1]
    if len(repeated) < 2:
        reason = "each configuration was run once; run some of them with several seeds"
        return [{"part": "between repeats", "variance": Estimate.unknown("variance", reason)}]
    within, df_within = _pooled_within(trials, repeated)
    sizes = np.array([len(members) for members in units.members])
    scores, between_df = units.centred() if len(np.unique(units.groups)) == 1 else units.scores, len(units.scores) - 1
    for name in np.unique(units.groups):
        mine = units.groups == name
        scores = np.where(mine, scores - scores[mine].mean(), scores)
    between = max(0.0, float((scores**2).sum() / between_df - within / sizes.mean()))
    low, high = fisher.ppf([(1 - level) / 2, (1 + level) / 2], between_df, df_within)
    ratio = (scores**2).sum() / between_df / max(within / sizes.mean(), 1e-300)
    noise = within / sizes.mean()
    ends = sorted(max(0.0, noise * (ratio / end - 1)) for end in (low, high))
    rows: list[Row] = [
        {
            "part": "between configurations",
            "variance": Estimate(
                name="variance", value=between, low=min(ends[0], between), high=max(ends[1], between), level=level,
                n=len(units.scores), method="one-way components, F interval",
                population="other configurations of this space",
            ),
        },
        {
            "part": "between repeats",
            "variance": Estimate(
                name="variance", value=within, n=int(df_within + len(repeated)), method="pooled within configurations",
                population="other repeats",
            ),
        },
    ]  # fmt: skip
    return [*rows, {"part": "repeats to separate the best two", "variance": _repeats_needed(units, within, level)}]


def contenders(trials: Trials, units: Units) -> list[str | None]:
    """Levels of the parameter that names models or methods; None alone where there is none."""
    for name in CONTENDERS:
        if name in trials.names:
            column = trials.columns[trials.names.index(name)]
            return [*sorted({str(column[row]) for row in units.rows})]
    return [None]


def _repeats_needed(units: Units, within: float, level: float) -> Estimate:
    """Repeats of each that see the observed gap of the best two with 80 % power."""
    order = np.sort(units.scores)[::-1]
    gap = float(order[0] - order[1])
    if gap <= 0:
        return Estimate.unknown(
            "repeats", "the best two have the same mean; no number of repeats is known to part them"
        )
    z = norm.ppf((1 + level) / 2) + norm.ppf(0.8)
    return Estimate(
        name="repeats", value=float(np.ceil(2 * within * (z / gap) ** 2)), unit="repeats",
        method="two-sided z, 80 % power, at the observed gap", population="the best two configurations",
    )  # fmt: skip


def _pooled_within(trials: Trials, repeated: Sequence[NDArray[np.int_]]) -> tuple[float, int]:
    squares = sum(float(((trials.scores[m] - trials.scores[m].mean()) ** 2).sum()) for m in repeated)
    df = sum(len(members) - 1 for members in repeated)
    return squares / df, df


def _crossing(
    a: NDArray[np.float64], b: NDArray[np.float64], level: float, resamples: int, rng: np.random.Generator
) -> Estimate | None:
    """The smallest budget at which the order of the two differs from that at budget 1; None where it never does."""
    most = min(len(a), len(b)) // 2
    if most < 2:
        return None
    budgets = np.arange(1, most + 1)
    found = _first_change(expected_maximum(a, budgets) - expected_maximum(b, budgets))
    if found is None:
        return None
    drawn: list[int] = []
    for _ in range(min(resamples, 400)):
        x, y = a[rng.integers(len(a), size=len(a))], b[rng.integers(len(b), size=len(b))]
        again = _first_change(expected_maximum(x, budgets) - expected_maximum(y, budgets))
        drawn.append(most + 1 if again is None else again)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Estimate(
        name="crossing_budget", value=float(found), low=float(min(low, found)),
        high=None if high > most else float(max(high, found)), level=level, n=len(a) + len(b), unit="configurations",
        method="U-statistic, percentile interval over configurations", population="other configurations of this space",
    )  # fmt: skip


def _first_change(difference: NDArray[np.float64]) -> int | None:
    turned = np.flatnonzero(np.sign(difference) * np.sign(difference[0]) < 0)
    return int(turned[0]) + 1 if len(turned) else None


def _pool(trials: Trials, units: Units, group: str, name: str) -> NDArray[np.float64]:
    mine = [i for i in range(len(units.scores)) if units.groups[i] == group and _is(trials, units, i, name)]
    return units.scores[mine]


def _is(trials: Trials, units: Units, i: int, contender: str | None) -> bool:
    if contender is None:
        return True
    name = next(name for name in ("model", "method", "architecture", "arch") if name in trials.names)
    return str(trials.columns[trials.names.index(name)][units.rows[i]]) == contender


def _seconds_a_run(trials: Trials, units: Units, mine: Sequence[int]) -> float | None:
    if trials.costs is None:
        return None
    costs = np.concatenate([trials.costs[units.members[i]] for i in mine])
    return float(np.nanmean(costs)) if np.isfinite(costs).any() else None
