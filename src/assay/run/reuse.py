"""The doing half of `assay reusability`: the run's models and data, and how near the data are to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.assess.reusability import reusability
from assay.assess.reusability.records import Similarity
from assay.assess.reusability.similarity import SimilarityStudy, with_similarity
from assay.errors import UnknownNameError
from assay.finding import Assessment
from assay.ledger import RunFolder
from assay.ledger.reuse import reuse_candidates
from assay.ledger.views import data_labels, shown_models
from assay.run.similarity import HEAD, SimilarityPlan, loader, measure_similarity

Pairs = Mapping[tuple[str, str], Sequence[Similarity]]


def assess_reuse(
    folder: RunFolder, *, source_data: Sequence[str] = (), source_statistics: Sequence[Path] = (),
    targets: Sequence[str] = (), similarity_rows: int = 600, level: float = 0.95, rng_seed: int = 0, **options: Any,
) -> Assessment:  # fmt: skip
    """The reusability of the models of a run; with a source, its nearness to each target under each model.

    Args:
        folder: The run.
        source_data: Names of data that the models come from.
        source_statistics: Files of feature statistics, for sources that are not here.
        targets: Names of the run's data to look at, by label or uri; all where empty.
        similarity_rows: The most rows of a data set that are compared.
        level: Of the intervals.
        rng_seed: Seeds every draw.
        options: Those of `reusability`: constraints, scores to reach, indicators to weigh.

    Raises:
        NothingToAssessError: when no trial of a model has succeeded, or no model meets the constraints.
        UnknownNameError: for a target that the run does not have, or source data that cannot be found.
        DataError: for a file that holds no statistics.
    """
    wanted = _wanted(data_labels(folder), targets)
    study = None
    if source_data or source_statistics:
        study = run_similarity(folder, source_data, source_statistics, wanted, rows=similarity_rows, level=level,
                               rng_seed=rng_seed)  # fmt: skip
    candidates, metric = reuse_candidates(
        folder, level=level, rng_seed=rng_seed, similarities=_by_candidate(study) if study else None
    )
    kept = [candidate for candidate in candidates if candidate.target in wanted.values()]
    found = reusability(kept, metric=metric, level=level, rng_seed=rng_seed, **options)
    return with_similarity(found, study) if study else found


def run_similarity(
    folder: RunFolder, source_data: Sequence[str], source_statistics: Sequence[Path], targets: Mapping[str, str], *,
    rows: int = 600, level: float, rng_seed: int,
) -> SimilarityStudy:  # fmt: skip
    """Every comparison between sources and targets of a run under its models, from the run's stored features."""
    from assay.run.describe import reload_parts
    from assay.sources.data import load_data
    from assay.store.statistics import read_statistics

    parts = reload_parts(folder)
    here = {label: parts[uri] for uri, label in targets.items() if uri in parts}
    gone = [f"{label} is left out of the similarity: its data can't be loaded any more"
            for uri, label in targets.items() if uri not in parts]  # fmt: skip
    loaders = {
        info["label"]: loader(uri, offline=True)
        for uri, info in shown_models(folder).items()
        if info.get("role") == "model" and not info.get("error")
    }
    plan = SimilarityPlan(
        models=loaders, targets=here, sources={uri: load_data(uri, offline=True) for uri in source_data},
        statistics=[read_statistics(path) for path in source_statistics], rows=rows, level=level,
        rng_seed=rng_seed,
    )  # fmt: skip
    found = measure_similarity(plan, folder.feature_store(), say=_silent)
    return replace(found, notes=(*gone, *found.notes))


def _wanted(labels: Mapping[str, str], targets: Sequence[str]) -> dict[str, str]:
    """Uri → label of the data to look at."""
    for name in targets:
        if name not in labels and name not in labels.values():
            raise UnknownNameError("target", name, [*labels, *labels.values()], where="the run")
    return {uri: label for uri, label in labels.items() if not targets or uri in targets or label in targets}


def _by_candidate(study: SimilarityStudy) -> Pairs:
    """(model's label, target's label) → what was measured between the sources and the target."""
    found: dict[tuple[str, str], list[Similarity]] = {}
    sources = {item.source for item in study.comparisons if item.target in study.targets} - set(study.targets)
    several = len({source for source in sources if not source.startswith(HEAD)}) > 1
    for item in study.comparisons:
        if item.target in study.targets and item.source not in study.targets:
            name = f"{item.measure} from {item.source}" if several else item.measure
            found.setdefault((item.extractor, item.target), []).append(
                Similarity(measure=name, value=item.value, floor=item.floor, p_value=item.p_value,
                           extractor=item.extractor)
            )  # fmt: skip
    return found


def _silent(words: str) -> None:
    """The command line shows nothing while it looks."""
