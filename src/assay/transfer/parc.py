"""PARC: do rows that differ in the features differ in their class?

Bolya, Mittapalli and Hoffman (2021), Scalable Diverse Model Selection for Accessible Transfer Learning, NeurIPS,
section 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from assay.errors import UsageError
from assay.transfer.factorisation import Factorisation, Floats, labels_of

DIMENSIONS = 32
MOST_ROWS = 5000


def parc(x: NDArray[Any] | Factorisation, y: NDArray[Any]) -> float:
    """Rank correlation, times 100, of distances between rows' features with distances between their classes.

    Args:
        x: (n, d) features or their factorisation; at most 5,000 rows, since all pairs are held.
        y: (n,) classes.

    Returns:
        In [−100, 100]; higher is better. Labels know two distances only, and the ties keep the score well below 100.

    Raises:
        UsageError: for more than 5,000 rows, or when fewer than two features vary.

    Notes:
        Principal components (32 at most) are brought to unit variance, distances are 1 − Pearson's correlation of two
        rows, and Spearman's correlation runs over all pairs. A component's sign is free, yet it matters here; it is
        chosen so that the third moment is positive.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    if data.n > MOST_ROWS:
        raise UsageError(f"PARC holds all pairs of rows; give it at most {MOST_ROWS:,} of your {data.n:,}")
    rows = signed(data.centred.left[:, :DIMENSIONS])
    if rows.shape[1] < 2:
        raise UsageError("PARC correlates rows across features, and fewer than two vary")
    rows = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    first, second = np.tril_indices(data.n, -1)
    ranks = rankdata(-(rows @ rows.T)[first, second])
    differ = (labels.codes[first] != labels.codes[second]).astype(np.float64)
    if not 0 < differ.sum() < len(differ):
        raise UsageError("every class has one row, so that all pairs differ in their class")
    return 100.0 * float(np.corrcoef(ranks, differ)[0, 1])


def signed(coordinates: Floats) -> Floats:
    """The coordinates with each column's sign chosen so that its third moment is positive."""
    return coordinates * np.where((coordinates**3).sum(axis=0) < 0, -1.0, 1.0)
