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

from dataclasses import dataclass, field
from typing import Any

from assay.sources.models.networks.network_model import Facts, Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A network, its inputs and its facts.

    Example:
        >>> import torch
        >>> from assay.sources.models.inputs.rows import RowInputs
        >>> from assay.sources.models.parts import Parts
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
