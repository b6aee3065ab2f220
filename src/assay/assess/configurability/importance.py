"""Which parameters matter: claims with an error rate, and shares with intervals.

Claims and shares come from different machinery on purpose. A claim is a test with a permutation null, so that noise is
seldom given a name. A share is a posterior quantity, and is shown for every parameter, claimed or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.assess.configurability.trials import Trials, Units, parameters_of
from assay.estimate import Estimate
from assay.finding import Row
from assay.stats.anova_posterior import AnovaPosterior, anova_posterior
from assay.stats.effect_bases import Effect, Parameter, effects
from assay.stats.effect_tests import effect_tests

LEAST_CONFIGURATIONS = 8
NEAR_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Effects of the parameters on the score, over one region of the space."""

    parameters: tuple[Parameter, ...]
    family: tuple[Effect, ...]
    posterior: AnovaPosterior
    p_adjusted: NDArray[np.float64]
    claimed: NDArray[np.bool_]
    left_out: dict[str, str]
    """Parameters that could not be judged, with the reason."""
    noise_share: float | None
    """Share of repeats' variance in the variance of configurations' means; None without repeats."""
    region: str
    """`whole space` or `near the optimum`."""

    def names(self, effect: Effect) -> list[str]:
        """Names of the parameters of an effect."""
        return [self.parameters[j].name for j in effect.parameters]


def find_importance(
    trials: Trials, units: Units, *, level: float, permutations: int, rng: np.random.Generator, near: bool = False
) -> Importance | str:
    """Importance over the whole space, or among the best configurations of each group; or the reason why not."""
    keep = _near_optimum(units) if near else np.ones(len(units.scores), dtype=bool)
    rows, scores, groups = units.rows[keep], units.centred()[keep], units.groups[keep]
    where = "near the optimum" if near else "over the whole space"
    if len(rows) < LEAST_CONFIGURATIONS:
        return (
            f"{len(rows)} configurations {where} are too few; importance needs at least {LEAST_CONFIGURATIONS}, "
            "and about 40 for useful intervals"
        )
    if np.ptp(scores) == 0:
        return f"the score is the same for all configurations {where}; there is no variance to share out"
    parameters, left_out = parameters_of(trials, rows)
    if not parameters:
        return f"no parameter varies {where}"
    family = effects(parameters)
    codes = np.unique(groups, return_inverse=True)[1]
    tests = effect_tests(
        family, scores, groups=codes if codes.max() > 0 else None, level=level, permutations=permutations, rng=rng
    )
    return Importance(
        parameters=tuple(parameters), family=tuple(family), posterior=anova_posterior(family, scores, rng=rng),
        p_adjusted=tests.p_adjusted, claimed=tests.claimed, left_out=left_out,
        noise_share=None if near else _noise_share(trials, units), region="near the optimum" if near else "whole space",
    )  # fmt: skip


def importance_rows(found: Importance, *, level: float, n: int) -> list[Row]:
    """One row an effect: parameters, share of the whole variance and of the signal, adjusted p-value, claim."""
    whole, signal = found.posterior.shares(), found.posterior.signal_shares()

    def share(draws: NDArray[np.float64], name: str) -> Estimate:
        return _interval(draws, name, level, n)

    rows: list[Row] = []
    for i, effect in enumerate(found.family):
        p, alone = float(found.p_adjusted[i]), len(effect.parameters) == 1
        rows.append(
            {
                "parameters": found.names(effect), "region": found.region, "share": share(whole[:, i], "share"),
                "signal_share": share(signal[:, i], "signal_share"),
                "total": share(_total(found, whole, effect), "total_share") if alone else None,
                "p_adjusted": None if np.isnan(p) else p, "claimed": bool(found.claimed[i]),
                "note": "too few configurations to test it" if np.isnan(p) else None,
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (not row["claimed"], -(row["share"].value or 0.0)))


def share_rows(found: Importance, *, level: float, n: int) -> list[Row]:
    """Where the variance goes: main effects, interactions, noise of repeats, not explained."""
    posterior = found.posterior
    whole = np.maximum(posterior.variances.sum(axis=1) + posterior.unexplained, 1e-300)
    mains = np.array([len(effect.parameters) == 1 for effect in found.family])
    rest = posterior.unexplained / whole
    parts = {
        "main effects": posterior.variances[:, mains].sum(axis=1) / whole,
        "pairwise interactions": posterior.variances[:, ~mains].sum(axis=1) / whole,
    }
    if found.noise_share is None:
        parts["noise or not explained"] = rest
    else:
        noise = np.minimum(rest, found.noise_share)
        parts |= {"noise between repeats": noise, "not explained": rest - noise}
    return [{"part": name, "share": _interval(draws, "share", level, n)} for name, draws in parts.items()]


def _interval(draws: NDArray[np.float64], name: str, level: float, n: int) -> Estimate:
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    return Estimate(
        name=name, value=float(draws.mean()), low=float(low), high=float(high), level=level, n=n, unit="fraction",
        method="functional ANOVA, horseshoe posterior", population="other configurations of this space",
    )  # fmt: skip


def _total(found: Importance, shares: NDArray[np.float64], effect: Effect) -> NDArray[np.float64]:
    """Draws of the share of all effects that a parameter has a part in."""
    (j,) = effect.parameters
    return shares[:, [j in other.parameters for other in found.family]].sum(axis=1)


def _near_optimum(units: Units) -> NDArray[np.bool_]:
    """The best configurations of each group."""
    keep = np.zeros(len(units.scores), dtype=bool)
    for name in np.unique(units.groups):
        mine = np.flatnonzero(units.groups == name)
        count = max(1, int(np.ceil(NEAR_SHARE * len(mine))))
        keep[mine[np.argsort(-units.scores[mine], kind="stable")[:count]]] = True
    return keep


def _noise_share(trials: Trials, units: Units) -> float | None:
    """Variance of a mean over repeats, as a share of the variance between configurations' means within groups."""
    repeated = [trials.scores[members] for members in units.members if len(members) > 1]
    if len(repeated) < 2:
        return None
    noise = np.mean([scores.var(ddof=1) for scores in repeated]) / np.mean([len(members) for members in units.members])
    within = np.mean([units.scores[units.groups == name].var() for name in np.unique(units.groups)])
    return float(min(1.0, noise / within)) if within > 0 else None


def claimed_names(found: Importance) -> Sequence[str]:
    """The claimed effects as people name them."""
    return [" × ".join(found.names(effect)) for effect, yes in zip(found.family, found.claimed, strict=True) if yes]
