"""H-score and its shrinkage form, with the value that random labels would get taken away.

Bao et al. (2019), An Information-Theoretic Approach to Transferability in Task Transfer Learning, ICIP, definition 2.
Ibrahim, Ponomareva and Mazumder (2022), Newer is not always better: Rethinking transferability metrics, their
peculiarities, stability and performance, ECML PKDD, section 3 (shrinkage); Ledoit and Wolf (2004), A well-conditioned
estimator for large-dimensional covariance matrices, section 3.2 (its intensity).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import UsageError
from assay.transfer.factorisation import Factorisation, labels_of


def h_score(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, normalised: bool = True) -> float:
    """How much of the features' whitened variance lies between the classes.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.
        normalised: True subtracts the mean under random labels and divides by the room above it: 0 is chance, 1 is
            perfect, whatever d and c. False gives the paper's tr(Σ⁺ Σ_b) in [0, min(c − 1, rank)].

    Returns:
        The score; higher is better.

    Raises:
        UsageError: when the centred features span all rows: the paper's score is then c − 1 for any labels.

    Notes:
        The paper's score is Pillai's trace. Its mean under random labels is (c − 1) k/(n − 1) exactly, with k the rank.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    k, most = data.centred.rank, labels.c - 1
    sums = data.centred.project(labels.onehot)
    plain = float((sums**2 / labels.counts).sum())
    if not normalised:
        return min(plain, float(min(most, k)))
    if k >= data.n - 1:
        raise UsageError(
            f"the features span all {data.n} rows (rank {k}), where the H-score is {most} for any labels; "
            "use shrinkage_h_score or more rows"
        )
    chance = most * k / (data.n - 1)
    return (plain - chance) / (most - chance)


def shrinkage_h_score(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, normalised: bool = True) -> float:
    """H-score with the covariance shrunk towards a multiple of the identity; fine with more columns than rows.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.
        normalised: True subtracts the exact mean under random labels and divides by the room above it. False gives the
            paper's tr(Σ̂⁻¹ (1 − δ) Σ_b) in [0, c − 1].

    Returns:
        The score; higher is better.

    Raises:
        UsageError: when no feature varies.

    Notes:
        Σ̂ = (1 − δ) S + δ (tr S / d) I with Ledoit and Wolf's δ, all on centred features in float64. Constant columns
        are not counted in d, so that padding changes nothing.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    variances = data.centred.squares / data.n
    if len(variances) == 0:
        raise UsageError("no feature varies; there is nothing to score")
    intensity, target = ledoit_wolf(data)
    kept = (1 - intensity) / ((1 - intensity) * variances + intensity * target)
    sums = data.centred.project(labels.onehot)
    between = variances * (sums**2 / labels.counts).sum(axis=1)
    plain, most = float(between @ kept), labels.c - 1
    if not normalised:
        return plain
    chance = most / (data.n - 1) * float(variances @ kept)
    return (plain - chance) / (most - chance)


def ledoit_wolf(data: Factorisation) -> tuple[float, float]:
    """Shrinkage intensity in [1e-12, 1] and the target variance tr S / d."""
    variances, width = data.centred.squares / data.n, data.width
    target = float(variances.sum()) / width
    norms = ((data.x - data.mean) ** 2).sum(axis=1)
    distance = float((variances**2).sum()) - width * target**2
    spread = float((norms**2).sum()) / data.n**2 - float((variances**2).sum()) / data.n
    if distance <= 0:
        return 1.0, target
    return float(np.clip(spread / distance, 1e-12, 1.0)), target
