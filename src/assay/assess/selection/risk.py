"""What choosing a candidate may cost against the best one: the expected regret and a bound that holds for the pool.

The two are different quantities. The expected regret is what the choice costs on average; the bound is what it costs
at most, with a stated confidence and for all candidates together, so that it agrees with the tie groups: the regret of
a candidate is bounded at zero only where it was told apart from every other one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.assess.selection.compare import Comparison
from assay.assess.selection.replicates import Replicates
from assay.assess.selection.scale import Scale
from assay.estimate import Estimate
from assay.stats.true_scores import chance_of_best, regrets, true_scores

Floats = NDArray[np.float64]
SAMPLES = 2000
STRETCH = 1.5
"""How much wider than the errors are the errors that the expected regret reckons with, in variance.

The candidate chosen is the one with the luckiest error, so that the errors as they are say too little: where one of 20
candidates stands out by two standard errors, two thirds of what the choice costs. Drawing the scores together (as
`true_scores` does, for the chance of being best) says less still, because it takes the one that stands out for one of
the rest. 1.5 is the least round number with which the mean is not below what happens, for 2 to 20 candidates with one
ahead by any distance; where the true scores scatter at random it says about one and a half times too much
(`benchmarks/selection_calibration.py`)."""


def risk(
    replicates: Replicates,
    comparison: Comparison,
    scale: Scale,
    *,
    level: float,
    population: str,
    rng: np.random.Generator,
) -> tuple[Floats, tuple[Estimate, ...]]:
    """(m,) chance of being the best, and (m,) expected regret with its bounds, in the unit of differences.

    `comparison` is that of the same candidates at the same level.
    """
    m = len(replicates.names)
    if m == 1:
        reason = "there is one candidate; regret needs something to compare with"
        return np.ones(1), (Estimate.unknown("regret", reason, unit=scale.unit, n=replicates.n),)
    true = true_scores(replicates.point, np.cov(replicates.deviations.T), samples=SAMPLES, rng=rng)
    expected = expected_regrets(replicates)
    low, high = regret_bounds(replicates, comparison)
    method = (
        f"mean under errors of {STRETCH:g} times their variance; the interval holds for all candidates together "
        "(multiple comparisons with the best, from all pairs)"
    )
    estimates = [
        Estimate(
            name="regret", value=e * scale.factor, low=min(a, e) * scale.factor, high=max(b, e) * scale.factor,
            level=level, n=replicates.n, unit=scale.unit, method=method, population=population,
        )
        for e, a, b in zip(expected.tolist(), low.tolist(), high.tolist(), strict=True)
    ]  # fmt: skip
    return chance_of_best(true), tuple(estimates)


def expected_regrets(replicates: Replicates) -> Floats:
    """(m,) mean shortfall of each candidate against the best; meant not to be below what the choice really costs.

    The true scores are taken to lie about the observed ones as the observed ones lie about them (a flat prior), with
    errors of `STRETCH` times their variance.
    """
    stretched = replicates.point + np.sqrt(STRETCH) * replicates.deviations
    return np.asarray(regrets(stretched).mean(axis=0))


def regret_bounds(replicates: Replicates, comparison: Comparison) -> tuple[Floats, Floats]:
    """(m,) lower and (m,) upper bounds of the candidates' regrets, which hold together at the comparison's level.

    Candidate k has the bounds max_j (d_jk ± c se_jk), at least 0, with c the quantile of the maximum of the
    studentised deviations over all pairs: the value with which `compare` begins. They make no use of a prior, so that
    they also hold where one candidate stands out from many that are alike, and for whichever candidate is chosen.

    References:
        Hsu (1981), Simultaneous confidence intervals for all distances from the "best".
        Hochberg and Tamhane (1987), Multiple Comparison Procedures, chapter 5.
    """
    reach = comparison.critical * comparison.errors
    ahead = replicates.point[:, None] - replicates.point[None, :]
    return np.maximum((ahead - reach).max(axis=0), 0.0), np.maximum((ahead + reach).max(axis=0), 0.0)
