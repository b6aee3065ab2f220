"""A digest of an item's content: equal digests mean the same item again."""

from __future__ import annotations

from typing import Any

import numpy as np
import xxhash

from assay.errors import DataError


def item_digest(item: Any) -> str:
    """128 bits over the content of an item, as 32 hexadecimal digits.

    Text is digested as UTF-8, an array by type, shape and values, an image by mode, size and pixels.

    Raises:
        DataError: for an item of another kind.
    """
    state = xxhash.xxh3_128()
    _feed(state, item)
    return state.hexdigest()


def _feed(state: Any, item: Any) -> None:
    if isinstance(item, str):
        state.update(item.encode("utf-8", "surrogatepass"))
    elif isinstance(item, (bytes, bytearray)):
        state.update(item)
    elif isinstance(item, (np.ndarray, np.generic)):
        array = np.asarray(item)
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    elif hasattr(item, "tobytes") and hasattr(item, "mode") and hasattr(item, "size"):
        state.update(f"{item.mode}{item.size}".encode())
        state.update(item.tobytes())
    elif isinstance(item, (int, float, bool)) or item is None:
        state.update(repr(item).encode())
    elif isinstance(item, (tuple, list)):
        for part in item:
            _feed(state, part)
            state.update(b"\0")
    else:
        raise DataError(f"an item of type {type(item).__name__} is neither text, image, sound nor numbers")
