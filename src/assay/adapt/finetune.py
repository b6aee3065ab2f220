"""Fine-tuning: the head first with the backbone frozen, then some or all of the backbone.

While nothing but the head learns, an epoch pays for the head only: the backbone's features are computed once. Training
keeps the epoch with the best validation score. The job's model is copied and left as it was.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.adapt.choice import score_of
from assay.adapt.job import Rows, as_predicted, each, predict_parts, read_rows, width_of
from assay.adapt.parameters import Parameter, defaults_of
from assay.adapt.training import Feed, Phase, Whole, predict, train
from assay.contracts import Adapted, AdaptJob
from assay.errors import OutOfMemoryError, UsageError
from assay.rng import seed_of, stream

CACHE_BYTES = 2**30


class Finetune:
    """Head first, then the last stage, some stages or all; the same recipe for images, texts and sound.

    With `l2_sp` the training is pulled towards the pretrained weights: minimise the task's loss plus l2_sp · ‖θ − θ₀‖².

    References:
        Kumar et al. (2022), Fine-tuning can distort pretrained features, section 4 (head first).
        Li, Grandvalet and Davoine (2018), Explicit inductive bias for transfer learning, section 3 (L2-SP).
    """

    method = "finetune"
    parameters: Mapping[str, Parameter] = {
        "unfreeze": Parameter(kind="integer", default="all", low=1, high=1000, choices=("head", "last", "all"),
                              about="What learns after the head: nothing more, the last stage, so many, or all."),
        "head_epochs": Parameter(kind="integer", default=3, low=0, high=10_000, about="Epochs of the head alone."),
        "epochs": Parameter(kind="integer", default=5, low=0, high=10_000, about="Epochs with the backbone."),
        "optimizer": Parameter(kind="choice", default="adamw", choices=("sgd", "adam", "adamw"), about="Optimizer."),
        "lr": Parameter(default=1e-4, above=0.0, about="Learning rate of the backbone."),
        "head_lr": Parameter(default=1e-3, above=0.0, about="Learning rate of the head."),
        "momentum": Parameter(default=0.9, low=0.0, high=1.0, about="Momentum of sgd."),
        "weight_decay": Parameter(default=0.01, low=0.0, about="Weight decay."),
        "schedule": Parameter(kind="choice", default="cosine", choices=("constant", "cosine", "linear"),
                              about="How the learning rate falls over a phase."),
        "batch_size": Parameter(kind="integer", default=32, low=1, about="Items a batch."),
        "accumulate": Parameter(kind="integer", default=1, low=1, about="Batches whose gradients make one step."),
        "patience": Parameter(kind="integer", default=3, low=0, about="Epochs without progress before a phase ends."),
        "label_smoothing": Parameter(default=0.0, low=0.0, high=0.99, about="Label smoothing."),
        "flip": Parameter(kind="flag", default=False, about="Mirror half of the images at random while training."),
        "l2_sp": Parameter(default=0.0, low=0.0, about="Pull towards the pretrained weights."),
        "precision": Parameter(kind="choice", default="float32", choices=("float32", "bfloat16"),
                               about="Precision of the backbone's arithmetic."),
    }  # fmt: skip
    defaults: Mapping[str, Any] = defaults_of(parameters)
    needs: Literal["features", "network", "targets"] = "network"

    def run(self, jobs: Sequence[AdaptJob]) -> list[Adapted]:
        """One result a job, in order."""
        return each(jobs, _fit)


def _fit(job: AdaptJob) -> Adapted:
    params = {**Finetune.defaults, **job.spec.recipe.params}
    seed = seed_of(job.spec.seed, "finetune", job.spec.draw)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return _tune(job, read_rows(job), params)
        except torch.OutOfMemoryError as error:
            raise OutOfMemoryError(f"memory ran out at batch_size={params['batch_size']}: {error}") from error


def _tune(job: AdaptJob, rows: Rows, params: Mapping[str, Any]) -> Adapted:
    whole = _whole(job, params)
    device = torch.device("cuda" if job.device in ("auto", "cuda") and torch.cuda.is_available() else "cpu")
    whole.backbone.to(device)
    whole.head.to(device)
    items = _Items(job, device, precision=params["precision"])
    target, centre, spread = _target(job, rows.final, device)

    def score(outputs: NDArray[np.float64]) -> float:
        found = as_predicted(job.task.kind, outputs * spread + centre)
        return score_of(found, np.asarray(job.targets)[rows.valid], job.task.kind)

    generator = stream(job.spec.seed, "order of rows", job.spec.draw)
    head_only = _phase(params, epochs=params["head_epochs"])
    if head_only.epochs:
        _train_head(whole, head_only, items, target, rows, score, generator)
    trained = _unfreeze(whole.backbone, params["unfreeze"]) if params["epochs"] else {}
    if trained:
        with items.precise():
            train(whole, _phase(params, epochs=params["epochs"]), items.training(flip=params["flip"], rng=generator),
                  target, rows.fit, rows.valid, score, generator)  # fmt: skip
    with items.precise():
        parts = predict_parts(job, lambda positions: as_predicted(
            job.task.kind, predict(whole, items, positions, params["batch_size"]) * spread + centre))  # fmt: skip
    return Adapted(
        parts=parts, history=whole.history, state=_state(whole, trained, centre, spread),
        chosen={"epochs_run": len(whole.history), "trained_parameters": sum(trained.values()),
                "device": str(device)},
    )  # fmt: skip


def _whole(job: AdaptJob, params: Mapping[str, Any]) -> Whole:
    if job.model is None or job.dataset is None or job.model.network is None:
        raise UsageError(f"recipe 'finetune' trains a torch network, and {job.spec.model.uri} brings none; "
                         "use a recipe on frozen features, such as probe")  # fmt: skip
    backbone = copy.deepcopy(job.model.network)
    for parameter in backbone.parameters():
        parameter.requires_grad_(False)
    head = nn.Linear(job.model.info.width, width_of(job))
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return Whole(backbone=backbone, head=head, kind=job.task.kind, smoothing=float(params["label_smoothing"]))


def _phase(params: Mapping[str, Any], *, epochs: int) -> Phase:
    named = ("optimizer", "lr", "head_lr", "momentum", "weight_decay", "schedule", "batch_size", "accumulate",
             "patience", "l2_sp")  # fmt: skip
    return Phase(epochs=epochs, **{name: params[name] for name in named})


def _train_head(
    whole: Whole, phase: Phase, items: _Items, target: Tensor, rows: Rows, score: Any, generator: np.random.Generator
) -> None:
    """Train the head on features that are computed once; the backbone stays out of the loop."""
    needed = np.unique(np.concatenate([rows.fit, rows.valid]))
    features = items.features(whole.backbone, needed, phase.batch_size)
    place = np.full(len(target), -1)
    place[needed] = np.arange(len(needed))

    def feed(positions: NDArray[np.int_]) -> Mapping[str, Tensor]:
        return {"x": features[place[positions]]}

    alone = Whole(
        backbone=_Passing(), head=whole.head, kind=whole.kind, smoothing=whole.smoothing, history=whole.history
    )
    train(alone, phase, feed, target, rows.fit, rows.valid, score, generator)


class _Passing(nn.Module):
    """A backbone that is fed its own features."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def _unfreeze(backbone: nn.Module, what: str | int) -> dict[str, int]:
    """Let the last stages learn; name → size of the parameters that do."""
    from assay.sources.models.stages import stages

    if what == "head":
        return {}
    found = stages(backbone)
    count = len(found) if what == "all" else 1 if what == "last" else min(int(what), len(found))
    names = {name for _, members in found[len(found) - count :] for name in members}
    for name, parameter in backbone.named_parameters():
        if name in names:
            parameter.requires_grad_(True)
    return {name: parameter.numel() for name, parameter in backbone.named_parameters() if name in names}


