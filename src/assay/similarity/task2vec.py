"""Task2Vec: a task as the Fisher information that it gives the channels of one fixed probe network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from assay.errors import ShapeError, UsageError
from assay.similarity.pooled import Floats, Pooled, Rows, matrix


def task2vec(x: NDArray[Any], y: NDArray[Any]) -> Floats:
    """(d,) diagonal Fisher information of the gains of the probe's last channels, after a head was fitted to the task.

    Compare embeddings of one probe and of equally many items only: labels that are noise, and few of them, change the
    scale. Here the probe is the frozen extractor with a linear head, so that one number a feature is what the paper
    gets by averaging over the weights of a filter; earlier layers are not looked at.

    Args:
        x: (n, d) features; columns should have about the same scale.
        y: (n,) classes, at least two.

    Raises:
        ShapeError: when lengths do not agree.
        UsageError: with a single class.

    Notes:
        With head probabilities p(k | x) = softmax(Wx + b), the gain of channel j has the information
        mean over x of xⱼ² · Var over k ~ p(k | x) of Wₖⱼ. The head minimises cross-entropy plus ‖W‖²/(2n) on rows of
        mean squared norm 1 (before scaling, columns have their mean taken off).

    References:
        Achille et al. (2019), Task2Vec: task embedding for meta-learning, section 2 (equation 3 and "Fisher
        information matrix for networks").
    """
    rows = matrix(x)
    labels = np.asarray(y)
    if labels.shape != (len(rows),):
        raise ShapeError(f"{len(rows)} items have labels of shape {labels.shape}")
    codes = np.unique(labels.astype(str), return_inverse=True)[1]
    centred = rows - rows.mean(axis=0)
    norm = float((centred**2).sum(axis=1).mean())
    return _fisher(centred / np.sqrt(norm) if norm > 0 else centred, codes)


def task2vec_distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Cosine distance of two embeddings, each divided by their sum; 0 is equal, at most 1.

    Args:
        a: (d,) embedding of one task.
        b: (d,) embedding of the other, of the same probe.

    Raises:
        ShapeError: unless both are (d,).

    References:
        Achille et al. (2019), section 3, symmetric distance: d_cos(Fa / (Fa + Fb), Fb / (Fa + Fb)).
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ShapeError(f"embeddings of one probe are needed; got shapes {first.shape} and {second.shape}")
    total = first + second
    kept = total > 0
    u, v = first[kept] / total[kept], second[kept] / total[kept]
    below = float(np.linalg.norm(u) * np.linalg.norm(v))
    if below == 0:
        return 0.0 if not kept.any() else 1.0
    return float(max(0.0, 1.0 - u @ v / below))


class Task2VecOfRows:
    """The distance between the tasks of two sets of rows; features are standardised over the pool."""

    def __init__(self, pool: Pooled) -> None:
        z = pool.standardised
        self._z, self._codes = z / np.sqrt(max(float((z**2).sum(axis=1).mean()), 1e-300)), pool.codes

    def __call__(self, a: Rows, b: Rows) -> float:
        """The distance between two sets of rows."""
        return task2vec_distance(self._embedding(a), self._embedding(b))

    def _embedding(self, rows: Rows) -> Floats:
        z = self._z[rows]
        return _fisher(z - z.mean(axis=0), np.unique(self._codes[rows], return_inverse=True)[1])


def _fisher(x: Floats, codes: NDArray[np.intp]) -> Floats:
    if codes.max() < 1:
        raise UsageError("a task of one class has no embedding; at least two classes are needed")
    weights, bias = _head(x, codes)
    p = _softmax(x @ weights + bias)
    mean, square = p @ weights.T, p @ (weights.T**2)
    return np.maximum((x**2 * (square - mean**2)).mean(axis=0), 0.0)


def _head(x: Floats, codes: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """((d, c) weights, (c,) bias) that minimise mean cross-entropy + ‖W‖²/(2n)."""
    n, d = x.shape
    c = int(codes.max()) + 1
    target = np.eye(c)[codes]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[: d * c].reshape(d, c), flat[d * c :]
        p = _softmax(x @ weights + bias)
        likelihood = float(np.log(np.maximum(p[np.arange(n), codes], 1e-300)).mean())
        error = (p - target) / n
        slope = np.concatenate([(x.T @ error + weights / n).ravel(), error.sum(axis=0)])
        return -likelihood + float((weights**2).sum()) / (2 * n), slope

    found = minimize(loss, np.zeros(d * c + c), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-9})
    return found.x[: d * c].reshape(d, c), found.x[d * c :]


def _softmax(logits: Floats) -> Floats:
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True)
