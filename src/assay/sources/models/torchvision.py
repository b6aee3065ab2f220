"""`torchvision:resnet50@IMAGENET1K_V2`: image classifiers of torchvision, with the weights of an enum or of a file.

`torchvision:resnet50` takes the default weights; `torchvision:resnet50@path/to/file.safetensors` a file of one's own.
Features are what enters the last linear layer. Options: `size`, `layer`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torchvision
from torch import nn
from torchvision import models as zoo

from assay.contracts import Model, ModelInfo
from assay.errors import DataError, UnknownNameError
from assay.sources.models.depth import shorten
from assay.sources.models.inputs.images import ImageInputs
from assay.sources.models.networks.network_model import Facts, NetworkModel, inform
from assay.sources.models.networks.wrapping import Chain, TakesPixels
from assay.sources.models.request import Request, Source
from assay.sources.models.weights.digest import digest_files, digest_state
from assay.sources.models.weights.fetch import fetch_url
from assay.sources.models.weights.reading import notes_on, read_state
from assay.sources.models.weights.twin import bare, drawn


def _open(request: Request) -> Model:
    name, weights, file = _resolve(request)
    notes: tuple[str, ...] = ()
    if request.ref.untrained:
        with drawn(request.seed):
            whole = _build(name)
        revision = digest_state(whole.state_dict().items())
    else:
        if file is None:
            file = fetch_url(weights.url, uri=request.ref.uri, offline=request.offline)
            revision = f"{weights.name}-{digest_files(file)}"
        else:
            revision = digest_files(file)
        whole = _build(name)
        _fill(whole, file, request)
        notes = notes_on(file, trust=request.trust)
    network, logits = _split(whole)
    layer = shorten(network, request.integer("layer"), uri=request.ref.uri)
    return NetworkModel(
        dataclasses.replace(request.ref, revision=revision),
        network=network,
        logits=None if layer else logits,
        inputs=_inputs(weights, request),
        facts=_facts(whole, weights, layer, notes, labels=file is None and not layer),
    )


def _outline(request: Request) -> ModelInfo:
    name, weights, file = _resolve(request)
    whole = bare(lambda: _build(name))
    network, _ = _split(whole)
    layer = shorten(network, request.integer("layer"), uri=request.ref.uri)
    facts = _facts(whole, weights, layer, (), labels=file is None and not layer)
    return inform(network, _inputs(weights, request), facts)


load = Source(_open, outline=_outline, options=("size", "layer"))
"""The source of `torchvision:` models."""


def _resolve(request: Request) -> tuple[str, Any, Path | None]:
    """Architecture, the weights whose preprocessing counts, and the file of one's own where one is named."""
    name, _, chosen = request.path.partition("@")
    known = torchvision.models.list_models(module=zoo)
    if name not in known:
        raise UnknownNameError("model", name, known, where="torchvision")
    enum: Any = zoo.get_model_weights(name)
    if not chosen:
        return name, enum.DEFAULT, None
    if chosen in enum.__members__:
        return name, enum[chosen], None
    file = Path(chosen).expanduser()
    if file.is_file():
        return name, enum.DEFAULT, file
    raise UnknownNameError("weights", chosen, enum.__members__, where=request.ref.uri)


def _build(name: str) -> Any:
    extra = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    return zoo.get_model(name, weights=None, **extra)


def _fill(whole: Any, file: Path, request: Request) -> None:
    state = read_state(file, uri=request.ref.uri, trust=request.trust)
    try:
        whole.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"{request.ref.uri}: the weights in {file} do not fit the architecture: {error}") from error


def _split(whole: Any) -> tuple[nn.Module, nn.Module | None]:
    """The network up to what enters its last layer, and that followed by the last layer."""
    for name in ("AuxLogits", "aux1", "aux2"):
        if getattr(whole, name, None) is not None:
            setattr(whole, name, None)
            whole.aux_logits = False
    layers = [(name, kid) for name, kid in whole.named_modules() if isinstance(kid, (nn.Linear, nn.Conv2d))]
    place, last = layers[-1]
    parent, _, child = place.rpartition(".")
    if isinstance(last, nn.Linear):
        setattr(whole.get_submodule(parent), child, nn.Identity())
        network = TakesPixels(whole)
        return network, Chain(network, last)
    whole.classifier = nn.Identity() if not hasattr(whole, "classifier") else nn.AdaptiveAvgPool2d(1)  # SqueezeNet
    return TakesPixels(whole), None


def _inputs(weights: Any, request: Request) -> ImageInputs:
    own = weights.transforms()
    wanted = request.integer("size")
    crop = wanted or own.crop_size[0]
    shorter = round(own.resize_size[0] * crop / own.crop_size[0])
    return ImageInputs(
        size=(crop, crop),
        shorter=shorter,
        mean=tuple(own.mean),
        deviation=tuple(own.std),
        interpolation=own.interpolation.value,
    )


def _facts(whole: Any, weights: Any, layer: str, notes: tuple[str, ...], *, labels: bool) -> Facts:
    return Facts(
        pooling="cls" if hasattr(whole, "class_token") else "avg",
        layer=layer,
        licence=str(weights.meta.get("license", "")),
        labels=tuple(weights.meta.get("categories", ())) if labels else (),
        notes=notes,
    )
