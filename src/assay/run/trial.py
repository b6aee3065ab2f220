"""From what an adapter gave to the row that a trial leaves."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from assay.contracts import Adapted, AdaptJob, Predicted
from assay.dataset import Dataset
from assay.errors import AssayError, NonFiniteError, PrunedError
from assay.metrics import METRICS
from assay.outcome import Cost, Outcome, Predictions


def outcome_of(job: AdaptJob, adapted: Adapted, *, dataset: Dataset, metrics: Sequence[str],
               provenance: Mapping[str, Any]) -> Outcome:  # fmt: skip
    """The outcome of one job: scores of every part, predictions for every item, cost; or its error as a row."""
    key = job.spec.key
    if adapted.error is not None:
        row = failed(key, adapted.error, provenance=provenance)
        return replace(row, history=[dict(epoch) for epoch in adapted.history], cost=_cost(job, adapted))
    rows = {"train": job.train, "valid": job.valid, "test": job.test}
    parts = {name: part for name, part in adapted.parts.items() if len(rows[name])}
    broken = next((name for name, part in parts.items() if not _finite(part)), None)
    if broken is not None:
        error = NonFiniteError(f"predictions for the {broken} rows hold NaN or infinity")
        return failed(key, error, provenance=provenance)
    predictions = {
        name: Predictions(
            ids=dataset.ids[rows[name]], target=job.targets[rows[name]], label=part.label, score=part.score,
            times=None if dataset.times is None else dataset.times[rows[name]],
        )
        for name, part in parts.items()
    }  # fmt: skip
    return Outcome(
        key=key, status="ok", scores={name: scores_of(part, metrics) for name, part in predictions.items()},
        history=[dict(epoch) for epoch in adapted.history], predictions=predictions,
        cost=_cost(job, adapted),
        provenance={
            **provenance, "chosen": dict(adapted.chosen),
            "rows": {name: len(positions) for name, positions in rows.items()},
        },
    )  # fmt: skip


def failed(key: str, error: BaseException, *, provenance: Mapping[str, Any]) -> Outcome:
    """The row of a trial that failed; an error that is not ours keeps its type, so that it can be looked up."""
    text = str(error) if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
    named = {"error_type": type(error).__name__, "reason": getattr(error, "reason", "error")}
    status = "skipped" if isinstance(error, PrunedError) else "failed"
    return Outcome(key=key, status=status, error=text, provenance={**provenance, **named})


def _cost(job: AdaptJob, adapted: Adapted) -> Cost:
    return Cost(
        seconds=adapted.seconds, peak_bytes=adapted.peak_bytes, joules=adapted.joules,
        device=str(adapted.chosen.get("device", job.device)),
    )  # fmt: skip


def scores_of(predictions: Predictions, metrics: Sequence[str]) -> dict[str, float]:
    """Metric → value; a metric that is undefined for these rows is left out."""
    found: dict[str, float] = {}
    for name in metrics:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = METRICS[name](predictions.target, predictions.labels(), predictions.score)
        except (AssayError, ValueError):
            continue
        if math.isfinite(value):
            found[name] = float(value)
    return found


def _finite(part: Predicted) -> bool:
    numbers = [part.label, *([part.score] if part.score is not None else [])]
    return all(np.isfinite(values).all() for values in numbers)
