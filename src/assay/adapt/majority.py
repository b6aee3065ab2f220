"""Majority: what can be had without looking at the items: class shares, the mean, the share of each label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.adapt.job import from_probabilities, predict_parts, read_rows
from assay.adapt.one_by_one import OneByOne
from assay.contracts import Adapted, AdaptJob, Predicted


class Majority(OneByOne):
    """Predicts the most frequent class with the class shares as probabilities, or the mean of the targets.

    The floor of every comparison; a model that does not beat it has learnt nothing of use.
    """

    method = "majority"
    needs = "targets"

    def fit(self, job: AdaptJob) -> Adapted:
        """The result of one job."""
        return _fit(job)


def _fit(job: AdaptJob) -> Adapted:
    rows = read_rows(job)
    targets = np.asarray(job.targets)[rows.final]
    share = _share(job, targets)

    def predict(positions: NDArray[np.int_]) -> Predicted:
        if job.task.kind == "regression":
            return Predicted(label=np.full(len(positions), share[0]))
        return from_probabilities(job.task.kind, np.tile(share, (len(positions), 1)))

    return Adapted(parts=predict_parts(job, predict), state={"constant": share})


def _share(job: AdaptJob, targets: NDArray[Any]) -> NDArray[np.float64]:
    if job.task.kind == "regression":
        return np.array([targets.mean(dtype=np.float64)])
    if job.task.kind == "multilabel":
        return targets.mean(axis=0, dtype=np.float64)
    return np.bincount(targets, minlength=len(job.task.classes)) / len(targets)


MAJORITY = Majority()
