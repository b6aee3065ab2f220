"""Optimal-transport data set distance: how far the items of one labelled set must move, labels counted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import MissingExtraError, ShapeError
from assay.similarity.frechet import Moments, frechet_distance, moments
from assay.similarity.mmd import squared_distances

SAFE_EXPONENT = 500.0


def otdd(
    x_a: NDArray[np.float64], y_a: NDArray[np.int_], x_b: NDArray[np.float64], y_b: NDArray[np.int_], *,
    blur: float = 0.05, debiased: bool = True,
) -> float:  # fmt: skip
    """Optimal-transport distance between two labelled sets, without the entropic bias; 0 for the same set.

    The cost of moving an item is its squared distance plus the squared distance between the two classes, each class
    taken as a normal distribution. Labels need no common meaning and no common number.

    Args:
        x_a: (n, d) features.
        y_a: (n,) class codes.
        x_b: (m, d) features of the same extractor.
        y_b: (m,) class codes.
        blur: Entropic regularisation, as a share of the mean cost.
        debiased: Subtract the two self-distances (the Sinkhorn divergence).

    Returns:
        The divergence in squared units of the features; at least 0.

    Raises:
        ShapeError: when widths or lengths do not agree.
        MissingExtraError: without POT.

    References:
        Alvarez-Melis and Fusi (2020), Geometric dataset distances via optimal transport, equations 6–8.
        Feydy et al. (2019), Interpolating between optimal transport and MMD using Sinkhorn divergences, equation 3.
    """
    if x_a.ndim != 2 or x_b.ndim != 2 or x_a.shape[1] != x_b.shape[1]:
        raise ShapeError(f"features of one width are needed; got {x_a.shape} and {x_b.shape}")
    if len(x_a) != len(y_a) or len(x_b) != len(y_b):
        raise ShapeError(f"{len(x_a)} and {len(x_b)} items have {len(y_a)} and {len(y_b)} labels")
    sides = [_Side(np.asarray(x, dtype=np.float64), np.asarray(y)) for x, y in ((x_a, y_a), (x_b, y_b))]
    cost = _cost(sides[0], sides[1])
    strength = blur * max(float(cost.mean()), 1e-12)
    value = _transport(cost, strength)
    if debiased:
        value -= 0.5 * (
            _transport(_cost(sides[0], sides[0]), strength) + _transport(_cost(sides[1], sides[1]), strength)
        )
    return float(max(0.0, value))


class _Side:
    """One labelled set, with its classes as normal distributions."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.int_]) -> None:
        self.x = x
        names, self.codes = np.unique(y, return_inverse=True)
        self.classes = [_class_moments(x[self.codes == k]) for k in range(len(names))]


def _class_moments(x: NDArray[np.float64]) -> Moments:
    """Moments of a class; a class of one item is a point."""
    return moments(x) if len(x) > 1 else Moments(mean=x[0], factor=np.zeros((1, x.shape[1])), n=1)


def _cost(a: _Side, b: _Side) -> NDArray[np.float64]:
    between = np.array([[frechet_distance(p, q) for q in b.classes] for p in a.classes])
    return squared_distances(a.x, b.x) + between[a.codes][:, b.codes]


def _transport(cost: NDArray[np.float64], strength: float) -> float:
    """Entropic transport cost with even weights, its entropy included, so that the divergence is 0 for equal sets."""
    try:
        with warnings.catch_warnings():
            # The package warns about escapes in its own docstrings when it is first compiled.
            warnings.simplefilter("ignore")
            import ot
    except ModuleNotFoundError as error:
        raise MissingExtraError("ot", "the optimal-transport data set distance") from error
    n, m = cost.shape
    weights = np.full(n, 1.0 / n), np.full(m, 1.0 / m)
    # Plain scaling is ten times faster than its logarithmic form, and safe while no kernel entry underflows.
    method = "sinkhorn" if float(cost.max()) < SAFE_EXPONENT * strength else "sinkhorn_log"
    plan: Any = ot.sinkhorn(*weights, cost, strength, method=method, numItermax=2000, stopThr=1e-6, warn=False)
    ratio = np.where(plan > 0, plan * n * m, 1.0)
    return float((plan * cost).sum() + strength * (plan * np.log(ratio)).sum())
