"""Names that users type → loaded models: the one door to every model source.

Knows the registry of sources and nothing of any of them; imports no torch.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from assay.builtin import MODEL_SOURCES
from assay.contracts import Model, ModelInfo
from assay.sources.models.request import join_options, split_options
from assay.spec import ModelRef


def load_model(
    model: str | ModelRef,
    *,
    offline: bool | None = None,
    trust: bool = False,
    seed: int = 0,
    pooling: str | None = None,
    layer: int | str | None = None,
) -> Model:
    """Load a model by the name that users type, with its own preprocessing and pooling.

    Args:
        model: `[random:]source:name[?option=value&…]`, or a reference.
        offline: True forbids the network; None follows the environment variable `HF_HUB_OFFLINE`.
        trust: The user's word that this one model may run code of its own: a full pickle, an h5 file, remote code.
        seed: Draws the weights of an untrained twin; other models ignore it.
        pooling: How tokens or positions become one row, for sources with a choice; as the option `pooling`.
        layer: Read after this many blocks and leave out the rest; as the option `layer`.

    Returns:
        A model whose `ref.revision` names its weights immutably.

    Raises:
        UnknownNameError: No such source, model or option; the nearest names are given.
        OfflineError: The model is not on this machine and may not or cannot be fetched.
        UntrustedError: The file could run code and `trust` is not given.
        MissingExtraError: The source needs packages that are not installed.

    Example:
        >>> from assay.sources.models import load_model
        >>> model = load_model("py:assay.testing.models:fake_rows")
        >>> model.encode(model.collate([[1.0, 2.0]])).shape
        (1, 8)
    """
    ref = _resolve(model, {"pooling": pooling, "layer": layer})
    return MODEL_SOURCES[ref.source](ref, offline=_offline(offline), trust=trust, seed=seed)


def describe_model(model: str | ModelRef, *, offline: bool | None = None, trust: bool = False) -> ModelInfo:
    """What is known of a model before its weights are fetched: parameters, FLOPs, width, preprocessing, licence.

    Sources that can build an architecture without weights (timm, torchvision, hf, st) read a small configuration file
    at most; the others load the model.

    Args:
        model: As for `load_model`.
        offline: As for `load_model`.
        trust: As for `load_model`.

    Returns:
        The same facts that the loaded model states, apart from those that only its files tell.

    Raises:
        UnknownNameError: No such source, model or option.
        OfflineError: The configuration is not on this machine and cannot be fetched.
    """
    ref = _resolve(model, {})
    source = MODEL_SOURCES[ref.source]
    describe: Any = getattr(source, "describe", None)
    if describe is None:
        return source(ref, offline=_offline(offline), trust=trust).info
    return describe(ref, offline=_offline(offline), trust=trust)


def _resolve(model: str | ModelRef, extra: dict[str, Any]) -> ModelRef:
    ref = ModelRef.parse(model) if isinstance(model, str) else model
    path, options = split_options(ref.name)
    options |= {name: str(value) for name, value in extra.items() if value is not None}
    return dataclasses.replace(ref, name=join_options(path, options))


def _offline(offline: bool | None) -> bool:
    if offline is not None:
        return offline
    return os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in {"1", "ON", "YES", "TRUE"}
