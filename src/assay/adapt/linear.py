"""Linear heads: how features are scaled, what a head gives, and how it is stored for serving.

A head is kept on the features as they come: mean and scale of the training rows are folded into weight and bias, so
that serving is `x @ weight.T + bias`. Everything walks over the rows in blocks; (n, d) is never copied in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import NonFiniteError

Scaling = Literal["standard", "center", "none"]

ABSENT = -1e4
"""The bias of a class that no training row has: its probability is exactly zero, and the number can be stored."""

BLOCK = 4096
"""Rows handled at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Mean and scale of features over some rows."""

    mean: NDArray[np.float64]
    """(d,)."""
    deviation: NDArray[np.float64]
    """(d,), 1 where a feature does not vary."""

    def apply(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        """(b, d) features → (b, d) scaled features."""
        return (block - self.mean) / self.deviation

    def gather(self, x: NDArray[np.float32], rows: NDArray[np.int_]) -> NDArray[np.float32]:
        """(n, d) and row positions → their scaled features in float32, in one new array."""
        out = np.empty((len(rows), x.shape[1]), np.float32)
        for part in blocks(len(rows)):
            out[part] = self.apply(x[rows[part]])
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearHead:
    """Outputs = features @ weight.T + bias."""

    weight: NDArray[np.float64]
    """(c, d)."""
    bias: NDArray[np.float64]
    """(c,)."""

    @classmethod
    def unscaled(cls, weight: NDArray[np.float64], bias: NDArray[np.float64], scale: Scale) -> LinearHead:
        """The head on unscaled features that gives what (`weight`, `bias`) give on scaled ones."""
        weight = weight / scale.deviation
        return cls(weight=weight, bias=bias - weight @ scale.mean)

    def outputs(self, x: NDArray[np.float32], rows: NDArray[np.int_]) -> NDArray[np.float64]:
        """(n, d) features and row positions → (len(rows), c) outputs in float64."""
        out = np.empty((len(rows), len(self.bias)))
        for part in blocks(len(rows)):
            out[part] = x[rows[part]].astype(np.float64) @ self.weight.T + self.bias
        if not np.isfinite(out).all():
            row = rows[np.flatnonzero(~np.isfinite(out).all(axis=1))[0]]
            raise NonFiniteError(f"the head gives NaN or infinity for row {row}; its features are not finite")
        return out

    def state(self) -> dict[str, NDArray[Any]]:
        """What serving needs, in float32: `weight` (c, d) and `bias` (c,)."""
        return {"weight": self.weight.astype(np.float32), "bias": self.bias.astype(np.float32)}


def blocks(n: int) -> Iterator[slice]:
    """Slices that cover `n` rows."""
    return (slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))


def measure_scale(x: NDArray[np.float32], rows: NDArray[np.int_], scaling: Scaling = "standard") -> Scale:
    """Mean and standard deviation of the features of `rows`, in float64 and two passes.

    A feature that varies by less than a millionth of its mean counts as constant: float32 holds no more.

    Raises:
        NonFiniteError: a feature is NaN or infinite.
    """
    d = x.shape[1]
    if scaling == "none":
        return Scale(mean=np.zeros(d), deviation=np.ones(d))
    mean = sum((x[rows[part]].sum(axis=0, dtype=np.float64) for part in blocks(len(rows))), np.zeros(d)) / len(rows)
    if not np.isfinite(mean).all():
        raise NonFiniteError(
            f"feature {int(np.flatnonzero(~np.isfinite(mean))[0])} is NaN or infinite in a training row"
        )
    if scaling == "center":
        return Scale(mean=mean, deviation=np.ones(d))
    squares = np.zeros(d)
    for part in blocks(len(rows)):
        squares += ((x[rows[part]] - mean) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / len(rows))
    return Scale(mean=mean, deviation=np.where(deviation > 1e-6 * np.abs(mean), deviation, 1.0))


def full_width(head: LinearHead, present: NDArray[np.int_], width: int) -> LinearHead:
    """A head over `present` classes → one over all `width` classes; the others get probability zero."""
    if len(present) == width:
        return head
    weight = np.zeros((width, head.weight.shape[1]))
    bias = np.full(width, ABSENT)
    weight[present], bias[present] = head.weight, head.bias
    return LinearHead(weight=weight, bias=bias)
