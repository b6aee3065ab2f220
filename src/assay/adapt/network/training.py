"""The training loop: batches, losses, optimizer, schedule, early stopping, the best state kept.

It knows networks and batches, and nothing of jobs or recipes. A batch that does not fit into memory is halved, and its
gradients are gathered, so that a step stays what it was. Randomness comes from torch's generator, seeded by the caller.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.adapt.network.watch import Watch
from assay.adapt.network.whole import Feed, Whole
from assay.errors import DivergedError, OutOfMemoryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training with one set of trainable parameters."""

    number: int
    """0 while the head learns alone; 1, 2, … with the backbone."""
    epochs: int
    optimizer: str
    """`sgd`, `adam` or `adamw`."""
    lr: float
    """Of the backbone's trainable parameters."""
    head_lr: float
    """Of the head."""
    layer_decay: float
    """Factor on the learning rate for each stage further from the output."""
    momentum: float
    weight_decay: float
    schedule: str
    """`constant`, `cosine` or `linear`, over all steps of the phase."""
    warmup: float
    """Share of the steps in which the learning rate rises."""
    batch_size: int
    accumulate: int
    """Batches whose gradients make one step."""
    patience: int
    """Epochs without a better validation score before the phase ends; 0 for never."""
    l2_sp: float
    """Weight of the squared distance from the pretrained weights."""

    def steps(self, rows: int) -> int:
        """Steps of all epochs over so many rows."""
        return self.steps_of_epoch(rows) * self.epochs

    def steps_of_epoch(self, rows: int) -> int:
        """Steps of one epoch."""
        return max(1, math.ceil(rows / (self.batch_size * self.accumulate)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Source data that training must not forget: their loss through a head of their own, times a weight."""

    whole: Whole
    """The same backbone with the source's head."""
    feed: Feed
    target: Tensor
    rows: NDArray[np.int_]
    weight: float


@dataclass(slots=True, kw_only=True)
class Lesson:
    """What to learn from, and how it is judged."""

    feed: Feed
    """Batches for prediction."""
    learn: Feed
    """Batches to learn from, augmented where that is asked for."""
    target: Tensor
    """Targets of all rows, as the loss wants them."""
    rows: NDArray[np.int_]
    """Row positions to learn from."""
    valid: NDArray[np.int_]
    """Row positions to choose the epoch on; may be empty, and then the last epoch counts."""
    score: Callable[[NDArray[np.float64]], float]
    """(n, c) outputs for the validation rows → score, higher is better."""
    depths: Mapping[int, int] = field(default_factory=dict[int, int])
    """Parameter, by its identity → stages between it and the output."""
    replay: Replay | None = None
    forward: Callable[..., Any] | None = None
    """The compiled backbone, for full batches."""
    precise: Callable[[], Any] = nullcontext
    """A context with the precision of the backbone's arithmetic."""
    on_epoch: Callable[[Mapping[str, float]], None] | None = None
    """Called with every epoch's line of history; what it raises ends the training."""


def train(whole: Whole, phase: Phase, lesson: Lesson, generator: np.random.Generator, watch: Watch) -> int:
    """Train in place; the state with the best validation score is put back at the end.

    Args:
        whole: Backbone and head; parameters with `requires_grad` are trained, and each epoch is put into its history.
        phase: How.
        lesson: From what.
        generator: Draws the order of the rows.
        watch: Measures each epoch.

    Returns:
        Rows that went through the network at once in the end: the batch size, or less where memory ran out.

    Raises:
        DivergedError: the loss is no longer finite; with the epoch and the learning rate.
        OutOfMemoryError: two rows at once do not fit.
    """
    loop = _Loop(whole, phase, lesson, generator)
    best, best_state, waited = -math.inf, None, 0
    for _ in range(phase.epochs):
        watch.start()
        record = loop.epoch()
        whole.history.append({**record, **watch.stop()})
        if lesson.on_epoch is not None:
            lesson.on_epoch(whole.history[-1])
        if not len(lesson.valid):
            continue
        if record["valid_score"] > best:
            best, waited = record["valid_score"], 0
            best_state = copy.deepcopy((whole.backbone.state_dict(), whole.head.state_dict()))
        else:
            waited += 1
        if phase.patience and waited >= phase.patience:
            break
    if best_state is not None:
        whole.backbone.load_state_dict(best_state[0])
        whole.head.load_state_dict(best_state[1])
    return loop.rows_at_once


def predict(
    whole: Whole, feed: Feed, rows: NDArray[np.int_], batch_size: int, precise: Callable[[], Any] = nullcontext
) -> NDArray[np.float64]:
    """(n, c) outputs for rows, in their order, without gradients."""
    whole.backbone.eval()
    blocks: list[NDArray[np.float64]] = []
    with torch.no_grad(), precise():
        for at in range(0, len(rows), batch_size):
            outputs = whole.outputs(feed(rows[at : at + batch_size]))
            blocks.append(outputs.double().cpu().numpy())
    return np.concatenate(blocks) if blocks else np.empty((0, whole.head.out_features))


class _Loop:
    """One phase: an optimizer, a schedule, and the epochs that they make."""

    def __init__(self, whole: Whole, phase: Phase, lesson: Lesson, generator: np.random.Generator) -> None:
        self.whole, self.phase, self.lesson, self.generator = whole, phase, lesson, generator
        self.rows_at_once = phase.batch_size
        self.optimizer = optimizer_of(whole, phase, lesson)
        whole.train_mode()
        whole.follow(phase.steps_of_epoch(len(lesson.rows)))
        steps = phase.steps(len(lesson.rows))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: factor(phase.schedule, phase.warmup, step, steps)
        )
        self.start = [(p, p.detach().clone()) for p in whole.learning()] if phase.l2_sp else []

    def epoch(self) -> dict[str, float]:
        """Learn from all rows once, then judge."""
        whole, lesson = self.whole, self.lesson
        whole.train_mode()
        order, losses = self.generator.permutation(lesson.rows), list[float]()
        number = len(whole.history) + 1
        for group in chunks(order, self.phase.batch_size * self.phase.accumulate):
            losses.append(self._step(group))
            if not math.isfinite(losses[-1]):
                raise DivergedError(
                    f"training diverged in epoch {number}: the loss is {losses[-1]} at lr={self.phase.lr:g}, "
                    f"head_lr={self.phase.head_lr:g}; try a smaller learning rate"
                )
        record: dict[str, float] = {
            "epoch": float(number), "phase": float(self.phase.number), "steps": float(len(losses)),
            "train_loss": float(np.mean(losses)),
        }  # fmt: skip
        if len(lesson.valid):
            outputs = predict(whole, lesson.feed, lesson.valid, self.rows_at_once, lesson.precise)
            if not np.isfinite(outputs).all():
                raise DivergedError(f"training diverged in epoch {number}: outputs are not finite at "
                                    f"lr={self.phase.lr:g}; try a smaller learning rate")  # fmt: skip
            record["valid_loss"] = float(
                whole.loss(torch.as_tensor(outputs).float(), lesson.target[lesson.valid].cpu())
            )
            record["valid_score"] = lesson.score(outputs)
        return record

    def _step(self, group: NDArray[np.int_]) -> float:
        while True:
            try:
                self.optimizer.zero_grad(set_to_none=True)
                total = self._gradients(group)
                self.optimizer.step()
                self.schedule.step()
                return total
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                self._halve(error)

    def _halve(self, error: BaseException) -> None:
        """Fewer rows at once; two are the least, since batch normalisation needs them."""
        if self.rows_at_once <= 2:
            raise OutOfMemoryError(f"memory ran out with {self.rows_at_once} rows at once: {error}") from error
        self.rows_at_once = max(2, self.rows_at_once // 2)
        self.optimizer.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _gradients(self, group: NDArray[np.int_]) -> float:
        """Gradients of the mean loss over a group of rows; the loss."""
        lesson, total = self.lesson, 0.0
        for part in chunks(group, self.rows_at_once):
            full = len(part) == self.phase.batch_size
            with lesson.precise():
                outputs = self.whole.outputs(lesson.learn(part), lesson.forward if full else None)
            loss = self.whole.loss(outputs, lesson.target[part]) * (len(part) / len(group))
            loss.backward()
            total += float(loss.detach())
        if lesson.replay is not None:
            self._replay(lesson.replay)
        if self.start:
            torch.as_tensor(self.phase.l2_sp * sum(((now - then) ** 2).sum() for now, then in self.start)).backward()
        return total

    def _replay(self, replay: Replay) -> None:
        """Add the gradient of the source data's loss, over as many rows as a batch has."""
        rows = self.generator.choice(replay.rows, size=min(self.rows_at_once, len(replay.rows)), replace=False)
        with self.lesson.precise():
            outputs = replay.whole.outputs(replay.feed(rows))
        (replay.whole.loss(outputs, replay.target[rows]) * replay.weight).backward()


def chunks(rows: NDArray[np.int_], size: int) -> Iterator[NDArray[np.int_]]:
    """Blocks of rows; a last block of one row joins the one before, since batch normalisation needs two."""
    starts = list(range(0, len(rows), size))
    if len(starts) > 1 and len(rows) - starts[-1] == 1:
        starts.pop()
    for i, start in enumerate(starts):
        yield rows[start : starts[i + 1] if i + 1 < len(starts) else None]


def optimizer_of(whole: Whole, phase: Phase, lesson: Lesson) -> torch.optim.Optimizer:
    """The optimizer, with a learning rate for the head and one for each stage."""
    heads = [*whole.head.parameters(), *(lesson.replay.whole.head.parameters() if lesson.replay else ())]
    groups: list[dict[str, Any]] = [{"params": heads, "lr": phase.head_lr}]
    by_depth: dict[int, list[nn.Parameter]] = {}
    for parameter in whole.learning():
        by_depth.setdefault(lesson.depths.get(id(parameter), 0), []).append(parameter)
    groups += [{"params": found, "lr": phase.lr * phase.layer_decay**depth} for depth, found in by_depth.items()]
    if phase.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=phase.momentum, weight_decay=phase.weight_decay, fused=True)
    kind = torch.optim.AdamW if phase.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, weight_decay=phase.weight_decay, fused=True)


def factor(schedule: str, warmup: float, step: int, steps: int) -> float:
    """What the learning rate is multiplied by at a step."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    share = min((step - rising) / max(steps - rising, 1), 1.0)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * share))
    return 1.0 - share if schedule == "linear" else 1.0


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on CUDA or on the CPU."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)
    return "not enough memory" in text or "can't allocate memory" in text or "out of memory" in text
