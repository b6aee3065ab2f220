"""Every plugin seam, as a Protocol, in this one file; `assay.builtin` lists what we ship for each.

A model source turns a name into a Model; a data source turns a name into a Dataset; an engine runs a model over
batches; an adapter turns features (or a network) and targets into predictions; a metric, a transferability score and a
similarity measure turn arrays into numbers. `assay.testing` holds the suite that each must pass and a fake for each.

This file imports no torch: networks are typed as Any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset, Task
from assay.spec import DataRef, Modality, ModelRef, TrialSpec

Batch = Mapping[str, NDArray[Any]]


__all__ = [
    "AdaptJob",
    "Adapted",
    "Adapter",
    "DataSource",
    "Engine",
    "Metric",
    "Model",
    "ModelInfo",
    "ModelSource",
    "Predicted",
    "SimilarityMeasure",
    "TextSide",
    "TransferScore",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What is known of a model without running it on data."""

    modality: Modality
    """What it reads."""
    width: int
    """d, the number of features."""
    parameters: int
    """Number of parameters of the part that makes the features."""
    flops: float | None = None
    """Floating-point operations for one item, a multiply and an add counted as two; None where not countable."""
    activations: float | None = None
    """Numbers that convolutions and linear layers put out for one item; None where not countable."""
    size_bytes: int | None = None
    """Size of the weights on disk or in memory."""
    pooling: str = ""
    """How positions or tokens become one row, as the model declares it: `mean`, `cls`, `avg`."""
    layer: str = ""
    """The layer that is read."""
    preprocessing: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Size, crop, mean, deviation, interpolation; or tokenizer and maximal length. Part of the features' key."""
    licence: str = ""
    """As the source states it; empty where it does not."""
    labels: tuple[str, ...] = ()
    """Names of the source head's classes; empty without a head."""
    notes: tuple[str, ...] = ()
    """What the reader should know: a pickle loaded on the user's word, an ambiguous pooling."""


@runtime_checkable
class Model(Protocol):
    """A loaded model that makes features."""

    @property
    def ref(self) -> ModelRef:
        """Resolved: `revision` names the weights immutably."""
        ...

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        ...

    def collate(self, items: Sequence[Any]) -> Batch:
        """Items (PIL images, strings, waveforms, rows) → a batch of arrays, with the model's own preprocessing."""
        ...

    def encode(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) float32 features of a batch, by the plainest route; the reference for every engine."""
        ...

    @property
    def network(self) -> Any | None:
        """A `torch.nn.Module` called as `network(**tensors) -> (b, d)`, or None where there is no torch network."""
        ...

    def source_probabilities(self, batch: Batch) -> NDArray[np.float64] | None:
        """(b, z) probabilities of the source head, or None without one."""
        ...


class TextSide(Protocol):
    """How a model reads words into the space of its items: the text tower of a model of images and texts.

    A Model that has one also has `text_side() -> TextSide`, which raises UsageError with the reason where these weights
    or options give none. A model of texts needs none: it reads words as it reads items.
    """

    @property
    def scale(self) -> float | None:
        """What the model multiplies cosines by before it compares them; None where it states nothing."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(k, p) vectors of k texts."""
        ...

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) features of items → (n, p) vectors in the space of the texts."""
        ...


class ModelSource(Protocol):
    """A place that models come from.

    One that can tell a model's facts without its weights also has `describe(ref, *, offline, trust) -> ModelInfo`.
    """

    def __call__(self, ref: ModelRef, *, offline: bool = False, trust: bool = False, seed: int = 0) -> Model:
        """The loaded model; `trust` is the user's word for this one model, `seed` draws an untrained twin's weights."""
        ...


class DataSource(Protocol):
    """A place that data come from."""

    def __call__(self, ref: DataRef, *, offline: bool = False) -> Dataset:
        """The data set, read and resolved."""
        ...


class Engine(Protocol):
    """A way to run a model's network fast."""

    name: str

    def prepare(self, model: Model, example: Batch, *, precision: str, device: str) -> Any:
        """A callable Batch → (b, d) float32 array."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptJob:
    """All that an adapter needs for one trial."""

    spec: TrialSpec
    task: Task
    targets: NDArray[Any]
    """(n,) or (n, c) targets of all rows of the data set."""
    train: NDArray[np.int_]
    """Row positions to learn from; none for a recipe that needs words."""
    valid: NDArray[np.int_]
    """Row positions to choose settings on; may be empty, then the adapter splits `train` by itself."""
    test: NDArray[np.int_]
    """Row positions to score on; they never reach a choice."""
    features: NDArray[np.float32] | None = None
    """(n, d) frozen features, in the order of the targets; None when the recipe trains the network."""
    model: Model | None = None
    """The loaded model, for recipes that train it or read words by it."""
    dataset: Dataset | None = None
    """The items, for recipes that train the network."""
    device: str = "cpu"
    on_epoch: Callable[[Mapping[str, float]], None] | None = None
    """Called with every epoch's line of history, where a recipe has epochs; raises PrunedError to end the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Predictions for the rows of one part, in the order of the job's positions."""

    label: NDArray[Any]
    """(n,) class codes or values, (n, c) for multilabel."""
    score: NDArray[np.float64] | None = None
    """(n, c) probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """What one job gave: an error in place of predictions when it failed, so that its neighbours live."""

    parts: Mapping[str, Predicted] = field(default_factory=dict[str, Predicted])
    """`train`, `valid`, `test` → predictions."""
    chosen: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings that were chosen on validation rows, and what the choice cost."""
    history: Sequence[Mapping[str, float]] = ()
    """Per epoch; the keys are those of `assay.outcome.Outcome.history`."""
    seconds: float | None = None
    """This job's share of the wall-clock time."""
    peak_bytes: int | None = None
    """The most memory meanwhile: resident memory of the process on the CPU. The runner fills it in where it is open."""
    joules: float | None = None
    """Energy, where it was asked for."""
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    """What export needs to serve it: `weight` (c, d), `bias` (c,), or a network's state by parameter name."""
    error: Exception | None = None


class Adapter(Protocol):
    """A way to adapt: jobs that share features are given together, so that they can be solved together."""

    method: str
    """The name users type."""
    defaults: Mapping[str, Any]
    """Every parameter with its default; an unknown parameter is refused before anything runs."""
    needs: Literal["features", "network", "targets", "words"]
    """What the job must bring. `words`: features, the model that reads the class names, and no labelled row; such a
    recipe is run at budget 0, once a draw."""

    def run(self, jobs: Sequence[AdaptJob]) -> list[Adapted]:
        """One result a job, in order; jobs of one call share model, data and method, and differ in the rest."""
        ...


class Metric(Protocol):
    """A score of predictions, by scikit-learn's definition."""

    def __call__(self, target: NDArray[Any], label: NDArray[Any], score: NDArray[np.float64] | None) -> float:
        """The value; raises UndefinedMetricError's like as `assay.errors.UsageError` where it has no meaning."""
        ...


class TransferScore(Protocol):
    """How well frozen features suit a task, from (n, d) features and (n,) targets."""

    def __call__(self, x: NDArray[Any], y: NDArray[Any]) -> float:
        """The score; higher is better unless its docstring says otherwise."""
        ...


class SimilarityMeasure(Protocol):
    """How near two sets of features are."""

    def __call__(self, a: NDArray[Any], b: NDArray[Any]) -> float:
        """The distance or similarity."""
        ...
