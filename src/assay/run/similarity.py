"""The doing half of similarity: features of sources and targets under each model, and every comparison of them.

Rows are drawn per data set, not per model, so that all models see the same items and can be compared on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.reusability.similarity import SimilarityStudy, told, with_similarity
from assay.canon import key_of
from assay.contracts import Model
from assay.dataset import Dataset
from assay.errors import AssayError, UsageError
from assay.features.stored import Store
from assay.finding import Assessment
from assay.rng import stream
from assay.run.contenders import source_head
from assay.similarity import (
    Comparison,
    Effort,
    SetFeatures,
    compare_head,
    compare_models,
    compare_moments,
    compare_names,
    compare_sets,
    moments,
    name_vectors,
)  # fmt: skip
from assay.store.statistics import StoredStatistics, read_statistics, write_statistics

QUICK = Effort(resamples=60, splits=10, permutations=99, most=200)
LETTERS = "letters of the names"
HEAD = "the head of "


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityPlan:
    """What is compared with what."""

    models: Mapping[str, Callable[[], Model]]
    """Label → what loads the model."""
    targets: Mapping[str, Dataset]
    """Label → data; every two are compared, and each with every source."""
    sources: Mapping[str, Dataset] = field(default_factory=dict[str, Dataset])
    """Label → data that models come from."""
    statistics: Sequence[StoredStatistics] = ()
    """Sources of which only statistics are there; each counts for the model that made it."""
    rows: int = 600
    """The most rows of a data set."""
    level: float = 0.95
    rng_seed: int = 0
    effort: Effort = QUICK


def measure_similarity(plan: SimilarityPlan, store: Store, *, say: Callable[[str], object] = print) -> SimilarityStudy:
    """Every comparison that the plan allows; a model that cannot be loaded or run is told and left out.

    Raises:
        UsageError: when there is nothing to compare: one data set, no source, one model.
    """
    if len(plan.targets) + len(plan.sources) + len(plan.statistics) < 2 and len(plan.models) < 2:
        raise UsageError("there is nothing to compare: give a source, a second data set, or a second model")
    found, notes, seen = list[Comparison](), list[str](), dict[str, dict[str, NDArray[Any]]]()
    texts: tuple[str, Model] | None = None
    for label, load in plan.models.items():
        try:
            model = load()
            say(f"similarity under {label}")
            features = _features(plan, model, store)
            found += _between_data(plan, label, model, features)
        except (AssayError, ImportError, RuntimeError, ValueError, OSError) as error:
            notes.append(f"{label} is left out of the similarity: {type(error).__name__}: {error}")
            continue
        texts = texts or ((label, model) if model.info.modality == "text" else None)
        for data, x in features.items():
            if data in plan.targets:
                seen.setdefault(data, {})[label] = x
    found += _names(plan, texts)
    return SimilarityStudy(
        comparisons=tuple(found), models=tuple(_between_models(plan, seen)), sources=_source_names(plan),
        targets=tuple(plan.targets), notes=tuple(notes), rows=plan.rows,
    )  # fmt: skip


def similarity(plan: SimilarityPlan, store: Store, *, say: Callable[[str], object] = print) -> Assessment:
    """The comparisons as an assessment of their own, for data and models that no run has brought together."""
    start = time.perf_counter()
    study = measure_similarity(plan, store, say=say)
    blank = Assessment(
        lens="similarity", question=f"How near are {', '.join([*_source_names(plan), *plan.targets])} to each other?",
        verdict=told(study), inputs={"rows": plan.rows, "models": list(plan.models)},
        cost={"seconds": time.perf_counter() - start},
    )  # fmt: skip
    return with_similarity(blank, study)


def plan_of(
    models: Sequence[str], data: Sequence[str], sources: Sequence[str], statistics: Sequence[Path], *, rows: int,
    level: float, rng_seed: int,
) -> SimilarityPlan:  # fmt: skip
    """The plan from names as users type them.

    Raises:
        UnknownNameError: for data of an unknown source.
        DataError: for a file that holds no statistics.
    """
    from assay.sources.data import load_data

    return SimilarityPlan(
        models={label: loader(uri) for uri, label in _labelled(models).items()},
        targets={label: load_data(uri) for uri, label in _labelled(data).items()},
        sources={label: load_data(uri) for uri, label in _labelled(sources).items()},
        statistics=[read_statistics(path) for path in statistics], rows=rows, level=level, rng_seed=rng_seed,
    )  # fmt: skip


def save_all(plan: SimilarityPlan, store: Store, folder: Path) -> list[Path]:
    """Write the statistics of every data set under every model of its modality; the files that were written."""
    written: list[Path] = []
    for load in plan.models.values():
        model = load()
        for data in {**plan.sources, **plan.targets}.values():
            if data.modality == model.info.modality:
                kept = statistics_of(model, data, store, rows=plan.rows, rng_seed=plan.rng_seed)
                path = folder / f"{key_of([kept.extractor, data.ref.uri, data.ref.revision])[:16]}.safetensors"
                write_statistics(path, kept.moments, extractor=kept.extractor, data=kept.data)
                written.append(path)
    return written


def _labelled(uris: Sequence[str]) -> dict[str, str]:
    """Uri → a short name; the whole uri where short names clash."""
    short = {uri: uri.partition("?")[0].rpartition(":")[2].rpartition("/")[2] or uri for uri in uris}
    names = list(short.values())
    return {uri: name if names.count(name) == 1 else uri for uri, name in short.items()}


def loader(uri: str, *, offline: bool | None = None) -> Callable[[], Model]:
    """What loads a model when it is its turn."""

    def load() -> Model:
        from assay.sources.models import load_model

        return load_model(uri, offline=offline)

    return load


def statistics_of(model: Model, dataset: Dataset, store: Store, *, rows: int, rng_seed: int) -> StoredStatistics:
    """Statistics of a data set under a model, to be written down."""
    from assay.features.extract import extract

    x = extract(model, dataset, _rows(dataset, rows, rng_seed), store=store).x()
    return StoredStatistics(moments=moments(x), extractor=extractor_of(model), data=dataset.ref.uri)


def extractor_of(model: Model) -> str:
    """What names the features' maker immutably."""
    return f"{model.ref.uri}@{model.ref.revision}"


