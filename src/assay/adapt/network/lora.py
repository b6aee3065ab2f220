"""LoRA: low-rank adapters beside the dense layers of a transformer, through peft; merged at the end."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from assay.adapt.network.options import TRAINING
from assay.adapt.network.tuning import Opening, Tuning, tune
from assay.adapt.one_by_one import OneByOne
from assay.adapt.parameters import Parameter
from assay.contracts import Adapted, AdaptJob
from assay.errors import MissingExtraError, UsageError
from assay.sources.models.stages import stages, trunk

OWN: Mapping[str, Parameter] = {
    "rank": Parameter(kind="integer", default=8, low=1, high=4096, about="Rank of each adapter."),
    "alpha": Parameter(default=16.0, above=0.0, about="Adapters are scaled by alpha / rank."),
    "dropout": Parameter(default=0.0, low=0.0, high=0.9, about="Dropout before each adapter."),
    "stages": Parameter(kind="integer", default="all", low=1, high=1000, choices=("last", "all"),
                        about="Which stages get adapters, counted from the output."),
    "lr": Parameter(default=5e-4, above=0.0, about="Learning rate of the adapters."),
}  # fmt: skip


class Lora(OneByOne):
    """Low-rank adapters on every dense layer of the blocks, the weights themselves frozen; then they are merged.

    For transformers of texts, images and sound. What is kept and exported is the merged network.

    References:
        Hu et al. (2022), LoRA: low-rank adaptation of large language models, section 4.1.
    """

    method = "lora"
    parameters: Mapping[str, Parameter] = {**TRAINING, **OWN}
    needs = "network"

    def fit(self, job: AdaptJob) -> Adapted:
        """The result of one job."""
        if importlib.util.find_spec("peft") is None:
            raise MissingExtraError("peft", "the recipe 'lora'")
        params = self.filled(job)
        return tune(job, params, lambda backbone: _plan(backbone, params, job.spec.model.uri), recipe="lora")


def _plan(backbone: nn.Module, params: Mapping[str, Any], uri: str) -> Tuning:
    """Adapters put beside the layers of the stages that learn; opened, they learn, finished, they are merged."""
    found = stages(backbone)
    count = {"last": 1, "all": len(found)}.get(params["stages"]) or int(params["stages"])
    chosen = [stage for stage, _ in found[-count:]]
    targets = _dense(backbone, chosen)
    if not targets:
        raise UsageError(f"recipe 'lora' puts adapters beside the dense layers of a network's blocks, and {uri} has "
                         "none there; use the recipe finetune")  # fmt: skip
    adapted = _adapted(backbone, targets, params)
    learning = [p for p in backbone.parameters() if p.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)

    def open_adapters(_: nn.Module) -> list[str]:
        for parameter in learning:
            parameter.requires_grad_(True)
        return [stage for stage in chosen if any(target.startswith(f"{stage}.") for target in targets)]

    def merge(_: nn.Module) -> nn.Module:
        return adapted.merge_and_unload()

    return Tuning(openings=[Opening(epochs=int(params["epochs"]), open=open_adapters, adapters=True)], finish=merge)


def _dense(backbone: nn.Module, chosen: Sequence[str]) -> list[str]:
    """Names of the dense layers inside the blocks that learn; `Conv1D` is what transformers call GPT-2's."""
    blocks = [block for block in trunk(backbone) if block in chosen]
    return [
        name for name, module in backbone.named_modules()
        if (isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D")
        and any(name.startswith(f"{block}.") for block in blocks)
    ]  # fmt: skip


def _adapted(backbone: nn.Module, targets: list[str], params: Mapping[str, Any]) -> Any:
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    config = LoraConfig(
        r=params["rank"],
        lora_alpha=params["alpha"],
        lora_dropout=params["dropout"],
        target_modules=targets,
        bias="none",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft tells that Conv1D layers are stored transposed, and does right by them
        return LoraModel(backbone, config, "default")


LORA = Lora()
