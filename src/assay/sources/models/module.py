"""`py:package.module:factory` and `py:path/to/file.py:factory`: models built by a function of one's own.

What the factory may return is told in `assay.sources.models.parts`. The code runs as any import does: naming it is the
user's word for it.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch, Model, ModelInfo
from assay.errors import UnknownNameError, UsageError
from assay.sources.models.depth import shorten
from assay.sources.models.inputs.images import ImageInputs
from assay.sources.models.inputs.rows import RowInputs
from assay.sources.models.networks.network_model import Facts, Inputs, NetworkModel
from assay.sources.models.parts import Parts
from assay.sources.models.request import Request, Source
from assay.sources.models.weights.digest import digest_state
from assay.sources.models.weights.twin import drawn, redraw
from assay.spec import Modality, ModelRef


def _open(request: Request) -> Model:
    made = _make(request)
    if isinstance(made, Model):
        return made
    parts = made if isinstance(made, Parts) else _parts_of_module(made)
    if parts is None:
        if not callable(made):
            raise UsageError(
                f"{request.ref.uri} gave {type(made).__name__}; a factory returns Parts, a torch module or a callable"
            )
        return FunctionModel(request.ref, made)
    revision = parts.revision
    if request.ref.untrained or not revision:
        revision = digest_state(parts.network.state_dict().items())
    layer = shorten(parts.network, request.integer("layer"), uri=request.ref.uri)
    return NetworkModel(
        dataclasses.replace(request.ref, revision=revision),
        network=parts.network,
        inputs=parts.inputs,
        facts=dataclasses.replace(parts.facts, layer=layer, size_bytes=None) if layer else parts.facts,
        logits=None if layer else parts.logits,
    )


load = Source(_open, options=("layer",))
"""The source of `py:` models."""


class FunctionModel:
    """A Model around a plain callable, items → (b, d); it has no torch network and no weights that could be named.

    Its revision is a digest of its source code, where that can be read, and of its name.
    """

    network = None

    def __init__(self, ref: ModelRef, function: Callable[[list[Any]], Any]) -> None:
        width = getattr(function, "width", None)
        if not isinstance(width, int):
            raise UsageError(
                f"{ref.uri} is a plain function; say how many features it gives by setting its attribute `width`, "
                "and what it reads by `modality` ('image', 'text', 'audio' or 'table')"
            )
        self.ref = dataclasses.replace(ref, revision=_code_digest(function))
        self.info = ModelInfo(modality=getattr(function, "modality", "table"), width=width, parameters=0)
        self._function = function

    def collate(self, items: Sequence[Any]) -> Batch:
        """The items as they are, in an array of objects."""
        rows = np.empty(len(items), dtype=object)
        rows[:] = list(items)
        return {"items": rows}

    def encode(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) float32 features.

        Raises:
            UsageError: when the function gives another shape.
        """
        items = list(batch["items"])
        features = np.asarray(self._function(items), dtype=np.float32)
        if features.shape != (len(items), self.info.width):
            raise UsageError(
                f"{self.ref.uri} gave {features.shape} where ({len(items)}, {self.info.width}) is declared"
            )
        return features

    def source_probabilities(self, batch: Batch) -> None:  # noqa: ARG002
        """None: a plain function has no source head."""
        return


def _make(request: Request) -> Any:
    factory = own_callable(request.path)
    if not request.ref.untrained:
        return factory()
    takes = inspect.signature(factory).parameters
    with drawn(request.seed):
        if "pretrained" in takes:
            return factory(pretrained=False, **({"seed": request.seed} if "seed" in takes else {}))
        made = factory()
    network = getattr(made, "network", made)
    if not hasattr(network, "named_modules"):
        raise UsageError(f"{request.ref.uri}: only a torch network has weights that can be drawn anew")
    redraw(network, request.seed)
    return dataclasses.replace(made, logits=None) if isinstance(made, Parts) else made


def own_callable(path: str) -> Callable[..., Any]:
    """The function or class behind `package.module:name` or `file.py:name`.

    Raises:
        UsageError: for a path that is written otherwise, or a file that is not there.
        UnknownNameError: when there is no such module, or nothing callable of that name in it.
    """
    place, colon, name = path.rpartition(":")
    if not colon or not place or not name:
        raise UsageError(f"own code is named py:FILE.py:NAME or as in py:package.module:factory; got 'py:{path}'")
    module = _from_file(Path(place)) if place.endswith(".py") else _from_name(place)
    factory = getattr(module, name, None)
    if not callable(factory):
        known = [other for other in dir(module) if not other.startswith("_") and callable(getattr(module, other))]
        raise UnknownNameError("factory", name, known, where=place)
    return factory


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"py:{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"assay_model_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None  # a .py file always has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _from_name(name: str) -> ModuleType:
    """The module; the current folder is looked in last, since a console script does not do so by itself."""
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not name.startswith(error.name or "\0"):
            raise
        raise UnknownNameError("module", name, (), where=f"py:{name}; it is not installed and not in {here}") from error
    finally:
        sys.path.remove(here)


def _parts_of_module(made: Any) -> Parts | None:
    """Parts of a bare torch module; None for anything that is no module."""
    if "torch" not in sys.modules:
        return None
    import torch

    if not isinstance(made, torch.nn.Module):
        return None
    from assay.sources.models.networks.wrapping import TakesPixels, TakesRows

    inputs = _inputs_of(made)
    network = TakesPixels(made) if "pixels" in inputs.example() else TakesRows(made)
    facts = Facts(pooling=getattr(made, "pooling", ""), licence=getattr(made, "licence", ""))
    return Parts(network=network, inputs=inputs, facts=facts)


def _inputs_of(module: Any) -> Inputs:
    shape = getattr(module, "input_shape", None) or _first_linear(module)
    if shape is None:
        raise UsageError(
            f"the shape that {type(module).__name__} reads is unknown; set `input_shape` on it, such as (3, 224, 224), "
            "or return Parts, which bring their own inputs"
        )
    shape = tuple(int(size) for size in shape)
    image = len(shape) == 3
    preprocess = getattr(module, "preprocess", None)
    if preprocess is None and image and shape[0] == 3:
        height, width = shape[1:]
        return ImageInputs(size=(height, width), mean=(0.0,) * 3, deviation=(1.0,) * 3, mode="none")
    modality: Modality = getattr(module, "modality", "image" if image else "table")
    return RowInputs(shape=shape, preprocess=preprocess or np.asarray, modality=modality)


def _first_linear(module: Any) -> tuple[int] | None:
    import torch

    first = next((child for child in module.modules() if sum(1 for _ in child.parameters(recurse=False))), None)
    return (first.in_features,) if isinstance(first, torch.nn.Linear) else None


def _code_digest(function: Callable[..., Any]) -> str:
    from assay.canon import key_of

    name = getattr(function, "__qualname__", type(function).__qualname__)
    try:
        code = inspect.getsource(function if inspect.isroutine(function) else type(function))
    except (OSError, TypeError):
        code = ""
    return key_of([name, code])
