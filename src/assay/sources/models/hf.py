"""`hf:owner/name`, `hf:path/to/folder`: encoders of texts, images and speech that transformers knows.

What a model reads is told by its preprocessing files. Texts are pooled by mean, by the last token where the model reads
from left to right only; images by the classification token or the model's own pooling; speech by mean. A source that
declares none of it has a note saying so. Options: `pooling`, `layer`, `max_length`.
"""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any, Literal

from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from assay.contracts import Model, ModelInfo
from assay.errors import DataError, UsageError
from assay.sources.models.depth import shorten
from assay.sources.models.inputs.processed import ProcessedImages
from assay.sources.models.inputs.texts import TextInputs, from_tokenizer
from assay.sources.models.inputs.waveforms import WaveformInputs
from assay.sources.models.networks.network_model import Facts, Inputs, NetworkModel, inform
from assay.sources.models.networks.pooling import POOLINGS
from assay.sources.models.networks.text_side import DualTexts
from assay.sources.models.networks.transformer import (
    AudioFeatures,
    ImageFeatures,
    Logits,
    TextFeatures,
    build,
    encoder_of,
    quiet,
    read_config,
    trained,
    untrained,
)
from assay.sources.models.request import Request, Source
from assay.sources.models.weights.card import licence_of, weight_bytes
from assay.sources.models.weights.digest import digest_state
from assay.sources.models.weights.fetch import stock_of
from assay.sources.models.weights.reading import TRUSTED, notes_on
from assay.sources.models.weights.twin import bare

Kind = Literal["image", "text", "audio"]
HEADS: dict[Kind, tuple[str, Any]] = {
    "image": ("ForImageClassification", AutoModelForImageClassification),
    "text": ("ForSequenceClassification", AutoModelForSequenceClassification),
    "audio": ("ForSequenceClassification", AutoModelForAudioClassification),
}


def _open(request: Request) -> Model:
    uri, trust = request.ref.uri, request.trust
    held = stock_of(request, weights=not request.ref.untrained)
    config = read_config(held.folder, uri=uri, trust=trust)
    kind = _kind(held.folder)
    auto: Any = HEADS[kind][1] if _has_head(config, kind) else AutoModel
    model = _loaded(auto, held.folder, config, request)
    notes = () if request.ref.untrained else notes_on(held.folder, trust=trust)
    network, pooling = _network(model, kind, request)
    inputs = _inputs(held.folder, kind, request, network)
    logits = Logits(model, "pixel_values" if kind == "image" else "") if auto is not AutoModel else None
    layer = shorten(network, request.integer("layer"), uri=uri)
    notes = (*notes, *_notes(inputs, request, model))
    revision = digest_state(network.state_dict().items()) if request.ref.untrained else held.revision
    return NetworkModel(
        dataclasses.replace(request.ref, revision=revision),
        network=network,
        logits=logits if not layer else None,
        inputs=inputs,
        facts=_facts(held.folder, config, pooling, layer, notes, labels=logits is not None),
        # Only the image half is held; the text half is read from the folder when something asks for it.
        texts=partial(_text_side, held.folder, config, request, network, inputs)
        if kind == "image" and hasattr(model, "get_text_features")
        else None,
    )


def _loaded(auto: Any, folder: Path, config: Any, request: Request) -> Any:
    """The architecture with the folder's weights, or with those of the untrained twin."""
    if request.ref.untrained:
        return untrained(auto, config, request.seed)
    return trained(auto, folder, config, uri=request.ref.uri, trust=request.trust)


def _text_side(folder: Path, config: Any, request: Request, network: Any, inputs: Inputs) -> DualTexts:
    """The text half of a model of images and texts.

    Raises:
        UsageError: The folder has no tokenizer, or the features are not those that the model compares with texts.
    """
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=request.trust)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{folder} holds no tokenizer that transformers can read") from error
    side = DualTexts(_loaded(AutoModel, folder, config, request), tokenizer)
    side.require_agreement(network, inputs.example())
    return side


def _outline(request: Request) -> ModelInfo:
    held = stock_of(request, weights=False)
    config = read_config(held.folder, uri=request.ref.uri, trust=request.trust)
    kind = _kind(held.folder)
    auto: Any = HEADS[kind][1] if _has_head(config, kind) else AutoModel
    model = bare(lambda: build(auto, config))
    network, pooling = _network(model, kind, request)
    inputs = _inputs(held.folder, kind, request, network)
    layer = shorten(network, request.integer("layer"), uri=request.ref.uri)
    example = inputs.unmasked_example() if isinstance(inputs, TextInputs) else None
    facts = _facts(held.folder, config, pooling, layer, _notes(inputs, request, model), labels=_has_head(config, kind))
    return inform(network, inputs, facts, example=example)


load = Source(_open, outline=_outline, options=("pooling", "layer", "max_length"))
"""The source of `hf:` models."""


