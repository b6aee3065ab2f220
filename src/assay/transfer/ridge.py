"""Leave-one-out ridge: accuracy, or R², of a linear head for a whole grid of penalties from one factorisation.

Allen (1974), The relationship between variable selection and data augmentation and a method for prediction (PRESS);
Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, section 7.10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.transfer.factorisation import Factorisation, Floats, Labels, targets_of
from assay.transfer.knn import r_squared

PENALTIES = np.logspace(-5, 4, 28)
"""In units of the mean squared singular value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What a ridge head says of each row when that row is left out, at the penalty with the least squared error."""

    guess: Floats
    """(n, t) predictions."""
    penalty: float
    """The chosen penalty, in units of the mean squared singular value."""
    errors: Floats
    """(p,) mean squared error at every penalty of the grid."""
    labels: Labels | None
    """The classes, or None for real targets."""

    @property
    def said(self) -> NDArray[np.int_]:
        """(n,) the most likely class of each row, as a code in the order of the sorted classes.

        Leaving a row out makes its class rarer. Where features say little that alone would name another class every
        time, so the intercept is that of all rows; the features' part stays that of the others.
        """
        assert self.labels is not None
        n = len(self.guess)
        without = (n * self.labels.shares - self.labels.onehot) / (n - 1)
        return (self.guess - without + self.labels.shares).argmax(axis=1)

    @property
    def hits(self) -> NDArray[np.bool_]:
        """(n,) whether the most likely class is the right one."""
        assert self.labels is not None
        return self.said == self.labels.codes


def ridge_loo(x: NDArray[Any] | Factorisation, y: NDArray[Any]) -> float:
    """Share of rows that a linear head names rightly without having seen them; R² for real targets.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes, or (n,) or (n, t) real targets.

    Returns:
        Accuracy in [0, 1], or R² (at most 1, averaged over columns); higher is better.
    """
    found = ridge_left_out(x, y)
    if found.labels is not None:
        return float(found.hits.mean())
    return r_squared(targets_of(y, len(found.guess))[0], found.guess)


def ridge_left_out(x: NDArray[Any] | Factorisation, y: NDArray[Any]) -> LeftOut:
    """Predictions for every row left out in turn, in closed form, at the best of 28 penalties.

    Notes:
        With an unpenalised intercept the leverage of row i is h_i = 1/n + Σ_j u_ij² σ_j/(σ_j + λ), and the error on a
        row left out is the fitted error over 1 − h_i. The penalty is chosen by squared error over all rows, the score
        is read as accuracy: what the choice gains by looking is of the order of one row.
    """
    data = Factorisation.of(x)
    targets, labels = targets_of(y, data.n)
    centre = targets.mean(axis=0)
    spectrum = data.centred
    inside = spectrum.project(targets - centre)
    power = spectrum.left**2
    mean_square = float(spectrum.squares.mean()) if spectrum.rank else 1.0
    best: tuple[float, Floats, float] | None = None
    errors: list[float] = []
    for penalty in PENALTIES.tolist():
        kept = spectrum.squares / (spectrum.squares + penalty * mean_square)
        fitted = spectrum.left @ (kept[:, None] * inside) + centre
        room = np.maximum(1 - 1 / data.n - power @ kept, 1e-9)
        residual = (targets - fitted) / room[:, None]
        errors.append(float((residual**2).mean()))
        if best is None or errors[-1] < best[0]:
            best = (errors[-1], targets - residual, penalty)
    assert best is not None
    return LeftOut(guess=best[1], penalty=best[2], errors=np.array(errors), labels=labels)
