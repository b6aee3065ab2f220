"""`keras:path/model.keras`: image and row models of Keras 3, run on its torch backend.

Features are what enters the last dense layer, or the output of the layer named by the option `layer`; maps of places
are averaged. A file that brings functions of its own, and the older h5 format, are refused without the user's word.
Options: `layer`, `size`, `mean`, `deviation`.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from assay.canon import key_of
from assay.contracts import Model
from assay.errors import DataError, MachineError, UnknownNameError, UsageError
from assay.rng import stream
from assay.sources.models.inputs.rows import RowInputs
from assay.sources.models.inputs.stated import OPTIONS, image_inputs
from assay.sources.models.networks.network_model import Facts, Inputs, NetworkModel
from assay.sources.models.request import Request, Source
from assay.sources.models.weights.digest import digest_files
from assay.sources.models.weights.reading import TRUSTED, untrusted
from assay.sources.models.weights.twin import draw

ASSUMED = "the file states no preprocessing; pixels are divided by 255, ?mean= and ?deviation= say otherwise"
SCALING = ("Rescaling", "Normalization")


def _keras() -> Any:
    """Keras on its torch backend."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    if keras.backend.backend() != "torch":
        raise MachineError(
            f"keras runs on {keras.backend.backend()} in this process; set KERAS_BACKEND=torch before it is imported"
        )
    return keras


_keras()


class KerasImages(nn.Module):
    """A Keras model of images, called with channels first."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """(b, 3, h, w) → (b, d)."""
        return _flat(self.model(pixels.permute(0, 2, 3, 1), training=self.training))


class KerasRows(nn.Module):
    """A Keras model of rows."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """(b, n) → (b, d)."""
        return _flat(self.model(x, training=self.training))


class KerasLogits(nn.Module):
    """The network followed by its last layer, as logits."""

    def __init__(self, features: nn.Module, head: Any) -> None:
        super().__init__()
        self.features = features
        self.head = head

    def forward(self, **tensors: Tensor) -> Tensor:
        """What the network takes → (b, z)."""
        output = self.head(self.features(**tensors))
        return output.clamp(min=1e-30).log() if _ends_in_softmax(self.head) else output


def _open(request: Request) -> Model:
    path = request.file(".keras")
    whole = _load(path, request)
    revision = digest_files(path)
    if request.ref.untrained:
        revision = _redraw(whole, request.seed, revision)
    trimmed, head, layer = _trim(whole, request)
    inputs, notes = _inputs(whole, path, request)
    network: nn.Module = KerasImages(trimmed) if "pixels" in inputs.example() else KerasRows(trimmed)
    return NetworkModel(
        dataclasses.replace(request.ref, revision=revision),
        network=network,
        logits=KerasLogits(network, head) if head is not None else None,
        inputs=inputs,
        facts=Facts(
            pooling="mean" if len(trimmed.output.shape) > 2 else "its own",
            layer=layer,
            notes=(*notes, *((TRUSTED,) if request.trust else ())),
            size_bytes=path.stat().st_size,
        ),
    )


load = Source(_open, options=("layer", *OPTIONS))
"""The source of `keras:` models."""


def _load(path: Path, request: Request) -> Any:
    if path.suffix != ".keras" and not request.trust:
        raise untrusted(path, request.ref.uri, f"{path.suffix or 'this'} files are not checked; save it as .keras")
    try:
        return _keras().models.load_model(path, compile=False, safe_mode=not request.trust)
    except (ValueError, TypeError, OSError, KeyError) as error:
        if any(
            word in str(error) for word in ("safe_mode", "safe mode", "arbitrary code", "deserialization of a `Lambda`")
        ):
            raise untrusted(path, request.ref.uri, "it brings functions of its own") from error
        raise DataError(f"{request.ref.uri}: {path} cannot be read: {str(error).splitlines()[0]}") from error


def _trim(whole: Any, request: Request) -> tuple[Any, Any, str]:
    """The model up to its features, its head where that is the last dense layer, and what is read."""
    keras = _keras()
    wanted = request.options.get("layer")
    if wanted is not None:
        names = [layer.name for layer in whole.layers]
        if wanted not in names:
            raise UnknownNameError("layer", wanted, names, where=request.ref.uri)
        return keras.Model(whole.inputs, whole.get_layer(wanted).output), None, wanted
    last = whole.layers[-1]
    if isinstance(last, keras.layers.Dense) and len(whole.layers) > 2:
        usable = _ends_in_softmax(last) or last.activation is keras.activations.linear
        return keras.Model(whole.inputs, last.input), last if usable and last.units > 1 else None, ""
    return whole, None, ""


def _ends_in_softmax(layer: Any) -> bool:
    return getattr(layer.activation, "__name__", "") == "softmax"


def _inputs(whole: Any, path: Path, request: Request) -> tuple[Inputs, tuple[str, ...]]:
    shapes = [tuple(entry.shape[1:]) for entry in whole.inputs]
    if len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][-1] == 3:
        height, width = shapes[0][:2]
        fixed = (height, width) if height and width else None
        scales = any(type(layer).__name__ in SCALING for layer in whole.layers[:4])
        usual = (1.0 / 255.0 if scales else 1.0,) * 3
        inputs, notes = image_inputs(request, path.parent, fixed, mean=(0.0,) * 3, deviation=usual, assumed=ASSUMED)
        return inputs, () if scales else notes
    if len(shapes) == 1 and len(shapes[0]) == 1 and shapes[0][0]:
        return RowInputs(shape=shapes[0]), ()
    raise UsageError(f"{request.ref.uri} reads {shapes}; supported are one input of images (h, w, 3) or of rows (n,)")


def _redraw(whole: Any, seed: int, revision: str) -> str:
    """Draw the weights anew, in place, and name them; what a Normalization layer learnt from data stays."""
    rng = stream(seed, "untrained twin")
    for weight in _weights(whole):
        if "float" in str(weight.dtype):
            weight.assign(draw(weight.path.replace("/", "."), tuple(weight.shape), rng, outputs_last=True))
    return key_of([revision, seed])


def _weights(layer: Any) -> list[Any]:
    """Weights of a layer and of those inside it, in order."""
    if type(layer).__name__ == "Normalization":
        return []
    inner = getattr(layer, "layers", None)
    return [weight for kid in inner for weight in _weights(kid)] if inner else list(layer.weights)


def _flat(output: Any) -> Any:
    """(b, ..., d) → (b, d), the mean over what stands between."""
    tensor = torch.as_tensor(output)
    return tensor.reshape(len(tensor), -1, tensor.shape[-1]).mean(dim=1) if tensor.ndim > 2 else tensor
