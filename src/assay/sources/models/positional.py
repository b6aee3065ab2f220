"""Networks that take their one tensor by position, given the argument name that the batch uses."""

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
