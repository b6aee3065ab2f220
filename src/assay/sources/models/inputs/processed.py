"""Images → pixels by a processor of transformers, exactly as the model's folder describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.contracts import Batch
from assay.sources.models.inputs.images import as_image
from assay.spec import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedImages:
    """Items → `pixels`, float32 (b, 3, h, w), by an image processor of transformers."""

    processor: Any
    """Called with `images` and `return_tensors`."""
    modality: Modality = "image"

    @property
    def settings(self) -> Mapping[str, Any]:
        """The processor's own description, without what it leaves open."""
        return {name: value for name, value in self.processor.to_dict().items() if value is not None}

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch; raises DataError where an item is not an image."""
        images = [as_image(item).convert("RGB") for item in items]
        pixels = self.processor(images=images, return_tensors="pt")["pixel_values"]
        return {"pixels": pixels.numpy().astype(np.float32, copy=False)}

    def example(self) -> Batch:
        """A batch of one black image, for measuring."""
        return self([np.zeros((256, 256, 3), dtype=np.uint8)])
