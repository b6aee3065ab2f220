"""Temperature: one number that makes probabilities of outputs, fitted on validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fit_temperature(outputs: NDArray[np.float64], target: NDArray[Any], kind: str) -> float:
    """The T for which softmax(outputs / T), or sigmoid for multilabel, has the smallest log loss on these rows.

    Labels do not change by it. Rows of a class that the head has never seen are left out.

    Args:
        outputs: (n, c) of a head.
        target: (n,) class codes, or (n, c) 0/1 for multilabel.
        kind: The kind of task.

    Returns:
        T, between 0.001 and 1,000 times the spread of the outputs.

    References:
        Guo, Pleiss, Sun, Weinberger (2017). On Calibration of Modern Neural Networks. Section 4.2.
    """
    from scipy.optimize import minimize_scalar

    usable = outputs > -1e3  # a class that no training row has is put far below
    spread = float(outputs[usable].std()) if usable.any() else 1.0
    spread = spread if spread > 0 else 1.0

    def loss(log_t: float) -> float:
        return log_loss(outputs / (spread * np.exp(log_t)), target, kind)

    best = minimize_scalar(loss, bounds=(np.log(1e-3), np.log(1e3)), method="bounded", options={"xatol": 1e-4})
    return spread * float(np.exp(best.x))


def log_loss(outputs: NDArray[np.float64], target: NDArray[Any], kind: str) -> float:
    """Mean log loss of (n, c) outputs, in nats; a probability of zero counts as that of 50 nats."""
    if kind == "multilabel":
        signs = np.where(target > 0, -outputs, outputs)
        return float(np.logaddexp(0.0, signs).mean())
    top = outputs.max(axis=1)
    total = top + np.log(np.exp(outputs - top[:, None]).sum(axis=1))
    own = outputs[np.arange(len(outputs)), np.asarray(target, dtype=np.int64)]
    return float(np.minimum(total - own, 50.0).mean())
