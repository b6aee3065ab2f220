"""Does nearness of the source predict what is gained from it? Often not, and then that is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm, spearmanr

from assay.assess.reusability.across import Gains
from assay.assess.reusability.records import Candidate
from assay.estimate import Estimate
from assay.finding import Row

LEAST_PAIRS = 5


def nearness_rows(candidates: Sequence[Candidate], gains: Gains, *, level: float) -> list[Row]:
    """One row a measure: the rank correlation over studied pairs of model and target, of nearness with the gain."""
    measures = dict.fromkeys(found.measure for candidate in candidates for found in candidate.similarities)
    rows: list[Row] = []
    for measure in measures:
        found = _correlation(_pairs(candidates, gains, measure), level)
        sure = found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)
        said = (
            "unknown" if not found.known else "no" if not sure else "yes" if (found.value or 0) > 0 else "the reverse"
        )
        rows.append({"measure": measure, "pairs": found.n, "correlation_with_gain": found, "predicts_gain": said})
    return rows


def _pairs(candidates: Sequence[Candidate], gains: Gains, measure: str) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for candidate in candidates:
        gain = gains.get((candidate.model, candidate.target))
        near = next((s.value.value for s in candidate.similarities if s.measure == measure), None)
        if near is not None and gain is not None and gain.value is not None:
            found.append((-near, gain.value))
    return found


def _correlation(pairs: Sequence[tuple[float, float]], level: float) -> Estimate:
    name, n = "similarity_gain_correlation", len(pairs)
    if n < LEAST_PAIRS:
        return Estimate.unknown(name, f"{n} pairs have both a similarity and a gain; {LEAST_PAIRS} are needed", n=n)
    near, gain = np.array(pairs).T
    if np.ptp(near) == 0 or np.ptp(gain) == 0:
        return Estimate.unknown(name, "similarity or gain is the same for all pairs", n=n)
    rho = float(np.asarray(spearmanr(near, gain)[0]))
    # Bonett and Wright (2000), Sample size requirements for correlations, equation 4: the variance of z for ranks.
    half = float(norm.ppf((1 + level) / 2)) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    z = float(np.arctanh(np.clip(rho, -0.999, 0.999)))
    return Estimate(
        name=name, value=rho, low=min(rho, float(np.tanh(z - half))), high=max(rho, float(np.tanh(z + half))),
        level=level, n=n, method="Spearman, Fisher's z", population="other such pairs",
    )  # fmt: skip
