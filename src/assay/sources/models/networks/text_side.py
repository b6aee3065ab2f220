"""The text half of a model of images and texts (CLIP, SigLIP and their kin), beside the image half that makes features.

Features of images are stored as the image half gives them; the last linear step into the common space is taken here,
so that one set of features serves probes and zero-shot alike. That the two agree is checked before anything is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.contracts import Batch
from assay.errors import UsageError

AGREES = 1e-3
"""Largest difference, relative to the largest number, at which features count as the model's own."""


class DualTexts:
    """A TextSide around a model of transformers with `get_text_features` and `get_image_features`.

    Args:
        model: The whole model, in evaluation mode.
        tokenizer: Its tokenizer.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._projection = getattr(model, "visual_projection", None)
        # SigLIP was trained on texts filled to their longest length, the filling read like any token.
        self._filled = "siglip" in str(model.config.model_type)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token

    @property
    def scale(self) -> float | None:
        """What the model multiplies cosines by; None where it states nothing."""
        stated = getattr(self._model, "logit_scale", None)
        return None if stated is None else float(stated.detach().exp())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(k, p) vectors of k texts, cut at the longest length that the model reads."""
        coded = self._tokenizer(
            list(texts), truncation=True, max_length=self._longest(), return_tensors="pt",
            padding="max_length" if self._filled else True,
        )  # fmt: skip
        known = inspect.signature(self._model.get_text_features).parameters
        left_out = {"attention_mask"} if self._filled else set[str]()
        taken = {name: value for name, value in coded.items() if name in known and name not in left_out}
        with torch.inference_mode():
            return _pooled(self._model.get_text_features(**taken))

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) features of the image half → (n, p) vectors in the common space."""
        if self._projection is None:
            return features
        with torch.inference_mode():
            return self._projection(torch.from_numpy(np.ascontiguousarray(features))).float().numpy()

    def require_agreement(self, network: Any, batch: Batch) -> None:
        """Make sure that the network's features, projected, are what the model itself compares with texts.

        Raises:
            UsageError: They are not, as after another pooling or at another layer.
        """
        pixels = torch.from_numpy(batch["pixels"])
        with torch.inference_mode():
            own = _pooled(self._model.get_image_features(pixel_values=pixels))
            features = network(pixels=pixels).float().numpy()
        try:
            ours = self.project(features)
        except RuntimeError:
            ours = features
        if ours.shape != own.shape or np.abs(ours - own).max() > AGREES * np.abs(own).max():
            raise UsageError("its features are not those that it compares with texts; leave out pooling and layer")

    def _longest(self) -> int:
        text = getattr(self._model.config, "text_config", None)
        places = getattr(text, "max_position_embeddings", None) or self._tokenizer.model_max_length
        return min(int(places), int(self._tokenizer.model_max_length))


def _pooled(output: Any) -> NDArray[np.float32]:
    """The vectors, which newer versions of transformers give inside an output."""
    return getattr(output, "pooler_output", output).float().numpy()
