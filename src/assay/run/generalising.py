"""How the leader's score carries to rows it did not learn from: other rows, shifted rows, spoilt items, spoilt labels.

The leader is adapted once on the sample; every part is then scored by that head. Probes corrupt the test items, or the
labels that are learned from, and lose what they lose on the same test items. What is concluded from the predictions is
`assay.assess.selection.generalisation`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.selection.generalisation import gap, generalisation
from assay.assess.selection.nesting import FOLDS, folds_of
from assay.assess.selection.scale import scale_of
from assay.contracts import Adapted, AdaptJob
from assay.dataset import Dataset
from assay.errors import AssayError, MissingExtraError, UsageError
from assay.estimate import show_level
from assay.finding import Figure
from assay.metrics import interval
from assay.outcome import Predictions
from assay.run.contenders import Bench, Contender
from assay.run.finals import split
from assay.run.sample import Sample, interleaved
from assay.spec import DataSlice, TrialSpec

MOST_ROWS = 1000
"""Test and shifted rows that are looked at."""
PROBED = 300
"""Test items that are corrupted; the loss is paired, so that few items tell it."""
WRONG = (0.1, 0.2, 0.4)
"""Shares of the learned labels that the label probe makes wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Tables and figures of the leader's generalisation."""

    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def carry(
    contender: Contender, bench: Bench, rows: int, *, metric: str, shifted: Dataset | None = None,
    probes: bool = False, level: float, rng: np.random.Generator,
) -> Carried:  # fmt: skip
    """Adapt the contender on the sample's first rows and score it on every part.

    Args:
        contender: The model.
        bench: What loads it and makes features.
        rows: Rows of the sample to learn from.
        metric: A name in `METRICS`.
        shifted: Data of the same classes from elsewhere.
        probes: Whether items and labels are spoilt to see what that costs.
        level: Confidence level.
        rng: Draws which labels are made wrong, and resamples.

    Raises:
        UsageError: when the shifted data have another task or a class that the sample's have not.
    """
    learner = _Learner(contender, bench, *_rows(bench.sample, rows))
    parts = {"train": learner.said("train"), "valid": learner.left_out(), "test": learner.said("test")}
    if shifted is not None:
        parts["shifted"] = learner.elsewhere(_same_classes(shifted, bench.sample.dataset))
    found = generalisation(parts, metric=metric, level=level, rng=rng)
    tables: dict[str, Sequence[Mapping[str, Any]]] = {
        "generalisation": [
            {"part": part, "score": found.scores[part], "calibration_error": found.calibration[part]} for part in parts
        ],
        "gaps": [{"gap": name.replace("_", " "), "lost": estimate} for name, estimate in found.gaps.items()],
        "abstention": list(found.abstention),
    }  # fmt: skip
    notes: list[str] = []
    if probes:
        spoilt, notes = _spoil_items(learner, _first(parts["test"], PROBED), metric, level, rng)
        tables["probes"] = [*spoilt, *_spoil_labels(learner, parts["test"], metric, level, rng)]
        doubtful, more = _doubtful_labels(learner, parts["valid"])
        tables["doubtful_labels"] = doubtful
        notes += more
    return Carried(tables=tables, figures=found.figures, notes=tuple(notes))


