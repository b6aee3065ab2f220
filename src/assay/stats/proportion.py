"""Shares: intervals for one, tests and intervals for the difference of two on the same items."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from assay.errors import UsageError


def wilson(
    successes: ArrayLike, n: ArrayLike, *, level: float = 0.95, quantile: float | None = None
) -> tuple[Any, Any]:
    """Wilson's score interval for a share.

    Use it for a share of independent items. Its coverage stays near the level from about ten items on, and it has a
    width at 0 % and 100 %, where the normal interval has none.

    Args:
        successes: counts, from 0 to n; fractions are allowed (an effective count).
        n: numbers of items, above 0; any shape that broadcasts with `successes`.
        level: confidence level, between 0 and 1.
        quantile: in place of the normal quantile of the level, such as one of Student's t.

    Returns:
        Lower and upper ends, of the broadcast shape; plain floats for plain numbers.

    Raises:
        UsageError: for a level outside (0, 1), n of 0, or successes outside 0 to n.

    References:
        E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, p. 209.
        R. G. Newcombe (1998), Two-sided confidence intervals for the single proportion, method 3.

    Example:
        >>> low, high = wilson(81, 263)
        >>> round(low, 4), round(high, 4)
        (0.2553, 0.3662)
    """
    k, total = _counts(successes, n)
    z = two_sided_quantile(level) if quantile is None else quantile
    share, ratio = k / total, z * z / total
    centre = (share + ratio / 2) / (1 + ratio)
    half = z / (1 + ratio) * np.sqrt(share * (1 - share) / total + ratio / (4 * total))
    low = np.where(k == 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(k == total, 1.0, np.minimum(centre + half, 1.0))
    return _plain(low), _plain(high)


def clopper_pearson(successes: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[Any, Any]:
    """The exact interval for a share: it never covers less than the level, and is wider than need be.

    Args and returns are those of `wilson`.

    Raises:
        UsageError: for a level outside (0, 1), n of 0, or successes outside 0 to n.

    References:
        C. J. Clopper, E. S. Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the
        binomial.
    """
    two_sided_quantile(level)
    k, total = _counts(successes, n)
    tail = (1 - level) / 2
    low = np.where(k == 0, 0.0, stats.beta.ppf(tail, np.maximum(k, 1e-12), total - k + 1))
    high = np.where(k == total, 1.0, stats.beta.ppf(1 - tail, k + 1, np.maximum(total - k, 1e-12)))
    return _plain(low), _plain(high)


def mcnemar_exact_p(b: int, c: int) -> float:
    """Two-sided p-value that two models err equally often, from the items on which only one of them is right.

    Args:
        b: items that only the first model has right.
        c: items that only the second has right.

    Returns:
        The exact conditional p-value, Binomial(b + c, 1/2); 1 when b + c is 0.

    Raises:
        UsageError: for a negative count.

    References:
        Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions.
    """
    _check_discordant(b, c)
    return min(1.0, 2 * float(stats.binom.cdf(min(b, c), b + c, 0.5))) if b + c else 1.0


def mcnemar_mid_p(b: int, c: int) -> float:
    """McNemar's test with the mid-p correction: the exact p-value less the probability of what was seen.

    Prefer it to the exact test, which is conservative; its error rate stays at or slightly below the level.

    Args and errors are those of `mcnemar_exact_p`.

    References:
        M. W. Fagerland, S. Lydersen, P. Laake (2013), The McNemar test for binary matched-pairs data: mid-p and
        asymptotic are better than exact conditional, equation 6.

    Example:
        >>> round(mcnemar_mid_p(1, 7), 4)
        0.0391
    """
    _check_discordant(b, c)
    if b == c:
        return 1.0 - float(stats.binom.pmf(b, b + c, 0.5)) if b else 1.0
    return mcnemar_exact_p(b, c) - float(stats.binom.pmf(min(b, c), b + c, 0.5))


def paired_difference(b: ArrayLike, c: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[Any, Any]:
    """Interval for the difference of two shares on the same items: (b − c) / n and what surrounds it.

    Args:
        b: items that only the first has right.
        c: items that only the second has right.
        n: all items.
        level: confidence level.

    Returns:
        Lower and upper ends of first minus second, within −1 and 1.

    Raises:
        UsageError: for b + c above n, or a level outside (0, 1).

    Notes:
        Adds one item to each kind of disagreement, then uses the normal interval; it covers also where few items or
        none tell the two apart.

    References:
        D. G. Bonett, R. M. Price (2012), Adjusted Wald confidence interval for a difference of binomial proportions
        based on paired data, equation 9.
    """
    only_first, only_second, total = (np.asarray(value, dtype=float) for value in (b, c, n))
    if (only_first < 0).any() or (only_second < 0).any() or (only_first + only_second > total).any():
        raise UsageError("b and c count items that only one has right; they are 0 or more and at most n together")
    first, second = (only_first + 1) / (total + 2), (only_second + 1) / (total + 2)
    half = two_sided_quantile(level) * np.sqrt((first + second - (first - second) ** 2) / (total + 2))
    return _plain(np.maximum(first - second - half, -1.0)), _plain(np.minimum(first - second + half, 1.0))


def two_sided_quantile(level: float, df: float | None = None) -> float:
    """The quantile that leaves (1 − level) / 2 on each side: of the normal, or of Student's t with `df`.

    Raises:
        UsageError: for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise UsageError(f"a level lies between 0 and 1, such as 0.95; got {level}")
    tail = (1 + level) / 2
    return float(stats.norm.ppf(tail) if df is None or math.isinf(df) else stats.t.ppf(tail, df))


def _counts(successes: ArrayLike, n: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    k, total = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(n, dtype=float))
    if not (total > 0).all():
        raise UsageError("a share needs at least one item; n is 0")
    if not ((k >= 0) & (k <= total)).all():
        raise UsageError("successes lie between 0 and n")
    return k, total


def _check_discordant(b: int, c: int) -> None:
    if b < 0 or c < 0:
        raise UsageError(f"b and c count items; got {b} and {c}")


def _plain(value: NDArray[np.float64]) -> Any:
    return float(value) if np.ndim(value) == 0 else value
