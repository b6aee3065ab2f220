"""TrialRow: one row of the ledger as lenses, listings and reports read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One trial and what became of it."""

    key: str
    """The trial's key."""
    model: str
    """The model's uri."""
    model_revision: str
    """Names the weights."""
    data: str
    """The uri of the data set, or of the part of it."""
    method: str
    """The recipe's method."""
    params: Mapping[str, Any]
    """The recipe's parameters, defaults filled in."""
    role: str
    """`model`, `twin`, `raw` or `majority`."""
    split: str
    """How the rows were split."""
    subtask: str | None
    """The subtask, where the data set was split into several."""
    per_class: int | None
    """The label budget; None for all rows."""
    draw: int
    seed: int
    smoke: bool
    """Whether it ran on a part of the rows for testing the set-up only."""
    status: str
    """`planned`, `leased`, `ok`, `failed` or `skipped`."""
    fence: int
    """How often it was leased."""
    scores: Mapping[str, Mapping[str, float]]
    """Part → metric → value."""
    history: Sequence[Mapping[str, Any]]
    """Per epoch, where the recipe has epochs."""
    predictions: str | None
    """The name of its predictions file, where it has one."""
    seconds: float | None
    """Time of the adaptation."""
    feature_seconds: float | None
    """One-time cost of the features that it shares with other trials."""
    peak_bytes: int | None
    joules: float | None
    """Energy of the adaptation, where it was measured."""
    device: str | None
    error: str | None
    provenance: Mapping[str, Any]
    """Chosen parameters, engine, sample sizes."""
    environment: str | None
    """The key of the environment it ran in."""

    @property
    def fitted_anew(self) -> bool:
        """Whether it is the study's model fitted again at a later window of dated data."""
        return self.split.startswith("forward(") and self.draw > 0

    @property
    def cost_seconds(self) -> float:
        """Time of the adaptation alone; zero where it was not measured."""
        return self.seconds or 0.0


def read_row(record: Mapping[str, Any]) -> TrialRow:
    """The row that a database record holds; JSON columns are parsed."""
    fields: dict[str, Any] = {name: record[name] for name in TrialRow.__dataclass_fields__}
    for name, empty in (("params", {}), ("scores", {}), ("history", []), ("provenance", {})):
        fields[name] = json.loads(fields[name]) if fields[name] else empty
    fields["smoke"] = bool(fields["smoke"])
    return TrialRow(**fields)


def recipe_labels(rows: Sequence[TrialRow]) -> dict[str, str]:
    """Trial key → a short name of its recipe: the method, and the parameters in which its recipes differ."""
    varied: dict[str, list[str]] = {}
    for method in {row.method for row in rows}:
        mine = [row.params for row in rows if row.method == method]
        names = sorted({name for params in mine for name in params})
        varied[method] = [name for name in names if len({json.dumps(params.get(name)) for params in mine}) > 1]
    return {row.key: _label(row, varied[row.method]) for row in rows}


def _label(row: TrialRow, varied: Sequence[str]) -> str:
    told = [f"{name}={row.params.get(name)}" for name in varied]
    return f"{row.method}({', '.join(told)})" if told else row.method
