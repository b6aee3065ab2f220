"""Centroid: the class whose mean direction is nearest, on centred features of length one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.adapt.directions import Directions, measure_directions
from assay.adapt.job import Rows, as_predicted, features_of, predict_parts, read_rows
from assay.adapt.linear import ABSENT, blocks
from assay.adapt.one_by_one import OneByOne
from assay.adapt.temperature import fit_temperature
from assay.contracts import Adapted, AdaptJob
from assay.errors import UsageError


class Centroid(OneByOne):
    """Nearest class mean by cosine, after the training mean is taken off and rows are scaled to length one.

    The recipe for very few labels: it has nothing to tune but one temperature for its probabilities, which is fitted
    on the validation rows. For classes only; multilabel and regression tasks need `knn`, `ridge` or `probe`.

    References:
        Wang, Chao, Weinberger, van der Maaten (2019). SimpleShot: Revisiting Nearest-Neighbor Classification for
        Few-Shot Learning. Section 3.2, CL2N.
    """

    method = "centroid"
    needs = "features"

    def fit(self, job: AdaptJob) -> Adapted:
        """The result of one job."""
        return _fit(job)


def _fit(job: AdaptJob) -> Adapted:
    if job.task.kind not in ("binary", "multiclass"):
        raise UsageError(
            f"centroid predicts one class an item, and the task is {job.task.kind}; use knn, ridge or probe"
        )
    x, rows, targets = features_of(job), read_rows(job), np.asarray(job.targets)
    temperature = _temperature(job, x, rows)
    directions = measure_directions(x, rows.final)
    weight, bias = _means(directions, x, rows.final, targets, len(job.task.classes))
    weight = weight / temperature

    state = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32), **directions.state()}
    return Adapted(
        parts=predict_parts(job, lambda positions: as_predicted(
            job.task.kind, _outputs(directions, weight, bias, x, positions))),
        chosen={"temperature": temperature}, state=state,
    )  # fmt: skip


def _temperature(job: AdaptJob, x: NDArray[np.float32], rows: Rows) -> float:
    if not rows.valid.size:
        return 0.1
    directions = measure_directions(x, rows.fit)
    weight, bias = _means(directions, x, rows.fit, np.asarray(job.targets), len(job.task.classes))
    outputs = _outputs(directions, weight, bias, x, rows.valid)
    return fit_temperature(outputs, np.asarray(job.targets)[rows.valid], job.task.kind)


def _means(directions: Directions, x: NDArray[np.float32], rows: NDArray[np.int_], targets: NDArray[np.int_],
           width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    total = np.zeros((width, x.shape[1]))
    for part in blocks(len(rows)):
        np.add.at(total, targets[rows[part]], directions.of(x, rows[part]))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    present = np.bincount(targets[rows], minlength=width) > 0
    return total / np.where(length > 0, length, 1.0), np.where(present, 0.0, ABSENT)


def _outputs(directions: Directions, weight: NDArray[np.float64], bias: NDArray[np.float64], x: NDArray[np.float32],
             rows: NDArray[np.int_]) -> NDArray[np.float64]:  # fmt: skip
    outputs = np.empty((len(rows), len(bias)))
    for part in blocks(len(rows)):
        outputs[part] = directions.of(x, rows[part]) @ weight.T + bias
    return outputs


CENTROID = Centroid()
