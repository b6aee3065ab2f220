"""torch.compile: the same network, compiled for this machine; slow to begin, worth it for many items."""

from __future__ import annotations

import os
import shutil
import warnings

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch, Model
from assay.errors import UsageError
from assay.features.engines.eager import TorchRun, place, refuses_torch
from assay.features.halving import filled, rows_of


class CompiledEngine:
    """Runs a model's torch network through torch.compile."""

    name = "compiled"
    prepare_seconds = 60.0

    def typical_gain(self, model: Model) -> float:  # noqa: ARG002
        """How many times faster than plain torch it usually is."""
        return 1.5

    def refuses(self, model: Model, *, precision: str, device: str) -> str:  # noqa: ARG002
        """Why this engine cannot serve, or an empty string."""
        if reason := refuses_torch(model):
            return reason
        if device == "cpu" and not _compiler():
            return "the engine 'compiled' needs a C++ compiler, and none was found on this machine"
        return ""

    def prepare(self, model: Model, example: Batch, *, precision: str, device: str) -> CompiledRun:
        """A callable batch → (b, d) float32; compiled, and run once, when this returns.

        Raises:
            UsageError: when the network cannot be compiled on this machine.
        """
        if reason := self.refuses(model, precision=precision, device=device):
            raise UsageError(reason)
        import torch

        moving = model.info.modality in ("text", "audio")
        network = torch.compile(place(model, device), dynamic=moving)
        rows = 0 if moving else rows_of(example)
        run = CompiledRun(TorchRun(network, device=device, precision=precision), rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run(example)
        return run


class CompiledRun:
    """A compiled network; images come in batches of one size, the last one filled up, lest it is compiled again."""

    lanes = 1

    def __init__(self, run: TorchRun, rows: int) -> None:
        self._run = run
        self._rows = rows
        self.settings = {**run.settings, "rows": rows}

    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) features."""
        return self._run(filled(batch, self._rows))[: rows_of(batch)]


def _compiler() -> str | None:
    named = os.environ.get("CXX")
    found = (shutil.which(name) for name in ([named] if named else []) + ["g++", "clang++", "c++"])
    return next((path for path in found if path), None)


COMPILED = CompiledEngine()
