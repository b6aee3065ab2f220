"""What repeating an evaluation costs and what it gains: hold-out, cross-validation, leave-one-out, bootstrap.

Costs are counted in fits, gains as the standard error of the score. The training sets of all these schemes overlap, so
no unbiased estimate of their variance exists; the correction here is the usual one, and it is large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from assay.errors import ShapeError, UsageError
from assay.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to spend fits on an evaluation."""

    name: str
    fits: int
    """Fits of one model on one task."""
    error: float
    """Standard error of the score as a multiple of a single hold-out's; training sets' overlap is allowed for."""
    limit: str
    """What it does not give."""


def schemes(n: int, *, folds: int = 5, repeats: int = 5, bootstraps: int = 100) -> list[Scheme]:
    """Costs and gains of the usual schemes for n items, all against one hold-out of n/folds items.

    Args:
        n: Number of items that may be trained and tested on, at least 2 · folds.
        folds: Folds of cross-validation.
        repeats: Repeats of cross-validation.
        bootstraps: Bootstrap resamples.

    Returns:
        Schemes by their cost.

    Raises:
        UsageError: with fewer items than twice the folds.

    Notes:
        J estimates, each from n_test items, have variance (1/J + n_test/n_train) s² with s² that of one of them, which
        is inversely proportional to n_test.

    References:
        Nadeau and Bengio (2003), Inference for the generalization error, section 5; Bengio and Grandvalet (2004), No
        unbiased estimator of the variance of K-fold cross-validation; Bates, Hastie and Tibshirani (2024),
        Cross-validation: what does it estimate and how well does it do it?
    """
    if folds < 2 or n < 2 * folds:
        raise UsageError(f"{folds} folds need at least {2 * folds} items; there are {n}")
    held = n / folds

    def error(fits: int, test: float, train: float) -> float:
        return float(np.sqrt((1 / fits + test / train) * held / test))

    average = "the error averages over training sets; it is not that of one trained model"
    return [
        Scheme(name="one hold-out", fits=1, error=1.0, limit="no interval for other training sets from one run"),
        Scheme(name=f"{folds}-fold cross-validation", fits=folds, error=error(folds, held, n - held),
               limit=f"no unbiased estimate of its variance exists; {average}"),
        Scheme(name=f"{folds}-fold cross-validation, {repeats} times", fits=folds * repeats,
               error=error(folds * repeats, held, n - held),
               limit="repeats remove the luck of the split, not that of the items"),
        Scheme(name=f"bootstrap, {bootstraps} resamples", fits=bootstraps,
               error=error(bootstraps, n * np.exp(-1.0), n * (1 - np.exp(-1.0))),
               limit="each fit sees 63 % of the items, so scores are too low"),
        Scheme(name="leave-one-out", fits=n, error=error(n, 1.0, n - 1.0),
               limit="fold errors depend on each other; unstable for AUC and F1, which one item cannot have"),
    ]  # fmt: skip


def corrected_resampled_t(differences: ArrayLike, *, test: float, train: float, level: float = 0.95) -> Estimate:
    """Mean difference of two models over J resamplings of one data set, with the corrected resampled t interval.

    Use it for scores from repeated splits of the same items, which a plain t test takes for independent.

    Args:
        differences: (J,) differences, one a split.
        test: Items tested on in a split.
        train: Items trained on in a split.
        level: Confidence level.

    Returns:
        Estimate with J − 1 degrees of freedom; unknown with one split.

    Raises:
        ShapeError: unless one-dimensional.

    Notes:
        t = d̄ / √((1/J + n_test/n_train) s²).

    References:
        Nadeau and Bengio (2003), Inference for the generalization error, section 5.1.
    """
    values = np.asarray(differences, dtype=float)
    if values.ndim != 1:
        raise ShapeError(f"differences are one-dimensional, not of shape {values.shape}")
    j = len(values)
    if j < 2:
        return Estimate.unknown("difference", "one split gives no interval; two are the fewest")
    error = float(np.sqrt((1 / j + test / train) * values.var(ddof=1)))
    reach, centre = float(special.stdtrit(j - 1, (1 + level) / 2)) * error, float(values.mean())
    return Estimate(
        name="difference", value=centre, low=centre - reach, high=centre + reach, level=level, n=j,
        method="corrected resampled t", population="other splits of such items",
    )  # fmt: skip
