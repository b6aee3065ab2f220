"""Logistic regression along a path of penalties, on features in a good basis.

Minimises  Σᵢ vᵢ·loss(zᵢW + b, yᵢ) + λ/2·‖W‖²  with λ = 1/C, scikit-learn's objective: softmax loss over K classes, or
one sigmoid loss a column (binary and multilabel, every column a problem of its own). The intercept is not penalised.

How it gets there:
- Solutions are followed from strong to weak penalties over fixed anchors, half a decade apart. The next solution is
  extrapolated from the last three as a polynomial in log C, which leaves 5 to 20 corrections where a start from zero
  takes 100 to 200. The anchors do not depend on what is asked for, so that a penalty's result is the same alone and in
  a grid; a penalty between anchors is corrected from the interpolation through its neighbours.
- A correction is L-BFGS, preconditioned by the diagonal of the Hessian at the start of each step.
- It ends when a Newton step by that diagonal would change the outputs zW + b by less than `tolerance`, relative to
  their size, and ‖gradient‖ ≤ 50·tolerance·λ‖W‖. The objective is λ-strongly convex in W, so that the second quantity,
  kept as `distance`, bounds ‖W − W*‖/‖W‖; most often the solution is far nearer.

Arithmetic is float32 where it is large (products with z) and float64 where it is small. The residual of the true class
is taken as minus the sum of the others, which keeps its relative precision where the fit is nearly perfect.

References: Nocedal & Wright (2006), Numerical Optimization, algorithm 7.4; Allgower & Georg (1990), Numerical
Continuation Methods, chapter 2 (prediction and correction).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Loss = Literal["softmax", "sigmoid"]
Array = NDArray[np.float64]

ANCHOR_STEP = 0.5
"""Decades between anchors."""
MEMORY = 10
"""Pairs that L-BFGS keeps."""
NOISE = 2e-7
"""Relative change of the objective that float32 cannot tell from none."""
SMALL_PRODUCT, MIN_PIECE = 700_000, 16
BLOCK_BYTES = 1 << 22
"""Size of a block of rows: read once from memory, used for both products."""
TOLERANCE = 0.005
"""Relative change of the outputs that a further step may still make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The data of one fit."""

    z: NDArray[np.float32]
    """(n, r) rotated features."""
    energy: Array
    """(r,) sums of squares of the columns of z."""
    target: NDArray[Any]
    """(n,) class positions for softmax, (n, K) 0/1 columns for sigmoid."""
    columns: int
    """K."""
    weight: NDArray[np.float32] | None
    """(n,) row weights; None for one each."""
    loss: Loss

    @property
    def groups(self) -> int:
        """Independent problems: 1 for softmax, K for sigmoid."""
        return 1 if self.loss == "softmax" else self.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The coefficients at one penalty."""

    penalty: float
    """C, the inverse of λ."""
    at: Array
    """(r + 1, K) coefficients, the intercept last."""
    distance: float
    """Bound on ‖W − W*‖/‖W‖, the largest over the columns' problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The objective at some coefficients; (g,) stands for one number an independent problem."""

    at: Array
    """(r + 1, K) coefficients, the intercept last."""
    value: Array
    """(g,)."""
    gradient: Array
    """(r + 1, K)."""
    curvature: Array | None = None
    """(r + 1, K) diagonal of the Hessian, where asked for."""


@dataclass(slots=True)
class Path:
    """Solutions at the anchors, extended as far as penalties are asked for."""

    problem: Problem
    tolerance: float = TOLERANCE
    most_evaluations: int = 400
    """Evaluations allowed for one penalty."""
    evaluations: int = 0
    """Evaluations of the gradient so far."""
    _anchors: dict[int, Solution] = field(default_factory=dict[int, Solution])
    _solved: dict[float, Solution] = field(default_factory=dict[float, Solution])
    _start: int | None = None

    def solve(self, penalties: Sequence[float]) -> list[Solution]:
        """One solution a penalty (C), in order; each is what it would be if it were asked for alone."""
        for c in penalties:
            if c not in self._solved:
                self._solved[c] = self._solve_one(float(c))
        return [self._solved[c] for c in penalties]

    def _solve_one(self, c: float) -> Solution:
        place = float(np.log10(c)) / ANCHOR_STEP
        nearest = round(place)
        if abs(place - nearest) < 1e-9:
            return self._anchor(nearest)
        above = int(np.ceil(place))
        known = [k for k in range(above - 3, above + 1) if k >= self._easy()] if above > self._easy() else []
        return self._correct(self._predict(known, place), c)

    def _anchor(self, index: int) -> Solution:
        if index not in self._anchors:
            known = [k for k in range(index - 3, index) if k >= self._easy()]
            self._anchors[index] = self._correct(self._predict(known, index), 10.0 ** (ANCHOR_STEP * index))
        return self._anchors[index]

    def _predict(self, known: Sequence[int], place: float) -> Array:
        """The polynomial in log C through the solutions at `known` anchors, at `place`; zero where none is known."""
        if not known:
            return np.zeros((self.problem.z.shape[1] + 1, self.problem.columns))
        for index in range(self._easy(), known[0]):  # in this order, so that no recursion is deep
            self._anchor(index)
        values = [self._anchor(k).at for k in known]
        shares = [np.prod([(place - j) / (k - j) for j in known if j != k]) for k in known]
        return sum((share * value for share, value in zip(shares, values, strict=True)), np.zeros_like(values[0]))

    def _easy(self) -> int:
        """The anchor that the path starts from: there the penalty outweighs the data, and zero is a good start."""
        if self._start is None:
            z = self.problem.z
            curvature = float(np.einsum("ij,ij->", z, z, dtype=np.float64)) / (4 * max(z.shape[1], 1))
            self._start = int(np.floor(np.log10(0.03 / max(curvature, 1e-30)) / ANCHOR_STEP))
        return self._start

    def _correct(self, start: Array, c: float) -> Solution:
        point, used = minimise(self.problem, start, 1.0 / c, self.tolerance, self.most_evaluations)
        self.evaluations += used
        distance = float(_distance(self.problem, point, 1.0 / c).max())
        return Solution(penalty=c, at=point.at, distance=distance)


