"""Trials of a search in the form that the lens reads: configurations, scores, repeats, groups, costs, failures.

A configuration that was run several times (seeds, draws) is one unit; its repeats tell the noise. A failed run keeps
its row: it has a configuration and no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.errors import DataError, NothingToAssessError, UnknownNameError
from assay.stats.effect_bases import FEW_LEVELS, Parameter

MOST_LEVELS = 0.7
"""A choice with more levels than this share of the configurations has too many that were tried once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """n runs of a search."""

    names: tuple[str, ...]
    """Names of the parameters that vary."""
    columns: tuple[tuple[Any, ...], ...]
    """One tuple of n raw values a parameter; None where a condition leaves it out."""
    scores: NDArray[np.float64]
    """(n,) higher is better; NaN where a run failed."""
    groups: NDArray[np.str_]
    """(n,) the group of each run, such as its data set; all the same without groups."""
    seeds: NDArray[np.str_]
    """(n,) the repeat of each run; all the same without seeds."""
    costs: NDArray[np.float64] | None = None
    """(n,) what a run cost, in seconds; None where not told."""
    fixed: Mapping[str, Any] | None = None
    """Parameters that never vary, with their value."""
    failures: tuple[str, ...] = ()
    """(n,) why a run failed, empty where it did not; () without any failure."""
    running: int = 0
    """Runs that have not ended, or were pruned before their end; they are left out."""

    @property
    def ok(self) -> NDArray[np.bool_]:
        """(n,) which runs have a score."""
        return np.isfinite(self.scores)

    def units(self) -> Units:
        """The configurations with their mean scores, one row a configuration and group."""
        keys = [(str(self.groups[i]), *(repr(column[i]) for column in self.columns)) for i in np.flatnonzero(self.ok)]
        rows = np.flatnonzero(self.ok)
        order: dict[tuple[str, ...], list[int]] = {}
        for key, row in zip(keys, rows, strict=True):
            order.setdefault(key, []).append(int(row))
        members = tuple(np.array(found) for found in order.values())
        first = np.array([found[0] for found in order.values()], dtype=int)
        return Units(
            rows=first, members=members, scores=np.array([self.scores[found].mean() for found in members]),
            groups=self.groups[first],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """k configurations, each with the runs that it was given."""

    rows: NDArray[np.int_]
    """(k,) the first run of each."""
    members: tuple[NDArray[np.int_], ...]
    """Configuration → positions of its runs."""
    scores: NDArray[np.float64]
    """(k,) mean score over its runs."""
    groups: NDArray[np.str_]
    """(k,) its group."""

    def centred(self) -> NDArray[np.float64]:
        """(k,) scores minus the mean of their group, in units of the spread within it where groups differ."""
        out = self.scores.copy()
        names = np.unique(self.groups)
        for name in names:
            mine = self.groups == name
            spread = self.scores[mine].std()
            out[mine] = (self.scores[mine] - self.scores[mine].mean()) / (
                spread if len(names) > 1 and spread > 0 else 1
            )
        return out


def trials_from_frame(
    frame: pd.DataFrame, *, score: str, config: Sequence[str] | None = None, group: str | None = None,
    seed: str | None = None, cost: str | None = None, status: str | None = None, lower: bool = False,
    source: str = "the table",
) -> Trials:  # fmt: skip
    """Trials from a table with one row a run.

    Args:
        frame: The table.
        score: The column of scores; a missing or non-finite score is a failed run.
        config: The columns of parameters; all other columns where None.
        group: The column that tells data sets or tasks apart.
        seed: The column of repeats.
        cost: The column of costs in seconds.
        status: The column that says how a run ended; `running` and `pruned` rows are left out, and other words than
            `ok`, `complete`, `completed`, `finished` and `terminated` are failures.
        lower: True where a lower score is better.
        source: What error messages call the table.

    Raises:
        UnknownNameError: for a column that is not there.
        DataError: when a score is no number, with its row.
        NothingToAssessError: when there are no rows.
    """
    named = [score, *(config or []), *(name for name in (group, seed, cost, status) if name is not None)]
    for name in named:
        if name not in frame.columns:
            raise UnknownNameError("column", name, [str(column) for column in frame.columns], where=source)
    if config is None:
        config = [str(column) for column in frame.columns if column not in named]
    if len(frame) == 0:
        raise NothingToAssessError(f"{source} has no rows")
    words = _words(frame, status)
    at_work = np.array([word in ("running", "waiting", "planned", "leased", "pruned") for word in words])
    kept = frame.loc[~at_work]
    words = [word for word, running in zip(words, at_work, strict=True) if not running]
    if len(kept) == 0:
        raise NothingToAssessError(f"{source} has {len(frame)} runs and none of them has ended")
    scores = _numbers(kept, score, source)
    good = [word in ("", "ok", "complete", "completed", "finished", "terminated") for word in words]
    scores = np.where(good, scores, np.nan)
    columns = {name: tuple(_plain(value) for value in kept[name].tolist()) for name in config}
    varying = [name for name in config if len({repr(value) for value in columns[name]}) > 1]
    reasons = tuple(
        "" if np.isfinite(value) else (word if not fine and word else "no score")
        for value, word, fine in zip(scores, words, good, strict=True)
    )
    return Trials(
        names=tuple(varying), columns=tuple(columns[name] for name in varying), scores=-scores if lower else scores,
        groups=_strings(kept, group), seeds=_strings(kept, seed),
        costs=None if cost is None else _numbers(kept, cost, source),
        fixed={name: columns[name][0] for name in config if name not in varying}, failures=reasons,
        running=int(at_work.sum()),
    )  # fmt: skip


def parameters_of(trials: Trials, rows: NDArray[np.int_]) -> tuple[list[Parameter], dict[str, str]]:
    """The parameters at the given runs, as positions and levels, and those that cannot be judged with the reason.

    A numeric parameter with few distinct values is a choice. With many it is a range, and its position is the rank
    among the observed values, so that a learning rate needs no logarithm and a silly corner does not rule.
    """
    found: list[Parameter] = []
    left_out: dict[str, str] = {}
    for name, column in zip(trials.names, trials.columns, strict=True):
        values = [column[i] for i in rows]
        numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
        distinct = sorted({repr(value) for value in values})
        if len(distinct) < 2:
            left_out[name] = "does not vary among the runs that ended well"
        elif len(numbers) == len(values) and len(distinct) > FEW_LEVELS:
            found.append(Parameter(name=name, values=positions(np.array(values, dtype=float))))
        elif len(distinct) > max(FEW_LEVELS, MOST_LEVELS * len(values)):
            left_out[name] = (
                f"has {len(distinct)} different values in {len(values)} configurations, too many for a choice"
            )
        else:
            levels = tuple(_level_order(distinct, numbers, values))
            codes = np.array([levels.index(repr(value)) for value in values], dtype=float)
            found.append(Parameter(name=name, values=codes, levels=levels, ordered=len(numbers) == len(values)))
    return found, left_out


def positions(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) positions in [0, 1] of numeric values by their rank, ties sharing one: uniform by construction."""
    from scipy.stats import rankdata

    return (rankdata(values) - 0.5) / len(values)


def _level_order(distinct: Sequence[str], numbers: Sequence[Any], values: Sequence[Any]) -> list[str]:
    if len(numbers) == len(values):
        return [repr(value) for value in sorted(set(values))]
    return list(distinct)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def _strings(frame: pd.DataFrame, column: str | None) -> NDArray[np.str_]:
    return np.array(["all"] * len(frame) if column is None else [str(value) for value in frame[column].tolist()])


def _words(frame: pd.DataFrame, column: str | None) -> list[str]:
    if column is None:
        return [""] * len(frame)
    return [str(value).rsplit(".", maxsplit=1)[-1].casefold() for value in frame[column].tolist()]


def _numbers(frame: pd.DataFrame, column: str, source: str) -> NDArray[np.float64]:
    out = np.full(len(frame), np.nan)
    for i, value in enumerate(frame[column].tolist()):
        if value is None or (isinstance(value, str) and value.strip().casefold() in ("", "nan", "na", "none", "-")):
            continue
        try:
            out[i] = float(value)
        except (TypeError, ValueError) as error:
            raise DataError(f"{source}: row {i + 2}, column {column!r}: {value!r} is not a number") from error
    return np.where(np.isfinite(out), out, np.nan)
