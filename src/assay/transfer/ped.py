"""PED: the discriminant after classes that overlap have pushed each other apart.

Li, Hu, Ge, Shan and Duan (2023), Exploring Model Transferability through the Lens of Potential Energy, ICCV, section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.transfer.discriminant import posterior, principal_rows, within_inverse
from assay.transfer.factorisation import Factorisation, Floats, Labels, labels_of

STEPS = 6
TICK = 0.1
"""Length of a step in time."""
ENOUGH = 0.5
"""The motion ends when the energy has fallen to this share."""


def ped(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, reach: float = 0.5) -> float:
    """Mean posterior of the right class once the classes have moved as fine-tuning would move them.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.
        reach: Radius of a class in units of its spread; the paper uses 0.3 or 0.6 by model family.

    Returns:
        In [0, 1]; higher is better. Not corrected for chance: the push parts any labels a little, random ones too.

    Raises:
        UsageError: when no feature varies.

    Notes:
        A class is a ball around its mean with radius R_c = reach √tr Var_c. Two balls that overlap push each other
        along the line between their means with a force of their overlap, averaged over the other classes, from rest;
        at most six steps, fewer once the energy has halved. Covariances within classes stay, so that the discriminant
        is solved by the same small system as before. The paper scales by statistics of ImageNet features, which other
        data don't have; here the spread alone sets it.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    rows, variances = principal_rows(data)
    means = labels.means(rows)
    moved = _pushed(means, reach * _spreads(rows, means, labels))
    directions = within_inverse(variances, means, labels.shares, data.width, moved.T)
    shifted = rows + (moved - means)[labels.codes]
    return float(posterior(shifted, moved, directions, labels)[np.arange(data.n), labels.codes].mean())


def _spreads(rows: Floats, means: Floats, labels: Labels) -> Floats:
    """(c,) root of the total variance of each class."""
    squares = labels.sums((rows**2).sum(axis=1, keepdims=True))[:, 0] / labels.counts
    return np.sqrt(np.maximum(squares - (means**2).sum(axis=1), 0))


def _pushed(means: Floats, radii: Floats) -> Floats:
    """(c, k) means after the balls have pushed each other."""
    c = len(means)
    apart = radii[:, None] + radii[None, :]
    moved, speed, first = means.copy(), np.zeros_like(means), 0.0
    for _ in range(STEPS):
        squares = (moved**2).sum(axis=1)
        distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * moved @ moved.T, 0))
        np.fill_diagonal(distance, np.inf)
        overlap = np.maximum(apart - distance, 0)
        energy = float((overlap**2).sum())
        first = first or energy
        if energy <= ENOUGH * first:
            break
        pull = np.divide(overlap, distance, out=np.zeros_like(overlap), where=distance > 0)
        force = (pull.sum(axis=1)[:, None] * moved - pull @ moved) / (c - 1)
        speed = speed + TICK * force
        moved = moved + TICK * speed
    return moved
