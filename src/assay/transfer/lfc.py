"""LFC: label-feature correlation, the alignment of the features' kernel with the classes' kernel.

Deshpande, Achille, Ravichandran, Li, Zancato, Fowlkes, Bhotika, Soatto and Perona (2021), A linearized framework and
a new benchmark for model selection for fine-tuning, section 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import UsageError
from assay.transfer.factorisation import Factorisation, labels_of


def lfc(x: NDArray[Any] | Factorisation, y: NDArray[Any]) -> float:
    """Correlation over all pairs of rows of their inner product with +1 for the same class and −1 for another.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.

    Returns:
        In [−1, 1]; higher is better. The leading principal component decides most of it.

    Raises:
        UsageError: when no feature varies.

    Notes:
        Features are centred, so that the kernel's mean is 0. The n × n kernels are never formed: ⟨K, same⟩ is the sum
        over classes of the squared norm of their summed rows, and ‖K‖ comes from the singular values.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    squares = data.centred.squares
    if len(squares) == 0:
        raise UsageError("no feature varies; there is no kernel to align")
    together = float(squares @ (data.centred.project(labels.onehot) ** 2).sum(axis=1))
    share = float((labels.shares**2).sum())
    kernel_norm = float(np.sqrt((squares**2).sum()))
    return together / (data.n * np.sqrt(share * (1 - share)) * kernel_norm)
