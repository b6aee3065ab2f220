"""The training loop of fine-tuning: batches, losses, optimizer, schedule, early stopping, the best state kept.

It knows networks and batches, and nothing of jobs or recipes. Randomness comes from a seed and is put back afterwards.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.errors import NonFiniteError

Feed = Callable[[NDArray[np.int_]], Mapping[str, Tensor]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training with one set of trainable parameters."""

    epochs: int
    optimizer: str
    """`sgd`, `adam` or `adamw`."""
    lr: float
    """Of the backbone's trainable parameters."""
    head_lr: float
    """Of the head."""
    momentum: float
    weight_decay: float
    schedule: str
    """`constant`, `cosine` or `linear`, over all steps of the phase."""
    batch_size: int
    accumulate: int
    """Batches whose gradients make one step."""
    patience: int
    """Epochs without a better validation score before the phase ends; 0 for never."""
    l2_sp: float
    """Weight of the squared distance from the pretrained weights."""


@dataclass(slots=True)
class Whole:
    """A backbone with a head; the backbone may be an identity where features are fed."""

    backbone: nn.Module
    head: nn.Linear
    kind: str
    """The kind of task."""
    smoothing: float = 0.0
    """Label smoothing."""
    history: list[dict[str, float]] = field(default_factory=list[dict[str, float]])

    def outputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """(b, c) logits, or (b, 1) values."""
        return self.head(self.backbone(**batch).float())

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a batch: cross-entropy, one sigmoid a label, or squared error."""
        if self.kind == "regression":
            return nn.functional.mse_loss(outputs[:, 0], target)
        if self.kind == "multilabel":
            return nn.functional.binary_cross_entropy_with_logits(outputs, target)
        return nn.functional.cross_entropy(outputs, target, label_smoothing=self.smoothing)

    def parameters(self) -> list[Tensor]:
        """All parameters, the head's last."""
        return [*self.backbone.parameters(), *self.head.parameters()]


def train(
    whole: Whole, phase: Phase, feed: Feed, target: Tensor, rows: NDArray[np.int_], valid: NDArray[np.int_],
    score: Callable[[NDArray[np.float64]], float], generator: np.random.Generator,
) -> None:  # fmt: skip
    """Train in place; the state with the best validation score is put back at the end.

    Args:
        whole: Backbone and head; parameters with `requires_grad` are trained.
        phase: How.
        feed: Row positions → the backbone's batch.
        target: Targets of all rows, as the loss wants them.
        rows: Row positions to learn from.
        valid: Row positions to choose the epoch on; may be empty, and then the last epoch counts.
        score: (n, c) outputs for the validation rows → score, higher is better.
        generator: Draws the order of the rows.

    Raises:
        NonFiniteError: when the loss is no longer finite, with the epoch and the learning rate.
    """
    optimizer, start_weights = _optimizer(whole, phase), _pretrained(whole, phase)
    steps = max(1, math.ceil(len(rows) / (phase.batch_size * phase.accumulate))) * phase.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _factor(phase.schedule, step, steps))
    best, best_state, waited = -math.inf, None, 0
    for epoch in range(phase.epochs):
        began = time.perf_counter()
        _train_mode(whole)
        losses = _epoch(whole, phase, feed, target, generator.permutation(rows), optimizer, schedule, start_weights)
        mean = float(np.mean(losses))
        if not math.isfinite(mean):
            raise NonFiniteError(f"training diverged in epoch {epoch + 1}: the loss is {mean} at lr={phase.lr:g}, "
                                 f"head_lr={phase.head_lr:g}; try a smaller learning rate")  # fmt: skip
        record: dict[str, float] = {"epoch": float(len(whole.history) + 1), "train_loss": mean}
        if len(valid):
            outputs = predict(whole, feed, valid, phase.batch_size)
            record["valid_loss"] = float(whole.loss(torch.as_tensor(outputs).float(), target[valid].cpu()))
            record["valid_score"] = score(outputs)
        whole.history.append({**record, "seconds": time.perf_counter() - began})
        if not len(valid):
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


def predict(whole: Whole, feed: Feed, rows: NDArray[np.int_], batch_size: int) -> NDArray[np.float64]:
    """(n, c) outputs for rows, in their order, without gradients."""
    whole.backbone.eval()
    blocks: list[NDArray[np.float64]] = []
    with torch.no_grad():
        for at in range(0, len(rows), batch_size):
            outputs = whole.outputs(feed(rows[at : at + batch_size]))
            blocks.append(outputs.double().cpu().numpy())
    return np.concatenate(blocks) if blocks else np.empty((0, whole.head.out_features))


def _epoch(
    whole: Whole, phase: Phase, feed: Feed, target: Tensor, order: NDArray[np.int_], optimizer: Any, schedule: Any,
    start: Sequence[tuple[Tensor, Tensor]],
) -> list[float]:  # fmt: skip
    losses: list[float] = []
    for group in _chunks(order, phase.batch_size * phase.accumulate):
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for part in _chunks(group, phase.batch_size):
            loss = whole.loss(whole.outputs(feed(part)), target[part]) * (len(part) / len(group))
            loss.backward()
            total += float(loss.detach())
        if start:
            pull = phase.l2_sp * sum(((now - then) ** 2).sum() for now, then in start)
            torch.as_tensor(pull).backward()
        optimizer.step()
        schedule.step()
        losses.append(total)
    return losses


def _chunks(rows: NDArray[np.int_], size: int) -> Iterator[NDArray[np.int_]]:
    """Blocks of rows; a last block of one row joins the one before, since batch normalisation needs two."""
    starts = list(range(0, len(rows), size))
    if len(starts) > 1 and len(rows) - starts[-1] == 1:
        starts.pop()
    for i, start in enumerate(starts):
        yield rows[start : starts[i + 1] if i + 1 < len(starts) else None]


def _optimizer(whole: Whole, phase: Phase) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [{"params": list(whole.head.parameters()), "lr": phase.head_lr}]
    learning = [parameter for parameter in whole.backbone.parameters() if parameter.requires_grad]
    if learning:
        groups.append({"params": learning, "lr": phase.lr})
    if phase.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=phase.momentum, weight_decay=phase.weight_decay)
    kind = torch.optim.AdamW if phase.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, weight_decay=phase.weight_decay)


def _pretrained(whole: Whole, phase: Phase) -> list[tuple[Tensor, Tensor]]:
    """(parameter, its pretrained value) of what is trained, for the pull towards the pretrained weights."""
    if phase.l2_sp == 0:
        return []
    return [(p, p.detach().clone()) for p in whole.backbone.parameters() if p.requires_grad]


def _factor(schedule: str, step: int, steps: int) -> float:
    share = min(step / max(steps, 1), 1.0)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * share))
    return 1.0 - share if schedule == "linear" else 1.0


def _train_mode(whole: Whole) -> None:
    """Training mode where something is trained; a frozen block keeps its running statistics and drops nothing out."""
    whole.head.train()
    whole.backbone.eval()
    for module in whole.backbone.modules():
        own = list(module.parameters(recurse=False))
        if (own and all(parameter.requires_grad for parameter in own)) or (not own and _learns(module)):
            module.training = True


def _learns(module: nn.Module) -> bool:
    """Whether a module without parameters of its own lies among trained ones only."""
    inside = list(module.parameters())
    return bool(inside) and all(parameter.requires_grad for parameter in inside)