def evaluate(problem: Problem, at: Array, lam: float, *, curvature: bool = False) -> Point:
    """The objective and its gradient at `at` (r + 1, K), in one pass over the rows."""
    coefficients = at.astype(np.float32)
    gradient, diagonal = np.zeros_like(at), np.zeros_like(at)
    value = np.zeros(problem.groups)
    for z, target, weight in _row_blocks(problem):
        loss, residual, spread = _losses(problem.loss, _forward(z, coefficients[:-1]) + coefficients[-1], target)
        if weight is not None:
            loss, residual, spread = loss * weight, residual * weight, spread * weight
        value += loss.sum(axis=0, dtype=np.float64)
        gradient[:-1] += _backward(z, residual)
        gradient[-1] += residual.sum(axis=0, dtype=np.float64)
        if curvature:
            diagonal[:-1] += (z * z).T @ spread
            diagonal[-1] += spread.sum(axis=0, dtype=np.float64)
    gradient[:-1] += lam * at[:-1]
    diagonal[:-1] += lam
    value += 0.5 * lam * _grouped(problem, at[:-1], at[:-1])
    return Point(at=at, value=value, gradient=gradient, curvature=diagonal if curvature else None)


def minimise(problem: Problem, start: Array, lam: float, tolerance: float, most: int) -> tuple[Point, int]:
    """L-BFGS from `start` with the Hessian's diagonal there as preconditioner.

    Returns:
        The last point and the number of evaluations. It ends at the tolerance, after `most` evaluations, or where five
        steps together no longer lower the objective by more than float32 can tell.
    """
    point, used = evaluate(problem, start, lam, curvature=True), 1
    metric, pairs = _metric(point), Pairs(problem=problem)
    step, values = np.ones(problem.groups), [point.value]
    direction = -point.gradient / metric
    while used < most and not _arrived(problem, point, lam, metric, tolerance):
        trial = evaluate(problem, point.at + step * direction, lam)
        used += 1
        slope = _grouped(problem, point.gradient, direction)
        better = trial.value <= point.value + 1e-4 * step * slope + NOISE * np.abs(point.value)
        pairs.add(trial.at - point.at, trial.gradient - point.gradient, metric, better)
        point = _where(better, trial, point)
        direction = np.where(better, -pairs.newton(point.gradient, metric), direction)
        step = np.where(better, 1.0, step * 0.35)
        values.append(point.value)
        if used in (25, 75, 225):  # far from where it started: measure the curvature anew
            point, used = evaluate(problem, point.at, lam, curvature=True), used + 1
            metric, pairs = _metric(point), Pairs(problem=problem)
            direction, step = -point.gradient / metric, np.ones(problem.groups)
        elif len(values) > 6 and (values[-6] - values[-1] <= NOISE * np.abs(values[-1])).all():
            break
    return point, used


