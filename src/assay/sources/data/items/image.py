"""Images: read one, check one without decoding it, and keep many on disk until they are asked for.

On reading a data set each file is looked at once: its size and its ends, which finds cut-off files without decoding
them; a file that looks cut off is decoded to be sure. Whatever slips through is found when the image is loaded. An
image of more than 89 million pixels is refused before its pixels are made: a small file can unpack to gigabytes.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError, MissingExtraError
from assay.sources.data.items.rows import Rows

MAX_PIXELS = 89_000_000
MAX_BYTES = 512 << 20
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class ImageRows:
    """Images by row: paths, or encoded bytes; decoded when asked for and not kept."""

    def __init__(self, sources: Rows, names: Rows) -> None:
        self._sources = sources
        self._names = names

    def __call__(self, positions: NDArray[np.int_]) -> list[Any]:
        """The PIL images of these rows."""
        return [read_image(self._sources[int(row)], self._names[int(row)]) for row in positions]


def read_image(source: Path | bytes, name: str) -> Any:
    """The decoded PIL image, in 8 bits a channel.

    Args:
        source: a path, or the bytes of an encoded image.
        name: names the image in messages.

    Raises:
        DataError: when it is missing, corrupt, cut off, or too large; naming it.
        MissingExtraError: without Pillow.
    """
    image = _opened(source, name)
    try:
        image.load()
    except Exception as error:  # each decoder has its own errors
        raise DataError(f"{name}: a corrupt or cut-off image ({_short(error)})") from error
    return _eight_bits(image, name)


def check_image(data: bytes, name: str, *, thorough: bool = False) -> None:
    """Refuse bytes that are no image, or an image that is cut off.

    Args:
        data: the whole file.
        name: names the image in messages.
        thorough: decode it in any case.

    Raises:
        DataError: naming the image and what is wrong.
    """
    image = _opened(data, name)
    if thorough or not _looks_whole(image.format, data):
        read_image(data, name)


def _opened(source: Path | bytes, name: str) -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingExtraError("vision", "reading images") from error
    try:
        if isinstance(source, Path):
            if source.stat().st_size > MAX_BYTES:
                raise DataError(f"{name}: a file of {source.stat().st_size >> 20:,} MiB is too large for an image")
            source = source.read_bytes()
        if not source:
            raise DataError(f"{name}: an empty file")
        image = Image.open(io.BytesIO(source))
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{name}: more than {MAX_PIXELS:,} pixels; make it smaller first") from error
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name}: no image that can be read ({_short(error)})") from error
    if image.width * image.height > MAX_PIXELS:
        raise DataError(
            f"{name}: {image.width:,} × {image.height:,} are more than {MAX_PIXELS:,} pixels; make it smaller first"
        )
    return image


def _looks_whole(form: str | None, data: bytes) -> bool:
    if form == "JPEG":
        return data.endswith(b"\xff\xd9")
    if form == "PNG":
        return data.endswith(b"IEND\xaeB`\x82")
    if form == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 <= len(data)
    return False


def _eight_bits(image: Any, name: str) -> Any:
    """The image in a mode that every model's preprocessing converts rightly."""
    from PIL import Image

    if image.mode.startswith("I"):  # Pillow clips these to white instead of scaling them
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray((values >> 8 if values.max(initial=0) > 255 else values).clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise DataError(f"{name}: pixels are fractions without a stated range; save the image with 8 bits a channel")
    if image.mode in ("P", "PA") and "transparency" in image.info:
        return image.convert("RGBA")
    return image


def _short(error: Exception) -> str:
    text = str(error).split("\n")[0].split(" <_io")[0]
    return text or type(error).__name__
