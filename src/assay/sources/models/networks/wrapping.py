"""Small modules around a network: under the argument name that batches use, and with a head behind it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class TakesPixels(nn.Module):
    """`network(pixels=…)` for a module that is called with one tensor of images."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, pixels: Tensor) -> Any:
        """(b, 3, h, w) → what the module gives."""
        return self.backbone(pixels)


class TakesRows(nn.Module):
    """`network(x=…)` for a module that is called with one tensor."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Any:
        """(b, ...) → what the module gives."""
        return self.backbone(x)


class Chain(nn.Module):
    """`then(first(**tensors))`: a source head behind its features."""

    def __init__(self, first: nn.Module, then: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.then = then

    def forward(self, **tensors: Any) -> Any:
        """What `then` makes of the first one's output."""
        return self.then(self.first(**tensors))
