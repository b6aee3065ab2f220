"""Label-space similarity: how near the names of two tasks' classes are, whatever their items look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError
from assay.similarity.pooled import Floats, Rows, matrix

GRAMS = (2, 3)


def label_space_distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """1 − the mean cosine of each class with the nearest class of the other task, both ways; 0 for the same names.

    It is semantic only: it knows what the classes are called, not what is in them.

    Args:
        a: (c, e) vectors of the class names of one task, from a text model or `name_vectors`.
        b: (k, e) vectors of the other's.

    Raises:
        ShapeError: unless two-dimensional and of one width.
        DataError: when a vector is 0.
    """
    first, second = matrix(a, 1), matrix(b, 1)
    names = NamesOfRows(np.concatenate([first, second]))
    return names(np.arange(len(first)), np.arange(len(first), len(first) + len(second)))


def name_vectors(names: Sequence[str]) -> Floats:
    """(c, e) counts of pairs and triples of letters in names: for want of a text model, spelling in place of meaning.

    Vectors can be compared only within one call.
    """
    found: list[dict[str, int]] = []
    for name in names:
        text = f" {' '.join(str(name).lower().replace('_', ' ').replace('.', ' ').split())} "
        counts: dict[str, int] = {}
        for size in GRAMS:
            for i in range(len(text) - size + 1):
                counts[text[i : i + size]] = counts.get(text[i : i + size], 0) + 1
        found.append(counts)
    grams = sorted({gram for counts in found for gram in counts})
    return np.array([[counts.get(gram, 0) for gram in grams] for counts in found], dtype=np.float64)


class NamesOfRows:
    """The distance between two sets of names, from one matrix of cosines."""

    def __init__(self, vectors: Floats) -> None:
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not norms.all():
            raise DataError("a class name has no vector; is it empty?")
        unit = vectors / norms
        self._cosine = np.clip(unit @ unit.T, -1.0, 1.0)

    def __call__(self, a: Rows, b: Rows) -> float:
        """The distance between two sets of names."""
        near = self._cosine[np.ix_(a, b)]
        found = 1.0 - 0.5 * float(near.max(axis=1).mean() + near.max(axis=0).mean())
        return 0.0 if abs(found) < 1e-12 else found
