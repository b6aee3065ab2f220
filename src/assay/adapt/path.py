"""Solutions of logistic regression along a path of penalties.

Solutions are followed from strong to weak penalties over fixed anchors, half a decade apart. The next solution is
predicted from the last three, as a polynomial in log C, and corrected, with the curvature that the last correction has
learned; that leaves about ten corrections where a start from zero takes a hundred or two. The anchors do not depend on
what is asked for, so that a penalty's result is the same alone and in a grid. Penalties between anchors are predicted
by interpolation and corrected together.

References: Allgower & Georg (1990), Numerical Continuation Methods, chapter 2 (prediction and correction).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from assay.adapt.logistic import Array, Pairs, Problem, minimise

ANCHOR_STEP = 0.5
"""Decades between anchors."""
KNOWN = 3
"""Anchors that a prediction rests on; more of them would carry their errors too far."""
TOLERANCE = 0.0015
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
    """Evaluations of the gradient so far, one for each penalty."""
    _anchors: dict[int, Solution] = field(default_factory=dict[int, Solution])
    _solved: dict[float, Solution] = field(default_factory=dict[float, Solution])
    _start: int | None = None
    _pairs: Pairs = field(default_factory=Pairs)
    """What the correction of the last anchor learned of the loss."""

    def solve(self, penalties: Sequence[float]) -> list[Solution]:
        """One solution a penalty (C), in order; each is what it would be if it were asked for alone."""
        places = {c: float(np.log10(c)) / ANCHOR_STEP for c in penalties if c not in self._solved}
        on = {c: round(place) for c, place in places.items() if abs(place - round(place)) < 1e-9}
        between = {c: place for c, place in places.items() if c not in on}
        around = {c: self._around(place) for c, place in between.items()}
        self._reach({*on.values(), *(k for known in around.values() for k in known)})
        self._solved |= {c: self._anchors[k] for c, k in on.items()}
        starts = [self._predict(around[c], place) for c, place in between.items()]
        if starts:
            self._solved |= dict(zip(between, self._correct(starts, list(between), [])[0], strict=True))
        return [self._solved[c] for c in penalties]

    def _around(self, place: float) -> list[int]:
        """Anchors that a penalty between anchors is interpolated from; none where zero is a good start."""
        above = int(np.ceil(place))
        return [k for k in range(above - 3, above + 1) if k >= self._easy()] if above > self._easy() else []

    def _reach(self, wanted: Iterable[int]) -> None:
        """Solves the `wanted` anchors, and all that lead to them."""
        missing = set(wanted) - set(self._anchors)
        for k in range(self._easy(), max(missing, default=self._easy() - 1) + 1):
            if k not in self._anchors:
                start = self._predict([j for j in range(k - KNOWN, k) if j >= self._easy()], k)
                (self._anchors[k],), self._pairs = self._correct([start], [10.0 ** (ANCHOR_STEP * k)], self._pairs)
        for k in missing - set(self._anchors):  # below the start of the path
            (self._anchors[k],), _ = self._correct([self._predict([], k)], [10.0 ** (ANCHOR_STEP * k)], [])

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

    def _correct(self, starts: Sequence[Array], penalties: Sequence[float], pairs: Pairs
                 ) -> tuple[list[Solution], Pairs]:  # fmt: skip
        """The solutions near `starts`, and what was learned of the loss; `pairs` of it are for a single penalty."""
        groups, inside = self.problem.shape
        start = np.stack(starts, axis=1).reshape(len(starts[0]), len(starts) * groups, inside)
        lam = np.repeat(1.0 / np.asarray(penalties), groups)
        owner = np.tile(np.arange(groups), len(starts))
        at, distance, pairs, work = minimise(self.problem, start, lam, owner, tolerance=self.tolerance, most=MOST,
                                             pairs=pairs)  # fmt: skip
        self.evaluations += work
        if self.problem.loss == "softmax":  # adding the same to all classes changes no probability and costs penalty
            at -= at.mean(axis=2, keepdims=True)
        at = at.reshape(len(at), len(starts), self.problem.columns)
        worst = distance.reshape(len(starts), groups).max(axis=1)
        return [Solution(at=at[:, i].copy(), distance=float(worst[i])) for i in range(len(starts))], pairs
