"""ScoreCube: values with named axes and a mask, the array form in which lenses meet results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError, UnknownNameError


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCube:
    """An array with named axes; cells that were never measured are absent, not NaN."""

    values: NDArray[np.float64]
    """The scores; where `present` is False the value has no meaning."""
    dims: tuple[str, ...]
    """The name of each axis, such as `("model", "task", "seed")`."""
    labels: tuple[tuple[str, ...], ...]
    """The labels along each axis."""
    present: NDArray[np.bool_]
    """Which cells were measured; same shape as `values`."""

    def __post_init__(self) -> None:
        shape = tuple(len(axis) for axis in self.labels)
        if self.values.shape != shape or self.present.shape != shape or len(self.dims) != len(shape):
            raise ShapeError(
                f"a cube over {self.dims} with labels of lengths {shape} cannot hold values {self.values.shape} "
                f"and a mask {self.present.shape}"
            )
        if not np.isfinite(self.values[self.present]).all():
            raise ShapeError("a present cell of a cube must be finite; mark it absent instead")

    def axis(self, dim: str) -> int:
        """The position of an axis by its name."""
        if dim not in self.dims:
            raise UnknownNameError("axis", dim, self.dims)
        return self.dims.index(dim)

    def names(self, dim: str) -> tuple[str, ...]:
        """The labels along an axis."""
        return self.labels[self.axis(dim)]

    def select(self, dim: str, keep: Sequence[int] | NDArray[np.int_]) -> ScoreCube:
        """The cube with only the positions `keep` along `dim`."""
        at = self.axis(dim)
        labels = list(self.labels)
        labels[at] = tuple(self.labels[at][int(i)] for i in keep)
        index = np.asarray(keep, dtype=int)
        return ScoreCube(
            values=np.take(self.values, index, axis=at), dims=self.dims, labels=tuple(labels),
            present=np.take(self.present, index, axis=at),
        )  # fmt: skip

    def masked(self) -> NDArray[np.float64]:
        """The values with NaN where nothing was measured, for NumPy's nan-functions."""
        return np.where(self.present, self.values, np.nan)
