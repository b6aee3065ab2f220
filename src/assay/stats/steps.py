"""Steps between neighbouring windows: intervals that follow from the windows' own, and which steps are real."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from assay.estimate import Estimate
from assay.stats.multiplicity import holm

Floats = NDArray[np.float64]


def difference_interval(later: Estimate, earlier: Estimate) -> tuple[float, float] | None:
    """Interval of `later − earlier` from the interval of each, for two independent samples.

    Args:
        later: an estimate with a closed interval.
        earlier: another, at the same level.

    Returns:
        Lower and upper end, at that level; None where one of them has no value or no closed interval.

    References:
        Zou and Donner (2008), Construction of confidence limits about effect measures: a general approach (MOVER);
        for shares with Wilson intervals it is Newcombe's (1998) method 10.
    """
    if later.value is None or later.low is None or later.high is None:
        return None
    if earlier.value is None or earlier.low is None or earlier.high is None:
        return None
    step = later.value - earlier.value
    down = np.hypot(later.value - later.low, earlier.high - earlier.value)
    up = np.hypot(later.high - later.value, earlier.value - earlier.low)
    return float(step - down), float(step + up)


def real_steps(values: Floats, errors: Floats, *, level: float = 0.95) -> tuple[NDArray[np.bool_], Floats]:
    """Which of the w − 1 steps between neighbouring windows are real, all looked at together.

    Args:
        values: (w,) scores.
        errors: (w,) standard errors.
        level: 1 − the chance of calling any step real when none is.

    Returns:
        (w − 1,) whether each step is real, and its p-value after Holm's adjustment.
    """
    if len(values) < 2:
        return np.zeros(0, dtype=bool), np.zeros(0)
    spread = np.hypot(errors[1:], errors[:-1])
    size = np.abs(np.diff(values))
    z = np.divide(size, spread, out=np.where(size > 0, np.inf, 0.0), where=spread > 0)
    adjusted = np.asarray(holm(2 * ndtr(-z)))
    return adjusted <= 1 - level, adjusted
