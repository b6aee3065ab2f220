"""NLEEP: LEEP with the clusters of a Gaussian mixture in place of a source head.

Li, Jia, Sang, Zhu, Green, Wang and Gong (2021), Ranking Neural Checkpoints, CVPR, section 3.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from assay.errors import UsageError
from assay.transfer.factorisation import Factorisation, Floats, labels_of
from assay.transfer.leep import leep

ENERGY = 0.8
"""Share of the variance that the principal components keep, as in the paper."""
MOST_DIMENSIONS = 64
STEPS = 30


def nleep(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, components: int | None = None) -> float:
    """Mean log likelihood of the labels given the clusters that the features form.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.
        components: Number of clusters; None for 5 a class, and at most one for five rows.

    Returns:
        At most 0; higher is better.

    Raises:
        UsageError: when no feature varies.

    Notes:
        Principal components hold 80 % of the variance, at most 64 of them. The mixture has diagonal covariances with a
        floor relative to the overall variance, and starts from repeated splits of the widest cluster at its mean, so
        that it needs no random numbers and no order of rows. Published code differs in the number of clusters and
        starts at random; numbers can't be compared between them.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    squares = data.centred.squares
    if len(squares) == 0:
        raise UsageError("no feature varies; there is nothing to cluster")
    enough = int(np.searchsorted(np.cumsum(squares) / squares.sum(), ENERGY)) + 1
    kept = min(enough, MOST_DIMENSIONS, len(squares))
    rows = data.centred.scores[:, :kept] / np.sqrt(squares.sum() / data.n)
    count = components or max(2, min(5 * labels.c, data.n // 5))
    return leep(_memberships(rows, count), y)


def _memberships(rows: Floats, count: int) -> Floats:
    """(n, k) posterior probabilities of a diagonal Gaussian mixture, fitted by EM."""
    n, squared = len(rows), rows**2
    floor = 1e-3 * float(rows.var(axis=0).mean())
    held = np.eye(count)[_split(rows, count)]
    for _ in range(STEPS):
        weight = held.sum(axis=0) + 1e-10
        means = held.T @ rows / weight[:, None]
        spread = np.maximum(held.T @ squared / weight[:, None] - means**2, 0) + floor
        fit = squared @ (1 / spread).T - 2 * rows @ (means / spread).T
        log_joint = np.log(weight / n) - 0.5 * (fit + (means**2 / spread + np.log(spread)).sum(axis=1))
        new = softmax(log_joint, axis=1)
        settled = np.abs(new - held).max() < 1e-6
        held = new
        if settled:
            break
    return held


def _split(rows: Floats, count: int) -> NDArray[np.int_]:
    """(n,) clusters by splitting the widest one at its mean along its widest direction, until there are `count`."""
    cluster = np.zeros(len(rows), dtype=int)
    scatter = np.zeros(count)
    scatter[0] = 1.0
    for new in range(1, count):
        widest = int(scatter.argmax())
        if scatter[widest] <= 0:
            break
        inside = np.flatnonzero(cluster == widest)
        axis = int(rows[inside].var(axis=0).argmax())
        cluster[inside[rows[inside, axis] > rows[inside, axis].mean()]] = new
        for part in (widest, new):
            scatter[part] = ((rows[cluster == part] - rows[cluster == part].mean(axis=0)) ** 2).sum()
    return cluster
