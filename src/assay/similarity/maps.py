"""A map of tasks or of models: places in the plane whose distances are about those measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError
from assay.similarity.pooled import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """Places in the plane."""

    places: Floats
    """(k, 2) coordinates; only distances between them mean anything."""
    stress: float
    """Kruskal's stress-1: 0 is exact; above about 0.2 the picture misleads, and the matrix should be read."""


def lay_out(distances: NDArray[Any]) -> Map:
    """A map of k things by metric multidimensional scaling (scikit-learn's SMACOF, from the classical solution).

    Args:
        distances: (k, k), symmetric with a zero diagonal; those below 0 count as 0.

    Raises:
        ShapeError: unless square and symmetric.

    References:
        Borg and Groenen (2005), Modern multidimensional scaling, chapters 8 and 12.
        Kruskal (1964), Multidimensional scaling by optimizing goodness of fit, equation 5.
    """
    found = np.asarray(distances, dtype=np.float64)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not np.allclose(found, found.T):
        raise ShapeError(f"a square, symmetric matrix of distances is needed; got shape {found.shape}")
    found = np.maximum(found, 0.0)
    np.fill_diagonal(found, 0.0)
    largest = float(found.max(initial=0.0))
    if len(found) < 3 or largest == 0:
        line = np.zeros((len(found), 2))
        line[:, 0] = found[0] if len(found) else 0.0
        return Map(places=line, stress=0.0)
    from sklearn.manifold import smacof

    start = _classical(found / largest)
    found_places: Any = smacof(found / largest, n_components=2, init=start, n_init=1, eps=1e-9)[0]
    places = _turned(np.asarray(found_places)) * largest
    return Map(places=places, stress=_stress(found, places))


def _classical(distances: Floats) -> Floats:
    """(k, 2) classical scaling: the leading directions of the doubly centred squared distances."""
    squares = distances**2
    inner = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1, keepdims=True) + squares.mean())
    values, vectors = np.linalg.eigh(inner)
    return vectors[:, -2:][:, ::-1] * np.sqrt(np.maximum(values[-2:][::-1], 1e-12))


def _turned(places: Floats) -> Floats:
    """The same places with the longest direction across and the first thing left and above, so that pictures repeat."""
    moved = places - places.mean(axis=0)
    turned = moved @ np.linalg.svd(moved, full_matrices=False)[2].T
    return turned * np.where(turned[0] > 0, -1.0, 1.0) * np.array([1.0, -1.0])


def _stress(distances: Floats, places: Floats) -> float:
    upper = np.triu_indices(len(distances), 1)
    drawn = np.linalg.norm(places[:, None] - places[None, :], axis=2)[upper]
    total = float((drawn**2).sum())
    return float(np.sqrt(((drawn - distances[upper]) ** 2).sum() / total)) if total > 0 else 0.0
