"""Proxy-A-distance: how well a classifier tells the items of two sets apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import rankdata

from assay.errors import ShapeError
from assay.similarity.pooled import Floats, Pooled, Rows, matrix

LEAST_ITEMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainClassifier:
    """What leaving one item out says of a source/target classifier."""

    distance: float
    """2·(1 − 2·error), within [0, 2]; 2 means that the sets never mix."""
    error: float
    """Held-out error on balanced sets."""
    auc: float
    """Held-out area under the ROC curve; less coarse than the distance."""
    n: int
    """Items of each set that were used."""


def proxy_a_distance(a: NDArray[Any], b: NDArray[Any], *, rng: np.random.Generator) -> DomainClassifier:
    """Proxy-A-distance with a ridge classifier on balanced sets, each item judged by a fit without it.

    It saturates at 2 for data sets that are plainly different: then the area under the curve says no more either.

    Args:
        a: (n, d) features.
        b: (m, d) features; the larger set is thinned to the size of the smaller.
        rng: Draws the thinning; not used when the sizes are equal.

    Raises:
        ShapeError: when widths differ or a set has fewer than five items.

    Notes:
        The penalty is the mean variance of a standardised column times the number of items, the intercept is known
        from the balance, and all leave-one-out predictions come from one factorisation:
        ŷ₋ᵢ = yᵢ − (yᵢ − ŷᵢ) / (1 − hᵢ).

    References:
        Ben-David et al. (2007), Analysis of representations for domain adaptation, section 4.
        Allen (1974), The relationship between variable selection and data augmentation (PRESS).
    """
    pool = Pooled(matrix(a, LEAST_ITEMS), matrix(b, LEAST_ITEMS))
    if pool.n == pool.m:
        return ProxyAOfRows(pool).judged(pool.a, pool.b)
    n = min(pool.n, pool.m)
    rows = [np.sort(rng.permutation(part)[:n]) for part in (pool.a, pool.b)]
    return ProxyAOfRows(pool).judged(rows[0], rows[1])


class ProxyAOfRows:
    """The distance between rows of a pool, from inner products of standardised columns computed once.

    The columns are standardised over the whole pool, which does not look at the sides.
    """

    def __init__(self, pool: Pooled) -> None:
        z = pool.standardised
        self._wide = z.shape[1] >= len(z)
        self._z = z
        self._gram = z @ z.T if self._wide else z

    def judged(self, a: Rows, b: Rows) -> DomainClassifier:
        """The classifier on two sets of rows; the larger is cut to the size of the smaller."""
        n = min(len(a), len(b))
        if n < LEAST_ITEMS:
            raise ShapeError(f"two sets of at least {LEAST_ITEMS} items are needed; got {len(a)} and {len(b)}")
        hat = self._hat(np.concatenate([a[:n], b[:n]]))
        y = np.repeat([-1.0, 1.0], n)
        score = _left_out(hat, y[:, None])[:, 0]
        error = _error(score, y)
        auc = (rankdata(score)[n:].sum() - n * (n + 1) / 2) / n**2
        return DomainClassifier(distance=_distance(error), error=error, auc=float(auc), n=n)

    def __call__(self, a: Rows, b: Rows) -> float:
        """The distance between two sets of rows."""
        return self.judged(a, b).distance

    def permuted(self, a: Rows, b: Rows, count: int, rng: np.random.Generator) -> tuple[Floats, float]:
        """(error of each of `count` exchanges of the two sets, the error as it is): one factorisation for all."""
        n = min(len(a), len(b))
        hat = self._hat(np.concatenate([a[:n], b[:n]]))
        y = np.repeat([-1.0, 1.0], n)
        mixed = np.stack([y, *(rng.permutation(y) for _ in range(count))], axis=1)
        scores = _left_out(hat, mixed)
        errors = ((scores > 0) != (mixed > 0)).mean(axis=0)
        return errors[1:], float(errors[0])

    def _hat(self, rows: Rows) -> Floats:
        """(r, r) from targets to fitted values, for some rows."""
        items = len(rows)
        if self._wide:
            gram = _double_centred(self._gram[np.ix_(rows, rows)])
            return cho_solve(cho_factor(gram + items * np.eye(items)), gram)
        z = self._z[rows] - self._z[rows].mean(axis=0)
        return z @ cho_solve(cho_factor(z.T @ z + items * np.eye(z.shape[1])), z.T)


def _double_centred(gram: Floats) -> Floats:
    means = gram.mean(axis=0)
    return gram - means - means[:, None] + means.mean()


def _left_out(hat: Floats, y: Floats) -> Floats:
    """(r, t) predictions, each from a fit without its own item."""
    return y - (y - hat @ y) / np.maximum(1.0 - np.diag(hat), 1e-9)[:, None]


def _error(score: Floats, y: Floats) -> float:
    return float(((score > 0) != (y > 0)).mean())


def _distance(error: float) -> float:
    return float(np.clip(2.0 * (1.0 - 2.0 * error), 0.0, 2.0))
