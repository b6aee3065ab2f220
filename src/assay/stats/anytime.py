"""Has the risk risen? A test that may be looked at after every label, for ever.

A source period fixes what the risk was; then labels arrive one at a time. For any level c, betting on losses above c
with the likelihood ratio of Beta-mixed higher risks makes a nonnegative supermartingale when the true risk is at most
c, so the chance that it ever reaches 1/α is at most α (Ville, 1939). The largest c that has been rejected is a lower
bound of the risk that holds at all times at once. For losses of 0 or 1 the bet depends on counts only, so a
million labels need no memory of the past.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln
from scipy.stats import beta

from assay.errors import ShapeError, UsageError

Floats = NDArray[np.float64]

_PRIOR = (1.0, 3.0)
_STEP = 0.0005
_MOST_LOOKS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBound:
    """What is known of a risk after some labels, at all times at once."""

    n: int
    """Labels seen."""
    losses: int
    """How many of them were losses."""
    low: float
    """The risk is above this, at the confidence asked for; 0 when nothing has been shown."""
    when: int | None
    """After how many labels `low` was last raised; None while it is 0."""


def source_ceiling(losses: int, n: int, *, alpha: float) -> float:
    """Upper confidence bound of the risk of the source period (Clopper and Pearson, 1934).

    Args:
        losses: losses among the labels of the source period.
        n: its labels.
        alpha: the chance that the bound is too low.

    Returns:
        The bound, between 0 and 1.

    Raises:
        UsageError: without any label.
    """
    if n < 1:
        raise UsageError("a source period without labels fixes no risk to compare with")
    return 1.0 if losses >= n else float(beta.ppf(1 - alpha, losses + 1, n - losses))


def log_evidence(losses: Floats, n: Floats, level: float) -> Floats:
    """Logarithm of the wealth of a bet that the risk is above `level`, after each of the given counts.

    Args:
        losses: (k,) losses so far.
        n: (k,) labels so far.
        level: the risk under the null hypothesis, strictly between 0 and 1.

    Returns:
        (k,) log e-values; reaching log(1/α) at any time rejects `risk ≤ level` at α.

    Notes:
        E = ∫_{p>c} p^L (1−p)^{n−L} dπ(p) / (c^L (1−c)^{n−L}), π the Beta(1, 3) law restricted to p > c. Each factor is
        linear in the loss, so it stays a supermartingale for every true risk at most c.

    References:
        Robbins (1970), Statistical methods related to the law of the iterated logarithm (mixtures of likelihood
        ratios); Podkopaev and Ramdas (2022), Tracking the risk of a deployed model and detecting harmful distribution
        shifts (the question, with an upper bound for the source).
    """
    a, b = _PRIOR
    posterior = betaln(losses + a, n - losses + b) + _log_upper_tail(losses + a, n - losses + b, level)
    prior = betaln(a, b) + float(_log_upper_tail(np.array([a]), np.array([b]), level)[0])
    return posterior - prior - losses * np.log(level) - (n - losses) * np.log1p(-level)


def _log_upper_tail(a: Floats, b: Floats, level: float) -> Floats:
    """Logarithm of P(p > level) for Beta(a, b); minus infinity where it underflows, which can only hold a bet back."""
    tail = betainc(b, a, 1 - level)
    return np.where(tail > 0, np.log(np.where(tail > 0, tail, 1.0)), -np.inf)


def raise_bound(
    bound: RiskBound, new: NDArray[np.int_] | NDArray[np.bool_], *, floor: float, alpha: float
) -> RiskBound:
    """The bound after more labels.

    Args:
        bound: what was known before.
        new: (k,) losses, 0 or 1, in the order in which the labels were taken up; the order must not depend on them.
        floor: the risk below which nothing needs to be shown, such as the ceiling of the source period.
        alpha: the chance that the bound is ever too high.

    Returns:
        The new bound; `low` never falls. It is exact to 0.0005.

    Raises:
        ShapeError: for losses other than 0 and 1.

    Notes:
        With more than 20,000 new labels it looks at 20,000 evenly spaced times, which can only delay it.
    """
    losses = np.asarray(new).astype(float)
    if losses.ndim != 1 or not np.isin(losses, (0.0, 1.0)).all():
        raise ShapeError("losses are one-dimensional and 0 or 1")
    if len(losses) == 0:
        return bound
    total = bound.losses + np.cumsum(losses)
    count = bound.n + np.arange(1, len(losses) + 1, dtype=float)
    looks = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), _MOST_LOOKS)).round().astype(int))
    low, when = _climb(total[looks], count[looks], bound, floor, float(np.log(1 / alpha)))
    return RiskBound(n=int(count[-1]), losses=int(total[-1]), low=low, when=when)


def _climb(
    losses: Floats, n: Floats, bound: RiskBound, floor: float, target: float
) -> tuple[float, int | None]:  # fmt: skip
    """The highest level on the grid that any look rejects, by bisection: large evidence falls as the level rises.

    The slope of log E in c is the prior's hazard at c less n(L/n − c)/(c(1 − c)); where E has reached 1/α the second
    term is the larger, so a rejected level implies that every lower one above the floor is rejected too.
    """
    start = max(floor, _STEP)
    first = 0 if bound.when is None else max(0, int(np.floor((bound.low - start) / _STEP + 1e-9)) + 1)
    last = int(np.ceil((1 - start) / _STEP)) - 2
    best: tuple[float, int | None] = (bound.low, bound.when)
    while first <= last:
        middle = first if best[1] is None else (first + last) // 2
        level = start + middle * _STEP
        hits = np.flatnonzero(log_evidence(losses, n, level) >= target)
        if len(hits):
            best, first = (level, int(n[hits[0]])), middle + 1
        elif best[1] is None:
            break
        else:
            last = middle - 1
    return best


def expected_delay(risk: float, level: float, *, alpha: float, most: int = 10_000_000) -> int | None:
    """About how many labels it takes until `risk ≤ level` is rejected, when the risk has become `risk`.

    Args:
        risk: the risk from now on.
        level: the risk that must be rejected.
        alpha: the chance of a false alarm, over all time.
        most: give up beyond this many labels.

    Returns:
        The number of labels at which the expected counts reject; close to the median delay. None where the risk does
        not exceed the level, or beyond `most`.
    """
    if risk <= level or not 0 < level < 1:
        return None

    def rejects(n: int) -> bool:
        return float(log_evidence(np.array([n * risk]), np.array([float(n)]), level)[0]) >= np.log(1 / alpha)

    if not rejects(most):
        return None
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if rejects(middle) else (middle + 1, high)
    return low
