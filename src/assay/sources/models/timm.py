"""`timm:resnet50.a1_in1k`, `timm:org/name` on the hub, `timm:path/to/folder`: image models of timm.

A folder is one that timm's own hub export writes: `config.json` and `model.safetensors`. Features are what enters the
classifier, pooled as the model declares. Options: `size`, `pooling` (timm's `global_pool`), `layer`.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import timm
from timm import data as timm_data
from torch import Tensor, nn

from assay.contracts import Model, ModelInfo
from assay.errors import OfflineError, UnknownNameError, UsageError
from assay.sources.models.depth import shorten
from assay.sources.models.inputs.images import ImageInputs, TransformedImages
from assay.sources.models.networks.network_model import Facts, Inputs, NetworkModel, inform
from assay.sources.models.networks.wrapping import Chain
from assay.sources.models.request import Request, Source
from assay.sources.models.weights.digest import digest_state
from assay.sources.models.weights.fetch import Stock, fetch_url, stock_of
from assay.sources.models.weights.reading import notes_on, read_state, refusing_pickles, weights_file
from assay.sources.models.weights.twin import bare, drawn


class TimmFeatures(nn.Module):
    """A timm model without its classifier: pixels → pooled features."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, pixels: Tensor) -> Tensor:
        """(b, 3, h, w) → (b, d)."""
        backbone: Any = self.backbone
        features = backbone.forward_head(backbone.forward_features(pixels), pre_logits=True)
        return features.mean(dim=1) if features.ndim == 3 else features  # shortened before its attention pooling


def _open(request: Request) -> Model:
    if request.ref.untrained:
        with drawn(request.seed):
            backbone = _build(request, pretrained=False)
        revision, notes = digest_state(backbone.state_dict().items()), ()
    else:
        backbone, revision, notes = _trained(request)
    network, logits = _split(backbone)
    layer = shorten(network, request.integer("layer"), uri=request.ref.uri)
    return NetworkModel(
        dataclasses.replace(request.ref, revision=revision),
        network=network,
        logits=None if layer else logits,
        inputs=_inputs(backbone, request),
        facts=_facts(backbone, layer, notes),
    )


def _outline(request: Request) -> ModelInfo:
    backbone = bare(lambda: _build(request, pretrained=False))
    network, _ = _split(backbone)
    layer = shorten(network, request.integer("layer"), uri=request.ref.uri)
    return inform(network, _inputs(backbone, request), _facts(backbone, layer, ()))


load = Source(_open, outline=_outline, options=("size", "pooling", "layer"))
"""The source of `timm:` models."""


def _trained(request: Request) -> tuple[Any, str, tuple[str, ...]]:
    name, uri = request.path, request.ref.uri
    place: Stock | Path
    if _is_elsewhere(name):
        held = _stock(request)
        place, revision = held.folder, held.revision
    else:
        _known(name)
        cfg = timm.models.get_pretrained_cfg(name)
        if cfg is None or not cfg.has_weights:
            raise UsageError(f"{uri}: timm has no trained weights of that name; {_known_tags(name)}")
        if cfg.hf_hub_id:
            held = stock_of(dataclasses.replace(request, path=str(cfg.hf_hub_id)))
            place, revision = held.folder, held.revision
        else:
            place, revision = fetch_url(str(cfg.url), uri=uri, offline=request.offline), ""
    file = weights_file(place, uri=uri) if place.is_dir() else place
    overlay: dict[str, Any] = {"source": "", "file": str(file), "custom_load": file.suffix == ".npz"}
    if request.trust and file.suffix not in (".safetensors", ".npz"):
        overlay["state_dict"] = read_state(file, uri=uri, trust=True)
    with refusing_pickles(file, uri):
        backbone = _build(request, pretrained=True, pretrained_cfg_overlay=overlay)
    backbone.pretrained_cfg.pop("state_dict", None)
    notes = notes_on(file, trust=request.trust)
    return backbone, revision or digest_state(backbone.state_dict().items()), notes


