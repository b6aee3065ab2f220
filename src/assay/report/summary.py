"""What the report says of a run beside its assessments: models, data, machine, command, cost, mistakes.

The run's owner fills it; this file knows no ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.finding import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One item that a model got wrong with confidence."""

    id: str
    """The item's name."""
    target: str
    """What it is."""
    label: str
    """What the model called it."""
    confidence: float | None
    """The probability it gave that label; None where the method gives none."""
    model: str
    """The model, with its recipe where that matters."""
    data: str = ""
    """The data set, where a run has several."""
    image: str | None = None
    """The item as a `data:image/...` URI; anything else is not shown."""
    text: str | None = None
    """The item as text; long texts are cut by the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run as the page tells it."""

    title: str
    """The title of the page."""
    study: str = ""
    """The name of the study."""
    smoke: bool = False
    """Whether the run was limited to a few items; the page then says so everywhere."""
    models: Sequence[Row] = ()
    """One row a model: name, revision, parameters, features, licence."""
    data: Sequence[Row] = ()
    """One row a data set: name, revision, task, items, classes, duplicates found."""
    environment: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Versions, device, engine, seeds."""
    command: str = ""
    """What to type to run it again; several lines are kept."""
    cost: Sequence[Row] = ()
    """One row a step: seconds, peak memory."""
    mistakes: Sequence[Mistake] = ()
    """The most confident mistakes, the most confident first."""
    notes: Sequence[str] = ()
    """What the reader must know of the run: failed trials, a changed batch size."""
