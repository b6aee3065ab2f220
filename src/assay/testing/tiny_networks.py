"""Small torch networks as factories for `py:`: one of rows, one of images, and one whose features turn into NaN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assay.sources.models.weights.twin import drawn

SIZE = 16


class Convolutions(nn.Module):
    """A stem, four blocks with a skip, a head and the mean over places: 16 × 16 pixels → (b, 12)."""

    input_shape = (3, SIZE, SIZE)
    pooling = "avg"

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(4)))
        self.head = nn.Conv2d(8, 12, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(b, 3, 16, 16) → (b, 12)."""
        return self.head(self.blocks(self.stem(images))).mean(dim=(2, 3))


class Block(nn.Module):
    """A convolution, batch normalisation and a rectifier beside a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) → the same shape."""
        return x + torch.relu(self.norm(self.convolution(x)))


class Diverged(nn.Module):
    """A network whose weights have become NaN, as training with too large a step leaves them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        nn.init.constant_(self.layer.weight, float("nan"))

    def forward(self, x: Tensor) -> Tensor:
        """(b, 4) → (b, 3) of NaN."""
        return self.layer(x)


def perceptron() -> nn.Module:
    """Two dense layers: rows of 4 → (b, 5)."""
    with drawn(5):
        return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 5))


def convolutions() -> nn.Module:
    """The small convolutional network, with weights of its own."""
    with drawn(5):
        return Convolutions()


def diverged() -> nn.Module:
    """The network that gives NaN."""
    return Diverged()
