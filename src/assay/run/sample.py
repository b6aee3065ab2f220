"""The rows that `rank` and `select` judge models on, the same for all, and whether they are enough for the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset
from assay.errors import NothingToAssessError, UsageError
from assay.rng import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows to judge models on, in an order whose every beginning is stratified."""

    dataset: Dataset
    order: NDArray[np.int_]
    notes: tuple[str, ...]

    @property
    def classes(self) -> int:
        """Number of classes; 0 for real targets."""
        return len(self.dataset.task.classes)


def draw_sample(dataset: Dataset, *, rng_seed: int) -> Sample:
    """The order in which rows are used: training rows only, each content once, classes mixed evenly.

    Raises:
        UsageError: for multilabel targets.
        NothingToAssessError: with fewer than 10 rows, or one class.
    """
    if dataset.task.kind == "multilabel":
        raise UsageError("rank and select judge single classes and real targets; use a study for multilabel data")
    rows = np.arange(len(dataset))
    notes: list[str] = []
    if dataset.splits is not None and "train" in set(dataset.splits.tolist()):
        rows = rows[dataset.splits == "train"]
        notes.append("Only rows of the published train split are used; test rows stay unseen.")
    first = np.sort(np.unique(dataset.digests[rows], return_index=True)[1])
    if len(first) < len(rows):
        notes.append(f"{len(rows) - len(first):,} rows repeat another row's content and are left out.")
    rows = rows[first]
    rng = stream(rng_seed, "selection sample", dataset.ref.revision)
    rows = rows[rng.permutation(len(rows))]
    if dataset.task.is_classification:
        if len(rows) and len(np.unique(dataset.targets[rows])) < 2:
            raise NothingToAssessError("the rows hold one class only; there is nothing to tell apart")
        rows = rows[interleaved(np.asarray(dataset.targets)[rows])]
    if len(rows) < 10:
        raise NothingToAssessError(f"{len(rows)} rows are too few to rank models on; 10 are needed, 100 say something")
    return Sample(dataset=dataset, order=rows, notes=tuple(notes))


def notes_on_classes(sample: Sample, rows: int) -> list[str]:
    """What the reader should know where classes have few of the first `rows` rows.

    Raises:
        UsageError: when the rows cannot hold two of any class, with the number that would do.
        NothingToAssessError: when no number would do, because no class has two rows.
    """
    if not sample.classes:
        return []
    targets = np.asarray(sample.dataset.targets)[sample.order]
    every = len(np.unique(targets))
    counts = np.unique(targets[:rows], return_counts=True)[1]
    single = int((counts == 1).sum())
    why = "a row that is left out needs another of its class to be learned from"
    if len(targets) == every:
        raise NothingToAssessError(f"each of {every} classes has one row; {why}")
    if rows < every or single == len(counts):
        raise UsageError(
            f"{rows} rows are too few for {every} classes; {why}: take {min(2 * every, len(targets))} rows or more "
            f"(--rows), of {len(targets):,}"
        )
    if single:
        return [f"{single} of {every} classes have one row in the sample, which no model can name when it is left out."]
    return []


def interleaved(codes: NDArray[Any]) -> NDArray[np.int_]:
    """An order in which every beginning holds each class in proportion, as nearly as whole rows allow."""
    place = np.empty(len(codes))
    for code in np.unique(codes):
        at = np.flatnonzero(codes == code)
        place[at] = (np.arange(len(at)) + 0.5) / len(at)
    return np.argsort(place, kind="stable")
