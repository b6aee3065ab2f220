"""Metrics of probabilities: log loss, Brier score, calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from assay.errors import UsageError
from assay.metrics.answers import Answers
from assay.metrics.metric import CLASSIFICATION, LABELLED, Metric, pseudo_values

BINS = 15


def _probabilities(answers: Answers) -> NDArray[np.float64]:
    """The scores, refused where they are no probabilities."""
    score = answers.score
    assert score is not None
    if score.min() < -1e-9 or score.max() > 1 + 1e-9:
        raise UsageError(f"probabilities lie between 0 and 1; scores go from {score.min():.4g} to {score.max():.4g}")
    if not answers.multilabel and np.abs(score.sum(axis=1) - 1).max() > 1e-3:
        row = int(np.abs(score.sum(axis=1) - 1).argmax())
        raise UsageError(f"the probabilities of an item sum to 1; those of row {row + 1} sum to {score[row].sum():.4g}")
    score = score.clip(0.0, 1.0)
    return score if answers.multilabel else score / score.sum(axis=1, keepdims=True)


def _loss_items(answers: Answers) -> NDArray[np.float64]:
    least = float(np.finfo(np.float64).eps)
    probability = _probabilities(answers).clip(least, 1 - least)
    if answers.multilabel:
        right = np.where(answers.target == 1, probability, 1 - probability)
        return -np.log(right).mean(axis=1)
    return -np.log(probability[np.arange(answers.n), answers.target])


def _log_loss(answers: Answers) -> float:
    probability = _probabilities(answers)
    if answers.multilabel:
        return float(np.mean([sk.log_loss(answers.target[:, k], probability[:, k], labels=[0, 1])
                              for k in range(answers.classes)]))  # fmt: skip
    return float(sk.log_loss(answers.target, probability, labels=np.arange(answers.classes)))


LOG_LOSS = Metric(
    name="log_loss", kinds=LABELLED, needs_score=True, form="mean", higher_is_better=False, range=(0.0, np.inf),
    unit="nats", value=_log_loss, items=_loss_items,
)  # fmt: skip
"""Mean of −log of the probability given to the right class; for multilabel the mean over labels."""


def _brier_items(answers: Answers) -> NDArray[np.float64]:
    probability = _probabilities(answers)
    if answers.multilabel:
        return ((probability - answers.target) ** 2).mean(axis=1)
    if answers.classes == 2:
        return (probability[:, 1] - answers.target) ** 2
    return ((probability - (answers.target[:, None] == np.arange(answers.classes))) ** 2).sum(axis=1)


BRIER = Metric(
    name="brier", kinds=LABELLED, needs_score=True, form="mean", higher_is_better=False, range=(0.0, 2.0), unit="",
    value=lambda answers: float(_brier_items(answers).mean()), items=_brier_items,
)  # fmt: skip
"""Mean squared distance of the probabilities from what was right: of class 1 for two classes (0 to 1), summed over
classes for more (0 to 2), averaged over labels for multilabel."""


def calibration_bins(answers: Answers) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """(n,) the bin of each item by the confidence in its label, and (n,) how far being right exceeds that confidence.

    The confidence is the highest probability; BINS bins of equal width, the upper edge included.
    """
    probability = _probabilities(answers)
    confidence = probability.max(axis=1)
    gap = (probability.argmax(axis=1) == answers.target) - confidence
    return np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1), gap


def _calibration(answers: Answers) -> float:
    at, gap = calibration_bins(answers)
    return float(np.abs(np.bincount(at, weights=gap, minlength=BINS)).sum() / answers.n)


def _calibration_items(answers: Answers) -> NDArray[np.float64]:
    at, gap = calibration_bins(answers)
    sums = np.bincount(at, weights=gap, minlength=BINS)
    without = (np.abs(sums).sum() - np.abs(sums[at]) + np.abs(sums[at] - gap)) / max(answers.n - 1, 1)
    return pseudo_values(float(np.abs(sums).sum() / answers.n), without)


CALIBRATION_ERROR = Metric(
    name="calibration_error", kinds=CLASSIFICATION, needs_score=True, form="calibration", higher_is_better=False,
    value=_calibration, items=_calibration_items,
)  # fmt: skip
"""Expected calibration error of the predicted class, in 15 bins of equal width.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017), On calibration of modern neural networks, equation 3. The plain
estimate is too high where items are few, even of a perfectly calibrated model; its interval allows for that.
"""
