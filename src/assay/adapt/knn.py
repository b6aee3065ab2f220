"""Nearest neighbours by cosine: a recipe without training, and a check on what a trained head claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.adapt.choice import best_setting
from assay.adapt.directions import Directions, measure_directions
from assay.adapt.job import features_of, predict_parts, read_rows, width_of
from assay.adapt.linear import blocks
from assay.adapt.one_by_one import OneByOne
from assay.adapt.parameters import Parameter
from assay.contracts import Adapted, AdaptJob, Predicted

TIE = 1e-6
"""Weight of the neighbours' similarity beside their votes: it decides ties and nothing else."""


class Knn(OneByOne):
    """The vote of the k nearest training rows by cosine, about the training mean; k is chosen on validation rows.

    Probabilities are shares of votes with one vote spread evenly over all classes, so that none is zero. Regression
    takes the mean of the neighbours' targets, multilabel their share for each label.

    References:
        Wu, Xiong, Yu, Lin (2018). Unsupervised Feature Learning via Non-Parametric Instance Discrimination.
        Section 3.3 (cosine vote; here without weights).
    """

    method = "knn"
    parameters: Mapping[str, Parameter] = {
        "k": Parameter(kind="numbers", default=(1, 5, 20), low=1, high=1000,
                       about="Neighbours that vote; of several, the best on the validation rows."),
    }  # fmt: skip
    needs = "features"

    def fit(self, job: AdaptJob) -> Adapted:
        """The result of one job."""
        return _fit(job, self.filled(job)["k"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """The training rows, as directions, with their targets."""

    directions: Directions
    rows: NDArray[np.float32]
    """(n, d) of length one."""
    values: NDArray[np.float64]
    """(n, c): one-hot classes, 0/1 labels, or (n, 1) targets."""

    def neighbours(self, queries: NDArray[np.float64], k: int) -> tuple[NDArray[np.int_], NDArray[np.float32]]:
        """(b, d) directions → (b, k) nearest rows, nearest first, and their cosines."""
        cosines = queries.astype(np.float32) @ self.rows.T
        near = np.argpartition(-cosines, k - 1, axis=1)[:, :k] if k < len(self.rows) else _all_rows(cosines)
        near.sort(axis=1)  # among equal cosines the first row comes first
        order = np.argsort(-np.take_along_axis(cosines, near, axis=1), axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1)
        return near, np.take_along_axis(cosines, near, axis=1)


def _fit(job: AdaptJob, grid: Sequence[int]) -> Adapted:
    x, rows = features_of(job), read_rows(job)
    grid = tuple(int(k) for k in grid)
    bank = make_bank(job, x, rows.fit)
    k, scores = grid[0], None
    if len(grid) > 1 and rows.valid.size:
        candidates = _predict(job, bank, x, rows.valid, grid)
        index, scores = best_setting(candidates, np.asarray(job.targets)[rows.valid], job.task.kind)
        k = grid[index]
    if len(rows.final) != len(rows.fit):
        bank = make_bank(job, x, rows.final)

    return Adapted(
        parts=predict_parts(job, lambda positions: _predict(job, bank, x, positions, (k,))[0]),
        chosen={"k": k, "grid": list(grid), "valid_scores": scores},
        state={"bank": bank.rows, "bank_values": bank.values.astype(np.float32), "k": np.array(k),
               **bank.directions.state()},
    )  # fmt: skip


def make_bank(job: AdaptJob, x: NDArray[np.float32], rows: NDArray[np.int_]) -> Bank:
    """The bank of `rows`."""
    directions = measure_directions(x, rows)
    out = np.empty((len(rows), x.shape[1]), np.float32)
    for part in blocks(len(rows)):
        out[part] = directions.of(x, rows[part])
    return Bank(directions=directions, rows=out, values=_values(job, rows))


def vote(kind: str, values: NDArray[np.float64], near: NDArray[np.int_], cosines: NDArray[np.float32]) -> Predicted:
    """Predictions from (b, k) neighbours, nearest first, and the (n, c) values of the bank."""
    k = near.shape[1]
    votes = values[near].mean(axis=1)
    if kind == "regression":
        return Predicted(label=votes[:, 0])
    if kind == "multilabel":
        score = (votes * k + 0.5) / (k + 1)
        return Predicted(label=(score > 0.5).astype(np.int64), score=score)
    closeness = (values[near] * cosines[:, :, None]).mean(axis=1)
    score = (votes * k + 1.0 / values.shape[1]) / (k + 1)
    return Predicted(label=(votes + TIE * closeness).argmax(axis=1).astype(np.int64), score=score)


def _predict(job: AdaptJob, bank: Bank, x: NDArray[np.float32], rows: NDArray[np.int_],
             grid: Sequence[int]) -> list[Predicted]:  # fmt: skip
    most = min(max(grid), len(bank.rows))
    step = max(1, 4_000_000 // max(len(bank.rows), 1))
    found = [bank.neighbours(bank.directions.of(x, rows[i : i + step]), most) for i in range(0, len(rows), step)]
    near, cosines = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return [vote(job.task.kind, bank.values, near[:, :k], cosines[:, :k]) for k in grid]


def _values(job: AdaptJob, rows: NDArray[np.int_]) -> NDArray[np.float64]:
    targets = np.asarray(job.targets)[rows]
    if job.task.kind == "regression":
        return targets.astype(np.float64)[:, None]
    if job.task.kind == "multilabel":
        return targets.astype(np.float64)
    return np.eye(width_of(job.task))[targets]


def _all_rows(cosines: NDArray[np.float32]) -> NDArray[np.int_]:
    return np.tile(np.arange(cosines.shape[1]), (len(cosines), 1))


KNN = Knn()
