"""The objective of logistic regression, for many penalties at once, and its minimisation.

For a group of columns of W with penalty λ:  Σᵢ vᵢ·loss(zᵢW + b, yᵢ) + λ/2·‖W‖², with λ = 1/C scikit-learn's objective.
The intercept is not penalised. With softmax loss a group is the K classes at one penalty; with sigmoid loss (binary and
multilabel) every column at every penalty is a group. Groups share the features and nothing else; they are evaluated
together because one wide product costs far less than many narrow ones.

Arithmetic is float32 where it is large (products with z) and float64 where it is small. The residual of the true class
is taken as minus the sum of the others, which keeps its relative precision where the fit is nearly perfect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Loss = Literal["softmax", "sigmoid"]
Array = NDArray[np.float64]
Pairs = list[tuple[Array, Array]]
"""Steps and how they change the loss's gradient, the penalty's left out: (r + 1, g, k); zero where a group has none."""

MEMORY = 20
"""Pairs that L-BFGS keeps."""
METRIC_ROWS = 1000
"""Rows that the diagonal of the Hessian is measured on at least, where there are so many."""
NOISE = 2e-7
"""Relative change of the objective that float32 cannot tell from none."""
BLOCK_BYTES = 1 << 22
"""Size of a block of rows; it bounds what the outputs of all columns take."""
SAFE_EXPONENT = 60.0
"""Above it a sum of exponentials in float32 is taken about the largest."""
SMALL_PRODUCT, MIN_PIECE = 700_000, 16
"""Narrow products are cut to this many multiplications, for which OpenBLAS keeps a kernel of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The data of one fit."""

    z: NDArray[np.float32]
    """(n, r + 1) rotated features, and a column of ones for the intercept."""
    energy: Array
    """(r,) sums of squares of the features."""
    target: NDArray[Any]
    """(n,) class positions for softmax, (n, K) 0/1 columns for sigmoid."""
    columns: int
    """K."""
    weight: NDArray[np.float32] | None
    """(n,) row weights; None for one each."""
    loss: Loss

    @property
    def shape(self) -> tuple[int, int]:
        """Groups and columns in each at one penalty: (1, K) for softmax, (K, 1) for sigmoid."""
        return (1, self.columns) if self.loss == "softmax" else (self.columns, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The objective of g groups at some coefficients."""

    at: Array
    """(r + 1, g, k) coefficients, the intercept last."""
    value: Array
    """(g,)."""
    gradient: Array
    """(r + 1, g, k)."""
    metric: Array | None = None
    """(r + 1, g, k) diagonal of the Hessian, about, where asked for."""

    def take(self, groups: NDArray[Any]) -> Point:
        """The same for some groups."""
        return Point(at=self.at[:, groups], value=self.value[groups], gradient=self.gradient[:, groups])


