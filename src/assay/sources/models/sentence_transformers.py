"""`st:owner/name`, `st:path/to/folder`: sentence encoders in the format of sentence-transformers.

The usual steps (a transformer, pooling, dense layers, normalisation) are read from the folder and run here, so that the
library, which takes seconds to import, is needed only for folders with other steps. Options: `layer`, `max_length`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from assay.contracts import Batch, Model, ModelInfo
from assay.errors import DataError, MissingExtraError, UsageError
from assay.sources.models.depth import shorten
from assay.sources.models.hf import text_inputs
from assay.sources.models.inputs.texts import TextInputs
from assay.sources.models.networks.network_model import Facts, NetworkModel, inform
from assay.sources.models.networks.transformer import (
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
from assay.sources.models.weights.reading import notes_on, read_state, weights_file
from assay.sources.models.weights.twin import bare, drawn, redraw
from assay.spec import Modality

MODES = {"mean": "mean", "cls": "cls", "lasttoken": "last", "max": "max"}
OLD_MODES = {"mean_tokens": "mean", "cls_token": "cls", "lasttoken": "last", "max_tokens": "max"}


class SentenceFeatures(nn.Module):
    """A text network followed by dense layers and normalisation."""

    def __init__(self, text: TextFeatures, dense: Sequence[nn.Module], *, normalise: bool) -> None:
        super().__init__()
        self.text = text
        self.dense = nn.Sequential(*dense)
        self.normalise = normalise

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(b, t) ids and mask → (b, d)."""
        features = self.dense(self.text(input_ids, attention_mask))
        return nn.functional.normalize(features, dim=1) if self.normalise else features


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What a folder says comes after the transformer."""

    pooling: str
    dense: tuple[Path, ...]
    normalise: bool


def _open(request: Request) -> Model:
    uri = request.ref.uri
    held = stock_of(request, weights=not request.ref.untrained)
    steps = _steps(held.folder, uri)
    if steps is None:
        return _by_library(request, held.folder, held.revision)
    config = read_config(held.folder, uri=uri, trust=request.trust)
    if request.ref.untrained:
        model = untrained(AutoModel, config, request.seed)
    else:
        model = trained(AutoModel, held.folder, config, uri=uri, trust=request.trust)
    network = _network(model, steps, request)
    inputs = _inputs(held.folder, network, request)
    layer = shorten(network.text, request.integer("layer"), uri=uri)
    revision = digest_state(network.state_dict().items()) if request.ref.untrained else held.revision
    notes = () if request.ref.untrained else notes_on(held.folder, trust=request.trust)
    return NetworkModel(
        dataclasses.replace(request.ref, revision=revision),
        network=network,
        inputs=inputs,
        facts=_facts(held.folder, steps, layer, (*notes, inputs.note)),
    )


def _outline(request: Request) -> ModelInfo:
    uri = request.ref.uri
    held = stock_of(request, weights=False)
    steps = _steps(held.folder, uri)
    if steps is None:
        return _open(request).info
    config = read_config(held.folder, uri=uri, trust=request.trust)
    twin = dataclasses.replace(request, ref=dataclasses.replace(request.ref, untrained=True))  # reads no weights
    network = bare(lambda: _network(build(AutoModel, config), steps, twin))
    inputs = _inputs(held.folder, network, request)
    layer = shorten(network.text, request.integer("layer"), uri=uri)
    return inform(network, inputs, _facts(held.folder, steps, layer, (inputs.note,)), example=inputs.unmasked_example())


load = Source(_open, outline=_outline, options=("layer", "max_length"))
"""The source of `st:` models."""


def _steps(folder: Path, uri: str) -> Steps | None:
    """The steps after the transformer; None where they are not the usual ones."""
    listed = folder / "modules.json"
    if not listed.is_file():
        return Steps(pooling="mean", dense=(), normalise=False)
    modules = json.loads(listed.read_text(encoding="utf-8"))
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or modules[0]["path"] or set(kinds[2:]) - {"Dense", "Normalize"}:
        return None
    if "Normalize" in kinds[:-1] or not _reads_plain_text(folder):
        return None
    pooling = _pooling(folder / modules[1]["path"], uri)
    dense = tuple(folder / module["path"] for module, kind in zip(modules, kinds, strict=True) if kind == "Dense")
    return None if pooling is None else Steps(pooling=pooling, dense=dense, normalise=kinds[-1] == "Normalize")


def _pooling(folder: Path, uri: str) -> str | None:
    facts = _json(folder / "config.json", uri)
    if facts.get("include_prompt") is False:
        return None
    if "pooling_mode" in facts:
        return MODES.get(str(facts["pooling_mode"]))
    flags = {name.removeprefix("pooling_mode_"): on for name, on in facts.items() if name.startswith("pooling_mode_")}
    chosen = [name for name, on in flags.items() if on]
    return OLD_MODES.get(chosen[0]) if len(chosen) == 1 else None


def _reads_plain_text(folder: Path) -> bool:
    facts = _settings(folder)
    usual = {"method": "forward", "method_output_name": "last_hidden_state"}
    return facts.get("modality_config", {"text": usual}).get("text") == usual and not facts.get("do_lower_case")


def _network(model: Any, steps: Steps, request: Request) -> SentenceFeatures:
    text = TextFeatures(encoder_of(model), steps.pooling)
    dense = [_dense(folder, request) for folder in steps.dense]
    return SentenceFeatures(text, dense, normalise=steps.normalise)


def _dense(folder: Path, request: Request) -> nn.Module:
    uri = request.ref.uri
    facts = _json(folder / "config.json", uri)
    with drawn(request.seed):
        linear = nn.Linear(facts["in_features"], facts["out_features"], bias=facts.get("bias", True))
    if not request.ref.untrained:
        state = read_state(weights_file(folder, uri=uri), uri=uri, trust=request.trust)
        linear.load_state_dict({name.removeprefix("linear."): value for name, value in state.items()})
    place, _, name = str(facts.get("activation_function", "")).rpartition(".")
    if place.startswith("torch.nn.modules") and hasattr(nn, name):
        return nn.Sequential(linear, getattr(nn, name)())
    raise UsageError(f"{uri}: the activation {facts.get('activation_function')!r} is not one of torch's own")


def _inputs(folder: Path, network: SentenceFeatures, request: Request) -> TextInputs:
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=request.trust)
    longest = request.integer("max_length") or _settings(folder).get("max_seq_length")
    return text_inputs(
        tokenizer, network.text.backbone, uri=request.ref.uri, max_length=longest, prompt=_prompt(folder)
    )


def _prompt(folder: Path) -> str:
    path = folder / "config_sentence_transformers.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str((facts.get("prompts") or {}).get(facts.get("default_prompt_name"), ""))


def _settings(folder: Path) -> Mapping[str, Any]:
    path = folder / "sentence_bert_config.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _json(path: Path, uri: str) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{uri}: {path} cannot be read: {error}") from error


def _facts(folder: Path, steps: Steps, layer: str, notes: tuple[str, ...]) -> Facts:
    return Facts(
        pooling=steps.pooling + (", normalised" if steps.normalise else ""),
        layer=layer,
        licence=licence_of(folder),
        notes=notes,
        size_bytes=None if layer else weight_bytes(folder),
    )


class LibraryFeatures(nn.Module):
    """A SentenceTransformer as it stands."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, **tensors: Tensor) -> Tensor:
        """The model's own batch → (b, d)."""
        return self.model(dict(tensors))["sentence_embedding"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LibraryInputs:
    """Items → the batch that a SentenceTransformer makes."""

    model: Any
    prompt: str
    modality: Modality = "text"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Longest length and prompt."""
        return {"max_length": self.model.max_seq_length, "prompt": self.prompt}

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch; raises DataError where an item is not a string."""
        for item in items:
            if not isinstance(item, str):
                raise DataError(f"an item of type {type(item).__name__} where the model reads texts")
        made = self.model.preprocess([self.prompt + item for item in items])
        return {name: np.asarray(value) for name, value in made.items() if isinstance(value, Tensor)}

    def example(self) -> Batch:
        """A batch of one text, for measuring."""
        return self(["a"])


def _by_library(request: Request, folder: Path, revision: str) -> Model:
    """The model run by sentence-transformers itself, for steps that are not read here."""
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as error:
        raise MissingExtraError("text", f"{request.ref.uri}, whose steps are not the usual ones,") from error
    if request.ref.untrained and not any(folder.rglob("*.safetensors")):
        raise UsageError(
            f"{request.ref.uri}: an untrained twin of these steps needs the trained weights too; load it once first"
        )
    if "layer" in request.options:
        raise UsageError(f"{request.ref.uri}: layer is offered for the usual steps only")
    with quiet():
        model: Any = SentenceTransformer(
            str(folder), device="cpu", local_files_only=True, trust_remote_code=request.trust
        )
    model.max_seq_length = request.integer("max_length") or model.max_seq_length
    network: Any = LibraryFeatures(model)
    if request.ref.untrained:
        network = redraw(network, request.seed)
        revision = digest_state(network.state_dict().items())
    prompt = str((model.prompts or {}).get(model.default_prompt_name, ""))
    return NetworkModel(
        dataclasses.replace(request.ref, revision=revision),
        network=network,
        inputs=LibraryInputs(model=model, prompt=prompt),
        facts=Facts(pooling="its own", licence=licence_of(folder), size_bytes=weight_bytes(folder)),
    )
