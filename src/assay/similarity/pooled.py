"""Two sets under one extractor, pooled: what every comparison of them needs, computed once and read by index.

Resampling and permuting only choose rows. Inner products, distances and class codes of the pooled rows are therefore
made once, and a resample costs a gather instead of a product over all columns.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError, ShapeError

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


class Pooled:
    """The rows of a and of b, one under the other, in float64.

    Args:
        a: (n, d) features.
        b: (m, d) features of the same extractor.
        labels_a: (n,) class names or codes; None where the set has none.
        labels_b: (m,) the same of the other set.

    Raises:
        ShapeError: when widths or lengths do not agree.
        DataError: for features that are not finite.
    """

    def __init__(self, a: NDArray[Any], b: NDArray[Any], labels_a: NDArray[Any] | None = None,
                 labels_b: NDArray[Any] | None = None) -> None:  # fmt: skip
        first, second = matrix(a), matrix(b)
        if first.shape[1] != second.shape[1]:
            raise ShapeError(f"features of width {first.shape[1]} and {second.shape[1]} cannot be compared; "
                             "one extractor must have made both")  # fmt: skip
        self.n, self.m = len(first), len(second)
        # The pooled mean is taken off: no measure depends on it, and the inner products keep more digits.
        pooled = np.concatenate([first, second])
        self.centre = pooled.mean(axis=0)
        self.x = pooled - self.centre
        self._labels = (labels_a, labels_b)

    @property
    def a(self) -> Rows:
        """The rows of the first set."""
        return np.arange(self.n)

    @property
    def b(self) -> Rows:
        """The rows of the second set."""
        return np.arange(self.n, self.n + self.m)

    @cached_property
    def gram(self) -> Floats:
        """(n + m, n + m) inner products of the centred rows."""
        return self.x @ self.x.T

    @cached_property
    def squares(self) -> Floats:
        """(n + m, n + m) squared distances, 0 on the diagonal."""
        own = np.diag(self.gram)
        found = np.maximum(own[:, None] + own[None, :] - 2.0 * self.gram, 0.0)
        np.fill_diagonal(found, 0.0)
        return found

    @cached_property
    def standardised(self) -> Floats:
        """(n + m, d) rows with columns of unit deviation; constant columns are 0."""
        spread = self.x.std(axis=0)
        return self.x / np.where(spread > 1e-12 * max(float(spread.max()), 1e-300), spread, np.inf)

    @cached_property
    def codes(self) -> NDArray[np.intp]:
        """(n + m,) class codes; the same name in both sets is one class.

        Raises:
            ShapeError: without labels, or with labels of another length.
        """
        found: list[NDArray[np.str_]] = []
        for labels, size in zip(self._labels, (self.n, self.m), strict=True):
            if labels is None or np.asarray(labels).shape != (size,):
                got = "none" if labels is None else f"shape {np.asarray(labels).shape}"
                raise ShapeError(f"one label an item is needed, {size} in all; got {got}")
            found.append(np.asarray(labels).astype(str))
        return np.unique(np.concatenate(found), return_inverse=True)[1].astype(np.intp)


def matrix(x: NDArray[Any], least: int = 2) -> Floats:
    """(n, d) features in float64, checked.

    Raises:
        ShapeError: unless two-dimensional with at least `least` rows.
        DataError: unless finite.
    """
    found = np.asarray(x, dtype=np.float64)
    if found.ndim != 2 or len(found) < least or not found.shape[1]:
        raise ShapeError(f"features are (n, d) with at least {least} rows; got shape {found.shape}")
    if not np.isfinite(found).all():
        raise DataError(f"{int((~np.isfinite(found).all(axis=1)).sum())} of {len(found)} rows of features are not "
                        "finite; leave them out")  # fmt: skip
    return found


def nuclear(x: Floats) -> float:
    """Sum of singular values."""
    return float(np.linalg.svd(x, compute_uv=False).sum())


def centred(k: Floats) -> Floats:
    """A matrix without its row and column means."""
    rows = k.mean(axis=1, keepdims=True)
    return k - rows - k.mean(axis=0, keepdims=True) + rows.mean()
