"""A backbone of transformers from a folder: its configuration, its weights read safely, and the networks around it.

`hf:` and `st:` share it. A backbone is loaded in float32 whatever the file holds, without heads that the features do
not pass, and weights that the file lacks are an error and not silently random.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig
from transformers.utils import logging as notices

from assay.errors import DataError, OfflineError, UsageError
from assay.sources.models.networks.pooling import pool
from assay.sources.models.weights.reading import refusing_pickles, untrusted
from assay.sources.models.weights.twin import drawn


class TextFeatures(nn.Module):
    """Tokens → one row a text.

    Segment ids are not passed: left out, they are those of a first sentence where the architecture has them, and GPT-2
    would add the embedding of token 0 for each zero.
    """

    def __init__(self, backbone: nn.Module, pooling: str) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling = pooling

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(b, t) ids and mask → (b, d)."""
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return pool(hidden, attention_mask, self.pooling)


class ImageFeatures(nn.Module):
    """Pixels → one row an image; `pooler` is the backbone's own last step, the others pool over places."""

    def __init__(self, backbone: nn.Module, pooling: str) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling = pooling

    def forward(self, pixels: Tensor) -> Tensor:
        """(b, 3, h, w) → (b, d)."""
        output = self.backbone(pixel_values=pixels)
        if self.pooling == "pooler":
            return output.pooler_output.flatten(1)
        hidden = output.last_hidden_state
        return pool(hidden.flatten(2).transpose(1, 2) if hidden.ndim == 4 else hidden, None, self.pooling)


class AudioFeatures(nn.Module):
    """Samples, or a spectrogram, → one row a recording."""

    def __init__(self, backbone: Any, pooling: str) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling = pooling

    def forward(
        self,
        input_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        input_features: Tensor | None = None,
    ) -> Tensor:
        """(b, samples) or (b, k, frames) → (b, d)."""
        if input_features is not None:
            return pool(self.backbone(input_features).last_hidden_state, None, self.pooling)
        masked = {} if attention_mask is None else {"attention_mask": attention_mask}
        hidden = self.backbone(input_values, **masked).last_hidden_state
        mask = attention_mask
        if mask is not None and hasattr(self.backbone, "_get_feature_vector_attention_mask"):
            mask = self.backbone._get_feature_vector_attention_mask(hidden.shape[1], mask)
        return pool(hidden, mask if mask is not None and mask.shape[1] == hidden.shape[1] else None, self.pooling)


class Logits(nn.Module):
    """A classification model of transformers, called as its features' network is."""

    def __init__(self, classifier: nn.Module, argument: str = "") -> None:
        super().__init__()
        self.classifier = classifier
        self.argument = argument

    def forward(self, **tensors: Tensor) -> Tensor:
        """What the features' network takes → (b, z)."""
        if self.argument:
            tensors = {self.argument: next(iter(tensors.values()))}
        return self.classifier(**tensors).logits


def read_config(folder: Path, *, uri: str, trust: bool) -> Any:
    """The configuration in a folder.

    Raises:
        OfflineError: There is no `config.json`.
        UntrustedError: The architecture is code that the folder brings, and `trust` is not given.
        UsageError: transformers does not know the architecture.
    """
    if not (folder / "config.json").is_file():
        raise OfflineError(f"{uri}: {folder} has no config.json as transformers writes it")
    from transformers import PretrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    raw, _ = PretrainedConfig.get_config_dict(folder)
    kind = raw.get("model_type")
    if kind not in CONFIG_MAPPING:
        if not raw.get("auto_map"):
            raise UsageError(f"{uri}: transformers does not know the architecture {kind!r}")
        if not trust:
            raise untrusted(folder, uri, "its architecture is code of its own")
        if any("--" in str(place) for place in raw["auto_map"].values()):
            raise untrusted(folder, uri, "its code comes from another repository, which nothing pins")
    with quiet():
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust and kind not in CONFIG_MAPPING)
    config.use_cache = False  # a cache of keys and values serves generation only
    return config


def build(auto: Any, config: Any, *, trust: bool = False) -> Any:
    """The architecture with weights drawn from torch's generator, or none on the meta device."""
    with quiet():
        model = auto.from_config(config, trust_remote_code=trust, dtype=torch.float32, **_without_pooler(auto, config))
    return model.eval()


def untrained(auto: Any, config: Any, seed: int) -> Any:
    """The architecture with weights drawn from the seed."""
    with drawn(seed):
        return build(auto, config)


def trained(auto: Any, folder: Path, config: Any, *, uri: str, trust: bool) -> Any:
    """The architecture with the folder's weights, in float32.

    Raises:
        UntrustedError: The weights are a pickle that holds more than tensors.
        DataError: The weights are damaged, or lack what the architecture needs.
    """
    with refusing_pickles(folder, uri), quiet():
        model, report = auto.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=trust,
            weights_only=not trust,
            **_without_pooler(auto, config),
        )
    missing = sorted(report["missing_keys"])
    if missing:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise DataError(
            f"{uri}: the weights in {folder} lack {len(missing)} arrays that the architecture needs: {shown}"
        )
    return model.eval()


def encoder_of(model: Any) -> Any:
    """The part that reads: the encoder of a model with both, the model itself otherwise."""
    return model.get_encoder() if model.config.is_encoder_decoder else model


@contextmanager
def quiet() -> Generator[None]:
    """Inside, transformers draws no progress bars and logs errors only."""
    shown, level = notices.is_progress_bar_enabled(), notices.get_verbosity()
    notices.disable_progress_bar()
    notices.set_verbosity_error()
    try:
        yield
    finally:
        notices.set_verbosity(level)
        if shown:
            notices.enable_progress_bar()


def _without_pooler(auto: Any, config: Any) -> dict[str, bool]:
    """`add_pooling_layer=False` where the architecture takes it; that layer is often absent from the weights."""
    mapping = auto._model_mapping
    if type(config) not in mapping:
        return {}
    chosen = mapping[type(config)]
    model = chosen[0] if isinstance(chosen, tuple) else chosen
    return {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(model.__init__).parameters else {}
