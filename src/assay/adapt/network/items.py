"""Row positions → the backbone's batch of tensors; batches of images are kept in memory while they fit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assay.adapt.network.whole import Feed
from assay.contracts import Model
from assay.dataset import Dataset

CACHE_BYTES = 2**30


class Items:
    """The items of a data set as batches for one model.

    Args:
        model: Brings the preprocessing.
        dataset: Brings the items.
        device: Where batches go.
        half: Whether the backbone computes in bfloat16.
    """

    channels_last = True
    """Memory layout of image batches."""

    def __init__(self, model: Model, dataset: Dataset, device: torch.device, *, half: bool) -> None:
        self._model, self._dataset, self.device, self.half = model, dataset, device, half
        self._kept: dict[int, NDArray[Any]] = {}
        self._room = CACHE_BYTES

    def __call__(self, positions: NDArray[np.int_]) -> Mapping[str, Tensor]:
        """The batch of these rows."""
        missing = [int(row) for row in positions if int(row) not in self._kept]
        if missing and self._model.info.modality == "image" and self._room > 0:
            batch = self._model.collate(self._dataset.load(np.array(missing)))
            if set(batch) == {"pixels"}:
                for row, pixels in zip(missing, batch["pixels"], strict=True):
                    self._kept[row] = pixels
                    self._room -= pixels.nbytes
                missing = []
        if not missing and self._kept:
            return self.tensors({"pixels": np.stack([self._kept[int(row)] for row in positions])})
        return self.tensors(self._model.collate(self._dataset.load(positions)))

    def training(self, *, flip: bool, rng: np.random.Generator) -> Feed:
        """Batches to learn from, images mirrored at random where that is asked for."""
        if not flip:
            return self

        def feed(positions: NDArray[np.int_]) -> Mapping[str, Tensor]:
            batch = dict(self(positions))
            if "pixels" in batch:
                mirror = torch.as_tensor(rng.random(len(positions)) < 0.5, device=self.device)
                batch["pixels"] = torch.where(mirror[:, None, None, None], batch["pixels"].flip(3), batch["pixels"])
            return batch

        return feed

    def precise(self) -> AbstractContextManager[Any]:
        """The precision of the backbone's arithmetic."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half)

    def tensors(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        """Arrays as tensors on the device, images in the layout that was chosen."""
        found = {name: torch.as_tensor(values).to(self.device) for name, values in batch.items()}
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return {name: t.contiguous(memory_format=layout) if t.ndim == 4 else t for name, t in found.items()}
