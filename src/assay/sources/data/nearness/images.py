"""Nearly the same images: those whose small grey versions differ by little more than recompression does.

Each image becomes 16 × 16 grey values, less the mean image of the data (so that images that are all alike, such as
aligned faces, are told apart by what is their own). Two are near when these correlate by 0.99 or more: recompression,
resizing, brightness and noise keep that; cropping, mirroring and rotation do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 16
LEAST_ALIKE = 0.99
MOST_PAIRS = 2_000_000
_AXES = 8


def thumbnails(images: Sequence[Any]) -> NDArray[np.float32]:
    """(n, 256) small grey versions of PIL images."""
    from PIL import Image

    out = np.empty((len(images), SIDE * SIDE), dtype=np.float32)
    for row, image in enumerate(images):
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
        out[row] = np.asarray(small, dtype=np.float32).ravel()
    return out


def near_images(thumbs: NDArray[np.float32]) -> list[tuple[int, int]] | None:
    """Pairs of positions of near images; None where there are more candidates than can be compared.

    Candidates are exact, not sampled: images that correlate so much lie within a small distance of each other along
    every direction, and so in the space of the data's eight main directions, where a tree finds them.
    """
    from scipy.spatial import KDTree

    unit, kept = _own_part(thumbs)
    if len(kept) < 2:
        return []
    axes = np.linalg.svd(unit[:: max(1, len(unit) // 2000)], full_matrices=False)[2][:_AXES]
    tree = KDTree(unit @ axes.T)
    radius = float(np.sqrt(2 * (1 - LEAST_ALIKE)))
    if tree.count_neighbors(tree, radius) > len(kept) + 2 * MOST_PAIRS:
        return None
    pairs = tree.query_pairs(radius, output_type="ndarray")
    near: list[tuple[int, int]] = []
    for start in range(0, len(pairs), 100_000):
        part = pairs[start : start + 100_000]
        alike = np.einsum("ij,ij->i", unit[part[:, 0]], unit[part[:, 1]]) >= LEAST_ALIKE
        near += [(int(kept[a]), int(kept[b])) for a, b in part[alike]]
    return sorted(near)


def _own_part(thumbs: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """What is each image's own, of length 1; and the positions of images that have something of their own."""
    n = len(thumbs)
    own = thumbs.astype(np.float64) - thumbs.mean(axis=0) * (n / (n + 20))  # of a few images, the mean says little
    own -= own.mean(axis=1, keepdims=True)
    length = np.linalg.norm(own, axis=1)
    kept = np.flatnonzero(length > SIDE)  # flat images, one grey level off at most, are like each other by chance
    return own[kept] / length[kept, None], kept
