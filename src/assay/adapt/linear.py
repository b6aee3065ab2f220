"""Linear heads: how features are scaled, what a head gives, and how it is stored for serving.

A head is kept on the features as they come: mean and scale of the training rows are folded into weight and bias, so
that serving is `x @ weight.T + bias`. Everything walks over the rows in blocks; (n, d) is never copied in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import NonFiniteError

Scaling = Literal["global", "standard", "center", "none"]

ABSENT = -1e4
"""The bias of a class that no training row has: its probability is exactly zero, and the number can be stored."""

BLOCK = 4096
"""Rows handled at a time."""

SHORT_SUM = 64
"""Rows that are summed in float32."""


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

    def single(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same in float32; what rounding the mean leaves is taken up by a head's intercept."""
        scaled = block - self.mean.astype(np.float32)
        scaled *= (1.0 / self.deviation).astype(np.float32)
        return scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearHead:
    """Outputs = (features - center) @ weight.T + bias; about a centre, float32 products lose nothing."""

    weight: NDArray[np.float64]
    """(c, d)."""
    bias: NDArray[np.float64]
    """(c,)."""
    center: NDArray[np.float64]
    """(d,)."""

    @classmethod
    def unscaled(cls, weight: NDArray[np.float64], bias: NDArray[np.float64], scale: Scale) -> LinearHead:
        """The head on unscaled features that gives what (`weight`, `bias`) give on scaled ones."""
        return cls(weight=weight / scale.deviation, bias=bias, center=scale.mean)

    def outputs(self, x: NDArray[np.float32], rows: NDArray[np.int_]) -> NDArray[np.float64]:
        """(n, d) features and row positions → (len(rows), c) outputs in float64."""
        return next(outputs_of([self], x, rows))

    def state(self) -> dict[str, NDArray[Any]]:
        """What serving needs, in float32, with the centre folded in: `weight` (c, d) and `bias` (c,)."""
        bias = self.bias - self.weight @ self.center
        return {"weight": self.weight.astype(np.float32), "bias": bias.astype(np.float32)}


def outputs_of(heads: Sequence[LinearHead], x: NDArray[np.float32], rows: NDArray[np.int_]
               ) -> Iterator[NDArray[np.float64]]:  # fmt: skip
    """(len(rows), c) outputs of each head, in turn; rows are read once as long as they fit a block.

    Raises:
        NonFiniteError: an output is NaN or infinite.
    """
    kept: NDArray[np.float32] | None = None
    for head in heads:
        center, weight = head.center.astype(np.float32), head.weight.T.astype(np.float32)
        out = np.empty((len(rows), len(head.bias)))
        for part in blocks(len(rows)):
            block = x[rows[part]] if kept is None else kept
            kept = block if len(rows) <= BLOCK else None
            out[part] = (block - center) @ weight + head.bias
        if not np.isfinite(out).all():
            row = rows[np.flatnonzero(~np.isfinite(out).all(axis=1))[0]]
            raise NonFiniteError(f"the head gives NaN or infinity for row {row}; its features are not finite")
        yield out


def blocks(n: int) -> Iterator[slice]:
    """Slices that cover `n` rows."""
    return (slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))


def measure_scale(x: NDArray[np.float32], rows: NDArray[np.int_], scaling: Scaling = "standard") -> Scale:
    """Mean and scale of the features of `rows`, in float64 and two passes.

    Args:
        x: (n, d) features.
        rows: Positions of the rows to measure.
        scaling: `standard` divides each feature by its standard deviation, `global` all features by one number, the
            root of their mean variance; `center` only takes the mean off, `none` changes nothing. A feature that
            varies by less than a millionth of its mean counts as constant: float32 holds no more.

    Raises:
        NonFiniteError: a feature is NaN or infinite.
    """
    d = x.shape[1]
    if scaling == "none":
        return Scale(mean=np.zeros(d), deviation=np.ones(d))
    mean = _sum_of_rows(x, rows, lambda block: block) / len(rows)
    if not np.isfinite(mean).all():
        first = int(np.flatnonzero(~np.isfinite(mean))[0])
        raise NonFiniteError(f"feature {first} is NaN or infinite in a training row")
    if scaling == "center":
        return Scale(mean=mean, deviation=np.ones(d))
    middle = mean.astype(np.float32)
    squares = _sum_of_rows(x, rows, lambda block: np.square(block - middle))
    deviation = np.sqrt(squares / len(rows))
    deviation[deviation <= 1e-6 * np.abs(mean)] = 0.0
    if scaling == "global":
        deviation = np.full(d, np.sqrt(np.mean(deviation**2)))
    return Scale(mean=mean, deviation=np.where(deviation > 0, deviation, 1.0))


def _sum_of_rows(x: NDArray[np.float32], rows: NDArray[np.int_],
                 of: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> NDArray[np.float64]:  # fmt: skip
    """(d,) sums: float32 within a few rows, float64 across."""
    total = np.zeros(x.shape[1])
    for start in range(0, len(rows), SHORT_SUM):
        total += of(x[rows[start : start + SHORT_SUM]]).sum(axis=0)
    return total


def full_width(head: LinearHead, present: NDArray[np.int_], width: int) -> LinearHead:
    """A head over `present` classes → one over all `width` classes; the others get probability zero."""
    if len(present) == width:
        return head
    weight = np.zeros((width, head.weight.shape[1]))
    bias = np.full(width, ABSENT)
    weight[present], bias[present] = head.weight, head.bias
    return LinearHead(weight=weight, bias=bias, center=head.center)
