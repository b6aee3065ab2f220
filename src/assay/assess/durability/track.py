"""The track record of label-free methods: what each said of windows whose labels came later, and whom to believe next.

All that a window is told comes from earlier windows. Each method stands there twice: as it is, and less its mean error
so far, since a source score that was too good (rows near the training rows) makes every method too high by about the
same amount in every later window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRIOR = ("cbpe", "regression", "doc", "atc", "importance")
"""Which method is taken before any window has been checked, the first that can be used."""
CORRECTED = ", corrected by its past error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What 2m methods said of w windows, and what came out."""

    names: tuple[str, ...]
    """The m methods, then their corrected forms."""
    estimates: Floats
    """(2m, w) mean row score; NaN where a method said nothing."""
    errors: Floats
    """(2m, w) standard errors."""
    realised: Floats
    """(w,) mean row score of the labelled rows."""
    checked: tuple[int, ...]
    """Windows whose outcome counts: those with labels, the source left out."""

    def gaps(self, i: int, k: int) -> Floats:
        """Errors of a method on the checked windows before window k."""
        past = [j for j in self.checked if j < k and np.isfinite(self.estimates[i, j])]
        return self.estimates[i, past] - self.realised[past]

    def choose(self, k: int) -> str:
        """The method with the least mean absolute error on windows before k; of equals the corrected one."""
        if not any(j < k for j in self.checked):
            return next(name for name in PRIOR if name in self.names)

        def rank(i: int) -> tuple[float, bool, int]:
            gaps, plain = self.gaps(i, k), self.names[i].removesuffix(CORRECTED)
            error = float(np.abs(gaps).mean()) if len(gaps) else float("inf")
            return round(error, 12), plain == self.names[i], PRIOR.index(plain)

        return self.names[min(range(len(self.names)), key=rank)]


def track(
    methods: Sequence[str], estimates: Floats, errors: Floats, realised: Floats, checked: Sequence[int],
) -> Track:  # fmt: skip
    """The track record of m methods over w windows.

    Args:
        methods: their names.
        estimates: (m, w) what each said.
        errors: (m, w) standard errors.
        realised: (w,) what came out; NaN without labels.
        checked: windows whose outcome counts.
    """
    return Track(
        names=(*methods, *(name + CORRECTED for name in methods)),
        estimates=np.concatenate([estimates, correct(estimates, realised, checked)]),
        errors=np.concatenate([errors, errors]), realised=realised, checked=tuple(checked),
    )  # fmt: skip


def correct(estimates: Floats, realised: Floats, checked: Sequence[int]) -> Floats:
    """(m, w) each estimate less the method's mean error on earlier windows, of which j count j/(j + 1)."""
    out = estimates.copy()
    for k in range(estimates.shape[1]):
        past = [j for j in checked if j < k]
        for i in range(len(estimates)):
            gaps = (estimates[i, past] - realised[past])[np.isfinite(estimates[i, past])]
            if len(gaps):
                out[i, k] -= gaps.sum() / (len(gaps) + 1)
    return out