@dataclass(slots=True)
class Pairs:
    """The last steps and changes of the gradient, for all groups at once; a refused step leaves an empty pair."""

    problem: Problem
    _kept: list[tuple[Array, Array, Array]] = field(default_factory=list[tuple[Array, Array, Array]])
    _scale: Array | float = 1.0

    def add(self, step: Array, change: Array, metric: Array, accepted: NDArray[np.bool_]) -> None:
        """Remembers a pair for the groups that accepted it and whose curvature along it is positive."""
        along = _grouped(self.problem, step, change)
        size = _grouped(self.problem, change, change / metric)
        good = accepted & (along > 1e-10 * size) & (size > 0)
        inverse = np.where(good, 1.0 / np.where(good, along, 1.0), 0.0)
        self._scale = np.where(good, along / np.where(good, size, 1.0), self._scale)
        self._kept = [*self._kept[-MEMORY + 1 :], (step, change, inverse)]

    def newton(self, gradient: Array, metric: Array) -> Array:
        """The two-loop recursion: an approximate Newton step from the remembered pairs."""
        shares: list[Array] = []
        for step, change, inverse in reversed(self._kept):
            share = inverse * _grouped(self.problem, step, gradient)
            gradient = gradient - share * change
            shares.append(share)
        result = self._scale * gradient / metric
        for (step, change, inverse), share in zip(self._kept, reversed(shares), strict=True):
            result = result + (share - inverse * _grouped(self.problem, change, result)) * step
        return result


def _losses(
    loss: Loss, outputs: NDArray[np.float32], target: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """(b, K) outputs → losses (b, g), residuals (b, K) and variances p(1 - p) (b, K)."""
    if loss == "sigmoid":
        small = np.exp(-np.abs(outputs))
        value = np.log1p(small) + np.maximum(outputs, 0.0) - outputs * target
        small /= 1.0 + small  # the smaller of p and 1 - p
        upper = outputs > 0
        missing = np.where(upper == (target > 0), small, 1.0 - small)
        return value, np.where(target > 0, -missing, missing), small * (1.0 - small)
    outputs = outputs - outputs.max(axis=1, keepdims=True)
    own = np.einsum("ij,ij->i", outputs, target)
    p = np.exp(outputs)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    others = p * (1.0 - target)
    residual = others - target * others.sum(axis=1, keepdims=True)
    return np.log(total) - own[:, None], residual, p * (1.0 - p)


def _row_blocks(problem: Problem) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], Any]]:
    step = max(64, BLOCK_BYTES // (4 * max(problem.z.shape[1], problem.columns, 1)))
    codes = np.arange(problem.columns)
    for i in range(0, len(problem.z), step):
        part = slice(i, i + step)
        target = problem.target[part]
        if problem.loss == "softmax":
            target = target[:, None] == codes
        yield problem.z[part], target.astype(np.float32), None if problem.weight is None else problem.weight[part, None]


def _forward(z: NDArray[np.float32], w: NDArray[np.float32]) -> NDArray[np.float32]:
    """Product z @ w, for narrow w in pieces small enough for the kernel that OpenBLAS keeps for small products."""
    step = SMALL_PRODUCT // w.size
    if not MIN_PIECE <= step < len(z):
        return z @ w
    out = np.empty((len(z), w.shape[1]), np.float32)
    for i in range(0, len(z), step):
        np.matmul(z[i : i + step], w, out=out[i : i + step])
    return out


def _backward(z: NDArray[np.float32], residual: NDArray[np.float32]) -> NDArray[np.float32]:
    """Product z.T @ residual, likewise."""
    step = SMALL_PRODUCT // (z.shape[1] * residual.shape[1])
    if not MIN_PIECE <= step < len(z):
        return z.T @ residual
    total = z[:step].T @ residual[:step]
    piece = np.empty_like(total)
    for i in range(step, len(z), step):
        np.matmul(z[i : i + step].T, residual[i : i + step], out=piece)
        total += piece
    return total


def _grouped(problem: Problem, a: Array, b: Array) -> Array:
    """(g,) inner products."""
    along = np.einsum("ij,ij->j", a, b)
    return along.sum(keepdims=True) if problem.loss == "softmax" else along


def _distance(problem: Problem, point: Point, lam: float) -> Array:
    """(g,) bounds on ‖W − W*‖/‖W‖."""
    gradient = np.sqrt(_grouped(problem, point.gradient, point.gradient))
    size = lam * np.sqrt(_grouped(problem, point.at[:-1], point.at[:-1]))
    return np.where(gradient > 0, gradient / np.maximum(size, 1e-30), 0.0)


def _arrived(problem: Problem, point: Point, lam: float, metric: Array, tolerance: float) -> bool:
    change = point.gradient[:-1] / metric[:-1]
    energy = problem.energy[:, None]
    left = np.sqrt(_grouped(problem, energy * change, change))
    outputs = np.sqrt(_grouped(problem, energy * point.at[:-1], point.at[:-1]))
    near = (left <= tolerance * outputs) & (_distance(problem, point, lam) <= 50 * tolerance)
    return bool((near | (np.abs(point.gradient).max(axis=0).max() == 0)).all())


def _metric(point: Point) -> Array:
    assert point.curvature is not None
    return np.maximum(point.curvature, 1e-8 * max(float(point.curvature.max()), 1e-30))


def _where(better: NDArray[np.bool_], new: Point, old: Point) -> Point:
    return Point(at=np.where(better, new.at, old.at), value=np.where(better, new.value, old.value),
                 gradient=np.where(better, new.gradient, old.gradient))  # fmt: skip
