"""Proxy-A-distance: how well a classifier tells the items of two sets apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError

FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainClassifier:
    """What cross-validation says of a source/target classifier."""

    distance: float
    """2·(1 − 2·error), within [0, 2]; 2 means that the sets never mix."""
    error: float
    """Held-out error on balanced sets."""
    auc: float
    """Held-out area under the ROC curve; less coarse than the distance."""
    n: int
    """Items of each set that were used."""


def proxy_a_distance(a: NDArray[np.float64], b: NDArray[np.float64], *, rng: np.random.Generator) -> DomainClassifier:
    """Cross-validated proxy-A-distance with a linear classifier on balanced sets.

    It saturates at 2 for data sets that are plainly different: then the area under the curve says no more either.

    Args:
        a: (n, d) features.
        b: (m, d) features; the larger set is thinned to the size of the smaller.
        rng: Draws the thinning and the folds.

    Raises:
        ShapeError: when widths differ or a set has fewer items than there are folds.

    References:
        Ben-David et al. (2007), Analysis of representations for domain adaptation, section 4.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.metrics import roc_auc_score

    n = min(len(a), len(b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or n < FOLDS:
        raise ShapeError(f"two sets of at least {FOLDS} items and one width are needed; got {a.shape} and {b.shape}")
    x = np.concatenate([a[rng.permutation(len(a))[:n]], b[rng.permutation(len(b))[:n]]]).astype(np.float64)
    y = np.repeat([0, 1], n)
    folds = np.concatenate([rng.permutation(n), rng.permutation(n)]) % FOLDS
    score = np.empty(2 * n)
    for fold in range(FOLDS):
        seen = folds != fold
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x[seen], y[seen])
        score[~seen] = model.decision_function(x[~seen])
    error = float(((score > 0) != (y == 1)).mean())
    return DomainClassifier(
        distance=float(np.clip(2.0 * (1.0 - 2.0 * error), 0.0, 2.0)),
        error=error,
        auc=float(roc_auc_score(y, score)),
        n=n,
    )
