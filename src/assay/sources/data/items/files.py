"""Items that are files or encoded bytes: looked at once for digest and faults, read again when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from assay.errors import DataError
from assay.sources.data.items.audio import MAX_FRAMES, SoundRows, check_sound
from assay.sources.data.items.image import MAX_BYTES, ImageRows, check_image
from assay.sources.data.items.rows import Picked, Rows
from assay.spec import Modality

Load = Callable[[NDArray[np.int_]], Sequence[Any]]

_LIMITS = {"image": MAX_BYTES, "audio": 8 * MAX_FRAMES, "text": 64 << 20}


@dataclass(slots=True)
class Skipped:
    """What was left out while reading, and why."""

    reasons: dict[str, int] = field(default_factory=dict[str, int])
    """How many items for each reason."""
    examples: list[str] = field(default_factory=list[str])
    """The first twenty, named."""

    def add(self, reason: str, example: str) -> None:
        """Count one item."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if len(self.examples) < 20:
            self.examples.append(example)

    def notes(self) -> dict[str, Any]:
        """The part of a data set's notes that tells of it; empty when nothing was left out."""
        if not self.reasons:
            return {}
        return {"skipped": {"count": sum(self.reasons.values()), "reasons": self.reasons, "examples": self.examples}}


@dataclass(frozen=True, slots=True)
class Looked:
    """The items that can be used."""

    kept: NDArray[np.int_]
    """Their positions among all."""
    digests: list[str]
    """Their content digests."""
    load: Load
    """Positions among the kept → items."""


def look_at(sources: Rows, names: Sequence[str], *, modality: Modality, skip: bool, skipped: Skipped,
            encoding: str = "utf-8") -> Looked:  # fmt: skip
    """Read every item once: digest it, and find what is missing, cut off or no item of that kind.

    Args:
        sources: paths, encoded bytes, or mappings with `bytes` and `path`.
        names: names the items in messages.
        modality: `image`, `audio` or `text`.
        skip: leave out what cannot be read, after decoding each item, in place of stopping.
        skipped: counts what is left out.
        encoding: of text files.

    Raises:
        DataError: for the first item that cannot be read, unless `skip`.
    """
    kept: list[int] = []
    digests: list[str] = []
    picked = Picked(sources, np.arange(len(sources)))
    for row in range(len(sources)):
        try:
            data = _bytes_of(picked[row], names[row], modality)
            _check(data, names[row], modality, encoding, thorough=skip)
        except DataError as error:
            if not skip:
                raise
            skipped.add(str(error).removeprefix(f"{names[row]}: ").split(" (")[0], str(error))
            continue
        kept.append(row)
        digests.append(xxhash.xxh3_128_hexdigest(data))
    at = np.asarray(kept, dtype=np.int_)
    load = _loader(Picked(sources, at), Picked(names, at), modality, encoding)
    return Looked(kept=at, digests=digests, load=load)


def _bytes_of(source: Any, name: str, modality: Modality) -> bytes:
    if isinstance(source, (bytes, bytearray)):
        return bytes(source)
    if not isinstance(source, Path):
        raise DataError(f"{name}: a path or bytes are needed, got {type(source).__name__}")
    try:
        size = source.stat().st_size
        if size > _LIMITS[modality]:
            raise DataError(f"{name}: a file of {size >> 20:,} MiB is too large for one item")
        return source.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})") from error


def _check(data: bytes, name: str, modality: Modality, encoding: str, *, thorough: bool) -> None:
    if modality == "image":
        check_image(data, name, thorough=thorough)
    elif modality == "audio":
        check_sound(data, name, thorough=thorough)
    else:
        _text(data, name, encoding)


def _text(data: bytes, name: str, encoding: str) -> str:
    try:
        text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: byte {error.start:,} is not {encoding} (add encoding= for another one)") from None
    if not text.strip():
        raise DataError(f"{name}: no text")
    return text


def _loader(sources: Rows, names: Rows, modality: Modality, encoding: str) -> Load:
    if modality == "image":
        return ImageRows(sources, names)
    if modality == "audio":
        return SoundRows(sources, names)

    def load(positions: NDArray[np.int_]) -> list[str]:
        return [_text(sources[int(row)].read_bytes(), names[int(row)], encoding) for row in positions]

    return load
