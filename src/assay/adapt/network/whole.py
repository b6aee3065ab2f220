"""A backbone with a head: its outputs, its loss, and which of its modules are in training mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Feed = Callable[[NDArray[np.int_]], Mapping[str, Tensor]]
"""Row positions → the backbone's batch."""


NORMALISING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
STALE = 0.05
"""Share of the old batch statistics that may be left after an epoch."""
QUICKEST = 0.3
"""Momentum of batch statistics that is not exceeded: they are then those of a few batches."""


@dataclass(slots=True)
class Whole:
    """A backbone with a head; the backbone may be an identity where features are fed."""

    backbone: nn.Module
    head: nn.Linear
    kind: str
    """The kind of task."""
    smoothing: float = 0.0
    """Label smoothing."""
    adapters: bool = False
    """Whether trained layers lie inside frozen ones, which then drop out as if they were trained."""
    history: list[dict[str, float]] = field(default_factory=list[dict[str, float]])

    def outputs(self, batch: Mapping[str, Tensor], forward: Callable[..., Any] | None = None) -> Tensor:
        """(b, c) logits, or (b, 1) values; `forward` stands in for the backbone, as its compiled form."""
        return self.head((forward or self.backbone)(**batch).float())

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a batch: cross-entropy, one sigmoid a label, or squared error."""
        if self.kind == "regression":
            return nn.functional.mse_loss(outputs[:, 0], target)
        if self.kind == "multilabel":
            return nn.functional.binary_cross_entropy_with_logits(outputs, target)
        return nn.functional.cross_entropy(outputs, target, label_smoothing=self.smoothing)

    def learning(self) -> list[nn.Parameter]:
        """The backbone's parameters that are trained."""
        return [parameter for parameter in self.backbone.parameters() if parameter.requires_grad]

    def train_mode(self) -> None:
        """Training mode where something is trained; a frozen block keeps its running statistics and drops nothing."""
        self.head.train()
        _set_mode(self.backbone, False, mixed=self.adapters)

    def follow(self, steps: int) -> None:
        """Let batch statistics that are trained follow the data within an epoch of so many steps.

        Some weights come with a momentum made for hundreds of thousands of steps (0.01 or less); after a short training
        their statistics would still be those of the data they were made from, and the network would fail on every item
        that it has just learned.
        """
        least = min(QUICKEST, 1.0 - STALE ** (1.0 / steps))
        for module in self.backbone.modules():
            if isinstance(module, NORMALISING) and module.training and module.momentum is not None:
                module.momentum = max(module.momentum, least)


class Passing(nn.Module):
    """A backbone that is fed its own features."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, d) → the same."""
        return x


def new_head(width: int, outputs: int) -> nn.Linear:
    """A linear head of zeros."""
    head = nn.Linear(width, outputs)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def _set_mode(module: nn.Module, around: bool, *, mixed: bool) -> None:
    """A module without parameters follows what is around it; one with some frozen and some trained follows `mixed`."""
    learning = [parameter.requires_grad for parameter in module.parameters()]
    mine = around if not learning else all(learning) or (mixed and any(learning))
    module.training = mine
    for kid in module.children():
        _set_mode(kid, mine, mixed=mixed)
