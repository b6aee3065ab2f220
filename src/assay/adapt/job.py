"""What every adapter does with a job: check its rows, find validation rows, turn outputs into predictions.

Rows are sorted first, so that the order in which a caller lists them changes nothing. Test rows are read in one place
only, `predict_parts`, after everything has been chosen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Adapted, AdaptJob, Predicted
from assay.dataset import Task
from assay.errors import DataError, OutOfMemoryError, ShapeError, UsageError
from assay.rng import stream

VALID_SHARE = 0.2
"""Share of the training rows that an adapter sets aside when a job brings no validation rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Row positions of a job, sorted."""

    fit: NDArray[np.int_]
    """Rows to learn from while settings are being chosen."""
    valid: NDArray[np.int_]
    """Rows to choose settings on; may be empty."""
    final: NDArray[np.int_]
    """Rows that the final head learns from: `fit` when the job brought validation rows, else all training rows."""


def read_rows(job: AdaptJob) -> Rows:
    """The job's rows, with validation rows set aside from the training rows when the job brings none.

    Raises:
        ShapeError: positions outside the data, or targets and features of different lengths.
        DataError: no training rows, one class only, a target that is missing.
    """
    train = _positions(job, "train")
    _check_targets(job, train)
    valid = _positions(job, "valid")
    if valid.size:
        return Rows(fit=train, valid=valid, final=train)
    fit, valid = set_aside(job, train)
    return Rows(fit=fit, valid=valid, final=train)


def set_aside(job: AdaptJob, train: NDArray[np.int_]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """`train` in two: rows to learn from, and a fifth to choose settings on, the same for all models and seeds.

    Classes keep their shares and groups are not parted. A class with one row stays with the rows to learn from, so
    that the second part can be empty.
    """
    rng = stream(job.spec.draw, "validation rows", train.size)
    if job.dataset is not None and job.dataset.groups is not None:
        chosen = _whole_groups(job.dataset.groups[train], rng)
    else:
        strata = job.targets[train] if job.task.kind in ("binary", "multiclass") else np.zeros(train.size, np.int64)
        chosen = _share_of_each(strata, rng)
    return train[~chosen], train[chosen]


def features_of(job: AdaptJob) -> NDArray[np.float32]:
    """The job's features, checked.

    Raises:
        UsageError: the job brings none.
        ShapeError: not (n, d) with one row a target.
    """
    if job.features is None:
        raise UsageError(f"recipe {job.spec.recipe.method!r} learns from features, and the job brings none")
    if job.features.ndim != 2 or len(job.features) != len(job.targets):
        raise ShapeError(f"features of shape {job.features.shape} do not fit {len(job.targets)} targets; "
                         "(n, d) with one row a target is needed")  # fmt: skip
    return job.features


def width_of(task: Task) -> int:
    """Columns that an output has: the number of classes, or 1 for regression."""
    return len(task.classes) if task.is_classification else 1


def as_predicted(kind: str, outputs: NDArray[np.float64]) -> Predicted:
    """(n, c) outputs of a head → labels and probabilities: softmax, for multilabel sigmoid, for regression as is."""
    if kind == "regression":
        return Predicted(label=outputs[:, 0].astype(np.float64))
    if kind == "multilabel":
        return from_probabilities(kind, sigmoid(outputs))
    return from_probabilities(kind, softmax(outputs))


def from_probabilities(kind: str, score: NDArray[np.float64]) -> Predicted:
    """(n, c) probabilities → labels and probabilities."""
    label = (score >= 0.5).astype(np.int64) if kind == "multilabel" else score.argmax(axis=1).astype(np.int64)
    return Predicted(label=label, score=score)


def softmax(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, c) outputs → probabilities that sum to one in each row."""
    shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def sigmoid(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * outputs))


def predict_parts(job: AdaptJob, predict: Callable[[NDArray[np.int_]], Predicted]) -> dict[str, Predicted]:
    """Predictions for the job's training, validation and test rows, in the order in which the job lists them."""
    parts = {"train": job.train, "valid": job.valid, "test": job.test}
    return {part: predict(np.asarray(positions)) for part, positions in parts.items() if len(positions)}


def each(jobs: Sequence[AdaptJob], fit: Callable[[AdaptJob], Adapted]) -> list[Adapted]:
    """`fit` of every job, timed; what one raises becomes its error, so that its neighbours live."""
    return [_timed(job, fit) for job in jobs]


def failure(error: Exception) -> Adapted:
    """The result of a job that failed; running out of memory gets its own name."""
    if isinstance(error, MemoryError):
        return Adapted(error=OutOfMemoryError(f"memory ran out: {error}"))
    return Adapted(error=error)


def _timed(job: AdaptJob, fit: Callable[[AdaptJob], Adapted]) -> Adapted:
    start = time.perf_counter()
    try:
        return replace(fit(job), seconds=time.perf_counter() - start)
    except Exception as error:  # a failed trial is a row, never a hole
        return failure(error)


def _positions(job: AdaptJob, part: str) -> NDArray[np.int_]:
    positions = np.sort(np.asarray(getattr(job, part), dtype=np.int64).ravel())
    n = len(job.targets)
    if positions.size and (positions[0] < 0 or positions[-1] >= n):
        raise ShapeError(f"{part} rows reach from {positions[0]} to {positions[-1]}, the data have rows 0 to {n - 1}")
    if part == "train" and not positions.size:
        raise DataError("there are no training rows")
    return positions


def _check_targets(job: AdaptJob, train: NDArray[np.int_]) -> None:
    targets = np.asarray(job.targets)[train]
    if job.task.kind == "regression":
        if not np.isfinite(targets.astype(np.float64)).all():
            row = train[np.flatnonzero(~np.isfinite(targets.astype(np.float64)))[0]]
            raise DataError(f"the target of training row {row} is missing or infinite")
        return
    c = len(job.task.classes)
    if targets.size and (targets.min() < 0 or targets.max() >= (2 if job.task.kind == "multilabel" else max(c, 1))):
        raise DataError(f"targets reach from {targets.min()} to {targets.max()}; {c} classes are named")
    if job.task.kind == "multilabel":
        if targets.ndim != 2 or targets.shape[1] != c:
            raise ShapeError(f"multilabel targets of shape {targets.shape} do not fit {c} classes")
        return
    present = np.unique(targets)
    if present.size < 2:
        raise DataError(f"the {train.size} training rows hold one class only, {job.task.classes[present[0]]!r}; "
                        "two are needed")  # fmt: skip


def _share_of_each(strata: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.bool_]:
    chosen = np.zeros(strata.size, bool)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        count = int(members.size * VALID_SHARE + 0.5) if members.size > 2 else members.size - 1
        chosen[rng.permutation(members)[:count]] = True
    return chosen


def _whole_groups(groups: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.bool_]:
    names, sizes = np.unique(groups, return_counts=True)
    order = rng.permutation(names.size)
    reached = np.cumsum(sizes[order]) <= VALID_SHARE * groups.size
    if not reached.any() and names.size > 1:
        reached[0] = True
    return np.isin(groups, names[order[reached]])
