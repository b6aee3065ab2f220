"""Models in the running for rank and select: features on a sample that is the same for all, one model at a time.

What is concluded from the numbers is `assay.assess.selection`'s business; this file loads, extracts, scores rows left
out, and keeps the account of where the time went.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.selection.candidates import Background, Candidate, Run
from assay.contracts import Model
from assay.dataset import Dataset
from assay.errors import AssayError
from assay.outcome import Cost, Predictions
from assay.run.sample import Sample
from assay.spec import ModelRef
from assay.transfer import Factorisation, battery, ncti, ncti_parts
from assay.transfer.battery import SCORES
from assay.transfer.ridge import ridge_left_out

Say = Callable[[str], None]
Loader = Callable[[ModelRef], Model]


@dataclass(slots=True, kw_only=True)
class Contender:
    """A model in the running, with what it has cost so far."""

    ref: ModelRef
    name: str
    model: Model | None = None
    error: str = ""
    """Why it is out, if it could not be loaded or run."""
    load_seconds: float = 0.0
    feature_seconds: float = 0.0
    score_seconds: float = 0.0
    computed: int = 0
    """Items that went through the model."""
    battery: dict[str, float | str] = field(default_factory=dict[str, float | str])
    head_classes: int = 0
    """Classes of the source head that LEEP and NCE read; 0 where none was read."""
    parts: Any = None
    """NCTI's parts, until the pool is complete."""
    notes: list[str] = field(default_factory=list[str])
    """What else went wrong."""

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.load_seconds + self.feature_seconds + self.score_seconds

    @property
    def seconds_per_item(self) -> float:
        """Seconds of features an item that went through the model; 0 where none did."""
        return self.feature_seconds / self.computed if self.computed else 0.0


