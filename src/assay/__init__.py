"""Assay: which pretrained model to build on, how far it carries, what tuning buys, how long it lasts,
and how sure that is.

This door imports no torch and little else: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "AssayError": "assay.errors",
    "Assessment": "assay.finding",
    "Budget": "assay.run.question",
    "Estimate": "assay.estimate",
    "Finding": "assay.finding",
    "Question": "assay.run.question",
    "Run": "assay.study",
    "Study": "assay.study",
    "configurability": "assay.assess.configurability",
    "durability": "assay.assess.durability",
    "load": "assay.run.export",
    "load_data": "assay.sources.data",
    "load_model": "assay.sources.models",
    "rank": "assay.run.selecting",
    "reusability": "assay.assess.reusability",
    "select": "assay.run.selecting",
    "selection": "assay.assess.selection.front",
    "sustainability": "assay.assess.sustainability",
    "trials_from_frame": "assay.assess.configurability",
    "validate_scores": "assay.assess.selection.validation",
}

__all__ = [
    "AssayError",
    "Assessment",
    "Budget",
    "Estimate",
    "Finding",
    "Question",
    "Run",
    "Study",
    "__version__",
    "configurability",
    "durability",
    "load",
    "load_data",
    "load_model",
    "rank",
    "reusability",
    "select",
    "selection",
    "sustainability",
    "trials_from_frame",
    "validate_scores",
]

if TYPE_CHECKING:
    from assay.assess.configurability import configurability, trials_from_frame
    from assay.assess.durability import durability
    from assay.assess.reusability import reusability
    from assay.assess.selection.front import selection
    from assay.assess.selection.validation import validate_scores
    from assay.assess.sustainability import sustainability
    from assay.errors import AssayError
    from assay.estimate import Estimate
    from assay.finding import Assessment, Finding
    from assay.run.export import load
    from assay.run.question import Budget, Question
    from assay.run.selecting import rank, select
    from assay.sources.data import load_data
    from assay.sources.models import load_model
    from assay.study import Run, Study


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'assay' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
