"""What one head is to do: optimizer, rates, schedule, and when it stops. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STABLE_RATE = 0.1
"""Above this learning rate a rounding error of float32 can grow until it shows; such heads are trained in float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPlan:
    """The settings of one head; names and meaning as in `assay.adapt.head`."""

    optimizer: str
    lr: float
    momentum: float
    nesterov: bool
    weight_decay: float
    batch_size: int
    epochs: int
    schedule: str
    warmup: float
    label_smoothing: float
    dropout: float
    mixup: float
    class_weight: str
    patience: int | None
    keep: str
    halving: int | None
    scale: str
    precision: str

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> HeadPlan:
        """The plan of a recipe's parameters."""
        return cls(**{name: params[name] for name in cls.__dataclass_fields__})

    @property
    def family(self) -> str:
        """Heads of one family take the same kind of step: `sgd`, `nesterov`, `adam`, `adamw`, `lbfgs`."""
        return "nesterov" if self.optimizer == "sgd" and self.nesterov else self.optimizer

    @property
    def dtype(self) -> str:
        """`float32` or `float64`; lbfgs decides by small differences of the loss and takes float64."""
        if self.precision != "auto":
            return self.precision
        return "float64" if self.lr > STABLE_RATE or self.optimizer == "lbfgs" else "float32"

    @property
    def needs_validation(self) -> bool:
        """Whether it cannot do without validation rows."""
        return self.patience is not None or self.halving is not None or self.keep == "best"

    @property
    def rungs(self) -> list[int]:
        """Epochs after which successive halving drops the worst: 1, η, η², … below the last."""
        marks: list[int] = []
        if self.halving is not None:
            epoch = 1
            while epoch < self.epochs:
                marks.append(epoch)
                epoch *= self.halving
        return marks

    def rates(self, steps: int) -> NDArray[np.float64]:
        """(epochs · steps,) learning rate of every step, for `steps` steps an epoch: warm-up, then the schedule."""
        total = self.epochs * steps
        at = np.arange(total)
        warm = round(self.warmup * total)
        left = np.clip((at - warm) / max(total - warm, 1), 0.0, 1.0)
        factor = {
            "constant": np.ones(total), "cosine": 0.5 * (1.0 + np.cos(np.pi * left)), "linear": 1.0 - left,
        }[self.schedule]  # fmt: skip
        return self.lr * np.where(at < warm, (at + 1) / max(warm, 1), factor)
