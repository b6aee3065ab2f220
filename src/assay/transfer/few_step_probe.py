"""A logistic head trained for a few steps: held-out accuracy in the unit that people know.

Böhning (1992), Multinomial logistic regression algorithm (the bound on the curvature that sets the step).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from assay.errors import UsageError
from assay.transfer.discriminant import principal_rows
from assay.transfer.factorisation import Factorisation, Floats, Labels, labels_of
from assay.transfer.parc import signed

FOLDS = 5


def few_step_probe(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, steps: int = 10) -> float:
    """Five-fold accuracy of a multinomial logistic head after `steps` accelerated steps from zero.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes.
        steps: How many steps; few of them act as the penalty.

    Returns:
        Accuracy in [0, 1]; higher is better.
    """
    return float(probe_hits(x, y, steps=steps).mean())


def probe_hits(x: NDArray[Any] | Factorisation, y: NDArray[Any], *, steps: int = 10) -> NDArray[np.bool_]:
    """(n,) whether the head that did not see a row names it rightly.

    Notes:
        Folds are stratified and follow the first principal component, so that they do not depend on the order of rows.
        Steps are scaled by Böhning's bound ½ S on the curvature, with S diagonal in principal coordinates, and
        accelerated by Nesterov's momentum.
    """
    data = Factorisation.of(x)
    labels = labels_of(y, data.n)
    if steps < 1:
        raise UsageError(f"steps is at least 1; got {steps}")
    rows, variances = principal_rows(data)
    fold = _folds(signed(rows[:, :1])[:, 0], labels)
    hits = np.zeros(data.n, dtype=bool)
    for held in range(FOLDS):
        train, test = fold != held, fold == held
        if not test.any():
            continue
        weights, bias = _head(rows[train], labels.onehot[train], variances * data.n / train.sum(), steps)
        hits[test] = (rows[test] @ weights + bias).argmax(axis=1) == labels.codes[test]
    return hits


def _folds(first: Floats, labels: Labels) -> NDArray[np.int_]:
    """(n,) fold of each row: within a class, in the order of the first component, dealt in turn."""
    fold = np.empty(len(first), dtype=int)
    dealt = 0
    for c in range(labels.c):
        members = np.flatnonzero(labels.codes == c)
        members = members[np.argsort(first[members], kind="stable")]
        fold[members] = (dealt + np.arange(len(members))) % FOLDS
        dealt += len(members)
    return fold


def _head(rows: Floats, onehot: Floats, variances: Floats, steps: int) -> tuple[Floats, Floats]:
    """(k, c) weights and (c,) bias after the given steps."""
    n = len(rows)
    penalty = 1 / n
    stride = 2 / (variances + 2 * penalty)[:, None]
    weights = ahead = np.zeros((rows.shape[1], onehot.shape[1]))
    shares = np.maximum(onehot.mean(axis=0), 1e-12)
    bias = np.log(shares)
    for step in range(steps):
        residual = (softmax(rows @ ahead + bias, axis=1) - onehot) / n
        new = ahead - stride * (rows.T @ residual + penalty * ahead)
        ahead = new + step / (step + 3) * (new - weights)
        weights = new
        bias = bias - 2 * residual.sum(axis=0)
    return weights, bias
