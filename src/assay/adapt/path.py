"""Solutions of logistic regression along a path of penalties.

Solutions are followed from strong to weak penalties over fixed anchors, half a decade apart, in waves of a few. The
solutions of a wave are predicted from those of the last one, as polynomials in log C, and corrected together; that
leaves about five corrections where a start from zero takes a hundred or two. The anchors, and what each is predicted
from, do not depend on what is asked for, so that a penalty's result is the same alone and in a grid. Penalties between
anchors are predicted by interpolation and corrected together.

References: Allgower & Georg (1990), Numerical Continuation Methods, chapter 2 (prediction and correction).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from assay.adapt.logistic import Array, Problem, minimise

ANCHOR_STEP = 0.5
"""Decades between anchors."""
WAVE = 2
"""Anchors corrected together."""
KNOWN = 3
"""Anchors that a prediction rests on; more of them would carry their errors too far."""
TOLERANCE = 0.005
"""Relative change of the outputs that a further step may still make."""
MOST = 400
"""Evaluations allowed for one penalty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The coefficients at one penalty."""

    at: Array
    """(r + 1, K) coefficients, the intercept last."""
    distance: float
    """Bound on ‖W − W*‖/‖W‖, the largest over independent columns."""


@dataclass(slots=True)
class Path:
    """Solutions at the anchors, extended as far as penalties are asked for."""

    problem: Problem
    tolerance: float = TOLERANCE
    evaluations: int = 0
    """Evaluations of the gradient so far, one for each penalty in a wave."""
    _anchors: dict[int, Solution] = field(default_factory=dict[int, Solution])
    _solved: dict[float, Solution] = field(default_factory=dict[float, Solution])
    _start: int | None = None

    def solve(self, penalties: Sequence[float]) -> list[Solution]:
        """One solution a penalty (C), in order; each is what it would be if it were asked for alone."""
        places = {c: float(np.log10(c)) / ANCHOR_STEP for c in penalties if c not in self._solved}
        on = {c: round(place) for c, place in places.items() if abs(place - round(place)) < 1e-9}
        between = {c: place for c, place in places.items() if c not in on}
        around = {c: self._around(place) for c, place in between.items()}
        self._reach({*on.values(), *(k for known in around.values() for k in known)})
        self._solved |= {c: self._anchors[k] for c, k in on.items()}
        starts = [self._predict(around[c], place) for c, place in between.items()]
        self._solved |= dict(zip(between, self._correct(starts, list(between)), strict=True))
        return [self._solved[c] for c in penalties]

    def _around(self, place: float) -> list[int]:
        """Anchors that a penalty between anchors is interpolated from; none where zero is a good start."""
        above = int(np.ceil(place))
        return [k for k in range(above - 3, above + 1) if k >= self._easy()] if above > self._easy() else []

    def _reach(self, wanted: Iterable[int]) -> None:
        """Solves the `wanted` anchors, and all that they are predicted from."""
        missing = set(wanted) - set(self._anchors)
        if not missing:
            return
        for first in range(self._easy(), max(missing) + 1):
            wave = self._wave(first)
            if wave[0] != first:
                continue
            later = any(k > wave[-1] for k in missing)
            todo = [k for k in wave if (later or k in missing) and k not in self._anchors]
            self._solve_anchors(todo)
        self._solve_anchors([k for k in missing if k not in self._anchors])

    def _solve_anchors(self, wave: Sequence[int]) -> None:
        starts = [self._predict(self._known(k), k) for k in wave]
        solved = self._correct(starts, [10.0 ** (ANCHOR_STEP * k) for k in wave])
        self._anchors |= dict(zip(wave, solved, strict=True))

    def _wave(self, k: int) -> list[int]:
        """The anchors corrected together with `k`: the first few alone, then `WAVE` at a time."""
        since = k - self._easy() - KNOWN
        if since < 0:
            return [k]
        first = k - since % WAVE
        return list(range(first, first + WAVE))

    def _known(self, k: int) -> list[int]:
        """The anchors that `k` is predicted from; none below the start of the path."""
        if k < self._easy():
            return []
        first = self._wave(k)[0]
        return [j for j in range(first - KNOWN, first) if j >= self._easy()]

    def _predict(self, known: Sequence[int], place: float) -> Array:
        """The polynomial in log C through the solutions at `known` anchors, at `place`; zero where none is known."""
        total = np.zeros((self.problem.z.shape[1], self.problem.columns))
        for k in known:
            share = float(np.prod([(place - j) / (k - j) for j in known if j != k]))
            total += share * self._anchors[k].at
        return total

    def _easy(self) -> int:
        """The anchor that the path starts from: there the penalty far outweighs the data, and zero is a good start."""
        if self._start is None:
            curvature = float(self.problem.energy.sum()) / (4 * max(len(self.problem.energy), 1))
            self._start = int(np.floor(np.log10(0.03 / max(curvature, 1e-30)) / ANCHOR_STEP))
        return self._start

    def _correct(self, starts: Sequence[Array], penalties: Sequence[float]) -> list[Solution]:
        if not starts:
            return []
        groups, inside = self.problem.shape
        start = np.stack(starts, axis=1).reshape(len(starts[0]), len(starts) * groups, inside)
        lam = np.repeat(1.0 / np.asarray(penalties), groups)
        owner = np.tile(np.arange(groups), len(starts))
        at, distance, work = minimise(self.problem, start, lam, owner, tolerance=self.tolerance, most=MOST)
        self.evaluations += work
        if self.problem.loss == "softmax":  # adding the same to all classes changes no probability and costs penalty
            at -= at.mean(axis=2, keepdims=True)
        at = at.reshape(len(at), len(starts), self.problem.columns)
        worst = distance.reshape(len(starts), groups).max(axis=1)
        return [Solution(at=at[:, i].copy(), distance=float(worst[i])) for i in range(len(starts))]
