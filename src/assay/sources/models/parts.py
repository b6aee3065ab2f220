"""Parts: what a factory of one's own may return, so that a network comes with its preprocessing and its facts.

A `py:` factory takes no arguments, or `pretrained: bool` so that it can also build the untrained twin (and `seed`,
where it draws by itself and not from torch's generator, which is seeded for it). It returns one of
- Parts, the full form;
- a `torch.nn.Module` called with one tensor a batch; its attributes `input_shape`, `preprocess` (item → array),
  `modality`, `licence` and `pooling` are read where it has them;
- a callable, a list of items → (b, d) array, with the attributes `width` and `modality`;
- an object that already is an `assay.contracts.Model`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch
from assay.errors import DataError
from assay.sources.models.network_model import Facts, Inputs
from assay.spec import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A network, its inputs and its facts.

    Example:
        >>> import torch
        >>> from assay.sources.models.parts import Parts, RowInputs
        >>> class Sum(torch.nn.Module):
        ...     def forward(self, x):
        ...         return x.sum(dim=1, keepdim=True)
        >>> def factory():
        ...     return Parts(network=Sum(), inputs=RowInputs(shape=(4,)))
    """

    network: Any
    """A `torch.nn.Module` called as `network(**tensors) -> (b, d)`, pooling included."""
    inputs: Inputs
    """Items → batch; `assay.sources.models.inputs` has some for images, texts and waveforms."""
    logits: Any | None = None
    """The source head, called as the network is, giving (b, z) logits."""
    facts: Facts = field(default_factory=Facts)
    """Licence, labels, pooling and notes."""
    revision: str = ""
    """Immutable name of the weights, where the factory knows a better one than their digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowInputs:
    """Items (rows of numbers, or what `preprocess` makes into arrays) → one float32 array (b, ...)."""

    shape: tuple[int, ...]
    """Shape of one item's array."""
    key: str = "x"
    """The network's argument."""
    preprocess: Callable[[Any], Any] = np.asarray
    """An item → an array or tensor of the shape."""
    modality: Modality = "table"

    @property
    def settings(self) -> dict[str, Any]:
        """Shape, and the name of the preprocessing function."""
        name = getattr(self.preprocess, "__qualname__", type(self.preprocess).__name__)
        return {"shape": list(self.shape), "preprocess": name}

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch.

        Raises:
            DataError: An item has another shape.
        """
        rows: list[NDArray[np.float32]] = []
        for item in items:
            row = np.asarray(self.preprocess(item), dtype=np.float32)
            if row.shape != self.shape:
                raise DataError(f"an item of shape {row.shape} where the model reads {self.shape}")
            rows.append(row)
        return {self.key: np.stack(rows)}

    def example(self) -> Batch:
        """A batch of one row of zeros, for measuring."""
        return {self.key: np.zeros((1, *self.shape), dtype=np.float32)}
