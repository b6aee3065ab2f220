"""SFDA: posterior of a self-challenging Fisher discriminant.

Shao, Zhao, Ge, Zhang, Yang, Wang, Shan and Luo (2022), Not All Models Are Equal: Predicting Model Transferability in a
Self-challenging Fisher Space, ECCV, section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from assay.transfer.discriminant import SHARPNESS, largest_eigenvalue, posterior, principal_rows, within_inverse
from assay.transfer.factorisation import Factorisation, Floats, Labels, labels_of


def sfda(x: NDArray[Any] | Factorisation, y: NDArray[Any]) -> float:
    """Mean posterior of the right class, after each row was mixed with the other classes where it was uncertain.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.

    Returns:
        In [0, 1]; higher is better. It is scored on the rows it was fitted to, so it is optimistic where n is not
        well above d.

    Raises:
        UsageError: when no feature varies.

    Notes:
        Features are scaled to total variance 1, since the rule for the regularisation, exp(−5 λ_max(S_W)), depends on
        scale. A row becomes p x + (1 − p) o with p the first posterior of its class and o the mean of all rows of
        other classes; the discriminant is then fitted again. One softmax, and the input is left as it was.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    rows, variances = principal_rows(data)
    means = labels.means(rows)
    directions = within_inverse(variances, means, labels.shares, data.width, means.T)
    own = posterior(rows, means, directions, labels)[np.arange(data.n), labels.codes][:, None]
    others = -labels.counts[:, None] * means / (data.n - labels.counts)[:, None]
    mixed = own * rows + (1 - own) * others[labels.codes]
    again = _refitted(mixed, labels, data.width)
    return float(again[np.arange(data.n), labels.codes].mean())


def _refitted(rows: Floats, labels: Labels, width: int) -> Floats:
    """(n, c) posterior of the discriminant fitted to rows whose covariance is no longer diagonal."""
    means = labels.means(rows)
    inside = rows - means[labels.codes]
    within = inside.T @ inside / len(rows)
    amount = float(np.exp(-SHARPNESS * largest_eigenvalue(lambda v: within @ v, len(within))))
    within *= 1 - amount
    within[np.diag_indices(len(within))] += max(amount * float((inside**2).sum()) / len(rows) / width, 1e-12)
    directions = cho_solve(cho_factor(within, lower=True, check_finite=False), means.T)
    return posterior(rows, means, directions, labels)
