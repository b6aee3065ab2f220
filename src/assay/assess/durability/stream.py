"""Models refitted along the stream, from shared features: fixed, growing, sliding, every origin against every window.

A head is cheap, so it can be fitted anew at the start of each window on the rows before it. All heads of one size see
the same number of rows; what a fresh one gains over the first is staleness, what both lose is a harder window.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.assess.durability.periods import Periods
from assay.errors import NothingToAssessError

Floats = NDArray[np.float64]
Positions = NDArray[np.int_]
Predict = Callable[[Floats], NDArray[np.int_]]
Refit = Callable[[Floats, NDArray[np.int_]], Predict]
"""(n, d) features and (n,) codes → a function from features to codes."""

FEWEST_TO_TRAIN = 40
MOST_TO_TRAIN = 20_000
MOST_ORIGINS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What heads fitted at o origins got right in w windows."""

    origins: tuple[int, ...]
    """The window at whose start each head was fitted, on rows before it; −1 stands for the end of the source period."""
    windows: tuple[int, ...]
    """The windows tested on."""
    rows: tuple[Positions, ...]
    """(w) labelled rows of each window."""
    sliding: tuple[tuple[Floats | None, ...], ...]
    """(o)(w) correctness of each row; heads of one size; None where the head is younger than the window."""
    growing: tuple[Floats | None, ...]
    """(w) correctness of a head fitted at the window's start on all rows before it."""
    size: int
    """Rows that each sliding head learned from."""
    seconds: tuple[float, float]
    """Seconds of one sliding and of one growing fit, on average."""
    notes: tuple[str, ...] = ()
    kind: Literal["both", "sliding", "growing"] = "both"
    """What the models of `sliding` learned from: as many rows as the first, or, with `growing`, all so far; with `both`
    the column `growing` has the latter."""
    what: str = "head"
    """What was refitted."""

    def stale(self, j: int) -> Floats:
        """Correctness of the first head in the window at position j."""
        found = self.sliding[0][j]
        assert found is not None
        return found

    def fresh(self, j: int) -> Floats | None:
        """Correctness of the youngest head in the window at position j; None where only the first exists."""
        last = max((i for i in range(len(self.origins)) if self.sliding[i][j] is not None), default=0)
        return self.sliding[last][j] if last else None


def probe(x: Floats, y: NDArray[np.int_]) -> Predict:
    """A logistic head on frozen features: the default way to refit."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(y)) < 2:
        only = int(y[0])
        return lambda rows: np.full(len(rows), only)
    head = LogisticRegression(C=1.0, max_iter=200, tol=1e-3).fit(x, y)
    return lambda rows: head.predict(rows)


def run_stream(
    features: Floats, target: NDArray[np.int_], instants: Floats, periods: Periods, *, refit: Refit = probe,
    rng: np.random.Generator,
) -> Stream:  # fmt: skip
    """Refit heads along the windows and test each on every later one.

    Args:
        features: (n, d) standardised features.
        target: (n,) class codes, −1 where missing.
        instants: (n,) times of the rows.
        periods: source and windows; all labelled rows before a window may be learned from.
        refit: fits a head; a logistic probe by default.
        rng: draws rows where there are more than 20,000.

    Returns:
        The stream.

    Raises:
        NothingToAssessError: fewer than 40 labelled rows before the first window that is tested, or one window only.
    """
    windows = tuple(k for k, rows in enumerate(periods.labelled) if len(rows))
    first_rows = np.concatenate([periods.train, periods.valid, periods.source])
    tested = tuple(k for k in windows if k != periods.source_window)
    if len(first_rows) < FEWEST_TO_TRAIN or len(tested) < 1:
        raise NothingToAssessError(f"{len(first_rows)} labelled rows before the first tested window are too few to fit "
                                   f"a head; {FEWEST_TO_TRAIN} are the least")  # fmt: skip
    notes: list[str] = []
    size = min(len(first_rows), MOST_TO_TRAIN)
    if size < len(first_rows):
        notes.append(f"heads were fitted on {size:,} of {len(first_rows):,} rows")
    origins = _origins(tested)
    if len(origins) < len(tested):
        notes.append(f"heads were refitted at {len(origins)} of {len(tested)} windows")
    past = {k: _past(k, first_rows, windows, periods, instants) for k in tested}
    slide, grow = list[tuple[Floats | None, ...]](), list[Floats | None]()
    spent = [0.0, 0.0]
    for o in origins:
        rows = past[o][-size:] if len(past[o]) > size else past[o]
        start = time.perf_counter()
        head = refit(features[rows], target[rows])
        spent[0] += time.perf_counter() - start
        slide.append(tuple(_right(head, features, target, periods.labelled[k]) if k >= o else None for k in tested))
    for k in tested:
        if k not in origins:
            grow.append(None)
            continue
        rows = past[k] if len(past[k]) <= MOST_TO_TRAIN else rng.choice(past[k], MOST_TO_TRAIN, replace=False)
        start = time.perf_counter()
        head = refit(features[rows], target[rows])
        spent[1] += time.perf_counter() - start
        grow.append(_right(head, features, target, periods.labelled[k]))
    return Stream(
        origins=origins, windows=tested, rows=tuple(periods.labelled[k] for k in tested), sliding=tuple(slide),
        growing=tuple(grow), size=size, seconds=(spent[0] / len(origins), spent[1] / len(origins)), notes=tuple(notes),
    )  # fmt: skip


def _origins(tested: tuple[int, ...]) -> tuple[int, ...]:
    """The windows at whose start a head is fitted: all, or 24 evenly spaced ones, always with the first."""
    if len(tested) <= MOST_ORIGINS:
        return tested
    return tuple(tested[int(i)] for i in np.unique(np.linspace(0, len(tested) - 1, MOST_ORIGINS).round()))


def _past(k: int, first: Positions, windows: tuple[int, ...], periods: Periods, instants: Floats) -> Positions:
    """Labelled rows before window k, in order of time; the rows of the source period among them."""
    parts = [first, *(periods.labelled[j] for j in windows if j < k and j != periods.source_window)]
    rows = np.concatenate(parts)
    return rows[np.argsort(instants[rows], kind="stable")]


def _right(head: Predict, features: Floats, target: NDArray[np.int_], rows: Positions) -> Floats:
    return (head(features[rows]) == target[rows]).astype(float)
