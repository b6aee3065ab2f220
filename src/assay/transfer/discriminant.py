"""A regularised linear discriminant in principal coordinates, shared by the scores that rest on one.

Total covariance is diagonal there and the classes take c − 1 directions off it, so that the regularised covariance
within classes is inverted by Woodbury's identity in O(k c²), not O(k³).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import softmax

from assay.errors import UsageError
from assay.transfer.factorisation import Factorisation, Floats, Labels

SHARPNESS = 5.0
"""How fast the regularisation falls with the largest variance within classes."""


def principal_rows(data: Factorisation) -> tuple[Floats, Floats]:
    """(n, k) principal coordinates scaled to total variance 1, and the (k,) variances, which sum to 1.

    Raises:
        UsageError: when no feature varies.
    """
    squares = data.centred.squares
    if len(squares) == 0:
        raise UsageError("no feature varies; classes can't be separated")
    variances = squares / squares.sum()
    return data.centred.left * np.sqrt(variances * data.n), variances


def within_inverse(variances: Floats, means: Floats, shares: Floats, width: int, right: Floats) -> Floats:
    """S̃⁻¹ right, with S̃ = (1 − λ) S_W + λ (tr S_W / width) I and λ = exp(−5 largest eigenvalue of S_W).

    Args:
        variances: (k,) total variances; S_W = diag(variances) − between.
        means: (c, k) class means.
        shares: (c,) class shares.
        width: Number of columns that vary.
        right: (k, r).
    """
    roots = np.sqrt(shares)[:, None] * means
    largest = largest_eigenvalue(lambda v: variances * v - roots.T @ (roots @ v), len(variances))
    amount = float(np.exp(-SHARPNESS * largest))
    floor = max(float(variances.sum() - (roots**2).sum()), 1e-9) / width
    diagonal = (1 - amount) * variances + amount * floor
    scaled = roots / diagonal
    inner = np.eye(len(roots)) / max(1 - amount, 1e-12) - scaled @ roots.T
    plain = right / diagonal[:, None]
    return plain + scaled.T @ np.linalg.solve(inner, roots @ plain)


def largest_eigenvalue(product: Callable[[Floats], Floats], size: int, steps: int = 60) -> float:
    """The largest eigenvalue of a positive semidefinite matrix given as v → A v, by power iteration."""
    vector = np.ones(size) / np.sqrt(size)
    value = 0.0
    for _ in range(steps):
        image = product(vector)
        norm = float(np.linalg.norm(image))
        if norm == 0:
            break
        vector, value = image / norm, norm
    return value


def posterior(rows: Floats, means: Floats, directions: Floats, labels: Labels) -> Floats:
    """(n, c) posterior probabilities of the linear discriminant with `directions` = S̃⁻¹ meansᵀ."""
    offsets = np.log(labels.shares) - 0.5 * np.einsum("ck,kc->c", means, directions)
    return softmax(rows @ directions + offsets, axis=1)
