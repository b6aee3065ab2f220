"""How often to repeat a configuration: as often as the spread between repeats asks for, and only those in question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import norm, t

from assay.space import RepeatSpec


def pooled_spread(scores: Sequence[Sequence[float]]) -> tuple[float, int]:
    """(standard deviation between repeats of a configuration, pooled; its degrees of freedom)."""
    several = [np.asarray(found) for found in scores if len(found) > 1]
    freedom = sum(len(found) - 1 for found in several)
    if freedom == 0:
        return math.nan, 0
    squares = sum(float(((found - found.mean()) ** 2).sum()) for found in several)
    return math.sqrt(squares / freedom), freedom


def needed_repeats(spread: float, spec: RepeatSpec, most: int) -> int:
    """Repeats with which a difference of `tolerance` between two configurations is seen: 2 (z s / δ)², within bounds.

    Args:
        spread: Standard deviation between repeats; `least` where it is unknown.
        spec: Tolerance, level and bounds.
        most: How many there are.
    """
    if math.isnan(spread):
        return min(spec.least, most)
    z = float(norm.ppf((1 + spec.level) / 2))
    return min(max(spec.least, math.ceil(2 * (z * spread / spec.tolerance) ** 2)), most)


def contenders(scores: Mapping[int, Sequence[float]], level: float) -> list[int]:
    """Configurations that may still be the best: within the interval of their difference from the one ahead.

    Args:
        scores: Configuration → scores of its repeats, higher is better, at least one each.
        level: Of the intervals, each by itself.
    """
    spread, freedom = pooled_spread(list(scores.values()))
    if not scores or freedom == 0:
        return list(scores)
    means = {key: float(np.mean(found)) for key, found in scores.items()}
    ahead = max(means, key=lambda key: means[key])
    reach = float(t.ppf((1 + level) / 2, freedom)) * spread
    return [
        key for key, found in scores.items()
        if means[ahead] - means[key] <= reach * math.sqrt(1 / len(found) + 1 / len(scores[ahead]))
    ]  # fmt: skip
