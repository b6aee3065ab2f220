"""Chain: one network after another, called as the first is."""

from __future__ import annotations

from typing import Any

from torch import nn


class Chain(nn.Module):
    """`then(first(**tensors))`; used for the source head behind the features."""

    def __init__(self, first: nn.Module, then: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.then = then

    def forward(self, **tensors: Any) -> Any:
        """What `then` makes of the first one's output."""
        return self.then(self.first(**tensors))
