"""Update rules for many heads at once: torch's, with a rate, a momentum and a decay for each head.

Weights are (c·h, p), the classes outermost, so that one product serves all heads and a setting is one column (c·h, 1).
The gradient is residual @ x, and decay falls on the intercept too, as in torch. A rule keeps its own state and forgets
heads that leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from assay.adapt.heads.plan import HeadPlan


class Rule:
    """A way to step."""

    def __init__(self, plans: Sequence[HeadPlan], weight: torch.Tensor) -> None:
        self.classes, self.like = len(weight) // len(plans), weight
        self.buffers: list[torch.Tensor] = []
        self._read(plans)

    def step(self, weight: torch.Tensor, residual: torch.Tensor, x: torch.Tensor, rate: torch.Tensor,
             loss: torch.Tensor) -> torch.Tensor:  # fmt: skip
        """One step in place; `residual` (c·h, b), `x` (b, p), `rate` (c·h, 1), `loss` (h,).

        Returns the loss of the point that stands before the step.
        """
        raise NotImplementedError

    def reached(self, weight: torch.Tensor) -> torch.Tensor:
        """The weights that stand after the last step; `weight` itself unless a rule tries points ahead."""
        return weight

    def take(self, plans: Sequence[HeadPlan], kept: Sequence[int]) -> None:
        """Forgets all heads but `kept`, whose plans these are."""
        self.buffers = [keep_heads(buffer, self.classes, kept) for buffer in self.buffers]
        self._read(plans)

    def column(self, plans: Sequence[HeadPlan], value: Callable[[HeadPlan], float]) -> torch.Tensor:
        """(c·h, 1) of a setting."""
        numbers = torch.tensor([value(plan) for plan in plans], dtype=self.like.dtype, device=self.like.device)
        return numbers.repeat(self.classes)[:, None]

    def _read(self, plans: Sequence[HeadPlan]) -> None:
        self.decay = self.column(plans, lambda plan: plan.weight_decay)
        self.decays = any(plan.weight_decay > 0 for plan in plans)
        self.momentum = self.column(plans, lambda plan: plan.momentum)

    def _gradient(self, weight: torch.Tensor, residual: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        gradient = residual @ x
        return gradient.addcmul_(weight, self.decay) if self.decays else gradient


class Sgd(Rule):
    """`torch.optim.SGD` with momentum: v ← μv + g, w ← w − ηv."""

    def __init__(self, plans: Sequence[HeadPlan], weight: torch.Tensor) -> None:
        super().__init__(plans, weight)
        self.buffers = [torch.zeros_like(weight)]

    def step(self, weight: torch.Tensor, residual: torch.Tensor, x: torch.Tensor, rate: torch.Tensor,
             loss: torch.Tensor) -> torch.Tensor:  # fmt: skip
        """One step in place."""
        (velocity,) = self.buffers
        velocity.mul_(self.momentum)
        if self.decays:
            velocity.addcmul_(weight, self.decay)
        velocity.addmm_(residual, x)
        weight.addcmul_(velocity, rate, value=-1.0)
        return loss


class Nesterov(Sgd):
    """The same with Nesterov's look-ahead: w ← w − η(g + μv)."""

    def step(self, weight: torch.Tensor, residual: torch.Tensor, x: torch.Tensor, rate: torch.Tensor,
             loss: torch.Tensor) -> torch.Tensor:  # fmt: skip
        """One step in place."""
        gradient = self._gradient(weight, residual, x)
        (velocity,) = self.buffers
        velocity.mul_(self.momentum).add_(gradient)
        weight.addcmul_(gradient, rate, value=-1.0).addcmul_(velocity, rate * self.momentum, value=-1.0)
        return loss


class Adam(Rule):
    """`torch.optim.Adam` with β = (0.9, 0.999) and ε = 1e-8."""

    def __init__(self, plans: Sequence[HeadPlan], weight: torch.Tensor) -> None:
        super().__init__(plans, weight)
        self.buffers = [torch.zeros_like(weight), torch.zeros_like(weight)]
        self.count = 0

    def step(self, weight: torch.Tensor, residual: torch.Tensor, x: torch.Tensor, rate: torch.Tensor,
             loss: torch.Tensor) -> torch.Tensor:  # fmt: skip
        """One step in place."""
        self.count += 1
        first, second = self.buffers
        gradient = self._gradient(weight, residual, x)
        first.lerp_(gradient, 0.1)
        second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        size = torch.sqrt(second, out=gradient).div_((1.0 - 0.999**self.count) ** 0.5).add_(1e-8)
        weight.addcmul_(torch.div(first, size, out=size), rate / (1.0 - 0.9**self.count), value=-1.0)
        return loss


class AdamW(Adam):
    """Adam with decay taken off the weights and not put into the gradient."""

    def step(self, weight: torch.Tensor, residual: torch.Tensor, x: torch.Tensor, rate: torch.Tensor,
             loss: torch.Tensor) -> torch.Tensor:  # fmt: skip
        """One step in place."""
        if self.decays:
            weight.mul_(1.0 - rate * self.decay)
        return super().step(weight, residual, x, rate, loss)

    def _gradient(self, weight: torch.Tensor, residual: torch.Tensor, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        return residual @ x


def keep_heads(values: torch.Tensor, classes: int, kept: Sequence[int]) -> torch.Tensor:
    """Rows (c·h, …) of the heads `kept`, in their order."""
    index = torch.as_tensor(list(kept), device=values.device)
    return values.unflatten(0, (classes, -1)).index_select(1, index).flatten(0, 1)
