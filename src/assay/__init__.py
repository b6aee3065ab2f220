"""Assay: which pretrained model to build on, how far it carries, what tuning buys, how long it lasts,
and how sure that is.

This door imports no torch and little else: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Assessment": "assay.finding",
    "AssayError": "assay.errors",
    "Estimate": "assay.estimate",
    "Finding": "assay.finding",
    "Run": "assay.study",
    "Study": "assay.study",
    "configurability": "assay.assess.configurability",
    "durability": "assay.assess.durability",
    "load": "assay.run.export",
    "reusability": "assay.assess.reusability",
    "sustainability": "assay.assess.sustainability",
    "trials_from_frame": "assay.assess.configurability",
}

__all__ = [
    "AssayError",
    "Assessment",
    "Estimate",
    "Finding",
    "Run",
    "Study",
    "__version__",
    "configurability",
    "durability",
    "load",
    "reusability",
    "sustainability",
    "trials_from_frame",
]

if TYPE_CHECKING:
    from assay.assess.configurability import configurability, trials_from_frame
    from assay.assess.durability import durability
    from assay.assess.reusability import reusability
    from assay.assess.sustainability import sustainability
    from assay.errors import AssayError
    from assay.estimate import Estimate
    from assay.finding import Assessment, Finding
    from assay.run.export import load
    from assay.study import Run, Study


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'assay' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