def _target(job: AdaptJob, rows: NDArray[np.int_], device: torch.device) -> tuple[Tensor, float, float]:
    """Targets as the loss wants them; for regression in units of their spread about their mean."""
    values = np.asarray(job.targets)
    if job.task.kind != "regression":
        kind = torch.float32 if job.task.kind == "multilabel" else torch.int64
        return torch.as_tensor(values).to(device, kind), 0.0, 1.0
    centre, spread = float(values[rows].mean()), float(values[rows].std()) or 1.0
    return torch.as_tensor((values - centre) / spread, dtype=torch.float32, device=device), centre, spread


def _state(whole: Whole, trained: Mapping[str, int], centre: float, spread: float) -> dict[str, NDArray[Any]]:
    state = {
        "weight": whole.head.weight.detach().double().cpu().numpy() * spread,
        "bias": whole.head.bias.detach().double().cpu().numpy() * spread + centre,
    }
    if trained:
        state |= {name: value.detach().cpu().numpy() for name, value in whole.backbone.state_dict().items()}
    return state


class _Items:
    """Row positions → the backbone's batch; batches of images are kept in memory while they fit."""

    def __init__(self, job: AdaptJob, device: torch.device, *, precision: str) -> None:
        assert job.model is not None
        assert job.dataset is not None
        self._model, self._dataset, self._device = job.model, job.dataset, device
        self._half = precision == "bfloat16"
        self._kept: dict[int, NDArray[Any]] = {}
        self._room = CACHE_BYTES

    def __call__(self, positions: NDArray[np.int_]) -> Mapping[str, Tensor]:
        missing = [int(row) for row in positions if int(row) not in self._kept]
        if missing and self._model.info.modality == "image" and self._room > 0:
            batch = self._model.collate(self._dataset.load(np.array(missing)))
            if set(batch) == {"pixels"}:
                for row, pixels in zip(missing, batch["pixels"], strict=True):
                    self._kept[row] = pixels
                    self._room -= pixels.nbytes
                missing = []
        if not missing and self._kept:
            return self._tensors({"pixels": np.stack([self._kept[int(row)] for row in positions])})
        return self._tensors(self._model.collate(self._dataset.load(positions)))

    def training(self, *, flip: bool, rng: np.random.Generator) -> Feed:
        """Batches to learn from, images mirrored at random where that is asked for."""
        if not flip:
            return self

        def feed(positions: NDArray[np.int_]) -> Mapping[str, Tensor]:
            batch = dict(self(positions))
            if "pixels" in batch:
                mirror = torch.as_tensor(rng.random(len(positions)) < 0.5, device=self._device)
                batch["pixels"] = torch.where(mirror[:, None, None, None], batch["pixels"].flip(3), batch["pixels"])
            return batch

        return feed

    def features(self, backbone: nn.Module, rows: NDArray[np.int_], batch_size: int) -> Tensor:
        """(n, d) features of rows by the frozen backbone."""
        backbone.eval()
        with torch.no_grad(), self.precise():
            return torch.cat(
                [backbone(**self(rows[at : at + batch_size])).float() for at in range(0, len(rows), batch_size)]
            )

    def precise(self) -> Any:
        """The precision of the backbone's arithmetic."""
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._half)

    def _tensors(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        found = {name: torch.as_tensor(values).to(self._device) for name, values in batch.items()}
        if "pixels" in found and found["pixels"].ndim == 4:
            found["pixels"] = found["pixels"].contiguous(memory_format=torch.channels_last)
        return found


FINETUNE = Finetune()
