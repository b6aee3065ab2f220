"""What heads share: their rows as tensors, and the order, masks and mixtures of every batch.

All that is random comes from streams named by seed and draw, never by configuration: a head sees the same batches alone
and among others, and configurations are compared on the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.adapt.linear import Scale, blocks
from assay.rng import stream

PAD = 16
"""Features and intercept are padded to a multiple of this, for aligned products."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRows:
    """Training and validation rows of one task, for the classes that the training rows hold."""

    kind: str
    """The kind of task."""
    x: torch.Tensor
    """(n, p) scaled features, a column of ones for the intercept, zeros up to a multiple of `PAD`."""
    target: torch.Tensor
    """(c, n) one-hot classes, 0/1 labels, or (1, n) values in units of their spread about their mean."""
    valid_x: torch.Tensor | None
    """(v, p), or None without validation rows."""
    valid_target: torch.Tensor | None
    """(c, v)."""
    d: int
    """Features without intercept and padding."""

    @property
    def classes(self) -> int:
        """c, the outputs of a head."""
        return len(self.target)

    def double(self) -> HeadRows:
        """The same in float64."""
        valid = None if self.valid_x is None else self.valid_x.double()
        return replace(
            self, x=self.x.double(), target=self.target.double(), valid_x=valid,
            valid_target=None if self.valid_target is None else self.valid_target.double(),
        )  # fmt: skip

    def balance(self) -> torch.Tensor:
        """(n,) weights by which all classes count the same."""
        count = self.target.sum(dim=1)
        return (self.target / (count * self.classes / count.sum())[:, None]).sum(dim=0)


def to_tensor(x: NDArray[np.float32], rows: NDArray[np.int_], scale: Scale, device: torch.device) -> torch.Tensor:
    """(n, p) tensor of the scaled features of `rows`, with intercept and padding."""
    d = x.shape[1]
    out = np.zeros((len(rows), -(-(d + 1) // PAD) * PAD), np.float32)
    for part in blocks(len(rows)):
        out[part, :d] = scale.single(x[rows[part]])
    out[:, d] = 1.0
    return torch.from_numpy(out).to(device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch, with what is random about it."""

    rows: torch.Tensor
    """(b,) positions."""
    mask: torch.Tensor | None
    """(b, d) kept features over the share kept, for dropout."""
    partner: torch.Tensor | None
    """(b,) positions of the rows mixed in."""
    share: float
    """Share of the row itself in a mixture."""

    def mix(self, values: torch.Tensor, dim: int) -> torch.Tensor:
        """The batch's part of `values` along `dim`, mixed."""
        own = values.index_select(dim, self.rows)
        if self.partner is None:
            return own
        return own.lerp_(values.index_select(dim, self.partner), 1.0 - self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """Batches of every epoch for one seed and draw; heads of one order go through their rows in lockstep."""

    seed: int
    draw: int
    n: int
    batch_size: int
    dropout: float
    mixup: float

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-self.n // self.batch_size)

    def epoch(self, number: int, like: torch.Tensor, d: int) -> Iterator[Batch]:
        """The batches of epoch `number`, from 0; tensors on the device and in the precision of `like`."""
        order = torch.from_numpy(stream(self.seed, "head batches", self.draw, number).permutation(self.n))
        noise = stream(self.seed, "head noise", self.draw, number)
        whole = order.to(like.device)
        for start in range(0, self.n, self.batch_size):
            rows = whole[start : start + self.batch_size]
            yield Batch(rows=rows, mask=self._mask(noise, len(rows), like, d), **self._mixture(noise, rows))

    def _mask(self, noise: np.random.Generator, b: int, like: torch.Tensor, d: int) -> torch.Tensor | None:
        if self.dropout == 0:
            return None
        kept = noise.random((b, d), dtype=np.float32) >= self.dropout
        return torch.from_numpy(kept).to(like) / (1.0 - self.dropout)

    def _mixture(self, noise: np.random.Generator, rows: torch.Tensor) -> dict[str, Any]:
        if self.mixup == 0:
            return {"partner": None, "share": 1.0}
        share = float(noise.beta(self.mixup, self.mixup))
        partner = rows[torch.from_numpy(noise.permutation(len(rows))).to(rows.device)]
        return {"partner": partner, "share": share}


def first_weights(seed: int, draw: int, c: int, d: int) -> NDArray[np.float64]:
    """(c, d + 1) weights and intercept, uniform within ±1/√d as in `torch.nn.Linear`."""
    return stream(seed, "head weights", draw).uniform(-1.0, 1.0, (c, d + 1)) / np.sqrt(d)
