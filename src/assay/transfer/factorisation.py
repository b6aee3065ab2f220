"""One float64 factorisation of the features, shared by every score that needs one.

The Gram matrix of the smaller side is formed once; eigenvectors follow from it, centred and as they are. Directions
whose singular value is below what the arithmetic can carry are dropped, so that the rank is known and never assumed
to be the width. Labels and their checks live here too, because every score begins with both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from assay.errors import DataError, ShapeError, UsageError

Floats = NDArray[np.float64]


class Spectrum:
    """Thin factorisation F = U diag(s) Vᵀ of an (n, d) matrix, with the null directions removed.

    Args:
        matrix: (n, d).
        gram: F Fᵀ where `wide`, else Fᵀ F; overwritten.
        wide: Whether the matrix has more columns than rows.
        rounding: Share of the largest squared singular value below which a direction is rounding.
    """

    def __init__(self, matrix: Floats, gram: Floats, *, wide: bool, rounding: float) -> None:
        squares, vectors = eigh(gram, driver="evd", overwrite_a=True, check_finite=False)
        top = max(float(squares[-1]), 0.0)
        first = int(np.searchsorted(squares, max(top * rounding, np.finfo(np.float64).tiny), side="right"))
        self._matrix, self._wide = matrix, wide
        self._vectors = vectors[:, first:][:, ::-1]
        self.squares: Floats = np.ascontiguousarray(squares[first:][::-1])
        """(k,) squared singular values, largest first."""

    @property
    def rank(self) -> int:
        """k, the number of directions that carry anything."""
        return len(self.squares)

    @cached_property
    def left(self) -> Floats:
        """(n, k) orthonormal columns U."""
        if self._wide:
            return np.ascontiguousarray(self._vectors)
        return (self._matrix @ self._vectors) / np.sqrt(self.squares)

    def project(self, targets: Floats) -> Floats:
        """(k, t) Uᵀ targets, without forming U."""
        if self._wide or "left" in self.__dict__:
            return self.left.T @ targets
        return (self._vectors.T @ (self._matrix.T @ targets)) / np.sqrt(self.squares)[:, None]

    @cached_property
    def scores(self) -> Floats:
        """(n, k) principal coordinates U diag(s): the features, rotated, without null directions."""
        return self.left * np.sqrt(self.squares)


class Factorisation:
    """Features with what is derived from them once: mean, Gram matrix, spectra.

    Args:
        x: (n, d) features, n >= 2.

    Raises:
        ShapeError: unless x is two-dimensional with at least two rows and one column.
        DataError: when a feature is not finite, with its row and column.
    """

    def __init__(self, x: NDArray[Any]) -> None:
        array = np.asarray(x)
        if array.ndim != 2 or array.shape[0] < 2 or array.shape[1] < 1:
            raise ShapeError(f"features are (n, d) with at least two rows; got shape {array.shape}")
        self.x: Floats = np.ascontiguousarray(array, dtype=np.float64)
        if not np.isfinite(self.x).all():
            row, column = np.argwhere(~np.isfinite(self.x))[0]
            raise DataError(f"the features hold {self.x[row, column]} at row {row}, column {column}")
        self._single = array.dtype == np.float32

    @classmethod
    def of(cls, x: NDArray[Any] | Factorisation) -> Factorisation:
        """The factorisation of x; one that is already made is returned as it is."""
        return x if isinstance(x, Factorisation) else cls(x)

    @property
    def n(self) -> int:
        """Rows."""
        return self.x.shape[0]

    @cached_property
    def width(self) -> int:
        """Columns that vary: padding with constants changes no score, so they are not counted."""
        return int((np.ptp(self.x, axis=0) > 0).sum())

    @cached_property
    def mean(self) -> Floats:
        """(d,) column means."""
        return self.x.mean(axis=0)

    @cached_property
    def centred(self) -> Spectrum:
        """The spectrum of the features less their column means; rank is at most n - 1."""
        return self._spectrum(self.x - self.mean, self._centred_gram.copy())

    @cached_property
    def raw(self) -> Spectrum:
        """The spectrum of the features as they are."""
        if self._wide:
            return self._spectrum(self.x, self.x @ self.x.T)
        return self._spectrum(self.x, self._centred_gram + self.n * np.outer(self.mean, self.mean))

    @property
    def _wide(self) -> bool:
        return self.x.shape[1] > self.n

    @cached_property
    def _centred_gram(self) -> Floats:
        centred = self.x - self.mean
        return centred @ centred.T if self._wide else centred.T @ centred

    def _spectrum(self, matrix: Floats, gram: Floats) -> Spectrum:
        # A squared singular value below this is rounding, of the Gram matrix or of float32 features.
        rounding = max(matrix.shape) * np.finfo(np.float64).eps * (16.0 if self._single else 4.0)
        return Spectrum(matrix, gram, wide=self._wide, rounding=rounding)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Class labels as codes 0..c-1, in the order of the sorted labels."""

    codes: NDArray[np.int_]
    """(n,)."""
    counts: NDArray[np.int_]
    """(c,) rows of each class, all positive."""

    @property
    def c(self) -> int:
        """Number of classes that occur."""
        return len(self.counts)

    @property
    def shares(self) -> Floats:
        """(c,) share of each class."""
        return self.counts / self.counts.sum()

    @cached_property
    def onehot(self) -> Floats:
        """(n, c) indicator matrix."""
        return np.eye(self.c)[self.codes]

    def sums(self, rows: Floats) -> Floats:
        """(c, k) sums of the rows of each class."""
        return self.onehot.T @ rows

    def means(self, rows: Floats) -> Floats:
        """(c, k) means of the rows of each class."""
        return self.sums(rows) / self.counts[:, None]


def labels_of(y: NDArray[Any], n: int) -> Labels:
    """Labels for n rows.

    Raises:
        ShapeError: unless y is (n,).
        UsageError: when y is not made of classes, or has only one.
    """
    array = np.asarray(y)
    if array.shape != (n,):
        raise ShapeError(f"labels are ({n},), one for each row of the features; got shape {array.shape}")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise DataError("the labels hold a number that is not finite")
        if not (array == np.round(array)).all():
            raise UsageError("this score needs classes, and the targets are real numbers; ridge_loo, knn_loo and "
                             "logme take real targets")  # fmt: skip
    _, codes, counts = np.unique(array, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise UsageError("only one class occurs; a score of separability needs at least two")
    return Labels(codes=codes.reshape(-1), counts=counts)


def targets_of(y: NDArray[Any], n: int) -> tuple[Floats, Labels | None]:
    """(n, t) targets to fit and, for classes, the labels; real targets are given as they are.

    Integers and text are classes, real numbers are not, unless they are all whole.

    Raises:
        ShapeError: unless y has n rows.
        DataError: when a target is not finite.
    """
    array = np.asarray(y)
    if array.ndim not in (1, 2) or len(array) != n:
        raise ShapeError(f"targets are ({n},) or ({n}, t); got shape {array.shape}")
    if array.ndim == 1 and (array.dtype.kind != "f" or (array == np.round(array)).all()):
        labels = labels_of(array, n)
        return labels.onehot, labels
    real = array.astype(np.float64).reshape(n, -1)
    if not np.isfinite(real).all():
        raise DataError("the targets hold a number that is not finite")
    return real, None
