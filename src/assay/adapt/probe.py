"""Probe: logistic regression on frozen features, with its strength chosen on validation rows.

Jobs that learn from the same rows share one path of penalties; all jobs share one factorisation of the features
(`assay.adapt.rotation`), which every penalty, seed and resample of the rows is preconditioned by
(`assay.adapt.logistic`). Groups of jobs run in as many threads as BLAS would use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.adapt.choice import best_setting
from assay.adapt.job import (
    Rows,
    as_predicted,
    failure,
    features_of,
    predict_parts,
    read_rows,
    width_of,
)
from assay.adapt.linear import LinearHead, Scale, Scaling, full_width, measure_scale, outputs_of
from assay.adapt.logistic import Problem
from assay.adapt.parameters import Parameter, defaults_of
from assay.adapt.path import TOLERANCE, Path, Solution
from assay.adapt.ridge import Factor, fit_ridge
from assay.adapt.rotation import Basis, own_basis, rotate, shared_basis
from assay.contracts import Adapted, AdaptJob
from assay.errors import UsageError

STRENGTHS = tuple(float(10.0 ** (k / 2)) for k in range(-8, 4))
"""Twelve values of C, half a decade apart, for features of mean variance one: from 0.0001 to 32."""

WORKING_BYTES = 400_000_000
"""Memory that rotated features of groups in flight may take together."""


class Probe:
    """Multinomial logistic regression on frozen features; the standard measure of what features hold.

    Minimises C·Σᵢ lossᵢ + ½‖W‖², scikit-learn's objective; the intercept is not penalised. All features are divided
    by one number, which gives them a mean variance of one over the training rows, so that a value of C means the same
    for every model; unlike a deviation for each feature, it can be had from a few rows. Multilabel tasks are one
    sigmoid a label, regression is ridge with α = 1/C. The head learns from the training rows; where a job brings no
    validation rows, a fifth of the training rows chooses C and the head is then refitted on all of them.
    """

    method = "probe"
    parameters: Mapping[str, Parameter] = {
        "C": Parameter(kind="numbers", default=STRENGTHS, above=0.0,
                       about="Inverse strength of the penalty, as scikit-learn has it; of several, the best on the "
                             "validation rows."),
        "scale": Parameter(kind="choice", default="global", choices=("global", "standard", "none"),
                           about="Whether features are divided by one number, each by its own deviation, or not."),
        "class_weight": Parameter(kind="choice", default="none", choices=("none", "balanced"),
                                  about="`balanced` weighs rows so that all classes count the same."),
        "tolerance": Parameter(default=TOLERANCE, above=0.0, high=0.1,
                               about="Relative change of the outputs at which the solver stops."),
    }  # fmt: skip
    defaults: Mapping[str, Any] = defaults_of(parameters)
    needs: Literal["features", "network", "targets"] = "features"

    def run(self, jobs: Sequence[AdaptJob]) -> list[Adapted]:
        """One result a job, in order; each is what the job would get alone."""
        results: list[Adapted | None] = [None] * len(jobs)
        bases = Bases()
        groups: dict[Any, Group] = {}
        for index, job in enumerate(jobs):
            try:
                group = Group.of(job, {**self.defaults, **job.spec.recipe.params}, bases)
            except Exception as error:  # a failed trial is a row, never a hole
                results[index] = failure(error)
                continue
            groups.setdefault(group.key, group).members.append(index)
        for group, solved in zip(groups.values(), _in_threads(list(groups.values()), jobs), strict=True):
            for index, adapted in zip(group.members, solved, strict=True):
                results[index] = adapted
        return [result for result in results if result is not None]


class Bases:
    """The basis that jobs share, made when the first one needs it: one for each array of features and scaling."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], Basis] = {}

    def of(self, x: NDArray[np.float32], scaling: Any) -> Basis:
        """The basis of the features `x`."""
        key = (id(x), scaling)
        if key not in self._kept:
            self._kept[key] = shared_basis(x, _centred(scaling))
        return self._kept[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Jobs that learn from the same rows with the same settings."""

    key: tuple[Any, ...]
    x: NDArray[np.float32]
    rows: Rows
    params: Mapping[str, Any]
    basis: Basis | None
    """The shared basis; None where the rows are few and have their own."""
    members: list[int]

    @classmethod
    def of(cls, job: AdaptJob, params: Mapping[str, Any], bases: Bases) -> Group:
        """The group that `job` belongs to; raises what `read_rows` and `features_of` raise."""
        x, rows = features_of(job), read_rows(job)
        if job.task.kind == "multilabel" and params["class_weight"] == "balanced":
            raise UsageError("class_weight 'balanced' is for tasks with one class an item; this one is multilabel")
        many = len(rows.fit) > x.shape[1] and job.task.kind != "regression"
        settings = (params["scale"], params["class_weight"], params["tolerance"])
        key = (id(x), id(job.targets), job.task.kind, rows.fit.tobytes(), rows.final.tobytes(), settings)
        basis = bases.of(x, params["scale"]) if many else None
        return cls(key=key, x=x, rows=rows, params=params, basis=basis, members=[])


def _in_threads(groups: Sequence[Group], jobs: Sequence[AdaptJob]) -> list[list[Adapted]]:
    """Solves the groups, several at once where memory allows, each then with one thread for its products."""
    from threadpoolctl import threadpool_info, threadpool_limits

    pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    largest = max((4 * len(group.rows.final) * group.x.shape[1] for group in groups), default=1)
    workers = min(max(pools, default=1), len(groups), max(1, WORKING_BYTES // largest))
    if workers <= 1:
        return [_solve(group, jobs) for group in groups]
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda group: _solve(group, jobs), groups))


def _solve(group: Group, jobs: Sequence[AdaptJob]) -> list[Adapted]:
    """Results of a group's jobs, in order; its time is shared among them."""
    start = time.perf_counter()
    solver: Callable[[AdaptJob], Adapted]
    if jobs[group.members[0]].task.kind == "regression":
        factors: dict[tuple[bytes, str], Factor] = {}
        solver = lambda job: fit_ridge(job, _as_ridge(job), factors)  # noqa: E731
    else:
        paths: dict[bytes, _Fitted] = {}
        solver = lambda job: _fit(job, group, paths)  # noqa: E731
    solved: list[Adapted] = []
    for index in group.members:
        try:
            solved.append(solver(jobs[index]))
        except Exception as error:  # a failed trial is a row, never a hole
            solved.append(failure(error))
    seconds = (time.perf_counter() - start) / len(solved)
    return [replace(adapted, seconds=seconds) for adapted in solved]


def _as_ridge(job: AdaptJob) -> dict[str, Any]:
    params = {**Probe.defaults, **job.spec.recipe.params}
    return {"alpha": [1.0 / c for c in params["C"]], "choose": "valid", "scale": _centred(params["scale"])}


def _fit(job: AdaptJob, group: Group, paths: dict[bytes, _Fitted]) -> Adapted:
    grid = sorted(float(c) for c in {**Probe.defaults, **job.spec.recipe.params}["C"])
    rows, kind = group.rows, job.task.kind
    valid = np.sort(job.valid) if job.valid.size else rows.valid
    c, scores = grid[len(grid) // 2], None
    if len(grid) > 1 and valid.size:
        fitted = _fitted(job, group, rows.fit, paths)
        fitted.path.solve(grid)
        outputs = outputs_of([fitted.head(value) for value in grid], group.x, valid)
        candidates = (as_predicted(kind, each) for each in outputs)
        index, scores = best_setting(candidates, np.asarray(job.targets)[valid], kind)
        c = grid[index]
    fitted = _fitted(job, group, rows.final, paths)
    head, solution = fitted.head(c), fitted.solution(c)
    return Adapted(
        parts=predict_parts(job, lambda positions: as_predicted(kind, head.outputs(group.x, positions))),
        chosen={"C": c, "grid": grid, "valid_scores": scores, "at_edge": len(grid) > 1 and c in (grid[0], grid[-1]),
                "distance": solution.distance, "evaluations": fitted.path.evaluations},
        state=head.state(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """The path of some training rows, and the way from its coefficients to a head."""

    path: Path
    basis: NDArray[Any]
    scale: Scale
    present: NDArray[np.int_]
    width: int
    kind: str

    def solution(self, c: float) -> Solution:
        return self.path.solve([c])[0]

    def head(self, c: float) -> LinearHead:
        """The head at C = `c`, on unscaled features and over all classes."""
        at = self.solution(c).at
        weight, bias = (self.basis @ at[:-1]).T, at[-1]
        if self.kind != "multilabel" and len(self.present) == 2:  # one sigmoid column, as softmax over two
            weight, bias = np.vstack([np.zeros_like(weight), weight]), np.append(0.0, bias)
        return full_width(LinearHead.unscaled(weight, bias, self.scale), self.present, self.width)


def _fitted(job: AdaptJob, group: Group, rows: NDArray[np.int_], paths: dict[bytes, _Fitted]) -> _Fitted:
    key = rows.tobytes()
    if key in paths:
        return paths[key]
    scale = measure_scale(group.x, rows, _centred(group.params["scale"]))
    if group.basis is None:
        rotated = own_basis(group.x, rows, scale)
    else:
        rotated = rotate(group.x, rows, scale, group.basis)
    targets, width = np.asarray(job.targets)[rows], width_of(job.task)
    several = job.task.kind == "multilabel"
    present, codes = (np.arange(width), targets) if several else np.unique(targets, return_inverse=True)
    sigmoid = several or len(present) == 2
    problem = Problem(
        z=np.ascontiguousarray(rotated.z, np.float32), energy=rotated.energy, loss="sigmoid" if sigmoid else "softmax",
        target=codes[:, None] if sigmoid and not several else codes,
        columns=len(present) if several or not sigmoid else 1,
        weight=_row_weights(codes, several, group.params["class_weight"]),
    )  # fmt: skip
    basis = rotated.basis.astype(np.float64)
    paths[key] = _Fitted(path=Path(problem=problem, tolerance=group.params["tolerance"]), basis=basis,
                         scale=scale, present=present, width=width, kind=job.task.kind)  # fmt: skip
    return paths[key]


def _centred(scaling: Any) -> Scaling:
    """Features are centred in any case: the free intercept takes it up, and the solver gains."""
    return "center" if scaling == "none" else scaling


def _row_weights(codes: NDArray[np.int_], several: bool, class_weight: str) -> NDArray[np.float32] | None:
    if class_weight == "none" or several:
        return None
    counts = np.bincount(codes)
    return (len(codes) / (len(counts) * counts))[codes].astype(np.float32)


PROBE = Probe()
