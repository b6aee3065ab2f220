"""Images → pixels: resize, crop and normalise on the CPU, value for value as the model's own library does.

Resizing is PIL's, as timm and torchvision use it on PIL images. A grey image is resized as one channel and then
repeated, which gives the same values at a third of the work. This file imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch
from assay.errors import DataError, UsageError
from assay.spec import Modality

Mode = Literal["crop", "squash", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInputs:
    """Items (PIL images, or arrays (h, w) or (h, w, 3) of bytes) → `pixels`, float32 (b, 3, h, w)."""

    size: tuple[int, int]
    """Height and width that the network reads."""
    mean: tuple[float, ...]
    """Of each channel, on the scale 0 to 1."""
    deviation: tuple[float, ...]
    """Of each channel, on the scale 0 to 1."""
    interpolation: str = "bilinear"
    """`nearest`, `bilinear`, `bicubic`, `lanczos`, `box` or `hamming`, as PIL knows them."""
    mode: Mode = "crop"
    """`crop`: shorter side to `shorter`, then the centre; `squash`: to the size at once; `none`: left as is."""
    shorter: int | None = None
    """Length of the shorter side before the crop, in pixels; None for the smaller of `size`."""
    modality: Modality = "image"

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the features' key must know."""
        facts: dict[str, Any] = {"size": list(self.size), "mean": list(self.mean), "deviation": list(self.deviation)}
        if self.mode != "none":
            facts |= {"mode": self.mode, "interpolation": self.interpolation}
        if self.mode == "crop":
            facts["shorter"] = self.shorter or min(self.size)
        return facts

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch.

        Raises:
            DataError: An item is not an image, or has another size where the mode is `none`.
        """
        scale = 1.0 / (255.0 * np.asarray(self.deviation, dtype=np.float64))
        shift = np.asarray(self.mean, dtype=np.float64) / np.asarray(self.deviation, dtype=np.float64)
        alike = len(set(zip(self.mean, self.deviation, strict=True))) == 1
        pixels = np.empty((len(items), 3, *self.size), dtype=np.float32)
        for row, item in zip(pixels, items, strict=True):
            plane = self._frame(item)
            grey = plane.ndim == 2
            for channel in range(1 if grey and alike else 3):
                source = plane if grey else plane[:, :, channel]
                np.multiply(source, np.float32(scale[channel]), out=row[channel], dtype=np.float32)
                row[channel] -= np.float32(shift[channel])
            if grey and alike:
                row[1:] = row[0]
        return {"pixels": pixels}

    def example(self) -> Batch:
        """A batch of one black image, for measuring."""
        return {"pixels": np.zeros((1, 3, *self.size), dtype=np.float32)}

    def _frame(self, item: Any) -> NDArray[np.uint8]:
        image = as_image(item)
        height, width = self.size
        resample = _resampling(self.interpolation)
        if self.mode == "squash":
            image = image.resize((width, height), resample)
        elif self.mode == "crop":
            image = _crop(_shorten(image, self.shorter or min(self.size), resample), height, width)
        elif image.size != (width, height):
            raise DataError(
                f"an image of {image.size[0]} × {image.size[1]} pixels where the model reads {width} × {height} and "
                "declares no resizing; attach preprocessing to the factory or resize the images"
            )
        return np.asarray(image)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformedImages:
    """Items → `pixels` by the library's own transform, for the rarer kinds of resizing that ImageInputs leaves out."""

    transform: Callable[[Any], Any]
    """A PIL image in RGB → a tensor (3, h, w)."""
    size: tuple[int, int]
    """Height and width that the network reads."""
    settings: Mapping[str, Any]
    """What the features' key must know."""
    modality: Modality = "image"

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch; raises DataError where an item is not an image."""
        rows = [np.asarray(self.transform(as_image(item).convert("RGB")), dtype=np.float32) for item in items]
        return {"pixels": np.stack(rows)}

    def example(self) -> Batch:
        """A batch of one black image, for measuring."""
        return {"pixels": np.zeros((1, 3, *self.size), dtype=np.float32)}


def as_image(item: Any) -> Any:
    """A PIL image of mode L or RGB; 16-bit greys are brought to 8 bits, transparency is dropped.

    Raises:
        DataError: when the item is no image.
    """
    from PIL import Image

    if isinstance(item, np.ndarray) and item.dtype == np.uint8 and item.ndim in (2, 3):
        item = Image.fromarray(item)
    if not isinstance(item, Image.Image):
        raise DataError(f"an item of type {type(item).__name__} where the model reads images")
    if item.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(item) >> 8).astype(np.uint8))
    if item.mode in ("1", "L"):
        return item.convert("L")
    return item if item.mode == "RGB" else item.convert("RGB")


def _resampling(name: str) -> Any:
    from PIL.Image import Resampling

    try:
        return Resampling[name.upper()]
    except KeyError:
        raise UsageError(
            f"unknown interpolation {name!r}; known: {', '.join(r.name.lower() for r in Resampling)}"
        ) from None


def _shorten(image: Any, shorter: int, resample: Any) -> Any:
    """The image with its shorter side at `shorter`; lengths are rounded down, as torchvision does."""
    width, height = image.size
    if min(width, height) == shorter:
        return image
    if width <= height:
        size = (shorter, int(shorter * height / width))
    else:
        size = (int(shorter * width / height), shorter)
    return image.resize(size, resample)


def _crop(image: Any, height: int, width: int) -> Any:
    """The centre; a smaller image is padded with black, as torchvision does."""
    if image.size == (width, height):
        return image
    left = round((image.size[0] - width) / 2.0)
    top = round((image.size[1] - height) / 2.0)
    return image.crop((left, top, left + width, top + height))
