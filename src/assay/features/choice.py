"""Which engine, precision and batch size make the features: what was asked for, and what was chosen.

A choice is made once, written down before the first feature is stored, and belongs to the features' key.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.canon import key_of
from assay.contracts import Model
from assay.errors import UnknownNameError, UsageError

PRECISIONS = ("float32", "bfloat16")
TOLERANCE = 1e-4
"""Largest difference from eager float32, relative, that an engine may make to be chosen by itself."""
FEATURE_SCHEMA = 1
"""Raised when the code changes features; older features are then not found and are computed anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for."""

    engine: str = "auto"
    precision: str = "float32"
    batch_size: int | Literal["auto"] = "auto"
    device: str | None = "auto"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)
        if self.batch_size != "auto" and int(self.batch_size) < 1:
            raise UsageError(f"a batch size is a whole number from 1 on, or auto; got {self.batch_size!r}")

    @property
    def key(self) -> str:
        """Names the request."""
        return key_of([self.engine, self.precision, self.batch_size, self.device or "auto"])

    def resolved_device(self, model: Model) -> str:
        """The device to run on: as asked, or CUDA where there is one and the model has a torch network, or the CPU."""
        if self.device not in (None, "auto"):
            return str(self.device)
        if model.network is None or importlib.util.find_spec("torch") is None:
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def resolved_batch(self, model: Model) -> int:
        """Items in a batch: as asked, or a size that fits the device; small on a CPU, where caches are."""
        if self.batch_size != "auto":
            return int(self.batch_size)
        if self.resolved_device(model) != "cpu":
            return 256
        return {"image": 16, "text": 32, "audio": 8, "table": 256}[model.info.modality]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, why, and what was measured."""

    engine: str
    precision: str
    batch_size: int
    device: str
    why: str
    """The reason, in a sentence."""
    rates: Mapping[str, float] = field(default_factory=dict[str, float])
    """Engine → items a second, measured on a few batches."""
    difference: float | None = None
    """Largest relative difference of a feature row from eager float32 on the sample; None where it is that itself."""
    offer: Mapping[str, Any] | None = None
    """What half precision would bring: `precision`, `rate`, `difference`; None where it was not measured."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Threads, streams and the like, which may move the last bits."""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Versions of the packages that computed."""
    forward_rows: int | None = None
    """Items in one call of the engine, where memory ran out on whole batches."""

    @property
    def identity(self) -> tuple[str, str, int, str]:
        """The part that belongs to the features' key."""
        return (self.engine, self.precision, self.batch_size, self.device)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Choice:
        """The choice that `to_dict` wrote."""
        return cls(**{known.name: record[known.name] for known in fields(cls) if known.name in record})


def model_key(model: Model) -> str:
    """Digest of everything that decides a model's features but the engine.

    Raises:
        UsageError: when the model's weights are not named, so that stored features could not be told apart.
    """
    if not model.ref.revision:
        raise UsageError(f"{model.ref.uri} names no revision of its weights; its features cannot be stored")
    info = model.info
    return key_of([FEATURE_SCHEMA, model.ref, info.modality, info.preprocessing, info.layer, info.pooling])


def features_key(model: Model, choice: Choice) -> str:
    """Digest of everything that decides a model's features."""
    return key_of([model_key(model), list(choice.identity)])


def relative_difference(x: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Largest, over rows, of ‖x − reference‖ / ‖reference‖; rows of zeros are compared with the largest row."""
    size = np.linalg.norm(reference.astype(np.float64), axis=1)
    off = np.linalg.norm(x.astype(np.float64) - reference, axis=1)
    scale = np.where(size > 0, size, size.max(initial=0.0))
    return float(np.max(np.divide(off, scale, out=np.where(off > 0, np.inf, 0.0), where=scale > 0), initial=0.0))


def versions_of(engine: str) -> dict[str, str]:
    """Versions of the packages that an engine computes with."""
    packages = {"torch": ["torch"], "compiled": ["torch"], "openvino": ["torch", "openvino"]}.get(engine, [])
    return {name: importlib.metadata.version(name) for name in [*packages, "numpy"]}
