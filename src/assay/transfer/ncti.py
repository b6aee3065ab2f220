"""NCTI: how near the features are to neural collapse, relative to the other models of a pool.

Wang, Luo, Zheng, Huang and Baktashmotlagh (2023), How Far Pre-trained Models Are from Neural Collapse on the Target
Dataset Informs their Transferability, ICCV, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import softmax

from assay.errors import UsageError
from assay.transfer.discriminant import principal_rows
from assay.transfer.factorisation import Factorisation, labels_of

DIMENSIONS = 64
RIDGE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapseParts:
    """The three measurements of one model; each has a meaning by itself, their sum only within a pool."""

    nearest_centre: float
    """Mean posterior of the right class, in [0, 1]; higher is better."""
    simplex: float
    """Nuclear norm of the discriminant coordinates over √n; higher is better."""
    variability: float
    """Log of the summed nuclear norms of each class's posteriors; lower is better."""


def ncti_parts(x: NDArray[Any] | Factorisation, y: NDArray[Any]) -> CollapseParts:
    """The three measurements for one model.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.

    Raises:
        UsageError: when no feature varies.

    Notes:
        Principal components (64 at most, fewer where the rank is lower), then a linear discriminant with a ridge of
        0.001 of the mean variance.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    rows = principal_rows(data)[0][:, :DIMENSIONS]
    means = labels.means(rows)
    inside = rows - means[labels.codes]
    within = inside.T @ inside / data.n
    within[np.diag_indices(len(within))] += RIDGE * float((rows**2).sum()) / rows.size
    between = (means * labels.shares[:, None]).T @ means
    directions = eigh(between, within)[1][:, ::-1][:, : labels.c - 1]
    low, centres = rows @ directions, means @ directions
    chance = softmax(low @ centres.T - 0.5 * (centres**2).sum(axis=1) + np.log(labels.shares), axis=1)
    norms = [np.linalg.norm(chance[labels.codes == c], ord="nuc") for c in range(labels.c)]
    return CollapseParts(
        nearest_centre=float(chance[np.arange(data.n), labels.codes].mean()),
        simplex=float(np.linalg.norm(low, ord="nuc")) / np.sqrt(data.n), variability=float(np.log(np.sum(norms))),
    )  # fmt: skip


def ncti(parts: Sequence[CollapseParts]) -> list[float]:
    """One number a model, in [−1, 2], relative to this pool: another model in the pool changes everyone's.

    Args:
        parts: What `ncti_parts` gave for each model on the same rows.

    Raises:
        UsageError: for fewer than two models.
    """
    if len(parts) < 2:
        raise UsageError("NCTI is relative to a pool; it needs at least two models")
    columns = np.array([[p.nearest_centre, p.simplex, p.variability] for p in parts])
    span = np.ptp(columns, axis=0)
    scaled = np.divide(columns - columns.min(axis=0), span, out=np.zeros_like(columns), where=span > 0)
    return (scaled[:, 0] + scaled[:, 1] - scaled[:, 2]).tolist()
