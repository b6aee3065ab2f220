"""From jobs to blocks of heads and back: which train together, in which threads, who is halved away, what each says."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.adapt.heads.block import Block, Head
from assay.adapt.heads.plan import HeadPlan
from assay.adapt.heads.rows import BatchOrder, HeadRows, to_tensor
from assay.adapt.job import as_predicted, failure, features_of, predict_parts, read_rows, width_of
from assay.adapt.linear import LinearHead, Scale, blocks, full_width, measure_scale
from assay.contracts import Adapted, AdaptJob, Predicted
from assay.errors import UsageError

BLOCK_BYTES = 2_500_000
"""Weights that a block has at most on a CPU: with their momentum they stay in its cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Jobs with the same rows and scaling: all that their heads share."""

    x: NDArray[np.float32]
    scale: Scale
    present: NDArray[np.int_]
    """(c,) classes that the training rows hold; columns of a target otherwise."""
    center: float
    """Of the targets of a regression, as is `spread`."""
    spread: float
    rows: HeadRows


def run_heads(jobs: Sequence[AdaptJob], defaults: Mapping[str, Any]) -> list[Adapted]:
    """One result a job, in order."""
    results: list[Adapted | None] = [None] * len(jobs)
    groups: dict[Any, list[Head]] = {}
    for index, job in enumerate(jobs):
        try:
            plan = HeadPlan.of({**defaults, **job.spec.recipe.params})
            groups.setdefault(_setting_key(job, plan), []).append(Head(job=index, plan=plan, on_epoch=job.on_epoch))
        except Exception as error:  # a failed trial is a row, never a hole
            results[index] = failure(error)
    for heads in groups.values():
        began = time.perf_counter()
        try:
            solved = _solve(heads, jobs)
        except Exception as error:
            solved = {head.job: failure(error) for head in heads}
        seconds = (time.perf_counter() - began) / len(heads)
        for index, adapted in solved.items():
            results[index] = replace(adapted, seconds=seconds)
    return [result for result in results if result is not None]


def _setting_key(job: AdaptJob, plan: HeadPlan) -> tuple[Any, ...]:
    kind = job.task.kind
    if kind in ("multilabel", "regression") and plan.class_weight == "balanced":
        raise UsageError(f"class_weight 'balanced' is for tasks with one class an item; this one is {kind}")
    if kind == "regression" and plan.label_smoothing > 0:
        raise UsageError("label_smoothing is for classes; this task is regression")
    if plan.optimizer == "lbfgs" and (plan.dropout > 0 or plan.mixup > 0):
        raise UsageError("lbfgs takes all rows at once and no noise; dropout and mixup need sgd, adam or adamw")
    parts = tuple(np.asarray(part).tobytes() for part in (job.train, job.valid, job.test))
    needs = plan.needs_validation and not job.valid.size
    return id(job.features), id(job.targets), id(job.dataset), kind, parts, job.spec.draw, plan.scale, needs


def _solve(heads: Sequence[Head], jobs: Sequence[AdaptJob]) -> dict[int, Adapted]:
    """Results of heads with one setting, by job."""
    job = jobs[heads[0].job]
    device = torch.device("cuda" if job.device in ("auto", "cuda") and torch.cuda.is_available() else "cpu")
    setting = _setting(job, heads[0].plan, device)
    workers = torch.get_num_threads() if device.type == "cpu" else 1
    made = list(_blocks(heads, jobs, setting.rows, workers))
    marks = sorted({mark for head in heads for mark in head.plan.rungs})
    with _Pool(workers) as pool:
        for until in [*marks, max(head.plan.epochs for head in heads)]:
            pool.each(lambda block, until=until: block.run(until), made)
            if until in marks:
                _halve(made, until)
        pieces = [heads[i : i + 16] for i in range(0, len(heads), 16)]
        found = pool.each(lambda piece: list(_results(piece, jobs, setting)), pieces)
    used = {"device": device.type}
    return {head.job: replace(adapted, chosen={**adapted.chosen, **used}) for piece in found for head, adapted in piece}


def _setting(job: AdaptJob, plan: HeadPlan, device: torch.device) -> Setting:
    x, rows, kind = features_of(job), read_rows(job), job.task.kind
    own = job.valid.size or plan.needs_validation
    fit, valid = (rows.fit, rows.valid) if own else (rows.final, rows.valid[:0])
    scale = measure_scale(x, fit, plan.scale)  # type: ignore[arg-type]
    targets = np.asarray(job.targets)
    present = np.unique(targets[fit]) if kind in ("binary", "multiclass") else np.arange(width_of(job.task))
    center, spread = 0.0, 1.0
    if kind == "regression":
        center, spread = float(targets[fit].mean()), float(targets[fit].std()) or 1.0

    def wanted(part: NDArray[np.int_]) -> torch.Tensor:
        values = targets[part]
        if kind == "regression":
            columns = ((values - center) / spread)[None, :]
        else:
            columns = values.T if kind == "multilabel" else present[:, None] == values
        return torch.from_numpy(np.ascontiguousarray(columns, np.float32)).to(device)

    return Setting(
        x=x, scale=scale, present=present, center=center, spread=spread,
        rows=HeadRows(
            kind=kind, x=to_tensor(x, fit, scale, device), target=wanted(fit), d=x.shape[1],
            valid_x=to_tensor(x, valid, scale, device) if valid.size else None,
            valid_target=wanted(valid) if valid.size else None,
        ),
    )  # fmt: skip


def _blocks(heads: Sequence[Head], jobs: Sequence[AdaptJob], rows: HeadRows, workers: int) -> Iterator[Block]:
    """Heads in lockstep, cut so that weights stay in the cache and every thread has a part."""
    orders: dict[Any, list[Head]] = {}
    for head in heads:
        plan, spec = head.plan, jobs[head.job].spec
        size = len(rows.x) if plan.optimizer == "lbfgs" else min(plan.batch_size, len(rows.x))
        order = BatchOrder(
            seed=spec.seed, draw=spec.draw, n=len(rows.x), batch_size=size, dropout=plan.dropout, mixup=plan.mixup
        )
        orders.setdefault((order, plan.family, plan.dtype, plan.class_weight), []).append(head)
    wide = rows.double() if any(dtype == "float64" for _, _, dtype, _ in orders) else rows
    for (order, _, dtype, class_weight), members in orders.items():
        single = rows.classes * rows.x.shape[1] * (8 if dtype == "float64" else 4)
        room = len(members) if rows.x.is_cuda else max(1, BLOCK_BYTES // single)
        pieces = -(-len(members) // room)
        if len(members) >= 4 * workers:
            pieces = -(-pieces // workers) * workers
        for part in np.array_split(np.arange(len(members)), pieces):
            mine = [members[i] for i in part]
            yield Block(mine, wide if dtype == "float64" else rows, order, class_weight == "balanced")


def _halve(made: Sequence[Block], epoch: int) -> None:
    """Of the heads that compete, those of one seed and draw, the best 1/η stay."""
    brackets: dict[Any, list[tuple[Block, Head]]] = {}
    for block in made:
        for head in block.alive:
            if epoch in head.plan.rungs:
                key = block.order.seed, block.order.draw, head.plan.halving, head.plan.epochs
                brackets.setdefault(key, []).append((block, head))
    for key, members in brackets.items():
        members.sort(key=lambda member: (-member[1].history[-1]["valid_score"], member[1].job))
        for block, head in members[math.ceil(len(members) / key[2]) :]:
            block.drop([head], "halving")


def _results(heads: Sequence[Head], jobs: Sequence[AdaptJob], setting: Setting) -> Iterator[tuple[Head, Adapted]]:
    """What some heads say of their rows: one product a block of rows for all of them."""
    good = [head for head in heads if head.error is None and head.weight is not None]
    yield from ((head, Adapted(error=head.error, history=head.history)) for head in heads if head not in good)
    if not good:
        return
    weights = [head.weight.double().cpu().numpy() for head in good if head.weight is not None]
    job, columns = jobs[good[0].job], len(setting.present)
    listed = np.unique(np.concatenate([np.asarray(part, np.int64) for part in (job.train, job.valid, job.test)]))
    said = _outputs(np.concatenate(weights), listed, setting, precise=any(h.plan.dtype == "float64" for h in good))
    for i, (head, weight) in enumerate(zip(good, weights, strict=True)):
        outputs = said[:, i * columns : (i + 1) * columns]
        try:
            yield head, _result(head, jobs[head.job], weight, outputs, listed, setting)
        except Exception as error:  # a failed trial is a row, never a hole
            yield head, failure(error)


def _result(head: Head, job: AdaptJob, weight: NDArray[np.float64], outputs: NDArray[np.float64],
            listed: NDArray[np.int_], setting: Setting) -> Adapted:  # fmt: skip
    """One head's predictions, from its (len(listed), c) outputs in the training's units, and its state."""
    linear = LinearHead.unscaled(weight[:, :-1] * setting.spread, weight[:, -1] * setting.spread + setting.center,
                                 setting.scale)  # fmt: skip
    wide = full_width(linear, setting.present, width_of(job.task))
    full = np.full((len(outputs), width_of(job.task)), wide.bias)
    full[:, setting.present] = outputs * setting.spread + setting.center
    return Adapted(
        parts=predict_parts(job, partial(_predicted, job, listed, full)),
        chosen={"epochs_run": len(head.history), "stopped": head.stopped, "precision": head.plan.dtype},
        history=head.history, state=wide.state(),
    )  # fmt: skip


def _outputs(weight: NDArray[np.float64], rows: NDArray[np.int_], setting: Setting, *, precise: bool
             ) -> NDArray[np.float64]:  # fmt: skip
    """(len(rows), k) outputs of stacked heads (k, d + 1), rows read once."""
    kind = np.float64 if precise else np.float32
    slope, intercept = weight[:, :-1].T.astype(kind), weight[:, -1]
    said = np.empty((len(rows), len(weight)))
    for part in blocks(len(rows)):
        said[part] = setting.scale.single(setting.x[rows[part]]).astype(kind, copy=False) @ slope + intercept
    return said


def _predicted(job: AdaptJob, listed: NDArray[np.int_], outputs: NDArray[np.float64], rows: NDArray[np.int_]
               ) -> Predicted:  # fmt: skip
    """Predictions for `rows` from outputs for the rows `listed`, sorted."""
    return as_predicted(job.task.kind, outputs[np.searchsorted(listed, rows)])


class _Pool:
    """Threads with one core each, so that a product is computed in the same way however many there are."""

    def __init__(self, workers: int) -> None:
        self.workers, self.threads = workers, torch.get_num_threads()

    def __enter__(self) -> _Pool:
        self.pool = ThreadPoolExecutor(self.workers, initializer=torch.set_num_threads, initargs=(1,))
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()
        torch.set_num_threads(self.threads)

    def each(self, act: Any, items: Sequence[Any]) -> list[Any]:
        """`act` of every item, in order."""
        return list(self.pool.map(act, items))
