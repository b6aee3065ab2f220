"""The additive fit of an incomplete table: score = model + unit + residual, by least squares.

For a complete table this is row means and column means. With missing cells it is what keeps a model that skipped the
hard tasks from leading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditiveFit:
    """Least squares of a models × units table on model + unit."""

    effects: NDArray[np.float64]
    """(m,) model means, corrected for the difficulty of units they were not scored on; NaN without any cell."""
    difficulty: NDArray[np.float64]
    """(t,) unit effects, of mean 0 over the units that have a cell; NaN without any."""
    residuals: NDArray[np.float64]
    """(m, t) what the fit leaves; 0 in absent cells."""
    df: int
    """Degrees of freedom of the residuals; 0 when the table is too small or falls apart into unconnected pieces."""
    connected: bool
    """Whether all models can be compared, directly or by way of other models and units."""


def additive_fit(values: NDArray[np.float64], mask: NDArray[np.bool_]) -> AdditiveFit:
    """Fit model + unit to the present cells of a table.

    Args:
        values: (m, t) scores; whatever stands in absent cells is not read.
        mask: (m, t) which cells are present.

    Returns:
        The fit. In a table of several unconnected pieces the effects of different pieces cannot be compared;
        `connected` is False then, and each piece is centred by the shortest solution.
    """
    m, t = values.shape
    filled = np.where(mask, values, 0.0)
    rows, columns = mask.sum(axis=1), mask.sum(axis=0)
    seen = columns > 0
    weights = mask / np.maximum(rows, 1)[:, None]
    if mask.all() and m and t:
        difficulty = filled.mean(axis=0) - filled.mean()
        pieces = 1
    else:
        normal = np.diag(columns.astype(float)) - mask.T.astype(float) @ weights
        difficulty = np.linalg.lstsq(normal, filled.sum(axis=0) - weights.T @ filled.sum(axis=1), rcond=1e-10)[0]
        pieces = int(seen.sum()) - int(np.linalg.matrix_rank(normal, hermitian=True, tol=1e-8 * max(m, 1)))
    difficulty = np.where(seen, difficulty - (difficulty[seen].mean() if seen.any() else 0.0), 0.0)
    effects = filled.sum(axis=1) / np.maximum(rows, 1) - weights @ difficulty
    residuals = np.where(mask, filled - effects[:, None] - difficulty, 0.0)
    df = int(mask.sum()) - int((rows > 0).sum()) - int(seen.sum()) + pieces
    return AdditiveFit(
        effects=np.where(rows > 0, effects, np.nan), difficulty=np.where(seen, difficulty, np.nan),
        residuals=residuals, df=max(df, 0), connected=pieces == 1,
    )  # fmt: skip


def additive_effects(values: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(m,) model means corrected for the units they were not scored on; see `additive_fit`."""
    return additive_fit(values, mask).effects
