"""TransRate: mutual information between features and classes, through coding rates.

Huang, Huang, Rong, Yang and Wei (2022), Frustratingly Easy Transferability Estimation, ICML, eq. 5-6.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky

from assay.errors import UsageError
from assay.transfer.factorisation import Factorisation, Floats, labels_of


def transrate(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, distortion: float = 1e-4) -> float:
    """Coding rate of all features less the mean coding rate within classes, in nats.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.
        distortion: ε of the paper, for features whose total variance is 1.

    Returns:
        At least 0; higher is better. It favours wide features.

    Raises:
        UsageError: when no feature varies.

    Notes:
        Features are centred over all rows and scaled to total variance 1, since the score depends on the ratio of
        scale to ε. Classes are weighted by their share; the unweighted mean of some code is wrong when they differ.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    squares = data.centred.squares / max(float(data.centred.squares.sum()), np.finfo(np.float64).tiny)
    if len(squares) == 0:
        raise UsageError("no feature varies; there is nothing to code")
    total = 0.5 * float(np.log1p(squares / distortion).sum())
    rows = data.centred.left * np.sqrt(squares * data.n)
    within = sum(share * _rate(rows[labels.codes == c], distortion) for c, share in enumerate(labels.shares.tolist()))
    return max(0.0, total - float(within))


def _rate(rows: Floats, distortion: float) -> float:
    """½ ln det(I + rowsᵀ rows / (n ε)), through the smaller of the two Gram matrices."""
    n, k = rows.shape
    gram = (rows @ rows.T if n < k else rows.T @ rows) / (n * distortion)
    gram[np.diag_indices(len(gram))] += 1.0
    return float(np.log(np.diag(cholesky(gram, lower=True, check_finite=False))).sum())