def _source_names(plan: SimilarityPlan) -> tuple[str, ...]:
    return (*plan.sources, *dict.fromkeys(kept.data for kept in plan.statistics))


def _features(plan: SimilarityPlan, model: Model, store: Store) -> dict[str, NDArray[Any]]:
    """Label of each data set of the model's modality → its features."""
    from assay.features.extract import extract

    return {
        label: extract(model, data, _rows(data, plan.rows, plan.rng_seed), store=store).x()
        for label, data in {**plan.sources, **plan.targets}.items()
        if data.modality == model.info.modality
    }


def _between_data(
    plan: SimilarityPlan, label: str, model: Model, features: Mapping[str, NDArray[Any]]
) -> Iterator[Comparison]:  # fmt: skip
    """All pairs of data sets under one model, stored statistics and the model's own head included."""
    every = {**plan.sources, **plan.targets}
    sets = {name: SetFeatures(name=name, x=x, labels=_labels(every[name], plan)) for name, x in features.items()}
    targets = [name for name in sets if name in plan.targets]
    pairs = [(source, target) for source in sets if source in plan.sources for target in targets if source != target]
    for first, second in [*pairs, *combinations(targets, 2)]:
        rng = stream(plan.rng_seed, "similarity", label, first, second)
        yield from compare_sets(sets[first], sets[second], extractor=label, rng=rng, level=plan.level,
                                effort=plan.effort)  # fmt: skip
    for kept in plan.statistics:
        if kept.extractor == extractor_of(model):
            for name in targets:
                yield compare_moments(
                    kept.moments, features[name], names=(kept.data, name), extractor=label, level=plan.level,
                    rng=stream(plan.rng_seed, "statistics", label, kept.data, name), effort=plan.effort,
                )  # fmt: skip
    for name in targets:
        labels, rows = sets[name].labels, _rows(every[name], plan.rows, plan.rng_seed)
        head = None if labels is None else source_head(model, every[name], rows)
        if labels is not None and head is not None and len(np.unique(labels)) > 1:
            yield from compare_head(
                head, labels, source=f"{HEAD}{label}", target=name, extractor=label, level=plan.level,
                rng=stream(plan.rng_seed, "head", label, name), effort=plan.effort,
            )  # fmt: skip


def _between_models(plan: SimilarityPlan, seen: Mapping[str, Mapping[str, NDArray[Any]]]) -> Iterator[Comparison]:
    for data, features in seen.items():
        for first, second in combinations(features, 2):
            yield from compare_models(
                features[first], features[second], names=(first, second), items=data, level=plan.level,
                rng=stream(plan.rng_seed, "models", first, second, data), effort=plan.effort,
            )  # fmt: skip


def _names(plan: SimilarityPlan, texts: tuple[str, Model] | None) -> Iterator[Comparison]:
    """Distances of the class names, by a text model of the study where there is one."""
    every = {**plan.sources, **plan.targets}
    named = {label: data.task.classes for label, data in every.items() if len(data.task.classes) > 1}
    if len(named) < 2:
        return
    words = [name for classes in named.values() for name in classes]
    vectors = name_vectors(words) if texts is None else texts[1].encode(texts[1].collate(words))
    parts = dict(zip(named, np.split(vectors, np.cumsum([len(c) for c in named.values()])[:-1]), strict=True))
    for first, second in combinations(named, 2):
        if second in plan.targets or first in plan.targets:
            yield compare_names(
                parts[first], parts[second], source=first, target=second,
                extractor=LETTERS if texts is None else texts[0],
                rng=stream(plan.rng_seed, "names", first, second), effort=plan.effort,
            )  # fmt: skip


def _rows(dataset: Dataset, most: int, rng_seed: int) -> NDArray[np.int_]:
    """At most so many rows of a data set, the same for every model."""
    order = stream(rng_seed, "similarity", dataset.ref.uri, dataset.ref.revision).permutation(len(dataset))
    return np.sort(order[:most])


def _labels(dataset: Dataset, plan: SimilarityPlan) -> NDArray[Any] | None:
    """Class names of the drawn rows; None where items have no single class."""
    if dataset.task.kind not in ("binary", "multiclass"):
        return None
    codes = np.asarray(dataset.targets)[_rows(dataset, plan.rows, plan.rng_seed)]
    return np.asarray(dataset.task.classes, dtype=str)[codes]