def _rows(sample: Sample, rows: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Rows to learn from, and test rows: published ones, else rows outside the sample, else a third of it."""
    splits = sample.dataset.splits
    published = np.array([], dtype=np.int_) if splits is None else np.flatnonzero(splits == "test")
    if len(published):
        held = published[interleaved(np.asarray(sample.dataset.targets)[published])][:MOST_ROWS]
    else:
        held = sample.order[rows : rows + MOST_ROWS]
    return (sample.order[:rows], held) if len(held) >= rows / 4 else split(sample, rows)


def _same_classes(shifted: Dataset, dataset: Dataset) -> Dataset:
    """The shifted data with the codes of the sample's classes.

    Raises:
        UsageError: when the tasks differ.
    """
    if shifted.task.kind != dataset.task.kind:
        raise UsageError(
            f"{shifted.ref.uri} is a {shifted.task.kind} task, {dataset.ref.uri} a {dataset.task.kind} one"
        )
    strange = [name for name in shifted.task.classes if name not in dataset.task.classes]
    if strange:
        raise UsageError(f"{shifted.ref.uri} has the class {strange[0]!r}, which {dataset.ref.uri} has not")
    if not dataset.task.is_classification:
        return shifted
    codes = np.array([dataset.task.classes.index(name) for name in shifted.task.classes])
    return replace(shifted, task=dataset.task, targets=codes[np.asarray(shifted.targets)])


class _Learner:
    """A ridge head on one model's features, for parts that lie in one array after the rows it learns from."""

    def __init__(self, contender: Contender, bench: Bench, learn: NDArray[np.int_], test: NDArray[np.int_]) -> None:
        self.contender, self.bench, self.dataset = contender, bench, bench.sample.dataset
        self.learn, self.test = learn, test
        self.x = bench.features(contender, np.concatenate([learn, test]))
        self.targets = np.asarray(self.dataset.targets)[np.concatenate([learn, test])]
        self.train = np.arange(len(learn))

    def said(self, part: str, *, labels: NDArray[Any] | None = None) -> Predictions:
        """What the head says of `train` or `test` rows; `labels` (n,) takes the place of those that it learns."""
        targets = self.targets if labels is None else np.concatenate([labels, self.targets[len(labels) :]])
        result = self._fit([(self.train, self._after(len(self.test)))], self.x, targets)[0]
        return self._predictions(result, self.dataset, self.learn if part == "train" else self.test, part)

    def left_out(self) -> Predictions:
        """What heads say of learned rows in the fold that they did not learn from."""
        fold = folds_of(self.targets[self.train], FOLDS)
        jobs = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]
        parts = [self._predictions(result, self.dataset, self.learn[rows])
                 for result, (_, rows) in zip(self._fit(jobs, self.x, self.targets), jobs, strict=True)]  # fmt: skip
        return Predictions(
            ids=np.concatenate([p.ids for p in parts]), target=np.concatenate([p.target for p in parts]),
            label=np.concatenate([p.labels() for p in parts]),
            score=None if parts[0].score is None else np.concatenate([np.asarray(p.score) for p in parts]),
        )  # fmt: skip

    def elsewhere(self, dataset: Dataset, rows: NDArray[np.int_] | None = None) -> Predictions:
        """What the head says of items of another data set, or of the same in another form."""
        at = np.arange(len(dataset))[:MOST_ROWS] if rows is None else rows
        x = self.bench.features(self.contender, at, dataset)
        both = np.concatenate([self.x[: len(self.learn)], x])
        targets = np.concatenate([self.targets[: len(self.learn)], np.asarray(dataset.targets)[at]])
        return self._predictions(self._fit([(self.train, self._after(len(at)))], both, targets)[0], dataset, at)

    def _after(self, count: int) -> NDArray[np.int_]:
        return np.arange(len(self.learn), len(self.learn) + count)

    def _fit(self, jobs: Sequence[tuple[NDArray[np.int_], NDArray[np.int_]]], x: NDArray[np.float32],
             targets: NDArray[Any]) -> list[Adapted]:  # fmt: skip
        from assay.adapt.parameters import resolve
        from assay.builtin import ADAPTERS

        part = DataSlice(data=self.dataset.ref, split="train")
        spec = TrialSpec(model=self.contender.ref, train=part, test=part, recipe=resolve("ridge", {}), draw=0, seed=0)
        results = ADAPTERS["ridge"].run([
            AdaptJob(spec=spec, task=self.dataset.task, targets=targets, train=train, test=test, features=x,
                     valid=np.array([], dtype=np.int_))
            for train, test in jobs
        ])  # fmt: skip
        for result in results:
            if result.error is not None:
                raise result.error
        return results

    def _predictions(self, result: Adapted, dataset: Dataset, at: NDArray[np.int_], part: str = "test") -> Predictions:
        said = result.parts[part]
        return Predictions(ids=dataset.ids[at], target=np.asarray(dataset.targets)[at], label=said.label,
                           score=said.score)  # fmt: skip


