"""Targets as a network's loss wants them, and the way back from its outputs to predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.adapt.choice import score_of
from assay.adapt.job import as_predicted
from assay.contracts import Predicted
from assay.dataset import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Targets of all rows; for regression in units of their spread about their mean, over the rows to learn from."""

    kind: str
    """The kind of task."""
    given: NDArray[np.int_] | NDArray[np.float64]
    """As the data have them."""
    values: Tensor
    """As the loss wants them."""
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, task: Task, given: NDArray[np.int_] | NDArray[np.float64], rows: NDArray[np.int_],
           device: torch.device) -> Targets:  # fmt: skip
        """Targets on a device.

        Args:
            task: What they mean.
            given: (n,), or (n, c) for multilabel.
            rows: Rows to learn from.
            device: Where the loss is computed.
        """
        if task.kind != "regression":
            type_ = torch.float32 if task.kind == "multilabel" else torch.int64
            return cls(kind=task.kind, given=given, values=torch.as_tensor(given).to(device, type_))
        centre, spread = float(given[rows].mean()), float(given[rows].std()) or 1.0
        values = torch.as_tensor((given - centre) / spread, dtype=torch.float32, device=device)
        return cls(kind=task.kind, given=given, values=values, centre=centre, spread=spread)

    def predicted(self, outputs: NDArray[np.float64]) -> Predicted:
        """(n, c) outputs of the network → predictions in the unit of the data."""
        return as_predicted(self.kind, outputs * self.spread + self.centre)

    def score(self, outputs: NDArray[np.float64], rows: NDArray[np.int_]) -> float:
        """The score of outputs for these rows; higher is better."""
        return score_of(self.predicted(outputs), self.given[rows], self.kind)

    def state_of(self, head: nn.Linear) -> dict[str, NDArray[np.float64]]:
        """A head's weights in the unit of the data."""
        return {
            "weight": head.weight.detach().double().cpu().numpy() * self.spread,
            "bias": head.bias.detach().double().cpu().numpy() * self.spread + self.centre,
        }
