"""The finals of a race: short fine-tuning of those who are left, by successive halving.

Each rung trains longer than the one before, head first and then the whole network, and the better half goes on. A
third of the rows is set aside before the first rung; a model is judged on rows that its training did not see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.selection.candidates import Candidate, Run
from assay.assess.selection.nesting import folds_of
from assay.contracts import AdaptJob
from assay.errors import AssayError
from assay.metrics import METRICS
from assay.outcome import Cost, Predictions
from assay.run.contenders import Contender
from assay.run.sample import Sample
from assay.spec import DataSlice, TrialSpec

RUNGS: tuple[dict[str, int], ...] = ({"head_epochs": 1, "epochs": 1}, {"head_epochs": 2, "epochs": 3})
"""Epochs of the head alone and of the whole network, rung by rung."""
HELD_OUT = 3
"""One row in so many is set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """What one rung showed of one model."""

    candidate: Candidate
    rung: int
    score: float
    """Higher is better, whatever the metric's direction."""


def hold_finals(
    contenders: Sequence[Contender], sample: Sample, rows: int, *, metric: str, pays: Callable[[], bool], seed: int = 0,
    device: str = "auto", rungs: Sequence[dict[str, int]] = RUNGS,
) -> list[Final]:  # fmt: skip
    """Fine-tune by successive halving; the results of the last rung that each model reached.

    Args:
        contenders: Those who are left, with their model loaded.
        sample: The rows.
        rows: How many of them.
        metric: A name in `METRICS`.
        pays: Whether the budget allows one more training.
        seed: Seeds the training.
        device: `auto`, `cpu` or `cuda`.
        rungs: Parameters of the recipe `finetune`, rung by rung.
    """
    learn, judge = split(sample, rows)
    left = [c for c in contenders if c.model is not None and c.model.network is not None]
    reached: dict[str, Final] = {}
    for number, rung in enumerate(rungs):
        held: list[Final] = []
        for contender in left:
            if not pays():
                return list(reached.values())
            final = _tune(contender, sample, learn, judge, number, rung, metric, seed, device)
            if final is not None:
                held.append(final)
                reached[contender.name] = final
        held.sort(key=lambda final: -final.score)
        keep = {final.candidate.model for final in held[: max(1, (len(held) + 1) // 2)]}
        left = [c for c in left if c.name in keep]
    return list(reached.values())


def split(sample: Sample, rows: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Rows to learn from and rows to judge on, classes in proportion."""
    at = sample.order[:rows]
    held = folds_of(np.asarray(sample.dataset.targets)[at], HELD_OUT) == 0
    return np.sort(at[~held]), np.sort(at[held])


def _tune(contender: Contender, sample: Sample, learn: NDArray[np.int_], judge: NDArray[np.int_], number: int,
          rung: dict[str, int], metric: str, seed: int, device: str) -> Final | None:  # fmt: skip
    from assay.adapt.parameters import resolve
    from assay.builtin import ADAPTERS

    data, start = sample.dataset, time.perf_counter()
    part = DataSlice(data=data.ref, split="train")
    spec = TrialSpec(model=contender.ref, train=part, test=part, recipe=resolve("finetune", rung), draw=0, seed=seed)
    job = AdaptJob(
        spec=spec, task=data.task, targets=data.targets, train=learn, valid=np.array([], dtype=np.int_), test=judge,
        model=contender.model, dataset=data, device=device,
    )  # fmt: skip
    result = ADAPTERS["finetune"].run([job])[0]
    seconds = time.perf_counter() - start
    contender.score_seconds += seconds
    if result.error is not None:
        contender.notes.append(f"fine-tuning failed: {result.error}")
        return None
    said = result.parts["test"]
    predictions = Predictions(ids=data.ids[judge], target=_targets(sample, judge), label=said.label, score=said.score)
    try:
        value = METRICS[metric](predictions.target, predictions.label, predictions.score)
    except AssayError as error:
        contender.notes.append(f"fine-tuning could not be scored: {error}")
        return None
    candidate = Candidate(
        model=contender.name, recipe=f"fine-tuned, rung {number + 1}", regime="finetuned", cost=Cost(seconds=seconds),
        runs=[Run(predictions=predictions, seed=seed)],
    )  # fmt: skip
    return Final(candidate=candidate, rung=number + 1, score=value if METRICS[metric].higher_is_better else -value)


def _targets(sample: Sample, at: NDArray[np.int_]) -> NDArray[Any]:
    targets = np.asarray(sample.dataset.targets)[at]
    return targets if sample.dataset.task.is_classification else targets.astype(np.float64)
