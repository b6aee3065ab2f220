"""Rows of numbers, and whatever a function makes into arrays, as a batch. This file imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch
from assay.errors import DataError
from assay.spec import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class RowInputs:
    """Items (rows of numbers, or what `preprocess` makes into arrays) → one float32 array (b, ...)."""

    shape: tuple[int, ...]
    """Shape of one item's array."""
    key: str = "x"
    """The network's argument."""
    preprocess: Callable[[Any], Any] = np.asarray
    """An item → an array or tensor of the shape."""
    modality: Modality = "table"

    @property
    def settings(self) -> dict[str, Any]:
        """Shape, and the name of the preprocessing function."""
        name = getattr(self.preprocess, "__qualname__", type(self.preprocess).__name__)
        return {"shape": list(self.shape), "preprocess": name}

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch.

        Raises:
            DataError: An item has another shape.
        """
        rows: list[NDArray[np.float32]] = []
        for item in items:
            row = np.asarray(self.preprocess(item), dtype=np.float32)
            if row.shape != self.shape:
                raise DataError(f"an item of shape {row.shape} where the model reads {self.shape}")
            rows.append(row)
        return {self.key: np.stack(rows)}

    def example(self) -> Batch:
        """A batch of one row of zeros, for measuring."""
        return {self.key: np.zeros((1, *self.shape), dtype=np.float32)}
