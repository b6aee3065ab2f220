"""The doing half of `assay reusability`: features of the source data, and how near they are to each target's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.reusability import reusability
from assay.assess.reusability.records import Similarity
from assay.estimate import Estimate
from assay.finding import Assessment
from assay.ledger import RunFolder
from assay.ledger.reuse import reuse_candidates
from assay.ledger.views import data_labels, shown_models
from assay.rng import stream
from assay.similarity.frechet import frechet_distance
from assay.similarity.mmd import mmd
from assay.similarity.proxy_a import proxy_a_distance

MOST_ITEMS = 600
RESAMPLES = 60

Measure = Callable[[NDArray[np.float64], NDArray[np.float64]], float]


def assess_reuse(
    folder: RunFolder, *, source_data: Sequence[str] = (), level: float = 0.95, rng_seed: int = 0, **options: Any
) -> Assessment:
    """The reusability of the models of a run; with source data, their nearness to each target under each model.

    `options` are those of `reusability`: constraints, scores to reach, indicators to weigh.

    Raises:
        NothingToAssessError: when no trial of a model has succeeded, or no model meets the constraints.
        UnknownNameError: for source data that cannot be found.
    """
    near = _similarities(folder, source_data, level, rng_seed) if source_data else None
    candidates, metric = reuse_candidates(folder, level=level, rng_seed=rng_seed, similarities=near)
    return reusability(candidates, metric=metric, level=level, rng_seed=rng_seed, **options)


def compare_sets(
    a: NDArray[np.float64], b: NDArray[np.float64], *, extractor: str, level: float, rng: np.random.Generator
) -> list[Similarity]:
    """Three distances between two sets of features, each with an interval, the floor within a set, and a p-value.

    Args:
        a: (n, d) features of the source.
        b: (m, d) features of the target, of the same model.
        extractor: The model's name.
        level: Of the intervals.
        rng: Draws halves, resamples and permutations.
    """
    size = min(len(a), len(b), MOST_ITEMS)
    x, y = (part[rng.permutation(len(part))[:size]].astype(np.float64) for part in (a, b))
    measures: dict[str, Measure] = {
        "Fréchet distance": frechet_distance, "squared MMD": lambda p, q: mmd(p, q).value,
        "proxy-A-distance": lambda p, q: proxy_a_distance(p, q, rng=np.random.default_rng(0)).distance,
    }  # fmt: skip
    return [
        Similarity(
            measure=name, value=_between(measure, x, y, level, rng), floor=_floor(measure, y, rng),
            p_value=_permutation(measure, x, y, rng), extractor=extractor,
        )
        for name, measure in measures.items()
    ]  # fmt: skip


def _between(
    measure: Measure, x: NDArray[np.float64], y: NDArray[np.float64], level: float, rng: np.random.Generator
) -> Estimate:
    """The distance, with an interval from half-samples; their spread about equals that of the whole."""
    value, half = measure(x, y), len(x) // 2
    drawn = [
        measure(x[rng.permutation(len(x))[:half]], y[rng.permutation(len(y))[:half]]) for _ in range(RESAMPLES)
    ]  # fmt: skip
    from scipy.stats import norm

    spread = float(norm.ppf((1 + level) / 2) * np.std(drawn))
    return Estimate(
        name="distance", value=value, low=value - spread, high=value + spread, level=level, n=len(x),
        method="half-samples without replacement", population="other items of both sets",
    )  # fmt: skip


def _floor(measure: Measure, y: NDArray[np.float64], rng: np.random.Generator) -> Estimate:
    half = len(y) // 2
    drawn: list[float] = []
    for _ in range(20):
        order = rng.permutation(len(y))
        drawn.append(measure(y[order[:half]], y[order[half : 2 * half]]))
    return Estimate(
        name="floor", value=float(np.mean(drawn)), n=half, method="mean over 20 splits of the target in two"
    )


def _permutation(measure: Measure, x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator) -> float:
    observed, pooled, n = measure(x, y), np.concatenate([x, y]), len(x)
    above = 0
    for _ in range(RESAMPLES - 1):
        order = rng.permutation(len(pooled))
        above += measure(pooled[order[:n]], pooled[order[n:]]) >= observed
    return (above + 1) / RESAMPLES


def _similarities(
    folder: RunFolder, source_data: Sequence[str], level: float, rng_seed: int
) -> dict[tuple[str, str], list[Similarity]]:
    """(model's label, target's label) → distances from the first source of the right modality."""
    from assay.features.extract import extract
    from assay.run.describe import reload_data
    from assay.sources.data import load_data
    from assay.sources.models import load_model
    from assay.store.features import FeatureStore

    store = FeatureStore(folder.paths.features)
    sources = [load_data(uri, offline=True) for uri in source_data]
    found: dict[tuple[str, str], list[Similarity]] = {}
    for uri, info in shown_models(folder).items():
        if info.get("role") != "model" or info.get("error"):
            continue
        model = load_model(uri, offline=True)
        for data, label in data_labels(folder).items():
            target = reload_data(data)
            source = next((s for s in sources if target is not None and s.modality == target.modality), None)
            if target is None or source is None or source.modality != model.info.modality:
                continue
            rng = stream(rng_seed, "similarity", uri, data)
            parts = [
                extract(model, part, np.sort(rng.permutation(len(part))[:MOST_ITEMS]), store=store).x()
                for part in (source, target)
            ]
            found[info["label"], label] = compare_sets(
                parts[0].astype(np.float64), parts[1].astype(np.float64), extractor=info["label"], level=level, rng=rng
            )
    return found
