"""Text: which encoding a file is in, and texts that hold nothing.

UTF-8 is expected. Another encoding is never guessed silently: the message says where reading stopped and which
encodings would read the file.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError
from assay.sources.data.items.rows import Rows
from assay.sources.data.targets import show_rows

_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_LETTERS = ("cp1252", "latin-1")  # a few letters among ASCII
_SCRIPTS = ("gb18030", "shift_jis", "cp1251")  # whole words beyond ASCII


def check_encoding(path: Path, encoding: str) -> None:
    """Read the file once in pieces and refuse it where it is compressed or its bytes are not in the encoding.

    Raises:
        DataError: with the byte position, the line, and encodings that would read the bytes around it.
    """
    with path.open("rb") as file:
        if file.read(6).startswith(_PACKED):
            raise DataError(f"{path}: a compressed file or a workbook, not text; unpack it or save it as plain text")
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise DataError(
            f"{path}: unknown encoding {encoding!r}; known ones are utf-8, latin-1, cp1252, gb18030"
        ) from None
    done, lines = 0, 1
    with path.open("rb") as file:
        while True:
            piece = file.read(1 << 20)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                at = max(done - held + error.start, 0)
                lines += piece[: max(at - done, 0)].count(b"\n")
                raise DataError(_encoding_message(path, encoding, at, lines)) from None
            if not piece:
                return
            done += len(piece)
            lines += piece.count(b"\n")


def _encoding_message(path: Path, encoding: str, at: int, line: int) -> str:
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(at - 32, 0))
        around = file.read(96)
    marked = [name for mark, name in _BOMS if head.startswith(mark)][:1]
    likely = _LETTERS if sum(byte > 127 for byte in around) <= len(around) / 4 else _SCRIPTS
    fitting = marked or [name for name in likely if _decodes(around, name)][:2] or ["latin-1"]
    byte = around[at - max(at - 32, 0)] if at - max(at - 32, 0) < len(around) else 0
    hint = " or ".join(f"encoding={name}" for name in fitting)
    return (
        f"{path}: byte {at:,} (0x{byte:02x}, line {line:,}) is not {encoding}; add {hint} if that is how it was written"
    )


def _decodes(data: bytes, encoding: str) -> bool:
    """Whether the bytes, cut at their ends, make printable text in the encoding."""
    for cut in range(4):
        try:
            text = data[cut:].decode(encoding)
        except UnicodeDecodeError as error:
            if error.end < len(data) - cut - 2:
                continue
            text = data[cut : cut + error.start].decode(encoding)
        return all(character.isprintable() or character.isspace() for character in text)
    return False


def empty_texts(texts: Rows | NDArray[Any]) -> NDArray[np.int_]:
    """Positions of texts that are missing or hold nothing but white space."""
    return np.flatnonzero([not isinstance(texts[row], str) or not texts[row].strip() for row in range(len(texts))])


def check_texts(texts: Rows | NDArray[Any], *, where: str) -> None:
    """Refuse empty texts.

    Raises:
        DataError: with the rows.
    """
    empty = empty_texts(texts)
    if len(empty):
        raise DataError(f"{where}: no text in {show_rows(empty)}; remove these rows, or add bad=skip to leave them out")
