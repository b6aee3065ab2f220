"""Directions: features with the training mean taken off and every row scaled to length one, for cosine recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.adapt.linear import measure_scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Directions:
    """How features become directions."""

    mean: NDArray[np.float64]
    """(d,) taken off first."""

    def of(self, x: NDArray[np.float32], rows: NDArray[np.int_]) -> NDArray[np.float64]:
        """(n, d) features and row positions → (len(rows), d) rows of length one; a row equal to the mean stays zero."""
        centred = x[rows] - self.mean
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return centred / np.where(length > 0, length, 1.0)

    def state(self) -> dict[str, NDArray[Any]]:
        """What serving needs: `centre` (d,); its presence says that rows are scaled to length one."""
        return {"centre": self.mean.astype(np.float32)}


def measure_directions(x: NDArray[np.float32], rows: NDArray[np.int_]) -> Directions:
    """Directions about the mean of `rows`; raises NonFiniteError where a feature is NaN or infinite."""
    return Directions(mean=measure_scale(x, rows, "center").mean)
