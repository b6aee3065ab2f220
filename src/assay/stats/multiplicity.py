"""Adjust p-values of a family of tests, so that the chance of any false claim stays below the level."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.errors import ShapeError, UsageError


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjustment: reject where the adjusted value is at most α, whatever the dependence.

    Use it for "which of these differ"; it controls the chance of even one false claim. A NaN stands for a test that
    could not be made: it stays NaN and does not count as a member of the family.

    Args:
        p_values: (k,) raw p-values between 0 and 1.

    Returns:
        (k,) adjusted p-values, in the order given.

    Raises:
        ShapeError: unless one-dimensional.
        UsageError: when a value is outside 0 to 1.

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure, section 3.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1:
        raise ShapeError(f"p-values are one-dimensional, not of shape {p.shape}")
    if ((p < 0) | (p > 1)).any():
        raise UsageError(f"a p-value lies between 0 and 1; got {p[(p < 0) | (p > 1)][0]}")
    adjusted = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
