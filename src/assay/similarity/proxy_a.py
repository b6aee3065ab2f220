"""Proxy-A-distance: how well a classifier tells the items of two sets apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import rankdata

from assay.errors import ShapeError

LEAST_ITEMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainClassifier:
    """What leaving one item out says of a source/target classifier."""

    distance: float
    """2·(1 − 2·error), within [0, 2]; 2 means that the sets never mix."""
    error: float
    """Held-out error on balanced sets."""
    auc: float
    """Held-out area under the ROC curve; less coarse than the distance."""
    n: int
    """Items of each set that were used."""


def proxy_a_distance(a: NDArray[np.float64], b: NDArray[np.float64], *, rng: np.random.Generator) -> DomainClassifier:
    """Proxy-A-distance with a ridge classifier on balanced sets, each item judged by a fit without it.

    It saturates at 2 for data sets that are plainly different: then the area under the curve says no more either.

    Args:
        a: (n, d) features.
        b: (m, d) features; the larger set is thinned to the size of the smaller.
        rng: Draws the thinning.

    Raises:
        ShapeError: when widths differ or a set has fewer than five items.

    Notes:
        The penalty is the mean variance of a standardised column times the number of items, and all leave-one-out
        predictions come from one factorisation: ŷ₋ᵢ = yᵢ − (yᵢ − ŷᵢ) / (1 − hᵢ).

    References:
        Ben-David et al. (2007), Analysis of representations for domain adaptation, section 4.
        Allen (1974), The relationship between variable selection and data augmentation (PRESS).
    """
    n = min(len(a), len(b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or n < LEAST_ITEMS:
        raise ShapeError(
            f"two sets of at least {LEAST_ITEMS} items and one width are needed; got {a.shape} and {b.shape}"
        )
    x = np.concatenate([a[rng.permutation(len(a))[:n]], b[rng.permutation(len(b))[:n]]]).astype(np.float64)
    y = np.repeat([-1.0, 1.0], n)
    score = _left_out(x, y)
    error = float(((score > 0) != (y > 0)).mean())
    auc = (rankdata(score)[n:].sum() - n * (n + 1) / 2) / n**2
    distance = float(np.clip(2.0 * (1.0 - 2.0 * error), 0.0, 2.0))
    return DomainClassifier(distance=distance, error=error, auc=float(auc), n=n)


def _left_out(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2n,) predictions of ridge regression, each from a fit without its own item."""
    spread = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    items, width = z.shape
    penalty = float(items)
    if width <= items:
        solved = cho_solve(cho_factor(z.T @ z + penalty * np.eye(width)), z.T)
        fitted, leverage = z @ (solved @ y), np.einsum("ij,ji->i", z, solved)
    else:
        gram = z @ z.T
        solved = cho_solve(cho_factor(gram + penalty * np.eye(items)), gram)
        fitted, leverage = solved.T @ y, np.diag(solved)
    # The mean of the balanced targets is 0; leaving one item out moves it by −y / (2n − 1).
    h = leverage + 1.0 / items
    return y - (y - fitted) / np.maximum(1.0 - h, 1e-9)