def _kind(folder: Path) -> Kind:
    """What the model reads, by its preprocessing file; texts where there is none."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        path = folder / name
        if path.is_file():
            facts = json.loads(path.read_text(encoding="utf-8"))
            if "sampling_rate" in facts or "sampling_rate" in facts.get("feature_extractor", {}):
                return "audio"
            if "image_processor_type" in facts or "image_mean" in facts or "image_processor" in facts:
                return "image"
    return "text"


def _has_head(config: Any, kind: Kind) -> bool:
    """Whether the weights are those of a classifier of one class an item, whose head can be used."""
    named = any(str(name).endswith(HEADS[kind][0]) for name in config.architectures or ())
    plain = config.problem_type in (None, "single_label_classification") and not config.is_encoder_decoder
    return named and plain and config.num_labels > 1


def _network(model: Any, kind: Kind, request: Request) -> tuple[Any, str]:
    """The features' network and the name of its pooling."""
    headed = any(name in type(model).__name__ for name, _ in HEADS.values())
    backbone = model.base_model if headed else encoder_of(model)
    if kind == "image":
        chosen = request.choice("pooling", ("pooler", *POOLINGS))
        half = getattr(backbone, "vision_model", None)
        pooling = chosen or ("pooler" if half is not None else _image_pooling(backbone))
        return ImageFeatures(half if half is not None else backbone, pooling), pooling
    chosen = request.choice("pooling", POOLINGS)
    if kind == "audio":
        return AudioFeatures(backbone, chosen or "mean"), chosen or "mean"
    pooling = chosen or ("last" if _reads_forward(backbone.config) else "mean")
    return TextFeatures(backbone, pooling), pooling


def _image_pooling(backbone: Any) -> str:
    """`cls` where the model has a classification token, its own pooling of a map of places, the mean otherwise."""
    if any(name.rsplit(".", 1)[-1] in ("cls_token", "class_embedding") for name, _ in backbone.named_parameters()):
        return "cls"
    own = getattr(backbone, "pooler", None)
    return "pooler" if own is not None and not any(True for _ in own.parameters()) else "mean"


def _reads_forward(config: Any) -> bool:
    """Whether the model reads from left to right only, so that the last token alone has seen the whole text."""
    kind = type(config)
    return kind in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in MODEL_FOR_MASKED_LM_MAPPING


def _inputs(folder: Path, kind: Kind, request: Request, network: Any) -> Inputs:
    with quiet():
        if kind == "image":
            return ProcessedImages(processor=AutoImageProcessor.from_pretrained(folder, local_files_only=True))
        if kind == "audio":
            return _audio_inputs(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=request.trust)
    return text_inputs(tokenizer, network.backbone, uri=request.ref.uri, max_length=request.integer("max_length"))


def text_inputs(
    tokenizer: Any, backbone: Any, *, uri: str, max_length: int | None = None, prompt: str = ""
) -> TextInputs:
    """Inputs of a text model, cut at its longest length.

    Raises:
        DataError: The tokenizer has more tokens than the network.
        UsageError: `max_length` is more than the network can read.
    """
    known = getattr(backbone.config, "vocab_size", None)
    if known is not None and len(tokenizer) > known:
        raise DataError(f"{uri}: the tokenizer has {len(tokenizer)} tokens and the network {known}; they do not fit")
    longest = _positions(backbone)
    own = tokenizer.model_max_length if tokenizer.model_max_length < 1_000_000 else 512
    if max_length is not None and (max_length < 1 or (longest is not None and max_length > longest)):
        raise UsageError(f"{uri}: max_length must be between 1 and {longest}, got {max_length}")
    length = max_length or min(own, longest or own)
    return from_tokenizer(tokenizer, max_length=length, prompt=prompt)


def _positions(backbone: Any) -> int | None:
    """How many tokens have a place; some architectures keep the first places for padding."""
    places = getattr(backbone.config, "max_position_embeddings", None)
    table = getattr(getattr(backbone, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return places - padding - 1 if places is not None and padding is not None else places


def _audio_inputs(folder: Path) -> WaveformInputs:
    extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    facts = {name: value for name, value in extractor.to_dict().items() if isinstance(value, (str, int, float, bool))}
    spectrogram = "input_features" in extractor.model_input_names
    return WaveformInputs(
        extract=extractor,
        rate=extractor.sampling_rate,
        settings=facts,
        keys=("input_features",) if spectrogram else ("input_values", "attention_mask"),
        padding="max_length" if hasattr(extractor, "nb_max_frames") else True,  # Whisper reads 30 seconds and no less
    )


def _facts(folder: Path, config: Any, pooling: str, layer: str, notes: tuple[str, ...], *, labels: bool) -> Facts:
    names = config.id2label or {}
    return Facts(
        pooling=pooling,
        layer=layer,
        licence=licence_of(folder),
        labels=tuple(str(names[k]) for k in sorted(names)) if labels and not layer else (),
        notes=notes,
        size_bytes=weight_bytes(folder) if not layer else None,
    )


def _notes(inputs: Inputs, request: Request, model: Any) -> tuple[str, ...]:
    notes: list[str] = []
    if type(model).__module__.startswith("transformers_modules"):
        notes.append(TRUSTED)
    if hasattr(model, "vision_model"):
        notes.append("the image half of a model of images and texts")
    if isinstance(inputs, TextInputs):
        notes.append(inputs.note)
    if isinstance(inputs, WaveformInputs):
        notes.append("FLOPs are counted at one second")
        if inputs.settings.get("return_attention_mask") is False and inputs.keys[0] == "input_values":
            notes.append("the model reads padding as silence, so its features depend a little on the batch")
    if "pooling" not in request.options and inputs.modality != "image":
        notes.append("the source declares no pooling; the usual one of its kind was taken")
    return tuple(notes)