def evaluate(problem: Problem, at: Array, lam: Array, owner: NDArray[np.int_], *, metric: bool = False) -> Point:
    """The objective and its gradient at `at` (r + 1, g, k), in one pass over the rows.

    Args:
        problem: The data.
        at: Coefficients.
        lam: (g,) penalty of each group.
        owner: (g,) the column of the targets that each group is about; of no meaning to softmax.
        metric: Whether the diagonal of the Hessian is wanted too, from some of the rows where they are many.
    """
    flat = at.reshape(len(at), -1).astype(np.float32)
    gradient, diagonal = np.zeros(flat.shape), np.zeros(flat.shape)
    value = np.zeros(at.shape[1])
    thin = min(4, max(1, len(problem.z) // METRIC_ROWS))
    for z, target, weight in _row_blocks(problem, flat.shape[1]):
        outputs = _forward(z, flat)
        if problem.loss == "softmax":
            loss, residual = _softmax_loss(outputs.reshape(len(z), *at.shape[1:]), target)
        else:
            loss, residual = _sigmoid_loss(outputs, target[:, owner])
        residual = residual.reshape(outputs.shape)
        spread = np.abs(residual) * (1.0 - np.abs(residual)) if metric else None
        if weight is not None:
            loss, residual = loss * weight, residual * weight
        value += loss.sum(axis=0, dtype=np.float64)
        gradient += _backward(z, residual)
        if spread is not None:
            some = z[::thin]
            diagonal += thin * ((some * some).T @ (spread if weight is None else spread * weight)[::thin])
    return _with_penalty(at, value, gradient.reshape(at.shape), diagonal.reshape(at.shape) if metric else None, lam)


def minimise(problem: Problem, start: Array, lam: Array, owner: NDArray[np.int_], *, tolerance: float, most: int,
             pairs: Pairs) -> tuple[Array, Array, Pairs, int]:  # fmt: skip
    """L-BFGS from `start` with the Hessian's diagonal there as preconditioner, for all groups at once.

    `pairs` of another penalty's minimisation tell the curvature from the first step on; none is needed.

    A group is done when a Newton step by that diagonal would change its outputs by less than `tolerance`, relative to
    their size, and its `distance` is within 50 tolerances; or where five steps no longer lower its objective by more
    than float32 can tell; or after `most` evaluations. Groups that are done leave the batch.

    Returns:
        (r + 1, g, k) coefficients, (g,) distances, its own pairs, and the number of evaluations of all columns of one
        penalty.

    References:
        Nocedal & Wright (2006). Numerical Optimization. Algorithm 7.4.
    """
    result, distance = start.copy(), np.full(start.shape[1], np.inf)
    active = np.arange(start.shape[1])
    point = evaluate(problem, start, lam, owner, metric=True)
    descent = Descent.of(point, _plus(pairs, lam))
    learned: Pairs = [(np.zeros(start.shape), np.zeros(start.shape)) for _ in range(MEMORY)]
    used, work = 1, start.shape[1]
    while True:
        done = _arrived(problem, point, lam[active], descent.metric, tolerance) | descent.stalled() | (used >= most)
        if done.any():
            result[:, active[done]] = point.at[:, done]
            distance[active[done]] = distances(point.take(done), lam[active[done]])
            for mine, found in zip(learned[::-1], descent.known()[::-1], strict=False):
                mine[0][:, active[done]], mine[1][:, active[done]] = found[0][:, done], found[1][:, done]
            if done.all():
                return result, distance, _plus(learned, -lam), work // problem.shape[0]
            active, point, descent = active[~done], point.take(~done), descent.take(~done)
        trial = evaluate(problem, descent.trial(point), lam[active], owner[active])
        point = descent.step(point, trial)
        used, work = used + 1, work + len(active)
        if used in (25, 75, 225):  # far from where it started: measure the curvature anew
            point = evaluate(problem, point.at, lam[active], owner[active], metric=True)
            descent, used, work = Descent.of(point, descent.known()), used + 1, work + len(active)


def distances(point: Point, lam: Array) -> Array:
    """(g,) bounds on ‖W − W*‖/‖W‖: the objective is λ-strongly convex in W, so that ‖W − W*‖ ≤ ‖gradient‖/λ."""
    gradient = np.sqrt(_inner(point.gradient, point.gradient))
    size = lam * np.sqrt(_inner(point.at[:-1], point.at[:-1]))
    return np.where(gradient > 0, gradient / np.maximum(size, 1e-30), 0.0)


@dataclass(slots=True)
class Descent:
    """The state of L-BFGS for g groups: directions, step lengths, and the last steps with the gradient's changes."""

    metric: Array
    direction: Array
    length: Array
    scale: Array
    values: list[Array]
    pairs: list[tuple[Array, Array, Array]] = field(default_factory=list[tuple[Array, Array, Array]])

    @classmethod
    def of(cls, point: Point, pairs: Pairs) -> Descent:
        """The start: down the gradient, preconditioned by the metric and by what `pairs` tell."""
        assert point.metric is not None
        metric = np.maximum(point.metric, 1e-8 * max(float(point.metric.max()), 1e-30))
        ones = np.ones(len(point.value))
        descent = cls(metric=metric, direction=-point.gradient / metric, length=ones, scale=ones, values=[point.value])
        for step, change in pairs:
            descent._remember(step, change, np.ones(len(point.value), bool))
        descent.direction = -descent._newton(point.gradient)
        return descent

    def known(self) -> Pairs:
        """The remembered pairs; zero where a group's is void."""
        return [(step * _wide(inverse > 0), change * _wide(inverse > 0)) for step, change, inverse in self.pairs]

    def trial(self, point: Point) -> Array:
        """The next coefficients to try."""
        return point.at + _wide(self.length) * self.direction

    def step(self, point: Point, trial: Point) -> Point:
        """The trial for groups whose objective it lowers, which get a new direction; the others try a shorter step."""
        slope = self.length * _inner(point.gradient, self.direction)
        better = trial.value <= point.value + 1e-4 * slope + NOISE * np.abs(point.value)
        self._remember(trial.at - point.at, trial.gradient - point.gradient, better)
        keep = _wide(better)
        point = Point(at=np.where(keep, trial.at, point.at), value=np.where(better, trial.value, point.value),
                      gradient=np.where(keep, trial.gradient, point.gradient))  # fmt: skip
        self.direction = np.where(keep, -self._newton(point.gradient), self.direction)
        self.length = np.where(better, 1.0, self.length * 0.35)
        self.values = [*self.values[-6:], point.value]
        return point

    def stalled(self) -> NDArray[np.bool_]:
        """(g,) whether the last five steps lowered the objective by no more than float32 can tell."""
        if len(self.values) < 7:
            return np.zeros(len(self.length), bool)
        return self.values[1] - self.values[-1] <= NOISE * np.abs(self.values[-1])

    def take(self, groups: NDArray[Any]) -> Descent:
        """The same for some groups."""
        return Descent(
            metric=self.metric[:, groups], direction=self.direction[:, groups], length=self.length[groups],
            scale=self.scale[groups], values=[value[groups] for value in self.values],
            pairs=[(step[:, groups], change[:, groups], inverse[groups]) for step, change, inverse in self.pairs],
        )  # fmt: skip

    def _remember(self, step: Array, change: Array, accepted: NDArray[np.bool_]) -> None:
        """Keeps a pair; void for a group that refused the step, or whose curvature along it is not positive."""
        along, size = _inner(step, change), _inner(change, change / self.metric)
        good = accepted & (along > 1e-10 * size) & (size > 0)
        inverse = np.where(good, 1.0 / np.where(good, along, 1.0), 0.0)
        self.scale = np.where(good, along / np.where(good, size, 1.0), self.scale)
        self.pairs = [*self.pairs[-MEMORY + 1 :], (step, change, inverse)]

    def _newton(self, gradient: Array) -> Array:
        """The two-loop recursion: an approximate Newton step from the remembered pairs."""
        shares: list[Array] = []
        for step, change, inverse in reversed(self.pairs):
            share = inverse * _inner(step, gradient)
            gradient = gradient - _wide(share) * change
            shares.append(share)
        result = _wide(self.scale) * gradient / self.metric
        for (step, change, inverse), share in zip(self.pairs, reversed(shares), strict=True):
            result = result + _wide(share - inverse * _inner(change, result)) * step
        return result


def _softmax_loss(outputs: NDArray[np.float32], target: NDArray[np.int_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(b, g, K) outputs and (b,) classes → losses (b, g) and residuals (b, g, K)."""
    rows = np.arange(len(outputs))
    outputs -= outputs[rows, :, target][:, :, None]
    large = outputs.max() > SAFE_EXPONENT
    top = np.maximum(outputs.max(axis=2), 0.0) if large else np.zeros(0)
    if large:
        outputs -= top[:, :, None]
    p = np.exp(outputs)
    own = p[rows, :, target]
    p[rows, :, target] = 0.0
    others = np.einsum("bgk->bg", p)
    total = others + own
    p *= (1.0 / total)[:, :, None]
    p[rows, :, target] = -others / total
    return np.log(total) + top if large else np.log1p(others), p


def _sigmoid_loss(outputs: NDArray[np.float32], target: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(b, g) outputs and 0/1 targets → losses and residuals (b, g)."""
    small = np.exp(-np.abs(outputs))
    positive = target > 0
    loss = np.log1p(small) + np.maximum(np.where(positive, -outputs, outputs), 0.0)
    small /= 1.0 + small  # the smaller of p and 1 - p
    missing = np.where((outputs > 0) == positive, small, 1.0 - small)
    return loss, np.where(positive, -missing, missing)


def _with_penalty(at: Array, value: Array, gradient: Array, metric: Array | None, lam: Array) -> Point:
    gradient[:-1] += _wide(lam) * at[:-1]
    if metric is not None:
        metric[:-1] += _wide(lam)
    return Point(at=at, value=value + 0.5 * lam * _inner(at[:-1], at[:-1]), gradient=gradient, metric=metric)


def _arrived(problem: Problem, point: Point, lam: Array, metric: Array, tolerance: float) -> NDArray[np.bool_]:
    change = point.gradient[:-1] / metric[:-1]
    energy = problem.energy[:, None, None]
    left = np.sqrt(_inner(energy * change, change))
    outputs = np.sqrt(_inner(energy * point.at[:-1], point.at[:-1]))
    near = (left <= tolerance * outputs) & (distances(point, lam) <= 50 * tolerance)
    return near | (_inner(point.gradient, point.gradient) == 0)


def _row_blocks(problem: Problem, width: int) -> Iterator[tuple[NDArray[np.float32], NDArray[Any], Any]]:
    step = max(64, BLOCK_BYTES // (4 * max(problem.z.shape[1], width, 1)))
    for i in range(0, len(problem.z), step):
        part = slice(i, i + step)
        yield problem.z[part], problem.target[part], None if problem.weight is None else problem.weight[part, None]


def _forward(z: NDArray[np.float32], w: NDArray[np.float32]) -> NDArray[np.float32]:
    """Product z @ w, in small pieces where w is narrow."""
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


def _plus(pairs: Pairs, lam: Array) -> Pairs:
    """The pairs of the loss → those of the objective with a penalty (lam, g); with −lam the way back."""
    changed = [(step, change.copy()) for step, change in pairs]
    for step, change in changed:
        change[:-1] += _wide(lam) * step[:-1]
    return changed


def _inner(a: Array, b: Array) -> Array:
    """(g,) inner products of (r, g, k) arrays."""
    if a.shape[1] == 1:
        return np.array([float(np.vdot(a, b))])
    return np.einsum("rgk,rgk->g", a, b)


def _wide(value: NDArray[Any]) -> NDArray[Any]:
    return value[None, :, None]