def _first(rows: Predictions, count: int) -> Predictions:
    return Predictions(ids=rows.ids[:count], target=np.asarray(rows.target)[:count], label=rows.labels()[:count],
                       score=None if rows.score is None else np.asarray(rows.score)[:count])  # fmt: skip


def _spoil_items(learner: _Learner, clean: Predictions, metric: str, level: float, rng: np.random.Generator,
                 ) -> tuple[list[dict[str, Any]], list[str]]:  # fmt: skip
    """One row a kind of corruption and strength, and what could not be had."""
    from assay.sources.data.corruptions import STRENGTHS, corrupted

    kinds = STRENGTHS.get(learner.dataset.modality)
    if kinds is None:
        return [], [f"Items are {learner.dataset.modality} data; only images and texts can be corrupted."]
    rows: list[dict[str, Any]] = []
    for kind, strengths in kinds.items():
        for strength in strengths:
            try:
                worse = learner.elsewhere(corrupted(learner.dataset, kind, strength), learner.test[:PROBED])
            except (AssayError, OSError) as error:
                return rows, [f"The probe with {kind} could not be run: {error}."]
            rows.append(_probe(kind, strength, clean, worse, metric, level, rng))
    return rows, []


def _spoil_labels(learner: _Learner, clean: Predictions, metric: str, level: float, rng: np.random.Generator,
                  ) -> list[dict[str, Any]]:  # fmt: skip
    """One row a share of learned labels made wrong: another class, drawn evenly; real targets change places."""
    rows: list[dict[str, Any]] = []
    right = learner.targets[learner.train]
    for share in WRONG:
        labels, at = right.copy(), rng.permutation(len(right))[: round(share * len(right))]
        if learner.dataset.task.is_classification:
            count = len(learner.dataset.task.classes)
            labels[at] = (labels[at] + rng.integers(1, count, size=len(at))) % count
        else:
            labels[at] = labels[rng.permutation(at)]
        worse = learner.said("test", labels=labels)
        rows.append(_probe("wrong labels", show_level(share), clean, worse, metric, level, rng))
    return rows


def _probe(kind: str, strength: str, clean: Predictions, worse: Predictions, metric: str, level: float,
           rng: np.random.Generator) -> dict[str, Any]:  # fmt: skip
    return {
        "probe": kind, "strength": strength,
        "score": interval(metric, worse.target, worse.label, worse.score, level=level, rng=rng),
        "lost": gap(clean, worse, scale_of(metric), name="lost", level=level),
        "calibration_error": None if worse.score is None else
        interval("calibration_error", worse.target, worse.label, worse.score, level=level, rng=rng),
    }  # fmt: skip


def _doubtful_labels(learner: _Learner, left_out: Predictions) -> tuple[list[dict[str, Any]], list[str]]:
    """Learned rows whose label cleanlab doubts, worst first, by probabilities from folds that did not learn them."""
    if not learner.dataset.task.is_classification or left_out.score is None:
        return [], []
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        return [], [f"Labels were not checked: {MissingExtraError('probes', 'looking for wrong labels')}."]
    present, codes = np.unique(left_out.target, return_inverse=True)
    scores = np.asarray(left_out.score)[:, present] + 1e-12
    try:
        found: Any = find_label_issues(codes, scores / scores.sum(axis=1, keepdims=True), n_jobs=1,
                                       return_indices_ranked_by="self_confidence")  # fmt: skip
    except ValueError as error:
        return [], [f"Labels were not checked: {error}."]
    classes = learner.dataset.task.classes
    rows = [{"item": str(left_out.ids[i]), "label": classes[int(left_out.target[i])],
             "suggested": classes[int(present[scores[i].argmax()])]} for i in np.asarray(found).tolist()]  # fmt: skip
    return rows, [f"cleanlab doubts {len(found):,} of {len(codes):,} labels that were learned from."]
