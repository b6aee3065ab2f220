"""Losses of many heads at once, as mean loss of each head and derivative by its outputs.

Outputs are (c, h, b): c classes by h heads by b rows. With the classes outermost every reduction over them runs over
whole slabs of memory.
"""

from __future__ import annotations

import torch


def loss_and_residual(
    kind: str, outputs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None, smoothing: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """((h,) mean loss, (c, h, b) its derivative by the outputs), as torch's losses define them.

    Args:
        kind: Of the task: cross-entropy for classes, a sigmoid a label for multilabel, squared error for regression.
        outputs: (c, h, b); overwritten.
        target: (c, b), columns that sum to one, 0/1 labels, or values.
        weight: (b,) row weights; their sum over the batch divides, as in torch. None for equal weights.
        smoothing: (h,) label smoothing of each head; None for none.
    """
    share = torch.full_like(target[0], 1.0 / target.shape[1]) if weight is None else weight / weight.sum()
    wanted = _smoothed(kind, target[:, None, :], smoothing)
    if kind == "regression":
        error = outputs.sub_(wanted)
        return (error[0].square() * share).sum(dim=-1), error.mul_(2.0 * share)
    if kind == "multilabel":
        loss = torch.nn.functional.softplus(outputs).sub_(wanted * outputs).mean(dim=0)
        return (loss * share).sum(dim=-1), outputs.sigmoid_().sub_(wanted).mul_(share / len(target))
    outputs.sub_(outputs.amax(dim=0))
    own = (wanted * outputs).sum(dim=0)
    total = outputs.exp_().sum(dim=0)
    loss = (total.log() - own) @ share
    return loss, outputs.div_(total).sub_(wanted).mul_(share)


def scores(kind: str, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(h,) accuracy, F1 over all labels pooled, or R²; higher is better, as `assay.adapt.choice.score_of`.

    Args:
        kind: Of the task.
        outputs: (c, h, v).
        target: (c, v).
    """
    if kind == "multilabel":
        said = (outputs >= 0).to(target)
        both = (said * target[:, None]).sum(dim=(0, 2))
        total = said.sum(dim=(0, 2)) + target.sum()
        return torch.where(total > 0, 2.0 * both / total.clamp(min=1.0), torch.ones_like(both))
    if kind == "regression":
        spread = (target[0] - target[0].mean()).square().sum()
        error = (outputs[0] - target).square().sum(dim=-1)
        return 1.0 - error / spread if spread > 0 else -error
    return (outputs.argmax(dim=0) == target.argmax(dim=0)).to(target).mean(dim=-1)


def _smoothed(kind: str, target: torch.Tensor, smoothing: torch.Tensor | None) -> torch.Tensor:
    """(c, 1 or h, b) targets, a share of each spread over all classes."""
    if smoothing is None:
        return target
    even = 0.5 if kind == "multilabel" else 1.0 / len(target)
    share = smoothing[:, None]
    return target * (1.0 - share) + even * share
