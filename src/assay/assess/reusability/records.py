"""Nouns of the reusability lens: what is known of each model on each target. Scores are such that higher is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assay.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetScore:
    """One training on a label budget and its score on the test rows."""

    budget: int
    """Labelled rows a class; for all rows, the mean number of rows a class."""
    draw: int
    """Which draw of rows; the same number means the same rows for a model and its twin."""
    score: float
    """Higher is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """How far a training had come at one moment."""

    seconds: float
    """Since the training began, features not counted."""
    epochs: int
    """Passes over the training rows by then; 1 for a head that is solved at once."""
    score: float
    """On the validation rows."""
    steps: int | None = None
    """Steps of the optimizer by then; None where they were not counted."""
    joules: float | None = None
    """Energy by then; None where it was not measured."""
    peak_bytes: int | None = None
    """The most memory by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training on all labels, moment by moment."""

    moments: Sequence[Moment]
    """In order of time; at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """How near a source is to a target under one model's features."""

    measure: str
    """The measure's name."""
    value: Estimate
    """The distance, with its interval."""
    floor: Estimate
    """The same between two halves of the target: what no difference at all would give."""
    p_value: float | None
    """Of the hypothesis that both come from one distribution, by permutation; None where not asked for."""
    extractor: str
    """The model whose features were compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """What a model weighs and how fast it is; None where it is not known."""

    parameters: int | None = None
    """All parameters of the part that makes the features."""
    trained_parameters: int | None = None
    """Those that the adaptation changed, its head included."""
    flops: float | None = None
    """Floating-point operations for one item, a multiply and an add counted as two."""
    activations: float | None = None
    """Numbers that convolutions and linear layers put out for one item."""
    width: int | None = None
    """Features an item."""
    size_bytes: int | None = None
    """Size of the weights on disk."""
    latency_ms: Estimate | None = None
    """Time of one item alone on this machine."""
    throughput: Estimate | None = None
    """Items a second at the best batch on this machine."""
    best_batch: int | None = None
    """The batch that gave it."""
    peak_bytes: int | None = None
    """The most memory of the process while its speed was measured, the loaded model included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One model on one target."""

    model: str
    """The name people read."""
    target: str
    """The target's name."""
    performance: Estimate
    """Score on the target's test rows, at the largest budget."""
    seconds: Estimate
    """Wall-clock time of one adaptation, features not counted."""
    feature_seconds: Estimate
    """One-time cost of the features."""
    replicates: NDArray[np.float64] | None = None
    """(b,) scores on other items and draws; the b-th belong together for all models of one target."""
    complexity: Complexity = field(default_factory=Complexity)
    """What the model weighs and how fast it is."""
    curve: Sequence[BudgetScore] = ()
    """Scores over label budgets and draws."""
    twin_curve: Sequence[BudgetScore] = ()
    """The same of the untrained twin."""
    trainings: Sequence[Training] = ()
    """The trainings on all labels."""
    similarities: Sequence[Similarity] = ()
    """Of the source to the target, where a source was named."""
    baselines: Mapping[str, float] = field(default_factory=dict[str, float])
    """Scores of the free baselines on the same test rows."""

    def indicator(self, name: str) -> Estimate | None:
        """One of `INDICATORS` with its interval where it has one; None where it is not known."""
        if name in ("performance", "adaptation_seconds"):
            found = self.performance if name == "performance" else self.seconds
            return found if found.known else None
        if name == "distance":
            return self.similarities[0].value if self.similarities and self.similarities[0].value.known else None
        value: Estimate | float | None = getattr(self.complexity, name)
        if value is None or isinstance(value, Estimate):
            return value
        return Estimate(name=name, value=float(value), method="counted")


INDICATORS = ("performance", "adaptation_seconds", "latency_ms", "throughput", "flops", "parameters",
              "activations", "size_bytes", "peak_bytes", "distance")  # fmt: skip
"""What a choice can weigh; see `Candidate.indicator`."""
MORE_IS_BETTER = ("performance", "throughput")
