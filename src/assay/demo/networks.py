"""Networks of the demo's packages as plain chains of layers, so that engines compile them and fine-tuning cuts them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from assay.sources.models.networks.wrapping import Chain


def lite_backbone(variant: int) -> Any:
    """An EfficientNet-Lite with weights drawn from torch's generator."""
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name(f"efficientnet-lite{variant}")


class LiteFeatures(nn.Module):
    """An EfficientNet-Lite up to its pooled features; stochastic depth, a matter of its first training, is left out."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.stem = nn.Sequential(backbone._conv_stem, backbone._bn0, nn.ReLU6())
        self.blocks = nn.Sequential(*backbone._blocks)
        self.head = nn.Sequential(backbone._conv_head, backbone._bn1, nn.ReLU6())
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, pixels: Tensor) -> Tensor:
        """(b, 3, h, w) → (b, 1280)."""
        return self.pool(self.head(self.blocks(self.stem(pixels))))

    def with_head(self, backbone: Any) -> Chain:
        """The features followed by the classifier of ImageNet's 1,000 classes."""
        return Chain(self, backbone._fc)


class VoiceFeatures(nn.Module):
    """Three LSTM layers over mel windows, the last state projected, rectified and normalised, averaged over windows."""

    def __init__(self, bands: int = 40, hidden: int = 256, width: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(bands, hidden, 3, batch_first=True)
        self.linear = nn.Linear(hidden, width)

    def forward(self, mels: Tensor, mask: Tensor) -> Tensor:
        """(b, p, f, k) windows and their (b, p) mask → (b, 256) of unit length."""
        _, (hidden, _) = self.lstm(mels.flatten(0, 1))
        windows = nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1).unflatten(0, mels.shape[:2])
        return nn.functional.normalize((windows * mask[:, :, None]).sum(dim=1), dim=1)
