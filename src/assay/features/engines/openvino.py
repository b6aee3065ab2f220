"""OpenVINO on Intel and other x86 or ARM CPUs: the torch network converted once, run on several streams at a time.

The precision is always told: left alone, OpenVINO runs in bfloat16 on CPUs that have it. Its telemetry is kept out.
"""

from __future__ import annotations

import importlib
import importlib.util
import queue
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch, Model
from assay.errors import MissingExtraError, UsageError

HINT = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoEngine:
    """Runs a model's torch network through OpenVINO's CPU plugin."""

    name = "openvino"
    prepare_seconds = 4.0

    def typical_gain(self, model: Model) -> float:
        """How many times faster than plain torch it usually is: convolutions gain much, matrix products little."""
        return 3.0 if model.info.modality == "image" else 1.2

    def refuses(self, model: Model, *, precision: str, device: str) -> str:
        """Why this engine cannot serve, or an empty string."""
        if model.network is None:
            return f"{model.ref.uri} has no torch network that OpenVINO could convert"
        if precision not in HINT:
            return f"the engine 'openvino' knows {' and '.join(HINT)}, not {precision}"
        if device != "cpu":
            return f"the engine 'openvino' runs on the CPU, not on {device}"
        return "" if importlib.util.find_spec("openvino") else "OpenVINO is not installed"

    def prepare(self, model: Model, example: Batch, *, precision: str, device: str) -> OpenVinoRun:
        """A callable batch → (b, d) float32, with as many lanes as there are streams.

        Raises:
            MissingExtraError: when OpenVINO is not installed.
            UsageError: when the model, the precision or the device is not one that it can run.
        """
        if importlib.util.find_spec("openvino") is None:
            raise MissingExtraError("openvino", "the engine 'openvino'")
        if reason := self.refuses(model, precision=precision, device=device):
            raise UsageError(reason)
        return compiled(converted(model, example), tuple(example), precision=precision)


def compiled(graph: Any, names: tuple[str, ...], *, precision: str) -> OpenVinoRun:
    """A graph ready to run on this machine's CPU, with the threads that torch has."""
    import torch

    threads = int(torch.get_num_threads())
    settings = {
        "INFERENCE_PRECISION_HINT": HINT[precision],
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # threads that decode items share the cores
    }
    return OpenVinoRun(_import_openvino().Core().compile_model(graph, "CPU", settings), names, threads)


class OpenVinoRun:
    """A compiled network with one request a stream; safe to call from that many threads."""

    def __init__(self, compiled: Any, names: tuple[str, ...], threads: int) -> None:
        self.lanes = max(1, int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")))
        self.settings: Mapping[str, Any] = {
            "threads": threads,
            "streams": int(compiled.get_property("NUM_STREAMS")),
            "precision_hint": compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name(),
        }
        self._names = _match([port.get_names() for port in compiled.inputs], names)
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(self.lanes):
            self._free.put(compiled.create_infer_request())

    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) features."""
        arrays = {port: np.ascontiguousarray(batch[name]) for port, name in enumerate(self._names)}
        request = self._free.get()
        try:
            request.infer(arrays, share_inputs=True)
            return np.array(request.get_output_tensor(0).data, dtype=np.float32)
        finally:
            self._free.put(request)


def converted(model: Model, example: Batch) -> Any:
    """The network as OpenVINO's graph: any number of items, and of tokens or samples where items have a length."""
    import torch

    openvino = _import_openvino()
    assert model.network is not None
    given = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in example.items()}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every branch it fixes; the check of the features decides
        graph = openvino.convert_model(model.network.eval(), example_input=given)
    names = _match([port.get_names() for port in graph.inputs], tuple(example))
    lengths = model.info.modality in ("text", "audio")
    graph.reshape({port: _shape(example[name].shape, lengths) for port, name in enumerate(names)})
    return graph


def _shape(shape: tuple[int, ...], lengths: bool) -> list[int]:
    return [-1, *(-1 if lengths else size for size in shape[1:])]


def _match(ports: list[set[str]], names: tuple[str, ...]) -> list[str]:
    """Which array each input of the graph reads: by name, and where names were lost by position."""
    if len(ports) != len(names):
        raise UsageError(f"OpenVINO's graph has {len(ports)} inputs where the batch has {', '.join(names)}")
    found = [next((name for name in names if name in port), "") for port in ports]
    return found if set(found) == set(names) else list(names)


def _import_openvino() -> Any:
    """OpenVINO without its telemetry, which would write to the home folder and report each conversion."""
    blocked = "openvino_telemetry"
    if "openvino" not in sys.modules and blocked not in sys.modules:
        sys.modules[blocked] = None  # pyright: ignore[reportArgumentType]
        try:
            importlib.import_module("openvino.tools.ovc.convert_impl")  # looks for telemetry when first imported
        finally:
            del sys.modules[blocked]
    return importlib.import_module("openvino")


OPENVINO = OpenVinoEngine()
