"""An ONNX graph as data: the files it reads, its parameters, its FLOPs, and its weights drawn anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from assay.errors import DataError, UntrustedError, UsageError
from assay.rng import stream
from assay.sources.models.weights.twin import draw

COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
UNCOUNTED = {"ConvInteger", "Einsum", "GRU", "If", "LSTM", "Loop", "MatMulInteger", "QLinearConv", "QLinearMatMul"}
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)


def data_files(model: Any, path: Path, *, uri: str) -> list[Path]:
    """Files beside the model that hold its larger arrays, in order of name.

    Raises:
        UntrustedError: One lies outside the model's folder, by its name or by a link.
        DataError: One is missing.
    """
    folder = path.parent.resolve()
    names = {ExternalDataInfo(tensor).location for tensor in _tensors(model) if uses_external_data(tensor)}
    files: list[Path] = []
    for name in sorted(names):
        place = (folder / name).resolve()
        if Path(name).is_absolute() or not place.is_relative_to(folder) or (folder / name).is_symlink():
            raise UntrustedError(
                f"{uri}: the file names data outside its folder ({name}), which is refused; put the data "
                "beside the model and save it with a plain file name"
            )
        if not place.is_file():
            raise DataError(f"{uri}: the data file {name} is not beside the model in {folder}")
        files.append(place)
    return files


def parameter_count(model: Any) -> int:
    """Number of floating-point values in the graph's initial arrays, single numbers left out."""
    sizes = [int(np.prod(t.dims)) for t in model.graph.initializer if t.data_type in FLOATS]
    return sum(size for size in sizes if size > 1)


def count_flops(model: Any, example: Mapping[str, NDArray[Any]]) -> float | None:
    """Floating-point operations of one pass, a multiply and an add counted as two.

    Matrix products and convolutions are counted, as `torch.utils.flop_counter` counts them, from the shapes that one
    run on the example gives. None where the graph holds an operation of another kind that multiplies.

    Args:
        model: The graph, its data loaded.
        example: A batch of one item under the graph's names.
    """
    nodes = [node for node in model.graph.node if node.op_type in COUNTED]
    if any(node.domain not in ("", "ai.onnx") or node.op_type in UNCOUNTED for node in model.graph.node):
        return None
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    shapes |= {name: array.shape for name, array in example.items()}
    wanted = {name for node in nodes for name in (*node.input[:2], node.output[0]) if name not in shapes}
    shapes |= _shapes_by_running(model, sorted(wanted), example)
    return float(sum(_node_flops(node, shapes) for node in nodes))


def redraw_graph(model: Any, seed: int, *, uri: str) -> None:
    """Draw the graph's weights anew, in place: kernels and tables by shape, scales 1, shifts 0, single numbers left.

    What an array is for is told by the operations that read it.

    Raises:
        UsageError: The graph has no floating-point weights, as quantised ones have not.
    """
    rng = stream(seed, "untrained twin")
    readers = _readers(model)
    drawn = 0
    for tensor in model.graph.initializer:
        old = numpy_helper.to_array(tensor)
        if tensor.data_type not in FLOATS or old.size < 2:
            continue
        fresh = _fresh(old, readers.get(tensor.name, []), rng)
        if fresh is not None:
            drawn += old.ndim > 1
            tensor.CopyFrom(numpy_helper.from_array(fresh.astype(old.dtype), tensor.name))
    if not drawn:
        raise UsageError(f"{uri}: the graph has no floating-point weights that could be drawn anew")


def _fresh(old: NDArray[Any], readers: list[tuple[str, int]], rng: np.random.Generator) -> NDArray[Any] | None:
    """A new array for an initial one; None where it is no weight."""
    operations = {operation for operation, _ in readers}
    wide = sum(side > 1 for side in old.shape)
    if wide > 1:
        table = operations & {"Gather", "Add", "Concat", "Expand"}
        if table:
            return rng.normal(0.0, 0.02, old.shape)
        return draw("kernel", old.shape, rng, outputs_last="MatMul" in operations)
    if operations & {"Concat", "Expand"}:
        return rng.normal(0.0, 0.02, old.shape)
    for operation, place in readers:
        if operation.endswith("Normalization"):
            return np.ones(old.shape) if place in (1, 4) else np.zeros(old.shape)
        if operation in ("Add", "Sub", "Conv", "ConvTranspose", "Gemm"):
            return np.zeros(old.shape)
        if operation in ("Mul", "Div"):
            return np.ones(old.shape)
    return None


def _readers(model: Any) -> dict[str, list[tuple[str, int]]]:
    """Array → (operation, which of its inputs), for all that read it."""
    found: dict[str, list[tuple[str, int]]] = {}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            found.setdefault(name, []).append((node.op_type, place))
    return found


def _node_flops(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> int:
    first, second, output = shapes[node.input[0]], shapes[node.input[1]], shapes[node.output[0]]
    if node.op_type == "Conv":
        return 2 * int(np.prod(output)) * int(np.prod(second[1:]))
    if node.op_type == "ConvTranspose":
        return 2 * int(np.prod(first)) * int(np.prod(second[1:]))
    turned = node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
    return 2 * int(np.prod(output)) * (first[0] if turned else first[-1])


def _shapes_by_running(model: Any, names: list[str], example: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    import onnxruntime

    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    known = {output.name for output in shown.graph.output}
    shown.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(shown.SerializeToString(), options, providers=["CPUExecutionProvider"])
    arrays: list[Any] = list(session.run(names, dict(example))) if names else []
    return {name: array.shape for name, array in zip(names, arrays, strict=True)}


def _tensors(model: Any) -> Iterator[Any]:
    """Every array in the model: initial ones, those in attributes, and those of graphs and functions inside."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        yield from _node_tensors(function.node)


def _graph_tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Iterable[Any]) -> Iterator[Any]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from _graph_tensors(inner)
