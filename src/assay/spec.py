"""Nouns of the question: which model, which data, which recipe, which trial.

All are frozen values with a canonical key. A trial's `draw_key` leaves out model and recipe, so that all models see
the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from assay.canon import key_of
from assay.errors import UsageError

TaskKind = Literal["binary", "multiclass", "multilabel", "regression"]
Modality = Literal["image", "text", "audio", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A pretrained model, or its untrained twin."""

    source: str
    """The scheme users type: `timm`, `torchvision`, `hf`, `st`, `onnx`, `keras`, `py`."""
    name: str
    """The name within the source, or the path of a local folder or file."""
    revision: str = ""
    """Immutable: a commit or a digest of the weights; empty until resolved."""
    untrained: bool = False
    """True for the same architecture with random weights (`random:` before the name)."""

    @property
    def uri(self) -> str:
        """The name as users type it, without the revision."""
        return f"{'random:' if self.untrained else ''}{self.source}:{self.name}"

    @classmethod
    def parse(cls, uri: str) -> ModelRef:
        """The reference that a user typed as `[random:]source:name`."""
        rest = uri.removeprefix("random:")
        source, colon, name = rest.partition(":")
        if not colon or not name:
            raise UsageError(f"a model is written source:name, such as timm:resnet50.a1_in1k; got {uri!r}")
        return cls(source=source, name=name, untrained=rest != uri)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRef:
    """A data set with its task."""

    source: str
    """The scheme users type: `folder`, `csv`, `parquet`, `jsonl`, `hf`, `torchvision`, `sklearn`, `py`."""
    name: str
    """The name within the source, or a path, with its options after `?`."""
    revision: str = ""
    """Immutable: a digest of ids, contents and targets; empty until resolved."""
    task: str = ""
    """The kind of task; empty until resolved."""

    @property
    def uri(self) -> str:
        """The name as users type it."""
        return f"{self.source}:{self.name}"

    @classmethod
    def parse(cls, uri: str) -> DataRef:
        """The reference that a user typed as `source:name`."""
        source, colon, name = uri.partition(":")
        if not colon or not name:
            raise UsageError(f"data are written source:name, such as folder:photos/ or sklearn:digits; got {uri!r}")
        return cls(source=source, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time, start included and end excluded."""

    name: str
    """The label people read, such as `2016-07`."""
    start: str
    """ISO 8601, in UTC; or an integer as text for plain order."""
    end: str
    """ISO 8601, in UTC; or an integer as text for plain order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSlice:
    """A part of a data set."""

    data: DataRef
    split: str
    """`train`, `valid`, `test`, or a name that the data give."""
    window: Window | None = None
    """The stretch of time, for dated data."""
    per_class: int | None = None
    """The label budget: rows a class; 0 for a recipe that learns from none, None for all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A way to adapt a model, with every parameter filled in."""

    method: str
    """`probe`, `head`, `knn`, `centroid`, `ridge`, `zeroshot`, `finetune`, `majority`."""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Parameters by name, defaults included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """One training and one evaluation."""

    model: ModelRef
    train: DataSlice
    test: DataSlice
    recipe: Recipe
    draw: int
    """Which draw of rows; the same number means the same rows for all models."""
    seed: int
    """Seeds everything random in the training."""

    @property
    def key(self) -> str:
        """Names the trial: sha256 over everything that can change its result."""
        return key_of(self)

    @property
    def draw_key(self) -> str:
        """Names the rows: model, recipe and seed are left out."""
        return key_of([self.train, self.test, self.draw])
