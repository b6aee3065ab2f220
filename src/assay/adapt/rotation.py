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

from assay.adapt.linear import Scale, Scaling, blocks, measure_scale

SAMPLE_ROWS = 8192
"""Rows that the shared basis is measured on at most; it only has to be near."""
KEPT_BYTES = 400_000_000
"""Features up to this size are turned into the basis once, larger ones anew for each division of the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """Scaled features of some rows in a basis."""

    z: NDArray[Any]
    """(n, r + 1), float32 or float64; the last column is ones, for an intercept."""
    basis: NDArray[Any]
    """(d, r), with orthonormal columns: scaled features = z[:, :r] @ basis.T on these rows."""
    energy: NDArray[np.float64]
    """(r,) sums of squares of the first columns of z."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """A basis that all divisions of some features share; neither targets nor the division of the rows matter to it."""

    vectors: NDArray[np.float32]
    """(d, d) eigenvectors of XᵀX over all rows, or an even sample of them."""
    mean: NDArray[np.float64]
    """(d,) of the sample."""
    turned: NDArray[np.float32] | None
    """(n, d) features about the mean in the basis, where a scaling by one number is all that is left to do."""


def shared_basis(x: NDArray[np.float32], scaling: Scaling) -> Basis:
    """The basis of the features `x` (n, d) under a scaling."""
    rows = np.linspace(0, len(x) - 1, min(len(x), SAMPLE_ROWS)).astype(np.int64)
    scale = measure_scale(x, rows, scaling)
    gram = np.zeros((x.shape[1], x.shape[1]), np.float32)
    for part in blocks(len(rows)):
        z = scale.single(x[rows[part]])
        gram += z.T @ z
    vectors, turned = np.linalg.eigh(gram)[1], None
    if scaling != "standard" and x.nbytes <= KEPT_BYTES:
        turned, mean = np.empty(x.shape, np.float32), scale.mean.astype(np.float32)
        for part in blocks(len(x)):
            turned[part] = (x[part] - mean) @ vectors
    return Basis(vectors=vectors, mean=scale.mean, turned=turned)


def rotate(x: NDArray[np.float32], rows: NDArray[np.int_], scale: Scale, basis: Basis) -> Rotated:
    """The scaled features of `rows` in `basis`."""
    z = np.ones((len(rows), x.shape[1] + 1), np.float32)
    energy = np.zeros(x.shape[1])
    shift = (scale.mean - basis.mean) @ basis.vectors
    for part in blocks(len(rows)):
        if basis.turned is None:
            turned = scale.single(x[rows[part]]) @ basis.vectors
        else:
            turned = basis.turned[rows[part]] - shift.astype(np.float32)
            turned *= np.float32(1.0 / scale.deviation[0])
        z[part, :-1] = turned
        energy += np.einsum("ij,ij->j", turned, turned)
    return Rotated(z=z, basis=basis.vectors, energy=energy)


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
