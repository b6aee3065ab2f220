"""A head that learns what another model says of its rows, besides their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from assay.adapt.job import as_predicted
from assay.contracts import Predicted

SHARE = 0.5
"""Weight of what the teacher says; the labels have the rest."""
PENALTY = 1e-3
STEPS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A linear head."""

    weight: NDArray[np.float64]
    """(c, d)."""
    bias: NDArray[np.float64]
    """(c,)."""

    def predict(self, x: NDArray[np.float32]) -> Predicted:
        """(n, d) features → classes and probabilities."""
        return as_predicted("multiclass", x.astype(np.float64) @ self.weight.T + self.bias)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """As export takes it."""
        return {"weight": self.weight, "bias": self.bias}


def distilled(
    x: NDArray[np.float32], target: NDArray[np.int_], taught: NDArray[np.float64], temperature: float
) -> Head:  # fmt: skip
    """The head that minimises half the cross-entropy to the labels and half that to the softened teacher.

    Args:
        x: (n, d) features.
        target: (n,) class codes.
        taught: (n, c) the teacher's probabilities.
        temperature: Both sides' logits are divided by it; its square multiplies the loss, as Hinton et al. have it.

    References:
        Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network, section 2.
    """
    scale = float(np.sqrt(x.var(axis=0).mean())) or 1.0
    given = torch.from_numpy(x.astype(np.float64) / scale)
    logits = torch.from_numpy(np.log(np.clip(taught, 1e-12, None)))
    soft, hard = torch.softmax(logits / temperature, dim=1), torch.from_numpy(np.asarray(target, dtype=np.int64))
    head = nn.Linear(x.shape[1], taught.shape[1], dtype=torch.float64)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    solver = torch.optim.LBFGS(head.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe", history_size=20)

    def loss() -> torch.Tensor:
        solver.zero_grad()
        said = head(given)
        labels = nn.functional.cross_entropy(said, hard)
        teacher = nn.functional.cross_entropy(said / temperature, soft) * temperature**2
        value = (1.0 - SHARE) * labels + SHARE * teacher + PENALTY * (head.weight**2).sum()
        value.backward()
        return value

    solver.step(loss)  # pyright: ignore[reportArgumentType] (torch declares float, and takes tensors)
    return Head(weight=head.weight.detach().numpy() / scale, bias=head.bias.detach().numpy().copy())
