"""What a changed mix of classes does to a score, with labels exactly and without labels by two estimators.

With labels, the change of a mean score splits into two sums over the classes that add up to it:
P0 − Pt = Σ (π0 − πt) a0 + Σ πt (a0 − at), with class shares π and class-wise scores a.
Without labels the shares of the window are estimated; that is right only when each class still looks as it did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError

Floats = NDArray[np.float64]
Codes = NDArray[np.int_]

SMALLEST_SINGULAR_VALUE = 0.1
"""Times 1/c: the least singular value of the joint confusion matrix at which shares are still given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTerms:
    """The exact split of P0 − Pt over c classes; the terms sum to it."""

    label: Floats
    """(c,) (π0 − πt) a0: what the changed share of the class costs."""
    within: Floats
    """(c,) πt (a0 − at): what the changed score within the class costs."""
    label_error: float
    """Standard error of the sum of `label`."""
    within_error: float
    """Standard error of the sum of `within`."""
    within_errors: Floats
    """(c,) standard error of each `within`, the shares held."""
    shares: tuple[Floats, Floats]
    """(c,) shares in the source and in the window."""
    scores: tuple[Floats, Floats]
    """(c,) mean scores in the source and in the window; where a class is missing, that of the other sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Estimated class shares of an unlabelled window, or why there are none."""

    shares: Floats | None
    """(c,) summing to 1."""
    reason: str | None = None
    """Why there are none."""
    smallest_singular_value: float | None = None
    """Of the joint confusion matrix; near 0 the shares cannot be told apart."""
    clipped: bool = False
    """Whether a negative share was set to 0, which biases the rest."""


def class_terms(
    source_target: Codes, source_score: Floats, target: Codes, score: Floats, *, classes: int
) -> ClassTerms:  # fmt: skip
    """The exact label term and within-class term, class by class, with standard errors.

    Args:
        source_target: (n0,) class codes of the source period.
        source_score: (n0,) score of each row, such as 1 for correct.
        target: (n,) class codes of the window.
        score: (n,) score of each row.
        classes: c.

    Returns:
        The terms. A class without source rows has all of its effect in the label term: nothing is known of its past.

    Raises:
        ShapeError: when one of the samples is empty.

    Notes:
        Standard errors by the influence function of each sum; the samples are independent.
    """
    if len(source_target) == 0 or len(target) == 0:
        raise ShapeError("the split of a change needs rows in the source and in the window")
    n0, a0 = _by_class(source_target, source_score, classes)
    n1, a1 = _by_class(target, score, classes)
    p0, p1 = n0 / n0.sum(), n1 / n1.sum()
    a0, a1 = np.where(n0 > 0, a0, a1), np.where(n1 > 0, a1, a0)
    ratio = np.divide(p1, p0, out=np.zeros(classes), where=p0 > 0)
    residual0, residual1 = source_score - a0[source_target], score - a1[target]
    label0 = a0[source_target] + (1 - ratio)[source_target] * residual0
    within0 = ratio[source_target] * residual0
    within1 = (a0 - a1)[target] - residual1
    v0 = _by_class(source_target, residual0**2, classes)[1] / np.maximum(n0, 1)
    v1 = _by_class(target, residual1**2, classes)[1] / np.maximum(n1, 1)
    return ClassTerms(
        label=(p0 - p1) * a0,
        within=p1 * (a0 - a1),
        label_error=float(np.sqrt(label0.var() / len(label0) + a0[target].var() / len(target))),
        within_error=float(np.sqrt(within0.var() / len(within0) + within1.var() / len(within1))),
        within_errors=p1 * np.sqrt(v0 + v1),
        shares=(p0, p1),
        scores=(a0, a1),
    )


