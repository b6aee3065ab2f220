"""The scripts that draw in a page: Vega, Vega-Lite and the embedding call, as one text.

Bundling takes seconds and gives the same text for a version of the converter, so it is kept in the user's cache folder
(`XDG_CACHE_HOME`, by default ~/.cache), with its digest: what does not match is bundled anew. Where nothing can be
kept, nothing is.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assay.errors import StoreError
from assay.report.documents import write_text

_CALL = "window.vegaEmbed = vegaEmbed;"


@cache
def bundle(converter: Any) -> str:
    """The scripts, to be placed in a page once; `converter` is the module `vl_convert`."""
    kept = _folder() / f"vega-{version('vl-convert-python')}.js"
    return _read(kept) or _make(converter, kept)


def _make(converter: Any, kept: Path) -> str:
    text: str = converter.javascript_bundle(_CALL)
    with suppress(StoreError):
        write_text(f"{_digest(text)}\n{text}", kept)
    return text


def _read(kept: Path) -> str | None:
    try:
        digest, _, text = kept.read_bytes().decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return text if digest == _digest(text) else None


def _digest(text: str) -> str:
    return hashlib.sha256(f"{_CALL}\n{text}".encode()).hexdigest()


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay"
