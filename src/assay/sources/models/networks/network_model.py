"""NetworkModel: a Model around a torch network and its inputs; every torch source ends here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch, ModelInfo, TextSide
from assay.errors import NonFiniteError, UsageError
from assay.sources.models.weights.size import bytes_of, device_of, measure, parameters_of
from assay.spec import Modality, ModelRef


class Inputs(Protocol):
    """Items → a batch of arrays."""

    @property
    def modality(self) -> Modality:
        """What an item is."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that decides the batch, for the features' key."""
        ...

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch."""
        ...

    def example(self) -> Batch:
        """A batch of one item, for measuring."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a source knows of a model besides what can be measured."""

    pooling: str = ""
    layer: str = ""
    licence: str = ""
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    size_bytes: int | None = None
    """Bytes on disk; None where the weights are in memory only."""


class NetworkModel:
    """A Model around a torch network.

    Args:
        ref: Resolved reference.
        network: A `torch.nn.Module` called as `network(**tensors) -> (b, d)`; put into evaluation mode.
        inputs: Items → batch.
        facts: What the source states.
        logits: A module called as the network is, giving the source head's (b, z) logits; None without a head.
        texts: Loads the text side, only when it is asked for; None without one.
    """

    def __init__(
        self, ref: ModelRef, *, network: Any, inputs: Inputs, facts: Facts, logits: Any | None = None,
        texts: Callable[[], TextSide] | None = None,
    ) -> None:  # fmt: skip
        self._ref = ref
        self._network = network.eval()
        self._logits = logits.eval() if logits is not None else None
        self._inputs = inputs
        self._texts = texts
        self._info = inform(network, inputs, facts)

    @property
    def ref(self) -> ModelRef:
        """Resolved: `revision` names the weights immutably."""
        return self._ref

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        return self._info

    @property
    def network(self) -> Any:
        """The torch network, (b, d) features from tensors."""
        return self._network

    def collate(self, items: Sequence[Any]) -> Batch:
        """Items → a batch of arrays, with the model's own preprocessing."""
        return self._inputs(items)

    def encode(self, batch: Batch) -> NDArray[np.float32]:
        """(b, d) float32 features by a plain forward pass.

        Raises:
            NonFiniteError: when a feature is NaN or infinite.
        """
        features = self._forward(self._network, batch)
        bad = int((~np.isfinite(features)).any(axis=1).sum())
        if bad:
            raise NonFiniteError(f"{self._ref.uri}: the features of {bad} of {len(features)} items are NaN or infinite")
        return features

    def source_probabilities(self, batch: Batch) -> NDArray[np.float64] | None:
        """(b, z) probabilities of the source head, or None without one."""
        if self._logits is None:
            return None
        logits = self._forward(self._logits, batch).astype(np.float64)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def text_side(self) -> TextSide:
        """What reads words into the space of the items, loaded anew.

        Raises:
            UsageError: the model has none, with the reason.
        """
        if self._texts is None:
            raise UsageError(f"these weights read {self._info.modality} only")
        return self._texts()

    def _forward(self, module: Any, batch: Batch) -> NDArray[np.float32]:
        import torch

        device = device_of(module)
        with torch.inference_mode():
            output = module(**{name: torch.from_numpy(array).to(device) for name, array in batch.items()})
        return np.ascontiguousarray(output.float().cpu().numpy())


def inform(network: Any, inputs: Inputs, facts: Facts, *, example: Batch | None = None) -> ModelInfo:
    """What is known of a network, real or on the meta device; one item is passed through it.

    Raises:
        UsageError: The network does not run on what its inputs make, or gives no row of features.
    """
    try:
        width, flops, activations = measure(network.eval(), inputs.example() if example is None else example)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        raise UsageError(f"the network does not run on an example of its own input: {error}") from error
    stated = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
    stated["size_bytes"] = facts.size_bytes if facts.size_bytes is not None else bytes_of(network)
    return ModelInfo(
        modality=inputs.modality,
        width=width,
        parameters=parameters_of(network),
        flops=flops,
        activations=activations,
        preprocessing=inputs.settings,
        **stated,
    )
