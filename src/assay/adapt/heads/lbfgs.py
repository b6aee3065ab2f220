"""L-BFGS for many heads at once: they are evaluated together, and each finds its own step.

A step of the rule is one evaluation of loss and gradient on all rows. A head whose loss has fallen enough moves on
along a new direction, another tries half the step; where a head stands still its pair of differences has weight zero in
the memory, which leaves the two-loop recursion as it would be without it.

References: Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4 (two loops) and 3.1 (backtracking).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from assay.adapt.heads.plan import HeadPlan
from assay.adapt.heads.rules import Rule, keep_heads

MEMORY = 10
ENOUGH = 1e-4
"""Share of the expected decrease that a step must bring."""


class Lbfgs(Rule):
    """Minimises mean loss + ½ · weight_decay · ‖w‖² over all rows; the learning rate has no part in it."""

    def __init__(self, plans: Sequence[HeadPlan], weight: torch.Tensor) -> None:
        super().__init__(plans, weight)
        self.base, self.gradient, self.direction = weight.clone(), weight.clone(), torch.zeros_like(weight)
        heads = len(plans)
        self.loss = torch.full((heads,), torch.inf, dtype=weight.dtype, device=weight.device)
        self.mean, self.length = self.loss.clone(), torch.zeros_like(self.loss)
        self.pairs: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        """(s, y, 1 / s·y) of each kept step, the last one latest; zero for a head that stood still."""

    def step(self, weight: torch.Tensor, residual: torch.Tensor, x: torch.Tensor, rate: torch.Tensor,  # noqa: ARG002
             loss: torch.Tensor) -> torch.Tensor:  # fmt: skip
        """Judges `weight`, the point that was evaluated, and puts the next point to evaluate in its place."""
        gradient = self._gradient(weight, residual, x)
        mean, loss = loss, loss + 0.5 * self._dot(weight * self.decay, weight)
        slope = self._dot(self.gradient, self.direction)
        good = loss <= self.loss + ENOUGH * self.length * slope
        self._remember(weight, gradient, good & torch.isfinite(self.loss))
        column = self._column(good)
        self.base = torch.where(column, weight, self.base)
        self.gradient = torch.where(column, gradient, self.gradient)
        self.loss = torch.where(good, loss, self.loss)
        self.mean = torch.where(good, mean, self.mean)
        first = torch.where(good & (self.length == 0), self._dot(gradient, gradient).rsqrt().clamp(max=1.0), 1.0)
        self.direction = torch.where(column, self._towards(), self.direction)
        self.length = torch.where(good, first, 0.5 * self.length)
        weight.copy_(self.base + self._column(self.length) * self.direction)
        return self.mean

    def reached(self, weight: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """The best point so far."""
        return self.base

    def take(self, plans: Sequence[HeadPlan], kept: Sequence[int]) -> None:
        """Forgets all heads but `kept`."""
        self._read(plans)
        self.base, self.gradient, self.direction = (
            keep_heads(value, self.classes, kept) for value in (self.base, self.gradient, self.direction)
        )
        index = torch.as_tensor(list(kept), device=self.loss.device)
        self.loss, self.mean, self.length = self.loss[index], self.mean[index], self.length[index]
        self.pairs = [
            (keep_heads(s, self.classes, kept), keep_heads(y, self.classes, kept), rho[index])
            for s, y, rho in self.pairs
        ]

    def _remember(self, weight: torch.Tensor, gradient: torch.Tensor, moved: torch.Tensor) -> None:
        s, y = weight - self.base, gradient - self.gradient
        product = self._dot(s, y)
        use = moved & (product > 1e-12 * self._dot(y, y))
        if use.any():
            rho = torch.where(use, 1.0 / torch.where(use, product, 1.0), 0.0)
            column = self._column(use)
            kept = (torch.where(column, s, 0.0), torch.where(column, y, 0.0), rho)
            self.pairs = [*self.pairs, kept][-MEMORY:]

    def _towards(self) -> torch.Tensor:
        """(c·h, p) minus the inverse Hessian times the gradient, by two loops over the memory."""
        q, shares = self.gradient.clone(), list[torch.Tensor]()
        size = torch.ones_like(self.loss)
        for s, y, rho in reversed(self.pairs):
            share = rho * self._dot(s, q)
            shares.append(share)
            q.sub_(self._column(share) * y)
        for _, y, rho in self.pairs:  # the latest step of each head sets the size
            size = torch.where(rho > 0, 1.0 / (rho * self._dot(y, y)).clamp(min=1e-30), size)
        q.mul_(self._column(size))
        for (s, y, rho), share in zip(self.pairs, reversed(shares), strict=True):
            q.add_(self._column(share - rho * self._dot(y, q)) * s)
        return q.neg_()

    def _dot(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """(h,) inner products of each head's rows."""
        return (a * b).sum(dim=1).unflatten(0, (self.classes, -1)).sum(dim=0)

    def _column(self, values: torch.Tensor) -> torch.Tensor:
        return values.repeat(self.classes)[:, None]