class Bench:
    """Loads models and scores them on rows of one sample, keeping account.

    Args:
        sample: The rows.
        store: Folder of the feature store.
        load: How a reference becomes a model.
        device: `auto`, `cpu` or `cuda`.
        engine: An engine's name, or `auto`.
        say: Told what goes on; the command line passes one that writes to standard error.
    """

    def __init__(self, sample: Sample, store: Path, load: Loader, *, device: str = "auto", engine: str = "auto",
                 say: Say = print) -> None:  # fmt: skip
        from assay.store.features import FeatureStore

        self.sample, self.device, self.engine, self.say = sample, device, engine, say
        self._store, self._load = FeatureStore(store), load

    def score(self, contender: Contender, rows: int, *, scores: Sequence[str] | None, rng: np.random.Generator,
              ) -> Candidate | None:  # fmt: skip
        """The contender judged on the first `rows` rows, or None with its `error` set.

        Args:
            contender: The model.
            rows: How many rows of the sample.
            scores: Transferability scores to compute besides; None for all, empty for none.
            rng: Draws rows for scores that hold all pairs.
        """
        at = self.sample.order[:rows]
        try:
            x = self.features(contender, at)
            start = time.perf_counter()
            data = Factorisation.of(x)
            predictions = left_out(data, self.sample.dataset, at)
            if scores is None or scores:
                self._battery(contender, data, at, scores, rng)
            contender.score_seconds += time.perf_counter() - start
        except (AssayError, ImportError, RuntimeError, ValueError, OSError) as error:
            contender.error, contender.model = f"{type(error).__name__}: {error}", None
            self.say(f"{contender.name}: {contender.error}")
            return None
        return candidate_of(contender, predictions)

    def features(self, contender: Contender, at: NDArray[np.int_], dataset: Dataset | None = None,
                 ) -> NDArray[np.float32]:  # fmt: skip
        """(n, d) features of rows of the sample's data, or of another data set; the model is loaded if need be."""
        from assay.features.extract import extract

        if contender.model is None:
            start = time.perf_counter()
            contender.model = self._load(contender.ref)
            contender.load_seconds += time.perf_counter() - start
        self.say(f"{contender.name}: {len(at):,} rows")
        found = extract(contender.model, dataset or self.sample.dataset, at, store=self._store, engine=self.engine,
                        device=self.device)  # fmt: skip
        contender.feature_seconds += found.seconds
        contender.computed += found.computed
        return found.x()

    def _battery(self, contender: Contender, data: Factorisation, at: NDArray[np.int_], scores: Sequence[str] | None,
                 rng: np.random.Generator) -> None:  # fmt: skip
        targets = np.asarray(self.sample.dataset.targets)[at]
        head, why = self._head(contender, at, scores)
        found = battery(data, targets, source_probabilities=head, scores=scores, rng=rng)
        contender.battery = {name: e.value if e.value is not None else e.reason or "" for name, e in found.items()}
        if why:
            contender.battery |= {name: f"the source head did not run: {why}" for name in found if needs_head(name)}
        if found.get("ncti") is not None and found["ncti"].known:
            contender.parts = ncti_parts(data, targets)

    def _head(self, contender: Contender, at: NDArray[np.int_], scores: Sequence[str] | None,
              ) -> tuple[NDArray[np.float64] | None, str]:  # fmt: skip
        """The source head's probabilities where a score reads them, or why the head that there is did not run."""
        assert contender.model is not None
        if not self.sample.classes or not any(needs_head(name) for name in (SCORES if scores is None else scores)):
            return None, ""
        try:
            head = source_head(contender.model, self.sample.dataset, at)
        except (AssayError, RuntimeError, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"
        contender.head_classes = 0 if head is None else head.shape[1]
        return head, ""


def needs_head(score: str) -> bool:
    """Whether a transferability score reads the source head; its classes need no names."""
    return score in SCORES and SCORES[score].needs_head


def notes_on_heads(contenders: Sequence[Contender]) -> list[str]:
    """That heads of different size were read, where they were."""
    sizes = sorted({contender.head_classes for contender in contenders if contender.head_classes})
    if len(sizes) < 2:
        return []
    return [f"LEEP and NCE read source heads of {sizes[0]:,} to {sizes[-1]:,} classes; the more classes a head has, "
            "the higher they are by that alone."]  # fmt: skip


def candidate_of(contender: Contender, predictions: Predictions) -> Candidate:
    """The contender as the lens takes it."""
    info = contender.model.info if contender.model is not None else None
    return Candidate(
        model=contender.name, recipe="ridge, rows left out", runs=[Run(predictions=predictions)],
        cost=Cost(seconds=contender.seconds), parameters=None if info is None else info.parameters,
        flops_per_item=None if info is None else info.flops, battery=dict(contender.battery),
    )  # fmt: skip


def left_out(data: Factorisation, dataset: Dataset, at: NDArray[np.int_]) -> Predictions:
    """What a ridge head says of each row that it has not seen."""
    targets = np.asarray(dataset.targets)[at]
    if not dataset.task.is_classification:
        guess = ridge_left_out(data, targets.astype(np.float64)[:, None]).guess[:, 0]
        return Predictions(ids=dataset.ids[at], target=targets.astype(np.float64), label=guess)
    found = ridge_left_out(data, targets)
    return Predictions(ids=dataset.ids[at], target=targets, label=np.unique(targets)[found.said])


def with_pool_scores(contenders: Sequence[Contender], candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with NCTI, which is relative to the pool, filled in."""
    known = {c.name: c.parts for c in contenders if c.parts is not None}
    if len(known) < 2:
        return list(candidates)
    values = dict(zip(known, ncti(list(known.values())), strict=True))
    return [replace(c, battery={**c.battery, "ncti": values[c.model]}) if c.model in values else c for c in candidates]


def free_baselines(sample: Sample, rows: int) -> tuple[list[Candidate], list[str]]:
    """Majority (or mean) and raw features on the same rows; what could not be had is told."""
    from assay.adapt.raw import raw_features

    at = sample.order[:rows]
    targets = np.asarray(sample.dataset.targets)[at]
    if sample.dataset.task.is_classification:
        codes, counts = np.unique(targets, return_counts=True)
        constant: NDArray[Any] = np.full(len(at), codes[counts.argmax()])
    else:
        constant = (targets.sum() - targets) / (len(at) - 1)
    found = [_baseline("majority" if sample.classes else "mean", sample.dataset, at, constant)]
    try:
        x = raw_features(sample.dataset, at, at)
        found.append(
            Candidate(model="raw features", recipe="ridge, rows left out",
                      runs=[Run(predictions=left_out(Factorisation.of(x), sample.dataset, at))])
        )  # fmt: skip
    except (AssayError, ImportError, ValueError) as error:
        return found, [f"Raw features could not be had: {error}."]
    return found, []


def _baseline(name: str, dataset: Dataset, at: NDArray[np.int_], label: NDArray[Any]) -> Candidate:
    targets = np.asarray(dataset.targets)[at]
    kept = targets if dataset.task.is_classification else targets.astype(np.float64)
    return Candidate(model=name, recipe="constant",
                     runs=[Run(predictions=Predictions(ids=dataset.ids[at], target=kept, label=label))])  # fmt: skip


def source_head(model: Model, dataset: Dataset, at: NDArray[np.int_], size: int = 32) -> NDArray[np.float64] | None:
    """(n, z) probabilities of the model's own head on some rows, or None where it has none."""
    parts: list[NDArray[np.float64]] = []
    for start in range(0, len(at), size):
        found = model.source_probabilities(model.collate(dataset.load(at[start : start + size])))
        if found is None:
            return None
        parts.append(np.asarray(found, dtype=np.float64))
    return np.concatenate(parts)


def background_of(sample: Sample, baselines: Sequence[Candidate], notes: Sequence[str], contenders: Sequence[Contender],
                  priors: Mapping[str, Mapping[str, float]]) -> Background:  # fmt: skip
    """What the lens holds the candidates against."""
    return Background(
        baselines=baselines, priors=priors, classes=sample.dataset.task.classes, caveats=(*sample.notes, *notes),
        failures={c.name: c.error for c in contenders if c.error},
    )  # fmt: skip
