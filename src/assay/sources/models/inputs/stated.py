"""Image preprocessing for files that state none: said by options, read from beside the model, or noted as assumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay.errors import DataError, UsageError
from assay.sources.models.inputs.images import ImageInputs
from assay.sources.models.request import Request

OPTIONS = ("size", "mean", "deviation")
RESAMPLINGS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
"""As PIL numbers them."""


def image_inputs(
    request: Request,
    folder: Path,
    size: tuple[int, int] | None,
    *,
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
    assumed: str,
) -> tuple[ImageInputs, tuple[str, ...]]:
    """Inputs of an image model whose file holds the network alone.

    What options say comes first, then `preprocessor_config.json` beside the model, as transformers writes it, then what
    is usual for such files, with a note.

    Args:
        request: May have `size` (pixels), `mean` and `deviation` (one number or three, on the scale 0 to 1).
        folder: Where the model lies.
        size: Height and width that the network insists on; None where it takes any.
        mean: What is usual.
        deviation: What is usual.
        assumed: The note, where the usual is taken.

    Returns:
        (inputs, notes)

    Raises:
        UsageError: An option is not of its form, or no size is known.
        DataError: The file beside the model cannot be read.
    """
    stated = _beside(folder)
    wanted = request.integer("size")
    chosen = size or ((wanted, wanted) if wanted else _size(stated.get("crop_size") or stated.get("size")))
    if chosen is None:
        raise UsageError(f"{request.ref.uri}: the network takes images of any size; say which with ?size=224")
    told = _numbers(request, "mean"), _numbers(request, "deviation")
    inputs = ImageInputs(
        size=chosen,
        shorter=_shorter(stated),
        interpolation=RESAMPLINGS[int(stated.get("resample", 2))],
        mean=told[0] or tuple(stated.get("image_mean", mean)),
        deviation=told[1] or tuple(stated.get("image_std", deviation)),
    )
    known = "image_mean" in stated or all(told)
    return inputs, () if known else (assumed,)


def _beside(folder: Path) -> dict[str, Any]:
    path = folder / "preprocessor_config.json"
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _size(stated: Any) -> tuple[int, int] | None:
    if isinstance(stated, dict) and "height" in stated:
        return int(stated["height"]), int(stated["width"])
    return (stated, stated) if isinstance(stated, int) else None


def _shorter(stated: dict[str, Any]) -> int | None:
    """Length of the shorter side before the crop, where it is stated."""
    size = stated.get("size")
    return int(size["shortest_edge"]) if isinstance(size, dict) and "shortest_edge" in size else None


def _numbers(request: Request, name: str) -> tuple[float, ...] | None:
    text = request.options.get(name)
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise UsageError(f"{request.ref.uri}: {name} is one number or three with commas between, got {text!r}")
    return numbers * (3 // len(numbers))
