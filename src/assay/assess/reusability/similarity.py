"""The similarity part of the lens: its tables, and the maps of tasks and of models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assay.canon import key_of
from assay.finding import Assessment, Figure, Row
from assay.similarity import MODEL_MEASURES, SET_MEASURES, Comparison, lay_out

MAPPED = "frechet"
"""The measure of the maps of tasks: it takes no labels, and doesn't saturate."""
MODEL_MAPPED = "linear_cka"
POOR_MAP = 0.2
_NUMBER = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityStudy:
    """Everything that was compared."""

    comparisons: tuple[Comparison, ...]
    """Between sets of items; `extractor` is the model's label."""
    models: tuple[Comparison, ...] = ()
    """Between models on the same items."""
    sources: tuple[str, ...] = ()
    """Names of the sources."""
    targets: tuple[str, ...] = ()
    """Names of the targets."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    rows: int = 0
    """The most rows of a set that were looked at."""


def with_similarity(assessment: Assessment, study: SimilarityStudy) -> Assessment:
    """The assessment with the tables `similarity` and `models_similarity`, maps, and what must be known of them."""
    tables = {**assessment.tables, "similarity": similarity_rows(study.comparisons)}
    if study.models:
        tables["models_similarity"] = similarity_rows(study.models)
    return replace(
        assessment, tables=tables, figures=(*assessment.figures, *map_figures(study)),
        caveats=(*assessment.caveats, *caveats(study)),
        inputs={**assessment.inputs, "similarity_rows": study.rows, "sources": list(study.sources)},
        cost={**assessment.cost, "similarity_seconds": sum(c.seconds for c in (*study.comparisons, *study.models))},
    )  # fmt: skip


def told(study: SimilarityStudy) -> str:
    """The nearest and the farthest pair under each extractor, and which pairs can't be told from one set."""
    parts: list[str] = []
    title = SET_MEASURES[MAPPED].title
    for extractor in dict.fromkeys(found.extractor for found in study.comparisons if found.measure == title):
        mine = [found for found in study.comparisons if found.measure == title and found.extractor == extractor]
        order = sorted(mine, key=lambda found: found.beyond_floor or 0.0)
        if len(order) > 1:
            parts.append(f"Under {extractor}, {order[0].source} and {order[0].target} are nearest, {order[-1].source} "
                         f"and {order[-1].target} farthest, by the {title} beyond its floor.")  # fmt: skip
        alike = [found for found in mine if found.p_value is not None and found.p_value > 0.05]
        parts += [f"{found.source} and {found.target} can't be told from one set (p = {found.p_value:.2f})."
                  for found in alike]  # fmt: skip
    return " ".join(parts) or "Too little was compared to say what is near."


def similarity_rows(comparisons: Sequence[Comparison]) -> list[Row]:
    """One row a measure and pair."""
    return [
        {
            "source": found.source, "target": found.target, "extractor": found.extractor, "measure": found.measure,
            "distance": found.value, "floor": found.floor, "at_floor_size": found.same_size,
            "beyond_floor": found.beyond_floor, "p_value": found.p_value, "null": found.null,
            "warnings": list(found.warnings),
        }
        for found in comparisons
    ]  # fmt: skip


def map_figures(study: SimilarityStudy) -> list[Figure]:
    """A matrix and a map of the tasks under each model, and of the models on each task."""
    figures: list[Figure] = []
    title = SET_MEASURES[MAPPED].title
    for extractor in dict.fromkeys(found.extractor for found in study.comparisons if found.measure == title):
        mine = [found for found in study.comparisons if found.measure == title and found.extractor == extractor]
        roles = dict.fromkeys(study.sources, "source") | dict.fromkeys(study.targets, "target")
        present = {name: roles.get(name, "source") for found in mine for name in (found.source, found.target)}
        figures += _map(mine, f"of tasks under {extractor}", "root of the Fréchet distance beyond its floor", present)
    name = MODEL_MEASURES[MODEL_MAPPED][0]
    for items in dict.fromkeys(found.extractor for found in study.models):
        mine = [found for found in study.models if found.measure == name and found.extractor == items]
        present = {model: "model" for found in mine for model in (found.source, found.target)}
        figures += _map(mine, f"of models, {items.removeprefix('both, ')}", name, present)
    return figures


def caveats(study: SimilarityStudy) -> list[str]:
    """What the reader must know: what was left out, and what samples forbid."""
    notes = list(study.notes)
    every = (*study.comparisons, *study.models)
    alike: dict[str, list[str]] = {}
    for note in [note for found in every for note in found.warnings]:
        alike.setdefault(_NUMBER.sub("#", note), []).append(note)
    notes += [f"{same[0]} ({len(same)} of {len(every)} comparisons, with their numbers.)" for same in alike.values()]
    return notes


def _map(found: Sequence[Comparison], subject: str, measure: str, roles: Mapping[str, str]) -> list[Figure]:
    """The matrix, and with three or more things their map."""
    names = list(roles)
    matrix: NDArray[np.float64] = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(matrix, 0.0)
    for pair in found:
        distance = pair.value.value if "CKA" in measure else np.sqrt(max(pair.beyond_floor or 0.0, 0.0))
        matrix[names.index(pair.source), names.index(pair.target)] = distance
        matrix[names.index(pair.target), names.index(pair.source)] = distance
    key = key_of(subject)[:8]
    cells = [{"row": first, "column": second, "distance": None if np.isnan(value) else float(value)}
             for first, values in zip(names, matrix, strict=True)
             for second, value in zip(names, values, strict=True)]  # fmt: skip
    figures = [
        Figure(name=f"matrix_{key}", kind="heatmap", title=f"Distances {subject}", rows=cells, x="column", y="row",
               x_title=measure, colour="distance", alt=f"Matrix of distances {subject}: {measure}.")
    ]  # fmt: skip
    kept = _complete(matrix)
    if len(kept) >= 3:
        laid = lay_out(matrix[np.ix_(kept, kept)])
        places = [{"name": names[i], "x": float(x), "y": float(y), "role": roles[names[i]]}
                  for i, (x, y) in zip(kept, laid.places, strict=True)]  # fmt: skip
        honest = f"stress {laid.stress:.2f}" + (": read the matrix instead" if laid.stress > POOR_MAP else "")
        figures.append(
            Figure(name=f"map_{key}", kind="scatter", title=f"Map {subject}", rows=places, x="x", y="y", colour="role",
                   x_title=f"{measure} ({honest})", y_title="the same", options={"label": "name"},
                   alt=f"Map {subject}: things that are near each other lie near each other; {honest}.")
        )  # fmt: skip
    return figures


def _complete(matrix: NDArray[np.float64]) -> list[int]:
    """The things whose distances to each other are all known, the least known taken away one by one."""
    kept = list(range(len(matrix)))
    while kept and np.isnan(matrix[np.ix_(kept, kept)]).any():
        missing = np.isnan(matrix[np.ix_(kept, kept)]).sum(axis=1)
        kept.pop(int(missing.argmax()))
    return kept
