"""Nearly the same texts: those that share most of their sequences of three words.

Each text becomes 30 minima of hash functions over its sequences (MinHash); texts with an equal band of three minima
are compared exactly. Case, punctuation and spaces do not count; scripts without spaces are compared by characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WIDTH = 3
LEAST_SHARED = 0.8
_HASHES, _BANDS = 30, 10
_WORD = re.compile(r"[㐀-鿿぀-ヿ가-힣]|[^\W_]+")
_MIX = np.uint64(0x9E3779B97F4A7C15)

Shingles = tuple[NDArray[np.uint64], NDArray[np.int_]]


def shingles(texts: Sequence[str]) -> Shingles:
    """Hashes of the sequences of three words of all texts in one row, and where each text begins.

    A text of fewer words is one sequence; a text without words has none.
    """
    words = [_WORD.findall(text.casefold()) for text in texts]
    counts = np.array([len(row) for row in words])
    starts = np.concatenate([[0], np.cumsum(counts)])
    number: dict[str, int] = {}
    flat = (number.setdefault(word, len(number)) for row in words for word in row)
    hashed = _scramble(np.fromiter(flat, dtype=np.uint64, count=int(starts[-1])) + _MIX)
    width = np.minimum(counts, WIDTH)
    sizes = np.maximum(counts - WIDTH + 1, (counts > 0).astype(int))
    begins = np.concatenate([[0], np.cumsum(sizes)])
    first = np.repeat(starts[:-1] - begins[:-1], sizes) + np.arange(begins[-1])
    long = np.repeat(width, sizes)
    mixed = np.zeros(len(first), dtype=np.uint64)
    for step in range(WIDTH):
        at = np.minimum(first + step, max(len(hashed) - 1, 0))
        mixed = np.where(long > step, _scramble(mixed ^ hashed[at] if len(hashed) else mixed), mixed)
    return mixed, begins


def signatures(mixed: NDArray[np.uint64], begins: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.uint64]:
    """(n, 30) minima over each text's sequences of 30 hash functions.

    References:
        A. Z. Broder (1997), On the resemblance and containment of documents, section 3.
    """
    keys = rng.integers(1, 2**63, size=_HASHES, dtype=np.uint64)
    out = np.full((len(begins) - 1, _HASHES), np.iinfo(np.uint64).max, dtype=np.uint64)
    filled = np.flatnonzero(np.diff(begins) > 0)
    if not len(filled):
        return out
    hashed = np.empty_like(mixed)
    for column, key in enumerate(keys):
        np.bitwise_xor(mixed, key, out=hashed)
        np.multiply(hashed, _MIX, out=hashed)
        out[filled, column] = np.minimum.reduceat(hashed, begins[filled])
    return out


def near_texts(texts: Sequence[str], *, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of positions of texts that share at least 80 % of their word sequences (Jaccard).

    Args:
        texts: texts that are all different.
        rng: draws the hash functions.

    Notes:
        A pair that shares exactly 80 % is met with probability 0.999; in a crowd of nearly equal texts each is
        compared with the first of the crowd, so that the work stays linear.
    """
    mixed, begins = shingles(texts)
    minima = signatures(mixed, begins, rng)
    sets = [np.unique(mixed[begins[row] : begins[row + 1]]) for row in range(len(texts))]
    pairs = sorted(_candidates(minima, np.diff(begins) > 0))
    return [pair for pair in pairs if _shared(sets[pair[0]], sets[pair[1]]) >= LEAST_SHARED]


def _candidates(minima: NDArray[np.uint64], filled: NDArray[np.bool_]) -> set[tuple[int, int]]:
    """Pairs with an equal band: each row with the first of its bucket, and with the one before it there."""
    pairs: set[tuple[int, int]] = set()
    for band in np.split(minima, _BANDS, axis=1):
        key = np.zeros(len(band), dtype=np.uint64)
        for column in band.T:
            key = _scramble(key ^ column)
        order = np.argsort(key, kind="stable")
        order = order[filled[order]]
        same = np.flatnonzero(key[order[1:]] == key[order[:-1]]) + 1
        heads = np.where(np.r_[True, key[order[1:]] != key[order[:-1]]], np.arange(len(order)), 0)
        first = np.maximum.accumulate(heads) if len(order) else heads
        for at in same:
            pairs.add((int(order[first[at]]), int(order[at])))
            pairs.add((int(order[at - 1]), int(order[at])))
    return pairs


def _shared(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> float:
    both = len(np.intersect1d(one, two, assume_unique=True))
    return both / (len(one) + len(two) - both)


def _scramble(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(31))) * _MIX
    return value ^ (value >> np.uint64(29))
