"""Sequences that make an item only when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError


class Rows(Protocol):
    """What lists, arrays and lazy columns have in common."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: Any, /) -> Any: ...


class PixelRows:
    """Images kept as one uint8 array; each becomes a PIL image when it is asked for."""

    def __init__(self, pixels: NDArray[Any]) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4):
            raise ShapeError(f"images are (n, h, w) or (n, h, w, 3) uint8, got {pixels.shape} {pixels.dtype}")
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, row: Any) -> Any:
        from PIL import Image

        return Image.fromarray(self._pixels[row])


class Picked:
    """The rows of a lazy sequence at these positions; a mapping with `bytes` and `path` becomes one of the two."""

    def __init__(self, rows: Rows, at: NDArray[np.int_]) -> None:
        self._rows = rows
        self._at = at

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, row: Any) -> Any:
        cell = self._rows[int(self._at[row])]
        if isinstance(cell, dict):
            return cell["bytes"] if cell.get("bytes") is not None else Path(str(cell.get("path")))
        return cell
