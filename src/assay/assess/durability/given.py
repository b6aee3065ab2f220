"""Models that a study itself fitted anew, as a stream: no head is refitted where the real thing exists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.assess.durability.periods import Periods
from assay.assess.durability.stream import Stream
from assay.errors import NothingToAssessError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refits:
    """One recipe fitted at o moments, the first of them the model of the log."""

    labels: NDArray[np.int_]
    """(o, n) predicted class codes of the rows of the log, in order of the moments; −1 where it was not tested."""
    seconds: Floats
    """(o,) what each fit cost."""
    size: int
    """Rows that the first learned from."""
    growing: bool
    """Whether later ones learned from all rows so far; otherwise from as many as the first."""
    what: str
    """The recipe, for people."""


def stream_of(refits: Refits, target: NDArray[np.int_], periods: Periods) -> Stream:
    """What the refits got right, window by window.

    Args:
        refits: the study's models.
        target: (n,) class codes, −1 where missing.
        periods: source and windows.

    Returns:
        The stream; a model counts in a window when it was tested on all of the window's labelled rows, and of two
        models that begin with the same window the later one does.

    Raises:
        NothingToAssessError: no window that the first model was tested on.
    """
    tested = tuple(k for k, rows in enumerate(periods.labelled) if len(rows) and k != periods.source_window)
    usable = np.array([[bool((refits.labels[i, periods.labelled[k]] >= 0).all()) for k in tested]
                       for i in range(len(refits.labels))])  # fmt: skip
    windows = [j for j in range(len(tested)) if usable[0, j]]
    if not windows:
        raise NothingToAssessError("the study's model was tested on no window as a whole")
    heads: dict[int, int] = {}
    for i in range(len(refits.labels)):
        own = [j for j in windows if usable[i, j]]
        if own and (i == 0 or own[0] != windows[0]):
            heads[own[0]] = i
    kept = tuple(tested[j] for j in windows)
    cells = tuple(
        tuple(_right(refits, i, target, periods.labelled[tested[j]]) if usable[i, j] and j >= first else None
              for j in windows)
        for first, i in sorted(heads.items())
    )  # fmt: skip
    spent = float(refits.seconds[list(heads.values())].mean())
    notes = ("models fitted anew had all rows so far, and so more than the old one",) if refits.growing else ()
    return Stream(
        origins=tuple(tested[first] for first in sorted(heads)), windows=kept,
        rows=tuple(periods.labelled[k] for k in kept), sliding=cells, growing=(None,) * len(kept), size=refits.size,
        seconds=(spent, spent), notes=notes, kind="growing" if refits.growing else "sliding", what=refits.what,
    )  # fmt: skip


def _right(refits: Refits, i: int, target: NDArray[np.int_], rows: NDArray[np.int_]) -> Floats:
    return (refits.labels[i, rows] == target[rows]).astype(float)
