"""Representational similarity analysis and orthogonal Procrustes: two models' geometry of the same items."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from assay.errors import UsageError
from assay.similarity.cka import same_items
from assay.similarity.pooled import Floats, Rows, centred, nuclear


def rsa(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Spearman correlation of the dissimilarities (1 − correlation) between all pairs of items; 1 is equal.

    Args:
        a: (n, d) features of one model.
        b: (n, e) features of the other, items in the same order.

    Raises:
        ShapeError: when the numbers of items differ.
        UsageError: for fewer than three items, or items that do not differ.

    References:
        Kriegeskorte, Mur and Bandettini (2008), Representational similarity analysis, section 3.
    """
    x, y = same_items(a, b, 3)
    rows = np.arange(len(x))
    return 1.0 - RsaOfRows(x, y)(rows, rows)


def procrustes_distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Squared distance after the best rotation, for features centred and of unit norm; 0 is equal, 2 unrelated.

    With fewer items than columns nearly any two models can be turned onto each other: look at the distance with items
    shuffled beside it.

    Args:
        a: (n, d) features of one model.
        b: (n, e) features of the other, items in the same order.

    Raises:
        ShapeError: when the numbers of items differ.
        UsageError: for fewer than two items or constant features.

    Notes:
        2 − 2·‖XᵀY‖ with the nuclear norm.

    References:
        Ding, Denain and Steinhardt (2021), Grounding representation similarity, equation 3.
    """
    x, y = same_items(a, b, 2)
    rows = np.arange(len(x))
    return ProcrustesOfRows(x, y)(rows, rows)


class RsaOfRows:
    """1 − RSA between some items of one model and of another, from two matrices of dissimilarities."""

    def __init__(self, x: Floats, y: Floats) -> None:
        self._dissimilarities = _dissimilarity(x), _dissimilarity(y)

    def __call__(self, a: Rows, b: Rows) -> float:
        """The distance when item aᵢ of the first model goes with item bᵢ of the second."""
        upper = np.triu_indices(len(a), 1)
        ranks: list[Floats] = []
        for whole, rows in zip(self._dissimilarities, (a, b), strict=True):
            found = rankdata(whole[np.ix_(rows, rows)][upper])
            ranks.append(found - found.mean())
        below = float(np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1]))
        if below == 0:
            raise UsageError("items that do not differ have no geometry to compare")
        return 1.0 - float(ranks[0] @ ranks[1]) / below


class ProcrustesOfRows:
    """The Procrustes distance between some items of one model and of another."""

    def __init__(self, x: Floats, y: Floats) -> None:
        self._sides = x - x.mean(axis=0), y - y.mean(axis=0)
        self._grams: tuple[Floats, Floats] | None = None

    def __call__(self, a: Rows, b: Rows) -> float:
        """The distance when item aᵢ of the first model goes with item bᵢ of the second."""
        x, y = self._sides
        if max(x.shape[1], y.shape[1]) <= len(a):
            parts = tuple(side[rows] - side[rows].mean(axis=0) for side, rows in ((x, a), (y, b)))
        else:
            if self._grams is None:
                self._grams = x @ x.T, y @ y.T
            parts = tuple(_root(centred(gram[np.ix_(rows, rows)]))
                          for gram, rows in zip(self._grams, (a, b), strict=True))  # fmt: skip
        norms = [float(np.linalg.norm(part)) for part in parts]
        if not all(norms):
            raise UsageError("features that do not vary cannot be compared")
        return max(0.0, 2.0 - 2.0 * nuclear(parts[0].T @ parts[1]) / (norms[0] * norms[1]))


def _root(gram: Floats) -> Floats:
    """(n, n) R with R Rᵀ the Gram matrix: inner products of columns of features, up to a rotation of them."""
    values, vectors = np.linalg.eigh(gram)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _dissimilarity(x: Floats) -> Floats:
    moved = x - x.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    unit = moved / np.where(norms > 0, norms, 1.0)
    return 1.0 - unit @ unit.T
