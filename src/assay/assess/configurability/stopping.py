"""When a search could have stopped: the advice after a part of the runs, and the chance that more would change it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assay.assess.configurability.defaults import Advice, chance_of_change, find_advice, told
from assay.assess.configurability.trials import Trials, Units, parameters_of
from assay.estimate import show_share
from assay.finding import Finding, Row

PARTS = (0.125, 0.25, 0.5, 0.75)
MOST_CONFIGURATIONS = 800
"""Above this a replay takes too long and is left out."""


def stopping_rows(
    trials: Trials, units: Units, advice: Advice, *, tolerance: float, rng: np.random.Generator
) -> list[Row]:  # fmt: skip
    """The search replayed in the order of its runs: default, chance of a change, and what it loses by the last word.

    Args:
        trials: The runs, in order.
        units: Their configurations.
        advice: What all of them advise.
        tolerance: A default that is worse by less is no worse.
        rng: Draws the posteriors.

    Returns:
        Rows of `configurations`, `share_of_runs`, `share_of_grid` (None where the space is no grid), `configuration`,
        `p_change` (Estimate) and `loss`, the last one with all runs; nothing for more than 800 configurations.
    """
    n = len(units.rows)
    if n > MOST_CONFIGURATIONS:
        return []
    size = grid_size(trials, units)
    order = np.argsort(units.rows, kind="stable")
    found: list[tuple[int, Advice]] = []
    for part in PARTS:
        kept = np.sort(order[: round(part * n)])
        early = find_advice(trials, _some(units, kept), rng=rng) if len(kept) >= 5 else ""
        if isinstance(early, Advice):
            found.append((len(kept), early))
    return [_row(early, count, n, size, advice, tolerance) for count, early in [*found, (n, advice)]]


def stopping_findings(rows: list[Row], *, below: float, tolerance: float) -> list[Finding]:
    """Where the search could have stopped, or that its own word on that was wrong.

    The chance of a change knows only levels that were tried. Runs in the order of a grid try some levels late, and a
    part of them is sure of itself without reason; the later runs tell.
    """
    sure = [row for row in rows[:-1] if row["p_change"].value is not None and row["p_change"].value < below]
    if not sure:
        return []
    right = [row["loss"] is not None and row["loss"] <= tolerance for row in sure]
    first = sure[0]
    grid = "" if first["share_of_grid"] is None else f", {show_share(first['share_of_grid'])} of the grid"
    part = f"{show_share(first['share_of_runs'])} of the runs{grid}"
    chance = f"the chance that the default changes is below {below:g}"
    if all(right):
        claim = f"{part} were enough: from there {chance}, and by all runs that default loses {first['loss']:.3g}"
    else:
        claim = (
            f"After {part} {chance}, yet later runs found a better one; run a search in random order to stop it early"
        )
    return [Finding(
        lens="configurability", claim=claim, verdict="yes" if all(right) else "undetermined",
        estimates=(first["p_change"],), method="the runs replayed in their order",
    )]  # fmt: skip


def grid_size(trials: Trials, units: Units) -> int | None:
    """Number of configurations of the whole grid in all groups; None where a parameter is a range."""
    parameters, left_out = parameters_of(trials, units.rows)
    if left_out or not parameters or any(parameter.is_range for parameter in parameters):
        return None
    return int(np.prod([len(parameter.levels) for parameter in parameters])) * len(np.unique(units.groups))


def _some(units: Units, kept: NDArray[np.int_]) -> Units:
    return replace(
        units, rows=units.rows[kept], members=tuple(units.members[at] for at in kept), scores=units.scores[kept],
        groups=units.groups[kept],
    )  # fmt: skip


def _row(early: Advice, count: int, n: int, size: int | None, final: Advice, tolerance: float) -> Row:
    chosen = early.default()
    values = dict(zip(early.names, early.candidates[chosen], strict=True))
    same = [
        k for k, candidate in enumerate(final.candidates)
        if all(values.get(name, value) == value for name, value in zip(final.names, candidate, strict=True))
    ]  # fmt: skip
    regret = final.regret().mean(axis=0)
    return {
        "configurations": count, "share_of_runs": count / n, "share_of_grid": None if size is None else count / size,
        "configuration": told(early, chosen), "p_change": chance_of_change(early, tolerance=tolerance),
        "loss": float(regret[same].min() - regret.min()) if same else None,
    }  # fmt: skip
