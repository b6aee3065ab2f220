"""Nouns of the reusability lens: what is known of each model on each target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    parameters: int | None = None
    """Number of parameters."""
    flops: float | None = None
    """Floating-point operations an item."""
    size_bytes: int | None = None
    """Size of the weights."""
    width: int | None = None
    """Number of features."""
    throughput: float | None = None
    """Items a second on this machine, as the features were made."""
    curve: Sequence[BudgetScore] = ()
    """Scores over label budgets and draws."""
    twin_curve: Sequence[BudgetScore] = ()
    """The same of the untrained twin."""
    similarities: Sequence[Similarity] = ()
    """Of the source to the target, where a source was named."""
    baselines: Mapping[str, float] = field(default_factory=dict[str, float])
    """Scores of the free baselines on the same test rows."""