def _build(request: Request, *, pretrained: bool, **extra: Any) -> Any:
    name = request.path
    if _is_elsewhere(name):
        held = _stock(request, weights=pretrained)
        name = f"local-dir:{held.folder}"
    else:
        _known(name)
    if "pooling" in request.options:
        extra["global_pool"] = request.options["pooling"]
    size = request.integer("size")
    try:
        if size is not None:
            given = timm.models.resolve_model_input_args(name, {"img_size": size})
            extra |= {"img_size": given["img_size"]} if "img_size" in given else {}
        return timm.create_model(name, pretrained=pretrained, **extra)
    except (TypeError, AssertionError, KeyError) as error:
        raise UsageError(f"{request.ref.uri}: timm cannot build it so: {error}") from error


def _split(backbone: Any) -> tuple[TimmFeatures, nn.Module | None]:
    """The network without its classifier, and the two in a row."""
    head = backbone.get_classifier()
    backbone.reset_classifier(0)
    network = TimmFeatures(backbone)
    usable = isinstance(head, nn.Module) and not isinstance(head, nn.Identity)
    return network, Chain(network, head) if usable else None


def _inputs(backbone: Any, request: Request) -> Inputs:
    config = timm_data.config.resolve_data_config({}, pretrained_cfg=backbone.pretrained_cfg)
    wanted = request.integer("size")
    height, width = (wanted, wanted) if wanted is not None else tuple(config["input_size"][1:])
    mode, share = config["crop_mode"], config["crop_pct"]
    if config["input_size"][0] != 3:
        raise UsageError(f"{request.ref.uri} reads {config['input_size'][0]} channels; models of three are supported")
    simple = (mode == "center" and height == width) or (mode == "squash" and share == 1.0)
    if not simple:
        chosen = config | {"input_size": (3, height, width)}
        transform: Any = timm_data.transforms_factory.create_transform(**chosen, is_training=False)
        return TransformedImages(transform=transform, size=(height, width), settings=chosen)
    return ImageInputs(
        size=(height, width),
        mean=tuple(config["mean"]),
        deviation=tuple(config["std"]),
        interpolation=config["interpolation"],
        mode="crop" if mode == "center" else "squash",
        shorter=math.floor(height / share) if mode == "center" else None,
    )


def _facts(backbone: Any, layer: str, notes: tuple[str, ...]) -> Facts:
    cfg = backbone.pretrained_cfg
    pool = getattr(backbone, "global_pool", None) or getattr(getattr(backbone, "head", None), "global_pool", "")
    name = str(pool if isinstance(pool, str) else getattr(pool, "pool_type", "avg"))
    return Facts(
        pooling="mean" if layer and name == "map" else name,
        licence=str(cfg.get("license") or ""),
        layer=layer,
        labels=() if layer else tuple(cfg.get("label_names") or ()),
        notes=notes,
    )


def _is_elsewhere(name: str) -> bool:
    """Whether a name is a folder or a repository and not one of timm's registry."""
    return "/" in name or name.startswith(("local-dir:", "hf-hub:")) or Path(name).is_dir()


def _stock(request: Request, *, weights: bool = True) -> Stock:
    place = request.path.removeprefix("local-dir:").removeprefix("hf-hub:")
    held = stock_of(dataclasses.replace(request, path=place), weights=weights)
    if not (held.folder / "config.json").is_file():
        raise OfflineError(f"{request.ref.uri}: {held.folder} has no config.json as timm's export to the hub writes it")
    return held


def _known(name: str) -> None:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise UnknownNameError("model", name, [*timm.list_models(), *timm.list_pretrained()], where="timm")
    known = timm.list_pretrained(f"{architecture}.*") if tag else [name]
    if name not in known:
        raise UnknownNameError("model", name, known, where="timm")


def _known_tags(name: str) -> str:
    tags = timm.list_pretrained(f"{name.partition('.')[0]}*")[:5]
    return f"it has weights of {', '.join(tags)}" if tags else "use random: before the name for its untrained twin"
