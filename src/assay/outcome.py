"""Nouns of the answer: features, predictions, cost, and the outcome of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError

Status = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Frozen outputs of one model for the items of one data set."""

    x: NDArray[np.float32]
    """(n, d)."""
    ids: NDArray[np.str_]
    """(n,) item names, in the order of the rows."""
    key: str
    """Names model, data, layer, pooling, engine, precision and batch size."""
    layer: str = ""
    """The layer read."""
    pooling: str = ""
    """How tokens or positions became one row."""
    transform: str = ""
    """What was done afterwards; empty for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a trial said of every item it was tested on."""

    ids: NDArray[np.str_]
    """(n,) item names."""
    target: NDArray[Any]
    """(n,), or (n, c) for multilabel."""
    label: NDArray[Any] | None = None
    """(n,) predicted class codes or values, or (n, c) for multilabel."""
    score: NDArray[np.float64] | None = None
    """(n, c) predicted probabilities; None where the method gives none."""
    times: NDArray[np.datetime64] | None = None
    """(n,) when each item arose, in UTC; None for data without times."""

    def __post_init__(self) -> None:
        for name in ("target", "label", "score", "times"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.ids):
                raise ShapeError(f"predictions: {name} has {len(column)} rows, ids have {len(self.ids)}")
        if self.label is None and self.score is None:
            raise ShapeError("predictions need a label or a score")

    def labels(self) -> NDArray[Any]:
        """The predicted labels; the most probable class where only scores were given."""
        if self.label is not None:
            return self.label
        assert self.score is not None
        return self.score.argmax(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What something cost; None where it was not measured."""

    seconds: float | None = None
    peak_bytes: int | None = None
    """The most memory: resident memory of the process on the CPU, held by torch's allocator on CUDA."""
    device: str | None = None
    flops: float | None = None
    joules: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The row that a trial leaves; a failed trial is a row, never a hole."""

    key: str
    """The trial's key."""
    status: Status
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    """Part (`train`, `valid`, `test`) → metric → value."""
    history: Sequence[Mapping[str, float]] = ()
    """Per epoch: `epoch`, `phase` (0 while the head learns alone), `steps`, `train_loss`, `valid_loss`, `valid_score`,
    `seconds`, `cpu_seconds` of all threads, `peak_bytes`, and `joules` where energy was asked for."""
    predictions: Mapping[str, Predictions] = field(default_factory=dict[str, Predictions])
    """Part → predictions for every item; `test` always, `train` and `valid` where the recipe gives them."""
    cost: Cost = field(default_factory=Cost)
    error: str | None = None
    """Why it failed, as `Type: message`."""
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chosen parameters, versions, device, engine, sample sizes."""
