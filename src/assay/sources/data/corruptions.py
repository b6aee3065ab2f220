"""The same items in a worse form: noise, blur, poor light and heavy compression for images, typing errors for texts.

A corrupted data set has the ids, targets and order of the one it came from, so that what is lost can be paired. The
operations are torchvision's and textnoisr's; only their strengths are chosen here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.canon import key_of
from assay.dataset import Dataset
from assay.errors import MissingExtraError, UnknownNameError, UsageError

STRENGTHS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "image": {
        "noise": {"mild": 0.05, "strong": 0.2}, "blur": {"mild": 0.02, "strong": 0.06},
        "dark": {"mild": 0.6, "strong": 0.25}, "low contrast": {"mild": 0.5, "strong": 0.2},
        "compression": {"mild": 30, "strong": 8},
    },
    "text": {"typing errors": {"mild": 0.05, "strong": 0.15}},
}  # fmt: skip
"""Modality → kind → strength: deviation of the noise (white is 1), blur as a share of the shorter side, factors of
brightness and contrast, JPEG quality; share of characters changed."""


def corrupted(dataset: Dataset, kind: str, strength: str, *, seed: int = 0) -> Dataset:
    """The data set with every item corrupted when it is loaded.

    The same seed corrupts the same item in the same way, whichever items are loaded beside it.

    Args:
        dataset: Images or texts.
        kind: A kind in `STRENGTHS` for its modality.
        strength: `mild` or `strong`.
        seed: Draws noise and typing errors.

    Raises:
        UsageError: for other modalities.
        UnknownNameError: for a kind or strength that there is not.
        MissingExtraError: when the library is not installed.
    """
    kinds = STRENGTHS.get(dataset.modality)
    if kinds is None:
        raise UsageError(f"{dataset.ref.uri}: only images and texts can be corrupted, these items are of another kind")
    if kind not in kinds:
        raise UnknownNameError("corruption", kind, kinds)
    if strength not in kinds[kind]:
        raise UnknownNameError("strength", strength, kinds[kind])
    amount, load = kinds[kind][strength], dataset.load
    worse = _worse_text(amount) if dataset.modality == "text" else _worse_image(kind, amount)
    digests = np.array([key_of([digest, kind, strength, seed]) for digest in dataset.digests.tolist()])

    def spoil(rows: NDArray[np.int_]) -> Sequence[Any]:
        return [
            worse(item, int(str(digests[row])[:8], 16)) for item, row in zip(load(rows), rows.tolist(), strict=True)
        ]

    ref = replace(dataset.ref, revision=key_of([dataset.ref.revision, kind, strength, seed]))
    return replace(dataset, ref=ref, load=spoil, digests=digests)


def _worse_text(share: float) -> Callable[[str, int], str]:
    try:
        from textnoisr.noise import CharNoiseAugmenter
    except ImportError as error:
        raise MissingExtraError("probes", "a probe with typing errors") from error
    return lambda text, seed: str(CharNoiseAugmenter(noise_level=share, seed=seed).add_noise(text))


def _worse_image(kind: str, amount: float) -> Callable[[Any, int], Any]:
    try:
        import torch
        from torchvision.transforms.v2 import functional
    except ImportError as error:
        raise MissingExtraError("vision", "a probe with corrupted images") from error

    def noise(image: Any, seed: int) -> Any:
        white = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
        return (image.float() / 255 + amount * white).clamp(0, 1).mul(255).round().to(torch.uint8)

    def blur(image: Any, seed: int) -> Any:
        del seed
        sigma = max(0.3, amount * min(image.shape[-2:]))
        half = max(1, min(round(3 * sigma), min(image.shape[-2:]) - 1))
        return functional.gaussian_blur(image, [2 * half + 1, 2 * half + 1], [sigma, sigma])

    operations: Mapping[str, Callable[[Any, int], Any]] = {
        "noise": noise, "blur": blur,
        "dark": lambda image, _: functional.adjust_brightness(image, amount),
        "low contrast": lambda image, _: functional.adjust_contrast(image, amount),
        "compression": lambda image, _: functional.jpeg(image, int(amount)),
    }  # fmt: skip

    def worse(item: Any, seed: int) -> Any:
        mode = item.mode if item.mode in ("L", "RGB") else "RGB"
        tensor = functional.pil_to_tensor(item.convert(mode))
        return functional.to_pil_image(operations[kind](tensor, seed), mode=mode)

    return worse
