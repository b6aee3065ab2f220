"""Compression as a recipe: a smaller form of the network, a head on its features, the score kept and the cost saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.adapt.choice import score_of
from assay.adapt.job import predict_parts, read_rows
from assay.adapt.network.distil import distilled
from assay.adapt.network.smaller import WAYS, Run, seconds_an_item
from assay.adapt.one_by_one import OneByOne
from assay.adapt.parameters import Parameter, resolve
from assay.adapt.probe import PROBE
from assay.contracts import Adapted, AdaptJob, Batch, Predicted
from assay.errors import UsageError
from assay.rng import seed_of

CALIBRATION_ROWS = 128
"""Training rows that set the ranges of quantised activations."""


class Compress(OneByOne):
    """A smaller network with a probe on its features; says what of the whole network's score it keeps, for what cost.

    `int8` quantises weights and activations, `half` computes in bfloat16, `depth` leaves the last blocks out, `prune`
    sets the smallest weights to zero, `thin` takes channels out. With `distil` the head learns what the head on the
    whole network says of the training rows, besides their labels.

    Both heads are judged on the validation rows, on which both chose their penalty.

    References:
        Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network, section 2 (`distil`).
    """

    method = "compress"
    parameters: Mapping[str, Parameter] = {
        "way": Parameter(kind="choice", default="int8", choices=tuple(WAYS), about="How the network is made smaller."),
        "amount": Parameter(default=0.3, low=0.0, high=0.95, about="Share that depth, prune and thin take out."),
        "distil": Parameter(kind="flag", default=False, about="Whether the head learns from the whole network's too."),
        "temperature": Parameter(default=2.0, low=1.0, high=100.0, about="Softens what the head is taught."),
        "batch_size": Parameter(kind="integer", default=32, low=2, about="Items a batch."),
    }  # fmt: skip
    needs = "network"

    def fit(self, job: AdaptJob) -> Adapted:
        """The result of one job."""
        return _fit(job, self.filled(job))


def _fit(job: AdaptJob, params: Mapping[str, Any]) -> Adapted:
    if job.model is None or job.dataset is None or job.model.network is None:
        raise UsageError(f"recipe 'compress' makes a torch network smaller, and {job.spec.model.uri} brings none")
    if params["distil"] and job.task.kind not in ("binary", "multiclass"):
        raise UsageError(f"recipe 'compress' distils heads of one class an item; this task is {job.task.kind}")
    rows, model, dataset = read_rows(job), job.model, job.dataset
    inner = rows if len(rows.valid) else replace(rows, valid=rows.fit)

    def batch(positions: NDArray[np.int_]) -> Batch:
        return model.collate(dataset.load(positions))

    size = int(params["batch_size"])
    order = np.random.default_rng(seed_of(job.spec.draw, "calibration rows")).permutation(rows.fit)[:CALIBRATION_ROWS]
    calibration = [batch(order[at : at + size]) for at in range(0, len(order), size)]
    made = WAYS[params["way"]](model, calibration, float(params["amount"]))
    seen = np.unique(np.concatenate([rows.fit, rows.valid, job.train]))
    full = _features(made.whole, batch, seen, len(job.targets), size)
    small = _features(made.run, batch, np.unique(np.concatenate([seen, job.test])), len(job.targets), size)
    teacher = _probe(job, full, inner.fit, inner.valid, inner.valid)
    kept = _probe(job, small, inner.fit, inner.valid, inner.valid)
    result = _probe(job, small, job.train, job.valid, job.test)
    if params["distil"]:
        taught = _probe(job, full, inner.fit, inner.valid, inner.fit).parts["test"].score
        assert taught is not None
        head = distilled(small[inner.fit], np.asarray(job.targets)[inner.fit], taught, float(params["temperature"]))
        kept = replace(kept, parts={"test": head.predict(small[inner.valid])})
        result = replace(result, state=head.state(), parts=predict_parts(job, lambda at: head.predict(small[at])))
    chosen = {
        **result.chosen, "compression": made.about,
        "valid_score": _score(job, kept.parts["test"], inner.valid),
        "whole_valid_score": _score(job, teacher.parts["test"], inner.valid),
        "seconds_an_item": seconds_an_item(made.run, calibration[0]),
        "whole_seconds_an_item": seconds_an_item(made.whole, calibration[0]),
        "bytes": made.bytes, "whole_bytes": made.whole_bytes,
    }  # fmt: skip
    state = dict(result.state) if made.network is not None else {}
    if made.network is not None:
        state |= {name: value.cpu().numpy() for name, value in made.network.state_dict().items()}
    return replace(result, chosen=chosen, state=state)


def _features(run: Run, batch: Any, rows: NDArray[np.int_], n: int, size: int) -> NDArray[np.float32]:
    """(n, d) features with the rows that are needed filled in."""
    found = np.concatenate([run(batch(rows[at : at + size])) for at in range(0, len(rows), size)])
    whole = np.zeros((n, found.shape[1]), dtype=np.float32)
    whole[rows] = found
    return whole


def _probe(
    job: AdaptJob, x: NDArray[np.float32], train: NDArray[np.int_], valid: NDArray[np.int_], test: NDArray[np.int_]
) -> Adapted:
    spec = replace(job.spec, recipe=resolve("probe"))
    (result,) = PROBE.run([replace(job, spec=spec, features=x, train=train, valid=valid, test=test)])
    if result.error is not None:
        raise result.error
    return result


def _score(job: AdaptJob, predicted: Predicted, rows: NDArray[np.int_]) -> float:
    return score_of(predicted, np.asarray(job.targets)[rows], job.task.kind)


COMPRESS = Compress()
