"""Rotation: coordinates in which logistic regression on frozen features is nearly round.

The curvature of the logistic loss is close to a multiple of XᵀX. In the basis of its eigenvectors a diagonal is a good
preconditioner, for every penalty, seed and resample of the rows at once, so that one factorisation serves them all. A
rotation changes neither the penalty nor the solution. With fewer rows than features the rows' own basis is used, in
which the solution lies exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.adapt.linear import Scale, blocks

SAMPLE_ROWS = 8192
"""Rows that the shared basis is measured on at most; it only has to be near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """Scaled features of some rows in a basis."""

    z: NDArray[Any]
    """(n, r + 1), float32 or float64; the last column is ones, for an intercept."""
    basis: NDArray[Any]
    """(d, r), with orthonormal columns: scaled features = z[:, :r] @ basis.T on these rows."""
    energy: NDArray[np.float64]
    """(r,) sums of squares of the first columns of z."""


def shared_basis(x: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """(d, d) eigenvectors of XᵀX over all rows, or an even sample of them; targets are not looked at."""
    rows = np.linspace(0, len(x) - 1, min(len(x), SAMPLE_ROWS)).astype(np.int64)
    gram = np.zeros((x.shape[1], x.shape[1]), np.float32)
    for part in blocks(len(rows)):
        z = scale.single(x[rows[part]])
        gram += z.T @ z
    return np.linalg.eigh(gram)[1]


def rotate(x: NDArray[np.float32], rows: NDArray[np.int_], scale: Scale, basis: NDArray[np.float32]) -> Rotated:
    """The scaled features of `rows` in `basis`."""
    z = np.ones((len(rows), basis.shape[1] + 1), np.float32)
    energy = np.zeros(basis.shape[1])
    for part in blocks(len(rows)):
        z[part, :-1] = turned = scale.single(x[rows[part]]) @ basis
        energy += np.einsum("ij,ij->j", turned, turned)
    return Rotated(z=z, basis=basis, energy=energy)


def own_basis(x: NDArray[np.float32], rows: NDArray[np.int_], scale: Scale) -> Rotated:
    """The scaled features of `rows` in the eigenvectors of their own XᵀX, in float64 where that is small.

    With fewer rows than features an (n, n) factorisation gives the same.
    """
    if len(rows) > x.shape[1]:
        return _own_wide(x, rows, scale)
    scaled = scale.apply(x[rows])
    values, vectors = np.linalg.eigh(scaled @ scaled.T)
    kept = values > 1e-12 * max(values[-1], 1e-300)
    length = np.sqrt(values[kept])
    z = np.column_stack([vectors[:, kept] * length, np.ones(len(rows))])
    return Rotated(z=z, basis=(scaled.T @ vectors[:, kept]) / length, energy=length**2)


def _own_wide(x: NDArray[np.float32], rows: NDArray[np.int_], scale: Scale) -> Rotated:
    gram = np.zeros((x.shape[1], x.shape[1]))
    for part in blocks(len(rows)):
        z = scale.apply(x[rows[part]])
        gram += z.T @ z
    values, vectors = np.linalg.eigh(gram)
    z = np.ones((len(rows), x.shape[1] + 1), np.float32)
    for part in blocks(len(rows)):
        z[part, :-1] = scale.apply(x[rows[part]]) @ vectors
    return Rotated(z=z, basis=vectors, energy=np.maximum(values, 0.0))
