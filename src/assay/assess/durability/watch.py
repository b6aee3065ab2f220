"""Watching a log that grows: has the error risen by more than so many points? It may be asked after every label.

The chance of a false alarm over all time stays what it was set to. State is kept between calls as a small JSON
document: how many rows were read, which of them still wait for their label, the counts, and what has been shown. Labels
that come late are taken up when they come. A log that was rewritten is refused, as counting rows twice would spoil the
promise.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import util

from assay.assess.durability.lens import Question, periods_of
from assay.assess.durability.periods import Periods
from assay.assess.durability.reading.log import PredictionLog
from assay.assess.durability.scoring import Scoring, score_rows
from assay.errors import NothingToAssessError, UsageError
from assay.estimate import Estimate
from assay.finding import Assessment, Finding
from assay.stats.anytime import RiskBound, expected_delay, raise_bound, source_ceiling

SCHEMA = 1
_hash: Any = getattr(util, "hash_pandas_object")  # noqa: B009
RISES = (0.01, 0.02, 0.03, 0.05, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    """What is remembered between two calls."""

    source_losses: int
    source_n: int
    """Labels of the source period, fixed at the first call."""
    alpha: float
    """The chance of a false alarm, over all calls."""
    rows: int
    """Rows of the stream that have been read."""
    digest: str
    """Of those rows, targets left out."""
    pending: tuple[int, ...]
    """Positions among them whose label had not arrived."""
    losses: int
    n: int
    """Labels of the stream that were counted."""
    low: float
    """The risk is above this; 0 when nothing has been shown."""
    when: int | None
    """After how many labels `low` was last raised."""

    def to_json(self) -> str:
        """The state as text, for a file."""
        return json.dumps({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> WatchState:
        """The state that `to_json` wrote.

        Raises:
            UsageError: text that is none.
        """
        try:
            record: Any = json.loads(text)
            if record.pop("schema") != SCHEMA:
                raise ValueError("of another version")
            record["pending"] = tuple(record["pending"])
            return cls(**record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"this is no state of --watch ({error}); name another file to begin anew") from error


def watch(
    log: PredictionLog, periods: Periods, scoring: Scoring, *, state: WatchState | None = None,
) -> tuple[Assessment, WatchState]:  # fmt: skip
    """Take up the labels that have come since the last call, and say what rise of the error is proven.

    Args:
        log: the whole log, in the order in which rows were written; rows may only be added at its end.
        periods: source and stream.
        scoring: scores of 0 or 1.
        state: of the last call; None for the first, which fixes the source.

    Returns:
        The assessment, whose `drop` is the rise that is proven at any time (0 when none is), so that a gate on it
        gives a false alarm with a chance of at most 1 − level over all calls; and the new state.

    Raises:
        UsageError: a score that is not 0 or 1, or a log whose earlier rows have changed.
        NothingToAssessError: a source without labels.
    """
    if scoring.row_name != "accuracy":
        raise UsageError(f"--watch needs right or wrong for each row; {scoring.row_name} is neither, accuracy would do")
    alpha = 1 - scoring.level
    stream = np.flatnonzero(_stream(periods))
    keys = _keys(log, stream)
    losses = np.where(log.outputs.labelled[stream], 1 - np.nan_to_num(scoring.row[stream]), np.nan)
    if state is None:
        if len(periods.source) == 0:
            raise NothingToAssessError("the source period has no labels to compare with")
        wrong = int((1 - scoring.row[periods.source]).sum())
        state = WatchState(source_losses=wrong, source_n=len(periods.source), alpha=alpha, rows=0, pending=(),
                           digest=_digest(keys[:0]), losses=0, n=0, low=0.0, when=None)  # fmt: skip
    _refuse_rewritten(state, keys)
    if abs(state.alpha - alpha) > 1e-12:
        raise UsageError(
            f"the state was begun at level {1 - state.alpha:g}, not {scoring.level:g}; keep the level, or begin anew"
        )
    waiting = np.array(state.pending, dtype=int)
    due = np.r_[waiting[np.isfinite(losses[waiting])], np.arange(state.rows, len(stream))]
    arrived = due[np.isfinite(losses[due])]
    ceiling = source_ceiling(state.source_losses, state.source_n, alpha=state.alpha / 4)
    bound = RiskBound(n=state.n, losses=state.losses, low=state.low, when=state.when)
    bound = raise_bound(bound, losses[arrived].astype(int), floor=ceiling, alpha=state.alpha * 3 / 4)
    still = np.r_[waiting[~np.isfinite(losses[waiting])],
                  np.setdiff1d(np.arange(state.rows, len(stream)), arrived)]  # fmt: skip
    new = WatchState(
        source_losses=state.source_losses, source_n=state.source_n, alpha=state.alpha, rows=len(stream),
        digest=_digest(keys), pending=tuple(int(i) for i in still), losses=bound.losses, n=bound.n, low=bound.low,
        when=bound.when,
    )  # fmt: skip
    return _assessment(new, ceiling, len(arrived), scoring.level), new


def watch_log(
    log: PredictionLog, question: Question, *, state: WatchState | None = None,
) -> tuple[Assessment, WatchState]:  # fmt: skip
    """`watch` for a log and a question, whose source must not move when the log grows.

    Raises:
        UsageError: neither an origin, a split nor a window is given, so that the source would move.
    """
    if question.origin is None and question.window is None and log.split is None:
        raise UsageError("--watch needs a source that stays: give --origin, --split or --window")
    scoring = score_rows(log.outputs, metric=question.metric, level=question.level)
    return watch(log, periods_of(log, question), scoring, state=state)


def _stream(periods: Periods) -> NDArray[np.bool_]:
    """Rows after the source period."""
    first = -1 if periods.source_window is None else periods.source_window
    return periods.windows.index > first


def _keys(log: PredictionLog, rows: NDArray[np.int_]) -> NDArray[np.uint64]:
    """(k,) a hash of each row of the stream, its target left out, so that a late label changes nothing."""
    said: Any = pd.DataFrame({"time": log.instants.value[rows], "label": log.outputs.label[rows]})
    if log.outputs.score is not None:
        said["score"] = log.outputs.score[rows].max(axis=1)
    return np.asarray(_hash(said, index=False))


def _digest(keys: NDArray[np.uint64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(keys).tobytes()).hexdigest()


def _refuse_rewritten(state: WatchState, keys: NDArray[np.uint64]) -> None:
    if len(keys) < state.rows or _digest(keys[: state.rows]) != state.digest:
        raise UsageError(
            f"the first {state.rows:,} rows of the stream are not those that were watched before; rows may only be "
            "added at the end of the log. A new state file begins anew"
        )


def _assessment(state: WatchState, ceiling: float, arrived: int, level: float) -> Assessment:
    source = state.source_losses / state.source_n
    proven = max(state.low - ceiling, 0.0)
    drop = Estimate(name="drop", value=100 * proven, low=100 * proven, level=level, n=state.n, unit="points",
                    population="the stream, at all times at once",
                    method="rise of the error above the source's upper bound that is proven at any time")  # fmt: skip
    seen = Estimate.unknown("drop_observed", "no label of the stream has arrived", unit="points", n=0)
    if state.n:
        seen = Estimate(name="drop_observed", value=100 * (state.losses / state.n - source), unit="points", n=state.n,
                        method="difference of means, no interval")  # fmt: skip
    claim = "No rise of the error is proven."
    if proven > 0 and state.when is not None:
        claim = f"The error has risen: by at least {100 * proven:.1f} points, shown after {state.when:,} labels."
    finding = Finding(
        lens="durability", claim=claim, estimates=(drop, seen), verdict="yes" if proven > 0 else "undetermined",
        evidence=f"{state.n:,} labels of the stream, {state.source_n:,} of the source",
        method=f"betting against a risk of at most the source's, at {level:g} for all time",
    )  # fmt: skip
    return Assessment(
        lens="durability", question="Has the error risen since the source period?",
        verdict=f"{claim} {state.n:,} labels of the stream have been counted, {arrived:,} of them new.",
        findings=(finding,),
        estimates=(
            drop, seen,
            Estimate(name="source_ceiling", value=ceiling, n=state.source_n, unit="fraction",
                     method="upper confidence bound of the source's error, Clopper and Pearson"),
            Estimate(name="labels_waiting", value=len(state.pending), n=state.rows, unit="rows", method="count"),
        ),
        tables={"delays": delay_rows(source, ceiling, state.alpha * 3 / 4)},
        inputs={"rows": state.rows, "digest": state.digest},
        caveats=("A late label is counted when it arrives. If the labels of errors come sooner than others, the rise "
                 "looks larger than it is.",),
    )  # fmt: skip


def delay_rows(source: float, ceiling: float, alpha: float) -> list[dict[str, Any]]:
    """How many labels it takes, about, to prove more than ε points when the error rises by so much.

    Args:
        source: error of the source period.
        ceiling: its upper bound.
        alpha: the chance of a false alarm left for the stream.

    Returns:
        One row a rise and ε below it: `rise`, `epsilon` in points, `labels` (None beyond ten million).
    """
    return [
        {"rise": 100 * rise, "epsilon": 100 * epsilon,
         "labels": expected_delay(source + rise, ceiling + epsilon, alpha=alpha) if source + rise < 1 else None}
        for rise in RISES for epsilon in (0.0, *RISES) if epsilon < rise
    ]  # fmt: skip
