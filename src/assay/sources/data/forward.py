"""Draws for dated data: learn from the past, be tested on all that came later, and be fitted anew as time goes on.

Draw 0 is the model that is built once: it learns before the origin and is tested on some held-out rows of that time and
on every later row. With refits, draw k is fitted anew at the start of the k-th window, on all rows before it or on the
last so many, and tested on everything from there: every origin against every later window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError, UsageError
from assay.sources.data.partition import Pool, Rows, choose

Refit = Literal["never", "growing", "sliding"]
MOST_REFITS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Where the stream starts, and when the model is fitted anew."""

    origin: str | None = None
    """The first moment of the stream, as a date; by default the moment before which half of the rows lie."""
    window: str | None = None
    """`month`, `week`, `14d`, `500` (rows); as `assay durability` takes it."""
    refit: Refit = "never"
    """`growing`: at each window on all rows before it. `sliding`: on the last rows, as many as the first model had."""

    def starts(self, times: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """When the model of each draw is fitted: the origin, and with refits the start of each window with rows.

        Raises:
            DataError: no row before the origin, or at or after it.
            UsageError: a window or an origin that is none, or more than 60 refits.
        """
        from assay.assess.durability.reading.windows import cut, origin_of
        from assay.times.instants import read_instants

        column: Any = _series(times)
        instants = read_instants(column)
        first = origin_of(instants, self.origin or usual_origin(times))
        if not (instants.value < first).any():
            raise DataError(f"no row lies before the origin {self.origin}, so there is no past to learn from")
        windows = cut(instants, self.window, origin=first)
        begin = np.array([first])
        if self.refit != "never":
            filled = np.unique(windows.index[windows.index >= 0])
            begin = np.unique(np.maximum(windows.edges[filled, 0], first))
            if len(begin) > MOST_REFITS:
                raise UsageError(f"{len(begin):,} windows would be {len(begin):,} refits, and {MOST_REFITS} is the "
                                 "most; choose longer windows")  # fmt: skip
        return begin.round().astype(np.int64).astype("datetime64[us]")

    def parts(
        self, times: NDArray[np.datetime64], pool: Pool, draw: int, *, held_out: float, rng: np.random.Generator
    ) -> tuple[Pool, Rows, list[str]]:
        """The rows to learn from and choose on, the test rows, and notes, of one draw.

        Args:
            times: (n,) of all rows of the data set.
            pool: the rows that take part.
            draw: from 0.
            held_out: share of the rows before the origin that are kept as the source: never learned from.
            rng: the same for every draw, so that the source is.

        Raises:
            UsageError: a draw that does not exist.
            DataError: see `starts`.
        """
        own = times[pool.rows]
        starts = self.starts(own)
        if draw >= len(starts):
            raise UsageError(f"there are {len(starts)} windows to be fitted at; draw {draw} is beyond them")
        source = choose(pool.keep(own < starts[0]), held_out, rng)
        inside = own >= starts[draw]
        rest, notes = pool.keep(~inside).without(source), list[str]()
        if rest.groups is not None and pool.groups is not None:
            spanning = np.isin(rest.groups, pool.groups[inside])
            if spanning.any():
                notes.append(f"{int(spanning.sum()):,} earlier rows left out, whose groups go on into the test rows")
                rest = rest.keep(~spanning)
        if self.refit == "sliding" and draw:
            size = int((own < starts[0]).sum()) - len(source)
            order = np.argsort(times[rest.rows], kind="stable")[-size:]
            rest = rest.keep(np.isin(np.arange(len(rest)), order))
        later = pool.rows[inside]
        return rest, later if draw else np.sort(np.r_[source, later]), notes


def usual_origin(times: NDArray[np.datetime64]) -> str:
    """The moment before which half of the rows lie, as a date where that still leaves rows before it."""
    middle = np.sort(times)[len(times) // 2]
    day = middle.astype("datetime64[D]")
    return str(day if (times < day).any() else middle.astype("datetime64[us]"))


def _series(times: NDArray[np.datetime64]) -> Any:
    import pandas as pd

    return pd.Series(times.astype("datetime64[us]"), name="time")
