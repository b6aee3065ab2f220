"""PACTran-Gauss: a PAC-Bayesian bound on what a linear head could reach.

Ding, Chen, Levinboim, Changpinyo and Soricut (2022), PACTran: PAC-Bayesian Metrics for Estimating the Transferability
of Pretrained Models to Classification Tasks, ECCV, section 3.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from assay.transfer.discriminant import principal_rows
from assay.transfer.factorisation import Factorisation, Floats, labels_of


def pactran_gauss(
    x: NDArray[Any] | Factorisation, y: NDArray[Any], *, temper: float = 1.0, prior: float = 1.0, steps: int = 100
) -> float:
    """Minus the bound with a Gaussian prior: regularised risk plus the flatness of its minimum.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.
        temper: λ of the paper.
        prior: σ₀² of the paper.
        steps: Most iterations of L-BFGS.

    Returns:
        At most 0; higher is better (the paper's bound is lower the better).

    Raises:
        UsageError: when no feature varies.

    Notes:
        min over (W, b) of xent + ‖W‖²/(2λn), plus (c d/(2λn)) σ₀² ln(1 + λn tr H/(c d)), with tr H the trace of the
        cross-entropy's Hessian in W. Features are scaled to total variance 1, since the bound depends on scale, and
        constant columns are not counted in d. Published variants differ in λ and σ₀²; these are 1.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    rows, variances = principal_rows(data)
    n, c = data.n, labels.c
    penalty = 1 / (temper * n)
    # Each direction is scaled by what curves it, so that L-BFGS sees a round bowl.
    scale = 1 / np.sqrt(0.25 * variances + penalty)[:, None]
    scaled = rows * scale.T

    def risk(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[c:].reshape(-1, c), flat[:c]
        log_chance = log_softmax(scaled @ weights + bias, axis=1)
        loss = -float(log_chance[np.arange(n), labels.codes].mean())
        residual = (np.exp(log_chance) - labels.onehot) / n
        slope = scaled.T @ residual + penalty * weights * scale**2
        loss += 0.5 * penalty * float(((weights * scale) ** 2).sum())
        return loss, np.concatenate([residual.sum(axis=0), slope.ravel()])

    start = np.concatenate([np.log(labels.shares), np.zeros(rows.shape[1] * c)])
    found = minimize(risk, start, jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxcor": 10})
    chance = softmax(scaled @ found.x[c:].reshape(-1, c) + found.x[:c], axis=1)
    trace = float(((chance * (1 - chance)).sum(axis=1) * (rows**2).sum(axis=1)).mean())
    size = c * data.width * penalty
    return -(float(found.fun) + 0.5 * size * prior * float(np.log1p(trace / size)))
