"""Optimal-transport data set distance: how far the items of one labelled set must move, labels counted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import MissingExtraError
from assay.similarity.pooled import Floats, Pooled, Rows

SAFE_EXPONENT = 500.0
TOLERANCE = 1e-4
BLOCK_NUMBERS = 2_000_000


def otdd(
    x_a: NDArray[Any], y_a: NDArray[Any], x_b: NDArray[Any], y_b: NDArray[Any], *,
    blur: float = 0.05, debiased: bool = True,
) -> float:  # fmt: skip
    """Optimal-transport distance between two labelled sets, without the entropic bias; 0 for the same set.

    The cost of moving an item is its squared distance plus the squared distance between the two classes, each class
    taken as a normal distribution. Labels need no common meaning and no common number.

    Args:
        x_a: (n, d) features.
        y_a: (n,) classes.
        x_b: (m, d) features of the same extractor.
        y_b: (m,) classes.
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
    pool = Pooled(x_a, x_b, y_a, y_b)
    return OtddOfRows(pool, blur=blur, debiased=debiased)(pool.a, pool.b)


def sinkhorn_divergence(cost_ab: Floats, cost_aa: Floats, cost_bb: Floats, strength: float) -> float:
    """OT(a, b) − ½ OT(a, a) − ½ OT(b, b) of even weights, each with its entropy; at least 0."""
    own = transport(cost_aa, strength) + transport(cost_bb, strength)
    return max(0.0, transport(cost_ab, strength) - 0.5 * own)


def transport(cost: Floats, strength: float) -> float:
    """Entropic transport cost with even weights, its divergence from independence included: min ⟨P, C⟩ + ε KL(P, ab).

    Raises:
        MissingExtraError: without POT.
    """
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
    plain = float(cost.max()) < SAFE_EXPONENT * strength
    plan, log = ot.sinkhorn(*weights, cost, strength, method="sinkhorn" if plain else "sinkhorn_log", numItermax=1000,
                            stopThr=TOLERANCE / np.sqrt(m), warn=False, log=True)  # fmt: skip
    scaling = [np.log(log[name]) for name in ("u", "v")] if plain else [log["log_u"], log["log_v"]]
    # The dual value: its error is the square of that of the plan, which may therefore be stopped early.
    potentials = float(np.mean(scaling[0]) + np.mean(scaling[1]))
    return strength * (potentials + np.log(n * m) - float(np.sum(plan)) + 1.0)


class OtddOfRows:
    """The distance between rows of a pool, from inner products computed once."""

    def __init__(self, pool: Pooled, *, blur: float = 0.05, debiased: bool = True) -> None:
        self._pool, self._blur, self._debiased = pool, blur, debiased

    def __call__(self, a: Rows, b: Rows) -> float:
        """The distance between two sets of rows."""
        pool = self._pool
        classes = [np.unique(pool.codes[rows], return_inverse=True) for rows in (a, b)]
        start = len(classes[0][0])
        codes = np.concatenate([classes[0][1], start + classes[1][1]])
        rows = np.concatenate([a, b])
        cost = pool.squares[np.ix_(rows, rows)] + class_distances(pool, rows, codes)[codes][:, codes]
        first, second = slice(0, len(a)), slice(len(a), len(rows))
        strength = self._blur * max(float(cost[first, second].mean()), 1e-300)
        if not self._debiased:
            return transport(cost[first, second], strength)
        return sinkhorn_divergence(cost[first, second], cost[first, first], cost[second, second], strength)


def class_distances(pool: Pooled, rows: Rows, codes: NDArray[np.intp]) -> Floats:
    """(c, c) squared Fréchet distances between the classes of some rows; a class of one item is a point.

    Args:
        pool: The rows' pool.
        rows: (r,) rows.
        codes: (r,) their classes, 0 to c − 1, none of them empty.
    """
    counts = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    rows, codes = rows[order], codes[order]
    means = np.stack([pool.x[rows[codes == k]].mean(axis=0) for k in range(len(counts))])
    gram, starts = _factor_gram(pool, rows, codes, counts, means)
    traces = np.add.reduceat(np.diag(gram), starts[:-1])
    first, second = np.triu_indices(len(counts), 1)
    gaps = ((means[first] - means[second]) ** 2).sum(axis=1)
    found = np.zeros((len(counts), len(counts)))
    found[first, second] = gaps + traces[first] + traces[second] - 2.0 * _nuclear_norms(gram, starts, first, second)
    return np.maximum(found + found.T, 0.0)


def _nuclear_norms(gram: Floats, starts: Rows, first: Rows, second: Rows) -> Floats:
    """(p,) sums of singular values of the blocks of pairs of classes, many small blocks at once."""
    most = int(np.diff(starts).max())
    places = starts[:-1, None] + np.arange(most)
    # Blocks are filled up with zeros, which change no singular value.
    places = np.where(places < starts[1:, None], places, len(gram))
    padded = np.pad(gram, (0, 1))
    step = max(1, BLOCK_NUMBERS // most**2)
    found: list[Floats] = []
    for at in range(0, len(first), step):
        rows, columns = places[first[at : at + step]], places[second[at : at + step]]
        blocks = padded[rows[:, :, None], columns[:, None, :]]
        found.append(np.linalg.svd(blocks, compute_uv=False).sum(axis=1))
    return np.concatenate(found) if found else np.zeros(0)


def _factor_gram(
    pool: Pooled, rows: Rows, codes: NDArray[np.intp], counts: NDArray[np.intp], means: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """(inner products of the stacked factors of the classes' covariances, where each class starts)."""
    scale = 1.0 / np.sqrt(np.maximum(counts - 1, 1))
    width = pool.x.shape[1]
    if counts.max() <= width:
        # The factors are the centred rows: their products come from the pool's by taking class means off both sides.
        average = np.zeros((len(counts), len(rows)))
        average[codes, np.arange(len(rows))] = 1.0 / counts[codes]
        gram = pool.gram[np.ix_(rows, rows)]
        to_means = (average @ gram)[codes]
        within = gram - to_means - to_means.T + (average @ to_means.T)[codes]
        return within * np.outer(scale[codes], scale[codes]), np.concatenate([[0], np.cumsum(counts)])
    factors: list[Floats] = []
    for k in range(len(counts)):
        factor = (pool.x[rows[codes == k]] - means[k]) * scale[k]
        factors.append(np.linalg.qr(factor)[1] if counts[k] > width else factor)
    stacked = np.concatenate(factors)
    return stacked @ stacked.T, np.concatenate([[0], np.cumsum([len(factor) for factor in factors])])
