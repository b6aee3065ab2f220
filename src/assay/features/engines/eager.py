"""Plain PyTorch: channels-last, inference mode, autocast where half precision is asked for; CPU or CUDA.

TF32 stays off on CUDA and cuDNN picks deterministic kernels, so that float32 means float32 and a resumed run repeats.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch, Model
from assay.errors import MachineError, MissingExtraError, UsageError


class EagerEngine:
    """Runs a model's torch network as it is."""

    name = "torch"
    prepare_seconds = 0.0

    def refuses(self, model: Model, *, precision: str, device: str) -> str:  # noqa: ARG002
        """Why this engine cannot serve, or an empty string."""
        return refuses_torch(model)

    def prepare(self, model: Model, example: Batch, *, precision: str, device: str) -> TorchRun:  # noqa: ARG002
        """A callable batch → (b, d) float32."""
        return TorchRun(place(model, device), device=device, precision=precision)


class TorchRun:
    """A network on its device, called with a batch of arrays."""

    lanes = 1

    def __init__(self, network: Any, *, device: str, precision: str) -> None:
        self._network = network
        self._device = device
        self._precision = precision

    @property
    def settings(self) -> Mapping[str, Any]:
        """What may move the last bits of a feature."""
        import torch

        if self._device.startswith("cuda"):
            return {"tf32": False, "device_name": torch.cuda.get_device_name(self._device)}
        return {"threads": torch.get_num_threads()}

    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) features."""
        import torch

        with torch.inference_mode(), float32_means_float32(self._device), self._cast():
            features = self._network(**tensors(batch, self._device))
        return features.float().cpu().numpy()

    def _cast(self) -> Any:
        import torch

        if self._precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device.partition(":")[0], dtype=torch.bfloat16)


def refuses_torch(model: Model) -> str:
    """Why torch cannot run the model, or an empty string."""
    return "" if model.network is not None else f"{model.ref.uri} has no torch network; its engine is 'model'"


def place(model: Model, device: str) -> Any:
    """The model's network in evaluation mode on a device, channels-last where it reads images.

    The model's own network stays on the CPU; another device gets a copy.

    Raises:
        MachineError: when this machine has no such device.
        UsageError: when the model has no torch network.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("torch", "the engine 'torch'")
    import torch

    if model.network is None:
        raise UsageError(refuses_torch(model))
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise MachineError(f"this machine has no CUDA device, and the features of {model.ref.uri} were asked for on it")
    network = model.network.eval()
    if device != "cpu":
        try:
            network = copy.deepcopy(network).to(device)
        except (RuntimeError, AssertionError) as error:
            raise MachineError(f"device {device!r} cannot be used: {error}") from error
    return network.to(memory_format=torch.channels_last) if model.info.modality == "image" else network


def tensors(batch: Batch, device: str) -> dict[str, Any]:
    """Arrays as tensors on the device; images channels-last."""
    import torch

    moved: dict[str, Any] = {}
    for name, array in batch.items():
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        layout = torch.channels_last if tensor.ndim == 4 else torch.preserve_format
        moved[name] = tensor.to(device).contiguous(memory_format=layout) if tensor.ndim == 4 else tensor.to(device)
    return moved


@contextlib.contextmanager
def float32_means_float32(device: str) -> Any:
    """No TF32 and no search for kernels while the block runs; what was set before is set again."""
    if not device.startswith("cuda"):
        yield
        return
    import torch

    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


EAGER = EagerEngine()
