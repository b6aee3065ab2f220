"""The model's own `encode`: onnxruntime, keras and plain callables, and the reference for every other engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch, Model


class OwnEngine:
    """Runs `model.encode`."""

    name = "model"
    prepare_seconds = 0.0

    def refuses(self, model: Model, *, precision: str, device: str) -> str:  # noqa: ARG002
        """Why this engine cannot serve, or an empty string."""
        if precision != "float32":
            return f"the engine 'model' runs as the model decides and knows no {precision}"
        return ""

    def prepare(self, model: Model, example: Batch, *, precision: str, device: str) -> OwnRun:  # noqa: ARG002
        """A callable batch → (b, d) float32."""
        return OwnRun(model)


class OwnRun:
    """A model's `encode`, one batch at a time."""

    lanes = 1
    settings: Mapping[str, Any] = {}

    def __init__(self, model: Model) -> None:
        self._encode = model.encode

    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) features."""
        return np.asarray(self._encode(batch), dtype=np.float32)


OWN = OwnEngine()
