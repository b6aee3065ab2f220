"""Ways to make a trained network smaller, each through a library: int8, half precision, fewer blocks, fewer weights.

Each gives the smaller network as a callable, and beside it the whole one run in the same way, so that seconds are
compared like with like.
"""

from __future__ import annotations

import copy
import importlib.util
import logging
import math
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.contracts import Batch, Model
from assay.errors import MissingExtraError, UsageError
from assay.estimate import show_level
from assay.sources.models.depth import shorten
from assay.sources.models.stages import trunk

Run = Callable[[Batch], NDArray[np.float32]]
"""A batch of arrays → (b, d) features."""
TIMED_BATCHES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Smaller:
    """A smaller network beside the whole one."""

    run: Run
    whole: Run
    """The whole network, by the same library and in float32."""
    bytes: int
    """Of the weights, as they are stored."""
    whole_bytes: int
    about: str
    """What was done, in a few words."""
    network: nn.Module | None = None
    """The network, where it is still one of the same architecture that a state can be loaded into."""


def int8(model: Model, calibration: Sequence[Batch], amount: float) -> Smaller:  # noqa: ARG001
    """Weights and activations in 8 bits, by NNCF's post-training quantisation of OpenVINO's graph.

    Args:
        model: Whose network is quantised.
        calibration: Batches of training rows, which set the ranges of activations.
        amount: Not used.
    """
    if not all(importlib.util.find_spec(name) for name in ("nncf", "openvino")):
        raise MissingExtraError("compress", "int8")
    from assay.features.engines.openvino import compiled, converted

    names = tuple(calibration[0])
    graph = converted(model, calibration[0])
    with _silent():
        import nncf

        kind = nncf.ModelType.TRANSFORMER if model.info.modality != "image" else None
        data = nncf.Dataset(list(calibration), lambda batch: [np.ascontiguousarray(batch[name]) for name in names])
        small = nncf.quantize(graph, data, model_type=kind, subset_size=len(calibration))
    return Smaller(
        run=compiled(small, names, precision="float32"), whole=compiled(graph, names, precision="float32"),
        bytes=_graph_bytes(small), whole_bytes=_graph_bytes(graph), about="int8 weights and activations (NNCF)",
    )  # fmt: skip


def half(model: Model, calibration: Sequence[Batch], amount: float) -> Smaller:  # noqa: ARG001
    """Weights and arithmetic in bfloat16."""
    small = copy.deepcopy(_network(model)).to(torch.bfloat16)
    return _torch(model, small, about="bfloat16 weights and arithmetic", kind=torch.bfloat16)


def depth(model: Model, calibration: Sequence[Batch], amount: float) -> Smaller:  # noqa: ARG001
    """The last blocks left out: a share `amount` of them, and never all."""
    small = copy.deepcopy(_network(model))
    blocks = len(trunk(small))
    if blocks < 2:
        raise UsageError(f"{model.ref.uri} has no sequence of blocks to leave some of out")
    told = shorten(small, max(1, math.ceil((1.0 - amount) * blocks)), uri=model.ref.uri)
    return _torch(model, small, about=f"blocks {told}")


def prune(model: Model, calibration: Sequence[Batch], amount: float) -> Smaller:  # noqa: ARG001
    """A share `amount` of all weights set to zero, the smallest ones of the whole network; saves storage, not time."""
    from torch.nn.utils import prune as pruning

    small = copy.deepcopy(_network(model))
    layers = [(m, "weight") for m in small.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.Conv1d))]
    if not layers:
        raise UsageError(f"{model.ref.uri} has no dense or convolutional layers to prune")
    pruning.global_unstructured(layers, pruning_method=pruning.L1Unstructured, amount=amount)
    for layer, name in layers:
        pruning.remove(layer, name)
    found = _torch(
        model, small, about=f"{show_level(amount)} of the weights set to zero (torch.nn.utils.prune)", network=small
    )
    return Smaller(run=found.run, whole=found.whole, whole_bytes=found.whole_bytes, about=found.about, network=small,
                   bytes=sum(min(t.numel() * t.element_size(), _sparse_bytes(t)) for t in _tensors(small)))  # fmt: skip


def thin(model: Model, calibration: Sequence[Batch], amount: float) -> Smaller:
    """A share `amount` of the channels of every layer taken out, the weakest ones, by torch-pruning."""
    if importlib.util.find_spec("torch_pruning") is None:
        raise MissingExtraError("compress", "thin")
    small = copy.deepcopy(_network(model))
    example: Any = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in calibration[0].items()}
    parameters = [p for p in small.parameters() if p.is_floating_point()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        with _silent():
            import torch_pruning

            importance: Any = torch_pruning.importance.GroupMagnitudeImportance(p=2)
            torch_pruning.pruner.MagnitudePruner(
                small, example_inputs=example, importance=importance, pruning_ratio=amount
            ).step()
        small.requires_grad_(False).eval()
        with torch.no_grad():
            small(**example)
    except Exception as error:  # tracing fails in as many ways as there are architectures
        raise UsageError(f"{model.ref.uri}: torch-pruning cannot thin this network ({error}); "
                         "depth and prune work on any") from error  # fmt: skip
    return _torch(model, small, about=f"{show_level(amount)} of the channels taken out (torch-pruning)")


WAYS: dict[str, Callable[[Model, Sequence[Batch], float], Smaller]] = {
    "int8": int8, "half": half, "depth": depth, "prune": prune, "thin": thin,
}  # fmt: skip


def seconds_an_item(run: Run, batch: Batch) -> float:
    """Median time of a few calls, over the items of the batch, after one that warms up."""
    run(batch)
    found: list[float] = []
    for _ in range(TIMED_BATCHES):
        began = time.perf_counter()
        run(batch)
        found.append(time.perf_counter() - began)
    return float(np.median(found)) / len(next(iter(batch.values())))


def _torch(
    model: Model, small: nn.Module, *, about: str, kind: torch.dtype = torch.float32, network: nn.Module | None = None
) -> Smaller:
    whole = _network(model)
    return Smaller(
        run=_runs(small, kind), whole=_runs(whole, torch.float32), about=about, network=network,
        bytes=sum(t.numel() * t.element_size() for t in _tensors(small)),
        whole_bytes=sum(t.numel() * t.element_size() for t in _tensors(whole)),
    )  # fmt: skip


def _runs(network: nn.Module, kind: torch.dtype) -> Run:
    network.eval()

    def run(batch: Batch) -> NDArray[np.float32]:
        tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in batch.items()}
        with torch.inference_mode():
            given = {name: t.to(kind) if t.is_floating_point() else t for name, t in tensors.items()}
            return network(**given).float().numpy()

    return run


def _network(model: Model) -> nn.Module:
    network: Any = model.network
    return network


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


def _sparse_bytes(tensor: Tensor) -> int:
    """Values that are not zero, and one bit a place that says which they are."""
    return int(tensor.count_nonzero()) * tensor.element_size() + math.ceil(tensor.numel() / 8)


def _graph_bytes(graph: Any) -> int:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(graph, str(Path(folder) / "graph.xml"), compress_to_fp16=False)
        return (Path(folder) / "graph.bin").stat().st_size


class _silent:  # noqa: N801 (a context, read as a verb)
    """Inside, libraries neither log nor warn nor draw progress bars."""

    def __enter__(self) -> None:
        self._before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, *details: Any) -> None:
        self._warnings.__exit__(*details)
        logging.disable(self._before)
