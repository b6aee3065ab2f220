"""What models weigh, told before any weights are fetched, where their architecture alone suffices."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from assay.assess.reusability.constraints import broken, parse_limits
from assay.assess.reusability.records import Candidate, Complexity
from assay.builtin import MODEL_SOURCES
from assay.errors import AssayError, NothingToAssessError
from assay.estimate import Estimate
from assay.finding import Assessment, Figure, Row
from assay.sources.models import describe_model

_KNOWN = ("parameters", "flops", "activations", "width", "size_bytes")


def names_a_model(text: str) -> bool:
    """Whether a text reads as a model's name: a source that we know, a colon, and more."""
    source, _, name = text.removeprefix("random:").partition(":")
    return bool(name) and source in MODEL_SOURCES


def outline(models: Sequence[str], *, constraints: Mapping[str, float] | Sequence[str] = ()) -> Assessment:
    """Parameters, FLOPs, activations, width and size of models, and which of them meet the constraints.

    Sources that build an architecture without weights read a small configuration at most; the others load the model.

    Raises:
        NothingToAssessError: when no model can be described, with the first reason.
        UsageError: for a limit that cannot be read.
    """
    start = time.perf_counter()
    limits = constraints if isinstance(constraints, Mapping) else parse_limits(constraints)
    rows: list[Row] = []
    excluded: list[Row] = []
    for name in models:
        try:
            info = describe_model(name)
        except AssayError as error:
            excluded.append({"model": name, "why": str(error)})
            continue
        facts = {key: getattr(info, key) for key in _KNOWN}
        breaks = broken(_as_candidate(name, Complexity(**facts)), limits)
        if breaks:
            excluded.append({"model": name, "why": "; ".join(breaks)})
        rows.append({"model": name, **facts, "modality": info.modality, "licence": info.licence or None,
                     "within_limits": not breaks})  # fmt: skip
    if not rows:
        raise NothingToAssessError(f"no model can be described: {excluded[0]['model']}: {excluded[0]['why']}")
    meet = [str(row["model"]) for row in rows if row["within_limits"]]
    asked = f"{len(meet)} of {len(models)} models meet the limits: {', '.join(meet) or 'none'}." if limits else ""
    lightest = min(rows, key=lambda row: row["flops"] or float("inf"))
    said = f"{lightest['model']} needs the fewest operations." if lightest["flops"] and len(rows) > 1 else ""
    return Assessment(
        lens="reusability", question="What do these models weigh, before anything is downloaded?",
        verdict=" ".join(part for part in (asked, said) if part) or f"{lightest['model']} is described.",
        tables={"complexity": rows, "excluded": excluded}, figures=_figures(rows),
        inputs={"rows": len(models), "constraints": dict(limits)},
        caveats=("Scores, speed and memory are unknown until the models are run.",),
        cost={"seconds": time.perf_counter() - start},
    )  # fmt: skip


def _as_candidate(name: str, complexity: Complexity) -> Candidate:
    untold = Estimate.unknown("untold", "it was not run")
    return Candidate(model=name, target="", performance=untold, seconds=untold, feature_seconds=untold,
                     complexity=complexity)  # fmt: skip


def _figures(rows: Sequence[Row]) -> tuple[Figure, ...]:
    known = [row for row in rows if row["flops"] and row["parameters"]]
    if len(known) < 2:
        return ()
    return (
        Figure(
            name="weight", kind="scatter", title="Operations and parameters", rows=known, x="flops", y="parameters",
            x_title="operations an item", y_title="parameters",
            options={"label": "model", "log_x": True, "log_y": True}, alt="Operations an item against parameters.",
        ),
    )  # fmt: skip
