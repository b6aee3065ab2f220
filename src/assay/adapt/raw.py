"""Raw features: what an item is before any model has seen it, as a free baseline for the same probe.

Pixels for images, TF-IDF for texts, the rows themselves for tables, log spectra for sound. Whatever is fitted is fitted
on the rows to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset

SIDE = 16
VOCABULARY = 20_000
TEXT_WIDTH = 256
BANDS = 40
BLOCK = 512


def raw_features(dataset: Dataset, rows_fit: NDArray[np.int_], rows_all: NDArray[np.int_]) -> NDArray[np.float32]:
    """(n, d) raw features of the rows `rows_all`.

    Args:
        dataset: The items.
        rows_fit: Row positions to fit on: the vocabulary and its weights come from these rows only.
        rows_all: Row positions to give features for.

    Raises:
        DataError: when an item cannot be read.
    """
    if dataset.modality == "text":
        return _texts(dataset, rows_fit, rows_all)
    reader = {"image": _pixels, "audio": _spectrum, "table": _row}[dataset.modality]
    blocks = [
        np.stack([reader(item) for item in dataset.load(rows_all[at : at + BLOCK])])
        for at in range(0, len(rows_all), BLOCK)
    ]
    return np.concatenate(blocks).astype(np.float32)


def _texts(dataset: Dataset, rows_fit: NDArray[np.int_], rows_all: NDArray[np.int_]) -> NDArray[np.float32]:
    """TF-IDF of words, or of character pairs where words are not set apart by spaces, brought to a bounded width."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    fit = list(dataset.load(rows_fit))
    spaced = np.mean([len(text.split()) / max(len(text), 1) for text in fit]) > 0.05
    kind: dict[str, Any] = {} if spaced else {"analyzer": "char", "ngram_range": (1, 2)}
    vectors = TfidfVectorizer(max_features=VOCABULARY, sublinear_tf=True, **kind).fit(fit)
    seen = vectors.transform(fit)
    every = vectors.transform(dataset.load(rows_all))
    width = min(TEXT_WIDTH, seen.shape[1] - 1, seen.shape[0] - 1)
    if width < 1:
        return np.asarray(every.todense(), dtype=np.float32)
    return TruncatedSVD(width, random_state=0).fit(seen).transform(every).astype(np.float32)


def _pixels(item: Any) -> NDArray[np.float32]:
    """Grey levels in [0, 1] of the image at 16 × 16, and its mean colour."""
    from PIL import Image

    rgb = item.convert("RGB")
    grey = np.asarray(rgb.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32)
    colour = np.asarray(rgb.resize((1, 1), Image.Resampling.BOX), dtype=np.float32)
    return np.concatenate([grey.ravel(), colour.ravel()]) / 255.0


def _spectrum(item: tuple[Sequence[float], int]) -> NDArray[np.float32]:
    """Mean and spread over time of the logarithm of the power in 40 bands."""
    wave = np.asarray(item[0], dtype=np.float32)
    frame = 512
    padded = np.pad(wave, (0, max(0, frame - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[:: frame // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(frame), axis=1)) ** 2
    bands = np.stack([part.sum(axis=1) for part in np.array_split(power, BANDS, axis=1)], axis=1)
    levels = np.log(bands + 1e-8)
    return np.concatenate([levels.mean(axis=0), levels.std(axis=0)]).astype(np.float32)


def _row(item: Any) -> NDArray[np.float32]:
    return np.asarray(item, dtype=np.float32)
