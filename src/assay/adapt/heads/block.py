"""A block: heads that go through the same batches in lockstep, with one product for all of them.

A head leaves the block when its epochs are over, when its validation score has not risen for its patience, when it is
told to, or when its numbers are no longer finite; the others go on as if it had never been there. At a high learning
rate the last bit of a product can decide the result, so products have a whole number of the tiles in which libraries
compute them: the last head is repeated until they do, and every number is then the same as in a block of its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from assay.adapt.heads.lbfgs import Lbfgs
from assay.adapt.heads.losses import loss_and_residual, scores
from assay.adapt.heads.plan import HeadPlan
from assay.adapt.heads.rows import BatchOrder, HeadRows, first_weights
from assay.adapt.heads.rules import Adam, AdamW, Nesterov, Rule, Sgd, keep_heads
from assay.errors import DivergedError, PrunedError

TILE = 8
"""Rows of the weights come in multiples of this."""

LIMIT = 1e30
"""A head with a weight beyond this has diverged."""

RULES: dict[str, type[Rule]] = {"sgd": Sgd, "nesterov": Nesterov, "adam": Adam, "adamw": AdamW, "lbfgs": Lbfgs}


@dataclass(slots=True, kw_only=True)
class Head:
    """One head, and what has become of it."""

    job: int
    """Which job it is for."""
    plan: HeadPlan
    on_epoch: Callable[[Mapping[str, float]], None] | None = None
    """Called with every line of its history; raises PrunedError to end it."""
    weight: torch.Tensor | None = None
    """(c, d + 1) once it has left; its best state where it keeps that."""
    history: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    stopped: str = ""
    """Why it left: `epochs`, `patience`, `halving`, `pruned`, `diverged`; empty while it trains."""
    error: Exception | None = None
    best: float = -float("inf")
    """The best validation score so far."""
    best_epoch: int = 0


class Block:
    """Trains heads that share an order of rows, a family of steps and a precision."""

    def __init__(self, heads: Sequence[Head], rows: HeadRows, order: BatchOrder, balanced: bool) -> None:
        self.alive, self.rows, self.order, self.epoch = list(heads), rows, order, 0
        self.balance = rows.balance() if balanced else None
        start = torch.zeros(rows.classes, rows.x.shape[1], dtype=torch.float64)
        start[:, : rows.d + 1] = torch.from_numpy(first_weights(order.seed, order.draw, rows.classes, rows.d))
        plans = [heads[i].plan for i in self._slots(range(len(heads)))]
        self.weight = start.to(rows.x).repeat_interleave(len(plans), dim=0)
        self.rule = RULES[plans[0].family](plans, self.weight)
        rates = torch.zeros(max(plan.epochs for plan in plans) * order.steps, len(plans), dtype=torch.float64)
        for i, plan in enumerate(plans):
            planned = torch.from_numpy(plan.rates(order.steps))
            rates[: len(planned), i] = planned
        self.rates = rates.to(rows.x)
        self.smoothing = self._smoothing(plans)

    def run(self, until: int) -> None:
        """Train up to an epoch, or until no head is left."""
        while self.alive and self.epoch < until:
            began = time.perf_counter()
            loss = self._train_epoch()
            self.epoch += 1
            self._record(loss, time.perf_counter() - began)
            self._let_go()

    def drop(self, heads: Sequence[Head], why: str) -> None:
        """These heads leave with what they have."""
        self._leave({id(head): why for head in heads})

    def _train_epoch(self) -> torch.Tensor:
        """(h,) mean loss over the rows."""
        x, target, heads = self.rows.x, self.rows.target, self.rates.shape[1]
        total = torch.zeros(heads, dtype=x.dtype, device=x.device)
        step = self.epoch * self.order.steps
        for batch in self.order.epoch(self.epoch, x, self.rows.d):
            part, wanted = batch.mix(x, 0), batch.mix(target, 1)
            if batch.mask is not None:
                part[:, : self.rows.d].mul_(batch.mask)
            outputs = (self.weight @ part.t()).unflatten(0, (len(target), heads))
            balance = None if self.balance is None else batch.mix(self.balance, 0)
            loss, residual = loss_and_residual(self.rows.kind, outputs, wanted, balance, self.smoothing)
            rate = self.rates[step].repeat(len(target))[:, None]
            total += self.rule.step(self.weight, residual.flatten(0, 1), part, rate, loss) * len(part)
            step += 1
        return total / self.order.n

    def _record(self, loss: torch.Tensor, seconds: float) -> None:
        """One line of history a head, with the validation rows' loss and score where there are any."""
        columns = {"train_loss": loss.tolist()}
        if self.rows.valid_x is not None and self.rows.valid_target is not None:
            outputs = self.rule.reached(self.weight) @ self.rows.valid_x.t()
            outputs = outputs.unflatten(0, (self.rows.classes, -1))
            columns["valid_score"] = scores(self.rows.kind, outputs, self.rows.valid_target).tolist()
            columns["valid_loss"] = loss_and_residual(
                self.rows.kind, outputs, self.rows.valid_target, None, None
            )[0].tolist()  # fmt: skip
        for i, head in enumerate(self.alive):
            numbers = {name: values[i] for name, values in columns.items()}
            head.history.append({"epoch": float(self.epoch), **numbers, "seconds": seconds / len(self.alive)})

    def _let_go(self) -> None:
        """Heads that are done leave."""
        reached = self.rule.reached(self.weight)
        largest = reached.abs().amax(dim=1).unflatten(0, (self.rows.classes, -1)).amax(dim=0)
        finite = (largest < LIMIT).tolist()
        leaving: dict[int, str] = {}
        for i, head in enumerate(self.alive):
            if not finite[i]:
                head.history.pop()
                head.error = DivergedError(
                    f"training diverged in epoch {self.epoch}: the weights are NaN or beyond {LIMIT:g} at "
                    f"lr={head.plan.lr:g}; try a smaller learning rate"
                )
                leaving[id(head)] = "diverged"
                continue
            try:
                if head.on_epoch is not None:
                    head.on_epoch(head.history[-1])
            except PrunedError as error:
                head.error = error
                leaving[id(head)] = "pruned"
                continue
            score = head.history[-1].get("valid_score", -float("inf"))
            if score > head.best:
                head.best, head.best_epoch = score, self.epoch
                if head.plan.keep == "best":
                    head.weight = self._weight_of(i)
            if self.epoch >= head.plan.epochs:
                leaving[id(head)] = "epochs"
            elif head.plan.patience is not None and self.epoch - head.best_epoch >= head.plan.patience:
                leaving[id(head)] = "patience"
        self._leave(leaving)

    def _leave(self, leaving: dict[int, str]) -> None:
        if not leaving:
            return
        kept: list[int] = []
        for i, head in enumerate(self.alive):
            if id(head) not in leaving:
                kept.append(i)
                continue
            head.stopped = leaving[id(head)]
            if head.plan.keep != "best" or head.weight is None:
                head.weight = self._weight_of(i)
        self.alive = [self.alive[i] for i in kept]
        if not self.alive:
            return
        slots = self._slots(kept)
        plans = [self.alive[i].plan for i in self._slots(range(len(kept)))]
        self.weight = keep_heads(self.weight, self.rows.classes, slots)
        self.rates = self.rates[:, slots]
        self.rule.take(plans, slots)
        self.smoothing = self._smoothing(plans)

    def _weight_of(self, i: int) -> torch.Tensor:
        """(c, d + 1) of the i-th head."""
        reached = self.rule.reached(self.weight)
        return reached.unflatten(0, (self.rows.classes, -1))[:, i, : self.rows.d + 1].clone()

    def _slots(self, heads: Sequence[int]) -> list[int]:
        """These heads, the last one repeated until the weights fill their tiles."""
        step = TILE // math.gcd(TILE, self.rows.classes)
        return [*heads, *[heads[-1]] * (-len(heads) % step)]

    def _smoothing(self, plans: Sequence[HeadPlan]) -> torch.Tensor | None:
        values = [plan.label_smoothing for plan in plans]
        return torch.tensor(values).to(self.rows.x) if any(values) else None
