"""LogME: the logarithm of the maximum evidence of a Bayesian linear model, exact whatever the rank.

You, Liu, Wang and Long (2021), LogME: Practical Assessment of Pre-trained Models for Transfer Learning, ICML, eq. 2-4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.transfer.factorisation import Factorisation, Floats, targets_of

_GOLDEN = (np.sqrt(5) - 1) / 2


def logme(x: NDArray[Any] | Factorisation, y: NDArray[Any]) -> float:
    """Maximum log evidence per row, averaged over classes (one against the rest) or target columns.

    Use it for classes and for real targets. Compare models on the same rows only: it has no fixed range, may exceed
    zero, and grows with the number of classes.

    Args:
        x: (n, d) features, as they are (not centred), or their factorisation.
        y: (n,) classes, or (n,) or (n, t) real targets.

    Returns:
        The score; higher is better.

    Raises:
        ShapeError: for arrays that do not fit.
        UsageError: when there is one class only.

    Notes:
        For a target t, t ~ N(Fw, 1/β), w ~ N(0, 1/α). With λ = α/β the best β is known in closed form, so the evidence
        is maximised over λ alone, on a grid and then by golden section:
        L(λ) = N/2 ln β + k/2 ln λ − ½ Σ_j ln(λ + σ_j) − N/2 (1 + ln 2π), β = N / (Σ_j x_j λ/(λ + σ_j) + t⊥²),
        where σ_j are the k squared singular values and x_j = (u_jᵀ t)². Null directions cancel between D/2 ln α and
        ln|A|, so that k is the rank. Implementations that keep D there overstate the score by (D − k)/(2N) ln α.
        Where the features carry nothing, λ → ∞ and the limit is taken.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(60) % 3
        >>> logme(np.eye(3)[y] + 0.1 * rng.standard_normal((60, 3)), y) > logme(rng.standard_normal((60, 3)), y)
        True
    """
    data = Factorisation.of(x)
    targets, _ = targets_of(y, data.n)
    spectrum = data.raw
    n = len(targets)
    power = spectrum.project(targets) ** 2
    total = (targets**2).sum(axis=0)
    if (total == 0).any():
        total = np.where(total == 0, np.finfo(np.float64).tiny, total)
    outside = np.maximum(total - power.sum(axis=0), total * 1e-12)
    return float(np.mean(_best_evidence(spectrum.squares, power, outside, total, n)) / n)


def _best_evidence(squares: Floats, power: Floats, outside: Floats, total: Floats, n: int) -> Floats:
    """(t,) evidence at the best λ for each target."""
    flat = n / 2 * (np.log(n / total) - 1 - np.log(2 * np.pi))
    if len(squares) == 0:
        return flat
    grid = np.linspace(np.log(squares[-1]) - 20, np.log(squares[0]) + 20, 161)
    values = np.stack([_evidence(np.full(len(total), g), squares, power, outside, n) for g in grid])
    at = np.clip(values.argmax(axis=0), 1, len(grid) - 2)
    low, high = grid[at - 1], grid[at + 1]
    for _ in range(40):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        better = _evidence(a, squares, power, outside, n) >= _evidence(b, squares, power, outside, n)
        low, high = np.where(better, low, a), np.where(better, b, high)
    found = _evidence((low + high) / 2, squares, power, outside, n)
    return np.maximum(np.maximum(found, values.max(axis=0)), flat)


def _evidence(log_ratio: Floats, squares: Floats, power: Floats, outside: Floats, n: int) -> Floats:
    """(t,) log evidence at λ = exp(log_ratio), with the best β."""
    ratio = np.exp(log_ratio)[None, :]
    shrunk = ratio / (ratio + squares[:, None])
    misfit = (power * shrunk).sum(axis=0) + outside
    return n / 2 * (np.log(n / misfit) - 1 - np.log(2 * np.pi)) + np.log(shrunk).sum(axis=0) / 2
