"""`onnx:path/model.onnx`: models of images, texts or rows that onnxruntime runs.

A text model needs its `tokenizer.json` beside it, or named by the option `tokenizer`. Features are the first output
with one row an item, or the mean over places or tokens of the first with more. Data outside the model's folder are
refused. Options: `output` (any array of the graph), `pooling`, `tokenizer`, `max_length`, `size`, `mean`, `deviation`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from assay.canon import key_of
from assay.contracts import Batch, Model, ModelInfo
from assay.errors import DataError, NonFiniteError, UnknownNameError, UsageError
from assay.sources.models.inputs.rows import RowInputs
from assay.sources.models.inputs.stated import OPTIONS, image_inputs
from assay.sources.models.inputs.texts import TextInputs, from_tokenizer_file
from assay.sources.models.networks.network_model import Inputs
from assay.sources.models.request import Request, Source
from assay.sources.models.weights.digest import digest_files
from assay.sources.models.weights.graph import count_flops, data_files, parameter_count, redraw_graph
from assay.spec import ModelRef

TEXT_KEYS = ("input_ids", "attention_mask", "token_type_ids")
POOLINGS = ("mean", "cls", "max")
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
ASSUMED = (
    "the file states no preprocessing; ImageNet's mean and deviation were taken, ?mean= and ?deviation= say otherwise"
)


def _open(request: Request) -> Model:
    path, uri = request.file(".onnx"), request.ref.uri
    graph = _read(path, uri)
    files = data_files(graph, path, uri=uri)
    if files:
        onnx.load_external_data_for_model(graph, str(path.parent))
    if request.ref.untrained:
        redraw_graph(graph, request.seed, uri=uri)
    output = _reveal(graph, request)
    session = _session(graph, uri)
    inputs, notes, tokenizer = _inputs(request, path.parent, session)
    digests = [digest_files(file) for file in (path, *files, *tokenizer)]
    revision = key_of([*digests, request.seed]) if request.ref.untrained else key_of(digests)
    runner = Runner(session, output, request.choice("pooling", POOLINGS) or "mean", batched=_is_batched(session))
    return OnnxModel(dataclasses.replace(request.ref, revision=revision), runner, inputs, graph, notes)


load = Source(_open, options=("output", "pooling", "tokenizer", "max_length", *OPTIONS))
"""The source of `onnx:` models."""


class OnnxModel:
    """A Model that onnxruntime runs on the CPU; it has no torch network and no source head."""

    network = None

    def __init__(self, ref: ModelRef, runner: Runner, inputs: Inputs, graph: Any, notes: tuple[str, ...]) -> None:
        self.ref = ref
        self._runner = runner
        self._inputs = inputs
        example = inputs.example()
        self.info = ModelInfo(
            modality=inputs.modality,
            width=int(runner(example).shape[1]),
            parameters=parameter_count(graph),
            flops=count_flops(graph, runner.feed(example)),
            size_bytes=graph.ByteSize(),
            pooling=runner.pooling_used,
            layer=runner.output,
            preprocessing=inputs.settings,
            notes=notes,
        )

    def collate(self, items: Sequence[Any]) -> Batch:
        """Items → a batch of arrays, with the model's own preprocessing."""
        return self._inputs(items)

    def encode(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) float32 features.

        Raises:
            NonFiniteError: when a feature is NaN or infinite.
        """
        features = self._runner(batch)
        bad = int((~np.isfinite(features)).any(axis=1).sum())
        if bad:
            raise NonFiniteError(f"{self.ref.uri}: the features of {bad} of {len(features)} items are NaN or infinite")
        return features

    def source_probabilities(self, batch: Batch) -> None:  # noqa: ARG002
        """None: what a file's outputs mean is not stated."""
        return


