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
    """Images kept as uint8 arrays, one (n, h, w) array or many (h, w, 3) ones; each becomes a PIL image when asked for.

    Raises:
        ShapeError: for arrays that are no pixels.
    """

    def __init__(self, pixels: Rows | NDArray[Any]) -> None:
        for row in range(1 if isinstance(pixels, np.ndarray) else len(pixels)):
            image = np.asarray(pixels[row])
            if (
                image.dtype != np.uint8
                or image.ndim not in (2, 3)
                or (image.ndim == 3 and image.shape[2] not in (1, 3, 4))
            ):
                raise ShapeError(
                    f"an image is (h, w) or (h, w, channels) in uint8; row {row + 1} is {image.shape} {image.dtype}"
                )
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, row: Any) -> Any:
        from PIL import Image

        pixels = np.asarray(self._pixels[row])
        return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


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
