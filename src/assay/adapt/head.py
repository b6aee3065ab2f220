"""Head: a linear head on frozen features, trained step by step as a user would train it; many of them as one.

Where the probe asks what features hold, this asks what training makes of them: optimizer, learning rate, schedule and
seed are settings. All jobs of a call train together, and each gives what it would give alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from assay.adapt.parameters import Parameter, defaults_of
from assay.contracts import Adapted, AdaptJob


class Head:
    """A linear head by gradient descent; take it to study training itself, and `probe` for the best linear head.

    Features are divided by one number, as for the probe. The head starts as `torch.nn.Linear` does, and the decay falls
    on the intercept too, so that a plain loop in torch on the same batches gives the same weights. `lbfgs` takes all
    rows at once, an epoch being one evaluation, and finds its own step: learning rate, momentum, batch size and
    schedule have no part in it. With `halving` the configurations of a call compete: those of one seed and draw that
    are in the lower part after 1, η, η², … epochs stop there.

    References:
        Jamieson and Talwalkar (2016), Non-stochastic best arm identification and hyperparameter optimization, figure 1.
        Zhang, Cissé, Dauphin and Lopez-Paz (2018), mixup: Beyond empirical risk minimization, equation 1.
    """

    method = "head"
    parameters: Mapping[str, Parameter] = {
        "optimizer": Parameter(kind="choice", default="sgd", choices=("sgd", "adam", "adamw", "lbfgs"),
                               about="Optimizer."),
        "lr": Parameter(default=0.01, above=0.0, about="Learning rate."),
        "momentum": Parameter(default=0.9, low=0.0, high=1.0, about="Momentum of sgd."),
        "nesterov": Parameter(kind="flag", default=False, about="Whether sgd looks ahead."),
        "weight_decay": Parameter(default=0.0, low=0.0, about="Weight decay."),
        "batch_size": Parameter(kind="integer", default=64, low=1, about="Items a batch."),
        "epochs": Parameter(kind="integer", default=20, low=1, high=100_000, about="Epochs."),
        "schedule": Parameter(kind="choice", default="constant", choices=("constant", "cosine", "linear"),
                              about="How the learning rate falls over all steps."),
        "warmup": Parameter(default=0.0, low=0.0, high=1.0, about="Share of the steps over which it rises first."),
        "label_smoothing": Parameter(default=0.0, low=0.0, high=0.99, about="Label smoothing."),
        "dropout": Parameter(default=0.0, low=0.0, high=0.99, about="Share of the features dropped in each row."),
        "mixup": Parameter(default=0.0, low=0.0, high=10.0, about="Mix-up of rows: α of its beta distribution."),
        "class_weight": Parameter(kind="choice", default="none", choices=("none", "balanced"),
                                  about="`balanced` weighs rows so that all classes count the same."),
        "patience": Parameter(kind="integer", default=None, low=1, optional=True,
                              about="Epochs without a better validation score before a head stops."),
        "keep": Parameter(kind="choice", default="last", choices=("last", "best"),
                          about="Which epoch's weights count: the last, or the best on the validation rows."),
        "halving": Parameter(kind="integer", default=None, low=2, high=100, optional=True,
                             about="η of successive halving: after 1, η, η² epochs only the best 1/η go on."),
        "scale": Parameter(kind="choice", default="global", choices=("global", "standard", "center", "none"),
                           about="Whether features are divided by one number, each by its own deviation, or not."),
        "precision": Parameter(kind="choice", default="auto", choices=("auto", "float32", "float64"),
                               about="auto: float64 for learning rates above 0.1 and for lbfgs, else float32."),
    }  # fmt: skip
    defaults: Mapping[str, Any] = defaults_of(parameters)
    needs: Literal["features", "network", "targets"] = "features"

    def run(self, jobs: Sequence[AdaptJob]) -> list[Adapted]:
        """One result a job, in order; each is what the job would get alone, halving aside."""
        from assay.adapt.heads.batch import run_heads

        return run_heads(jobs, self.defaults)


HEAD = Head()
