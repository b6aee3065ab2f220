"""What the mean over a few repetitions, such as draws of training rows, may still be off by.

The candidates share the repetitions, so that their errors go together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def covariance_of(table: Floats) -> Floats:
    """(m, m) covariance between candidates over r repetitions, summed over what else the table has; 0 for one."""
    r, m = table.shape[:2]
    if r < 2:
        return np.zeros((m, m))
    centred = (table - table.mean(axis=0)).reshape(r, m, -1)
    return np.einsum("rmi,rki->mk", centred, centred) / (r - 1)


def training_deviations(table: Floats, counted: Floats, b: int, rng: np.random.Generator) -> Floats:
    """(b, m) draws of the error of the mean over r repetitions that drawing other items does not bring.

    Repetitions scatter because the training differs and because their items answer differently; the second part,
    `counted`, is in the item part already and is taken off. With fewer than six repetitions the candidates share one
    variance (compound symmetry: a part common to all and a part of their own), which has (r - 1)(m - 1) degrees of
    freedom instead of r - 1; with six or more each has its own. Either way the draws are t, so that few repetitions
    give wide intervals rather than wrong ones.

    Args:
        table: (r, m) scores of the repetitions.
        counted: (m, m) covariance over repetitions that the items alone explain.
        b: How many draws.
        rng: The source of randomness.
    """
    r, m = table.shape
    if r < 2:
        return np.zeros((b, m))
    left = covariance_of(table) - counted
    if r >= 6 or m == 1:
        raw = np.diag(covariance_of(table))
        share = np.divide(np.maximum(np.diag(left), 0), raw, out=np.zeros(m), where=raw > 0)
        scale = np.sqrt((r - 1) / rng.chisquare(r - 1, size=(b, 1)))
        mixed: Floats = rng.standard_normal((b, r)) @ (table - table.mean(axis=0)) / np.sqrt(r * (r - 1))
        return scale * mixed * np.sqrt(share)
    own = max(0.0, float(np.trace(left) - left.sum() / m)) / (m - 1)
    common = max(0.0, float(left.sum()) / m**2 - own / m)
    freedom = (r - 1) * (m - 1)
    noise = rng.standard_normal((b, m)) * np.sqrt(own * freedom / rng.chisquare(freedom, size=(b, 1)))
    shared = rng.standard_normal((b, 1)) * np.sqrt(common * (r - 1) / rng.chisquare(r - 1, size=(b, 1)))
    return (noise + shared) / np.sqrt(r)
