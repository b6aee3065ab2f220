"""Parameters that every recipe shares that trains the network, and what they mean for a phase of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.adapt.network.settings import Wish
from assay.adapt.network.training import Phase
from assay.adapt.parameters import Parameter

TRAINING: Mapping[str, Parameter] = {
    "head_epochs": Parameter(kind="integer", default=3, low=0, high=10_000, about="Epochs of the head alone."),
    "epochs": Parameter(kind="integer", default=5, low=0, high=10_000, about="Epochs with the backbone."),
    "optimizer": Parameter(kind="choice", default="adamw", choices=("sgd", "adam", "adamw"), about="Optimizer."),
    "lr": Parameter(default=1e-4, above=0.0, about="Learning rate of the backbone."),
    "head_lr": Parameter(default=1e-3, above=0.0, about="Learning rate of the head."),
    "layer_decay": Parameter(default=1.0, above=0.0, high=1.0,
                             about="Factor on the learning rate for each stage further from the output."),
    "momentum": Parameter(default=0.9, low=0.0, high=1.0, about="Momentum of sgd."),
    "weight_decay": Parameter(default=0.01, low=0.0, about="Weight decay."),
    "schedule": Parameter(kind="choice", default="cosine", choices=("constant", "cosine", "linear"),
                          about="How the learning rate falls over a phase."),
    "warmup": Parameter(default=0.0, low=0.0, high=0.9,
                        about="Share of a phase's steps in which the learning rate rises."),
    "batch_size": Parameter(kind="integer", default=32, low=1, about="Items a batch."),
    "accumulate": Parameter(kind="integer", default=1, low=1, about="Batches whose gradients make one step."),
    "patience": Parameter(kind="integer", default=3, low=0, about="Epochs without progress before a phase ends."),
    "label_smoothing": Parameter(default=0.0, low=0.0, high=0.99, about="Label smoothing."),
    "flip": Parameter(kind="flag", default=False, about="Mirror half of the images at random while training."),
    "precision": Parameter(kind="choice", default="float32", choices=("float32", "bfloat16", "auto"),
                           about="Precision of the backbone's arithmetic; auto takes the faster one."),
    "layout": Parameter(kind="choice", default="auto", choices=("auto", "contiguous", "channels_last"),
                        about="Memory layout of images; auto takes the faster one."),
    "threads": Parameter(kind="integer", default="auto", low=1, choices=("auto",),
                         about="Threads of torch on the CPU; auto takes the faster of all and half of them."),
    "compile": Parameter(kind="choice", default="auto", choices=("auto", "never", "always"),
                         about="Whether torch.compile is used; auto tries it where the steps would repay it."),
    "store": Parameter(kind="flag", default=True,
                       about="Train from stored activations where the first stages are frozen."),
    "energy": Parameter(kind="flag", default=False, about="Measure energy, through codecarbon."),
}  # fmt: skip
"""Of fine-tuning and of low-rank adapters."""


def phase_of(params: Mapping[str, Any], *, number: int, epochs: int) -> Phase:
    """One stretch of training with the recipe's parameters."""
    named = ("optimizer", "lr", "head_lr", "layer_decay", "momentum", "weight_decay", "schedule", "warmup",
             "batch_size", "accumulate", "patience")  # fmt: skip
    l2_sp = float(params.get("l2_sp", 0.0))
    return Phase(number=number, epochs=epochs, l2_sp=l2_sp, **{name: params[name] for name in named})


def wish_of(params: Mapping[str, Any], *, whole: bool) -> Wish:
    """What the recipe fixes of how a training runs; a network that is cut is not compiled."""
    compiled = {"auto": None, "never": False, "always": True}[params["compile"]]
    return Wish(
        channels_last=None if params["layout"] == "auto" else params["layout"] == "channels_last",
        threads=None if params["threads"] == "auto" else int(params["threads"]),
        half={"auto": None, "float32": False, "bfloat16": True}[params["precision"]],
        compiled=compiled if whole else False,
    )