class Runner:
    """A session, the output that is read, and how it becomes one row an item."""

    def __init__(self, session: Any, output: str, pooling: str, *, batched: bool) -> None:
        self.output = output
        self.pooling_used = ""
        self._session = session
        self._pooling = pooling
        self._batched = batched
        self._kinds = {i.name: np.int32 if "int32" in i.type else None for i in session.get_inputs()}

    def feed(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """The batch under the session's own names."""
        if set(batch) <= set(self._kinds):
            return {name: array.astype(self._kinds[name] or array.dtype) for name, array in batch.items()}
        [name] = self._kinds
        [array] = batch.values()
        last = self._session.get_inputs()[0].shape[-1] == 3
        return {name: np.ascontiguousarray(array.transpose(0, 2, 3, 1)) if last and array.ndim == 4 else array}

    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """The batch → (b, d)."""
        fed = self.feed(batch)
        if self._batched:
            return self._run(fed)
        rows = len(next(iter(fed.values())))
        return np.concatenate([self._run({name: array[k : k + 1] for name, array in fed.items()}) for k in range(rows)])

    def _run(self, fed: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        [found] = self._session.run([self.output], fed)
        if found.ndim == 4:
            places = found.reshape(*found.shape[:2], -1)
            channels_last = self._session.get_inputs()[0].shape[-1] == 3
            found = found.reshape(len(found), -1, found.shape[-1]) if channels_last else places.transpose(0, 2, 1)
        if found.ndim == 3:
            self.pooling_used = self._pooling
            found = _pool(found, fed.get("attention_mask"), self._pooling)
        if found.ndim != 2:
            raise UsageError(f"the output {self.output!r} has the shape {found.shape}; one of (b, d) is needed")
        return found.astype(np.float32)


def _pool(hidden: NDArray[Any], mask: NDArray[Any] | None, how: str) -> NDArray[Any]:
    if how == "cls":
        return hidden[:, 0]
    real = np.ones(hidden.shape[:2], dtype=bool) if mask is None else mask.astype(bool)
    if how == "max":
        return np.where(real[:, :, None], hidden, -np.inf).max(axis=1)
    return (hidden * real[:, :, None]).sum(axis=1) / np.maximum(real.sum(axis=1), 1)[:, None]


def _read(path: Path, uri: str) -> Any:
    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises its own, which differs between versions
        raise DataError(f"{uri}: {path} cannot be read as ONNX: {error}") from error


def _session(graph: Any, uri: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own, which has no common base
        raise DataError(f"{uri}: onnxruntime cannot run the file: {error}") from error


def _reveal(graph: Any, request: Request) -> str:
    """Name of the array that is read, made an output of the graph where it is none."""
    outputs = {output.name: output.type.tensor_type for output in graph.graph.output}
    wanted = request.options.get("output")
    if wanted is None:
        floats = [name for name, kind in outputs.items() if kind.elem_type in (1, 10, 11)]
        flat = [name for name in floats if len(outputs[name].shape.dim) == 2]
        if not floats:
            raise UsageError(f"{request.ref.uri}: the graph has no output of numbers; name an array with ?output=")
        return (flat or floats)[0]
    if wanted not in outputs:
        inner = {name for node in graph.graph.node for name in node.output if name}
        if wanted not in inner:
            raise UnknownNameError("output", wanted, [*outputs, *inner], where=request.ref.uri)
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(wanted))
    return wanted


def _is_batched(session: Any) -> bool:
    """Whether the graph takes batches of any size; one built for single items is run item by item."""
    first = session.get_inputs()[0].shape[0]
    if isinstance(first, int) and first > 1:
        raise UsageError(f"the graph takes batches of exactly {first}; export it with a free first side")
    return not isinstance(first, int)


def _inputs(request: Request, folder: Path, session: Any) -> tuple[Inputs, tuple[str, ...], tuple[Path, ...]]:
    """Inputs, notes, and the files besides the model that decide the batch."""
    names = [entry.name for entry in session.get_inputs()]
    if "input_ids" in names:
        return _text_inputs(request, folder, names)
    shape = session.get_inputs()[0].shape
    if len(names) == 1 and len(shape) == 4:
        sides = shape[1:3] if shape[-1] == 3 else shape[2:4]
        fixed = (sides[0], sides[1]) if all(isinstance(side, int) for side in sides) else None
        inputs, notes = image_inputs(request, folder, fixed, mean=IMAGENET[0], deviation=IMAGENET[1], assumed=ASSUMED)
        return inputs, notes, ()
    if len(names) == 1 and len(shape) == 2 and isinstance(shape[1], int):
        return RowInputs(shape=(shape[1],)), (), ()
    listed = ", ".join(f"{entry.name} {entry.shape}" for entry in session.get_inputs())
    raise UsageError(
        f"{request.ref.uri} reads {listed}; supported are input_ids with attention_mask, images (b, 3, h, w) or "
        "(b, h, w, 3), and rows (b, n)"
    )


def _text_inputs(
    request: Request, folder: Path, names: list[str]
) -> tuple[TextInputs, tuple[str, ...], tuple[Path, ...]]:
    path = Path(request.options.get("tokenizer", folder / "tokenizer.json")).expanduser()
    if not path.is_file():
        raise UsageError(
            f"{request.ref.uri} reads texts and there is no {path}; put its tokenizer.json beside it or name one with "
            "?tokenizer=path"
        )
    unknown = set(names) - set(TEXT_KEYS)
    if unknown:
        raise UsageError(f"{request.ref.uri} also reads {', '.join(sorted(unknown))}, which a text does not give")
    keys = tuple(key for key in TEXT_KEYS if key in names)
    inputs = from_tokenizer_file(path, max_length=request.integer("max_length"), keys=keys)
    return inputs, (inputs.note,), (path,)
