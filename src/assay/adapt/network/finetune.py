"""Fine-tuning: the head first with the backbone frozen, then some or all of the backbone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from assay.adapt.network.options import TRAINING
from assay.adapt.network.tuning import Opening, Tuning, tune
from assay.adapt.one_by_one import OneByOne
from assay.adapt.parameters import Parameter
from assay.contracts import Adapted, AdaptJob
from assay.sources.models.stages import stages


class Finetune(OneByOne):
    """Head first, then the last stage, some stages or all; the same recipe for images, texts and sound.

    With `l2_sp` the training is pulled towards the pretrained weights: minimise the task's loss plus l2_sp · ‖θ − θ₀‖².
    With `replay` it goes on learning the source: the task's loss plus replay_weight · the loss on the source data,
    through a head of their own.

    References:
        Kumar et al. (2022), Fine-tuning can distort pretrained features, section 4 (head first).
        Howard and Ruder (2018), Universal language model fine-tuning, section 3.3 (`stepwise`).
        Li, Grandvalet and Davoine (2018), Explicit inductive bias for transfer learning, section 3 (L2-SP).
    """

    method = "finetune"
    parameters: Mapping[str, Parameter] = {
        "unfreeze": Parameter(kind="integer", default="all", low=1, high=1000,
                              choices=("head", "last", "stepwise", "all"),
                              about="What learns after the head: nothing more, the last stage, so many, all, or the "
                                    "last one, then half of them, then all, for a third of the epochs each."),
        **TRAINING,
        "l2_sp": Parameter(default=0.0, low=0.0, about="Pull towards the pretrained weights."),
        "replay": Parameter(kind="text", default="", about="Source data that are learned too, as a study names data."),
        "replay_weight": Parameter(default=1.0, low=0.0, about="Weight of the loss on the source data."),
    }  # fmt: skip
    needs = "network"

    def fit(self, job: AdaptJob) -> Adapted:
        """The result of one job."""
        params = self.filled(job)
        return tune(job, params, lambda backbone: Tuning(openings=_openings(backbone, params)), recipe="finetune")


def _openings(backbone: nn.Module, params: Mapping[str, Any]) -> list[Opening]:
    what, epochs = params["unfreeze"], int(params["epochs"])
    if what == "head":
        return []
    count = len(stages(backbone))
    if what == "stepwise":
        counts = sorted({1, (count + 1) // 2, count})
        shares = [epochs * (k + 1) // len(counts) - epochs * k // len(counts) for k in range(len(counts))]
        return [Opening(epochs=share, open=_opens(size)) for share, size in zip(shares, counts, strict=True)]
    return [Opening(epochs=epochs, open=_opens(count if what == "all" else 1 if what == "last" else int(what)))]


def _opens(count: int) -> Callable[[nn.Module], list[str]]:
    """Lets the last stages learn."""

    def open_stages(backbone: nn.Module) -> list[str]:
        opened = stages(backbone)[-count:]
        names = {name for _, members in opened for name in members}
        for name, parameter in backbone.named_parameters():
            if name in names and parameter.is_floating_point():
                parameter.requires_grad_(True)
        return [stage for stage, _ in opened]

    return open_stages


FINETUNE = Finetune()
