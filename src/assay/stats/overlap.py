"""Where two samples overlap: the odds of belonging to one or the other, and weights that make them comparable.

A logistic regression with equal total weight for both samples gives e(x), the chance of coming from the window. Weights
e on the source and 1 − e on the window lead both to the same law, proportional to pq / (p + q): what they share. At the
maximum of the likelihood these weights also balance every column exactly, so that a moderate misfit of e does no harm
as long as the score depends on x through the columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import rankdata

from assay.errors import ShapeError

Floats = NDArray[np.float64]

RIDGE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A fitted odds model between a source sample of n0 rows and a window of n1 rows."""

    source: Floats
    """(n0,) e of each source row: the chance that such a row is from the window, when both count the same."""
    window: Floats
    """(n1,) e of each row of the window."""
    coefficients: Floats
    """(d,) of the logistic regression."""
    curvature: Floats
    """(d, d) second derivative of the penalised log likelihood, positive."""
    auc: float
    """How well the model tells the samples apart: 0.5 not at all, 1 completely."""
    effective: tuple[float, float]
    """Effective numbers of rows in the shared part, (Σw)² / Σw², of source and window."""


def fit_overlap(
    source: Floats, window: Floats, *, source_weights: Floats | None = None, window_weights: Floats | None = None,
    start: Floats | None = None,
) -> Overlap:  # fmt: skip
    """The odds of window against source, by a lightly penalised logistic regression.

    Use columns that are on a common scale and few against the rows: some tens against some thousands.

    Args:
        source: (n0, d) columns, the first of them constant.
        window: (n1, d).
        source_weights: (n0,) relative weights; equal by default. Each sample is scaled to a total of 1.
        window_weights: (n1,).
        start: (d,) coefficients to start from, for refits.

    Returns:
        The fitted overlap.

    Raises:
        ShapeError: an empty sample, or columns that differ.

    References:
        Cai, Namkoong and Yadlowsky (2023), Diagnosing model performance under distribution shift (shared law);
        Li, Morgan and Zaslavsky (2018), Balancing covariates via propensity score weighting, theorem 3 (balance).
    """
    if len(source) == 0 or len(window) == 0 or source.shape[1] != window.shape[1]:
        raise ShapeError(f"two samples with the same columns are needed, got {source.shape} and {window.shape}")
    x = np.concatenate([source, window])
    side = np.r_[np.zeros(len(source)), np.ones(len(window))]
    weight = np.r_[_shares(source_weights, len(source)), _shares(window_weights, len(window))]
    coefficients, curvature = _newton(x, side, weight, start)
    e = expit(x @ coefficients)
    e0, e1 = e[: len(source)], e[len(source) :]
    w0, w1 = weight[: len(source)] * e0, weight[len(source) :] * (1 - e1)
    return Overlap(
        source=e0, window=e1, coefficients=coefficients, curvature=curvature,
        auc=_auc(e, side), effective=(effective_size(w0), effective_size(w1)),
    )  # fmt: skip


def effective_size(weights: Floats) -> float:
    """How many equally weighted rows carry as much: (Σw)² / Σw² (Kish, 1965, Survey Sampling)."""
    total = float(weights.sum())
    return total**2 / float(weights @ weights) if total > 0 else 0.0


def _shares(weights: Floats | None, n: int) -> Floats:
    return np.full(n, 1 / n) if weights is None else weights / weights.sum()


def _newton(x: Floats, side: Floats, weight: Floats, start: Floats | None) -> tuple[Floats, Floats]:
    """Newton's method with halved steps; the intercept (column 0) is not penalised."""
    penalty = np.full(x.shape[1], RIDGE)
    penalty[0] = 1e-9
    beta = np.zeros(x.shape[1]) if start is None else start.copy()
    value = _objective(x @ beta, side, weight, beta, penalty)
    for _ in range(60):
        e = expit(x @ beta)
        gradient = x.T @ (weight * (side - e)) - penalty * beta
        curvature = (x * (weight * e * (1 - e))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        if np.abs(step).max() < 1e-9:
            break
        size = 1.0
        while size > 1e-4:
            trial = beta + size * step
            reached = _objective(x @ trial, side, weight, trial, penalty)
            if reached >= value:
                break
            size /= 2
        else:
            break
        beta, value = trial, reached
    e = expit(x @ beta)
    return beta, (x * (weight * e * (1 - e))[:, None]).T @ x + np.diag(penalty)


def _objective(eta: Floats, side: Floats, weight: Floats, beta: Floats, penalty: Floats) -> float:
    likelihood = weight @ (side * eta - np.logaddexp(0, eta))
    return float(likelihood - 0.5 * penalty @ beta**2)


def _auc(e: Floats, side: Floats) -> float:
    ranks = rankdata(e)
    n1 = side.sum()
    n0 = len(side) - n1
    return float((ranks[side == 1].sum() - n1 * (n1 + 1) / 2) / (n0 * n1))