def bbse(source_target: Codes, source_label: Codes, label: Codes, *, classes: int) -> Shares:
    """Class shares of an unlabelled window from predicted labels, by black-box shift estimation.

    Use it when only predicted labels are logged; `em_shares` uses probabilities. Both assume that each class looks as
    it did; when that fails they can agree with each other and be wrong together.

    Args:
        source_target: (n0,) true codes of the source period.
        source_label: (n0,) predicted codes of the source period.
        label: (n,) predicted codes of the window.
        classes: c.

    Returns:
        The shares, or the reason: a smallest singular value under 0.1/c, or a class without source rows.

    References:
        Lipton, Wang and Smola (2018), Detecting and correcting for label shift with black box predictors:
        w = C⁻¹ μ with C[i, j] = P(ŷ = i, y = j).
    """
    joint = np.zeros((classes, classes))
    np.add.at(joint, (source_label, source_target), 1 / len(source_target))
    prior = joint.sum(axis=0)
    smallest = float(np.linalg.svd(joint, compute_uv=False)[-1])
    if (prior == 0).any():
        return Shares(shares=None, reason="a class has no rows in the source period", smallest_singular_value=smallest)
    if smallest < SMALLEST_SINGULAR_VALUE / classes:
        return Shares(shares=None, smallest_singular_value=smallest,
                      reason="the predicted labels do not tell the classes apart well enough")  # fmt: skip
    marginal = np.bincount(label, minlength=classes) / len(label)
    raw = np.linalg.solve(joint, marginal) * prior
    shares = np.clip(raw, 0, None)
    return Shares(shares=shares / shares.sum(), smallest_singular_value=smallest, clipped=bool((raw < -1e-9).any()))


def em_shares(source_target: Codes, source_score: Floats, score: Floats, *, steps: int = 500) -> Shares:
    """Class shares of an unlabelled window from calibrated probabilities, by maximum likelihood.

    Args:
        source_target: (n0,) true codes of the source period.
        source_score: (n0, c) probabilities in the source period; a temperature and a bias a class are fitted on them.
        score: (n, c) probabilities in the window.
        steps: at most so many rounds.

    Returns:
        The shares, or the reason: a class without source rows.

    References:
        Saerens, Latinne and Decaestecker (2002), Adjusting the outputs of a classifier to new a priori probabilities,
        equation 2.9; calibration as in Alexandari, Kundaje and Shrikumar (2020), Maximum
        likelihood with bias-corrected calibration.
    """
    classes = score.shape[1]
    prior = np.bincount(source_target, minlength=classes) / len(source_target)
    if (prior == 0).any():
        return Shares(shares=None, reason="a class has no rows in the source period")
    temperature, bias = _calibration(source_target, source_score)
    odds = _calibrated(score, temperature, bias) / prior
    shares = prior.copy()
    for _ in range(steps):
        posterior = odds * shares
        posterior /= posterior.sum(axis=1, keepdims=True)
        updated = posterior.mean(axis=0)
        done = np.abs(updated - shares).max() < 1e-7
        shares = updated
        if done:
            break
    return Shares(shares=shares)


def _by_class(codes: Codes, values: Floats, classes: int) -> tuple[Floats, Floats]:
    count = np.bincount(codes, minlength=classes).astype(float)
    total = np.bincount(codes, weights=values, minlength=classes)
    return count, np.divide(total, count, out=np.zeros(classes), where=count > 0)


def _calibration(target: Codes, score: Floats) -> tuple[float, Floats]:
    """Temperature and bias a class by maximum likelihood, at most 20,000 evenly spaced rows."""
    from scipy.optimize import minimize

    rows = np.linspace(0, len(target) - 1, min(len(target), 20_000)).round().astype(int)
    logits, codes = np.log(np.clip(score[rows], 1e-12, None)), target[rows]
    classes = score.shape[1]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        fitted = _softmax(np.exp(parameters[0]) * logits + parameters[1:])
        error = fitted.copy()
        error[np.arange(len(codes)), codes] -= 1
        value = -np.log(np.clip(fitted[np.arange(len(codes)), codes], 1e-300, None)).mean()
        slope = np.r_[np.exp(parameters[0]) * (error * logits).sum(axis=1).mean(), error.mean(axis=0)]
        return float(value + 1e-4 * parameters @ parameters), slope + 2e-4 * parameters

    best = minimize(loss, np.zeros(classes + 1), jac=True, method="L-BFGS-B").x
    return float(np.exp(best[0])), best[1:]


def _calibrated(score: Floats, temperature: float, bias: Floats) -> Floats:
    return _softmax(temperature * np.log(np.clip(score, 1e-12, None)) + bias)


def _softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
