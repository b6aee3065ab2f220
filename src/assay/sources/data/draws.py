"""Draws: which rows a trial learns from, chooses on and is tested on; the same for all models.

A draw depends on the data, the scheme, the seed and its number, never on model or recipe. Rows of one group stay in one
part whatever the scheme. Small label budgets are subsets of larger ones within a draw, and the test rows of a draw are
the same for every budget. A row that is learned from is never chosen on, and neither is ever tested on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset
from assay.errors import DataError, UnknownNameError, UsageError
from assay.rng import stream
from assay.sources.data.forward import Forward
from assay.sources.data.partition import Pool, choose, choose_count, folds, ranks_within, resample
from assay.sources.data.parts import Rows, Split, checked, untaught
from assay.spec import Window

Scheme = Literal["given", "stratified", "grouped", "time", "forward", "kfold", "leave_one_out", "bootstrap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """A plan of draws; `split` gives the rows of one."""

    scheme: Scheme = "stratified"
    """`given`: the published splits. `stratified`: classes in proportion. `grouped`: whole groups. `time`: the
    latest rows are the test; each further draw steps back by one such stretch. `forward`: learn before an origin,
    be tested on held-out rows of that time and on all later ones; each further draw is fitted at a later window.
    `kfold`: draw i tests on fold i, and after the last fold deals anew. `leave_one_out`: draw i tests on row (or
    group) i. `bootstrap`: as many rows drawn with replacement, tested on those not drawn."""
    test_size: float = 0.2
    """Share of the rows to test on, for `stratified`, `grouped`, `time`; of those before the origin for `forward`."""
    valid_size: float = 0.2
    """Share of the rows not tested on that are set aside for choices; a published valid split is taken as it is."""
    folds: int = 5
    """Number of folds, for `kfold`."""
    limit: int | None = None
    """Use about this many rows in all, the same for every draw: a smoke run."""
    seed: int = 0
    """Another seed gives other draws."""
    forward: Forward = field(default_factory=Forward)
    """Origin, windows and refits, for `forward`."""

    def __post_init__(self) -> None:
        if self.scheme not in get_args(Scheme):
            raise UnknownNameError("scheme of draws", self.scheme, get_args(Scheme))
        if not 0 < self.test_size < 1 or not 0 <= self.valid_size < 1:
            raise UsageError(f"sizes of parts are shares below 1; got test {self.test_size}, valid {self.valid_size}")
        if self.folds < 2:
            raise UsageError(f"at least two folds are needed; got {self.folds}")

    def count(self, dataset: Dataset) -> int | None:
        """How many different draws there are; None for as many as wanted."""
        pool = self._pool(dataset)
        if self.scheme == "leave_one_out":
            return len(pool) if pool.groups is None else len(np.unique(pool.groups))
        if self.scheme == "time":
            return max(int((1 - self.test_size) / self.test_size + 1e-9), 1)
        if self.scheme == "forward":
            return len(self.forward.starts(_times(dataset)[pool.rows]))
        return None

    def split(self, dataset: Dataset, draw: int, *, per_class: int | None = None) -> Split:
        """The rows of draw number `draw`.

        Args:
            dataset: the data.
            draw: from 0.
            per_class: label budget: rows of each class to learn from and choose on together (the valid rows come out of
                the budget); for regression, rows in all. 0 gives the test rows alone, for a recipe that learns nothing.

        Raises:
            DataError: where the data cannot be parted so, or a class that is tested has no training rows.
            UsageError: for a draw that does not exist.
        """
        if draw < 0 or (per_class is not None and per_class < 0):
            raise UsageError(f"draws and budgets count from 0; got draw {draw}, per_class {per_class}")
        if per_class == 0:
            return untaught(self.split(dataset, draw))
        pool = self._pool(dataset)
        if self.scheme == "bootstrap":
            return self._bootstrap(dataset, pool, draw, per_class)
        notes: list[str] = []
        rest, valid, test = self._parts(dataset, pool, draw, notes)
        if valid is None:
            valid = self._valid(dataset, rest, draw, notes)
        learn, choose_on = rest.without(valid), pool.keep(np.isin(pool.rows, valid))
        if per_class is not None:
            aside = int(per_class * self.valid_size)
            learn = self._first(dataset, learn, per_class - aside, draw)
            choose_on = self._first(dataset, choose_on, aside, draw)
        train, valid = learn.rows, choose_on.rows
        return checked(dataset, Split(train=train, valid=valid, test=test, notes=tuple(notes)), draw)

    def _stream(self, dataset: Dataset, purpose: str, draw: int) -> np.random.Generator:
        return stream(self.seed, "rows", dataset.ref.revision, self.scheme, purpose, draw)

    def _pool(self, dataset: Dataset) -> Pool:
        pool = Pool(np.arange(len(dataset)), strata_of(dataset), _codes(dataset.groups))
        if self.limit is None or self.limit >= len(dataset):
            return pool
        split = _codes(dataset.splits) if self.scheme == "given" else None
        cells = pool.strata if split is None else pool.strata * (split.max() + 1) + split  # in proportion by split too
        proportional = Pool(pool.rows, np.unique(cells, return_inverse=True)[1], pool.groups)
        kept = choose_count(proportional, self.limit, stream(self.seed, "rows", dataset.ref.revision, "limit"))
        return pool.keep(np.isin(pool.rows, kept))

    def _parts(self, dataset: Dataset, pool: Pool, draw: int, notes: list[str]) -> tuple[Pool, Rows | None, Rows]:
        """The rows to learn from and choose on, the valid rows where they are given, and the test rows."""
        if self.scheme == "given":
            return _given(dataset, pool)
        if self.scheme == "time":
            return self._by_time(dataset, pool, draw, notes)
        if self.scheme == "forward":
            rng = self._stream(dataset, "source", 0)
            rest, test, said = self.forward.parts(_times(dataset), pool, draw, held_out=self.test_size, rng=rng)
            notes += said
            return rest, None, test
        if self.scheme == "grouped" and pool.groups is None:
            raise DataError(f"{dataset.ref.uri}: scheme=grouped needs groups; name their column with group=")
        if self.scheme == "leave_one_out":
            units = pool.rows if pool.groups is None else pool.groups
            names = np.unique(units)
            if draw >= len(names):
                raise UsageError(
                    f"{dataset.ref.uri}: leave_one_out has {len(names):,} draws; draw {draw} is beyond them"
                )
            test = pool.rows[units == names[draw]]
        elif self.scheme == "kfold":
            dealt = folds(pool, self.folds, self._stream(dataset, "folds", draw // self.folds))
            test = pool.rows[dealt == draw % self.folds]
        else:
            test = choose(pool, self.test_size, self._stream(dataset, "test", draw))
        return pool.without(test), None, test

    def _by_time(self, dataset: Dataset, pool: Pool, draw: int, notes: list[str]) -> tuple[Pool, Rows | None, Rows]:
        """The latest stretch of test rows, and all before it; each draw steps back by one stretch."""
        times = _times(dataset)[pool.rows]
        ordered, step = np.sort(times), max(round(self.test_size * len(pool)), 1)
        stop = len(pool) - draw * step
        if stop - step < 2:
            raise UsageError(
                f"{dataset.ref.uri}: draw {draw} steps back beyond the first rows; test_size is {self.test_size}"
            )
        start = ordered[stop - step]
        inside = (times >= start) & (times < ordered[stop] if draw else True)
        test = pool.rows[inside]
        rest = pool.keep(times < start)
        if pool.groups is not None and rest.groups is not None:
            spanning = np.isin(rest.groups, pool.groups[inside])
            if spanning.any():
                notes.append(f"{int(spanning.sum()):,} earlier rows left out, whose groups go on into the test rows")
                rest = rest.keep(~spanning)
        return rest, None, test

    def _valid(self, dataset: Dataset, rest: Pool, draw: int, notes: list[str]) -> Rows:
        """The rows to choose on: the latest by time, else in proportion by class, or whole groups."""
        if self.valid_size == 0 or len(rest) < 2:
            return np.empty(0, dtype=np.int_)
        if self.scheme != "time" or rest.groups is not None:
            if rest.groups is not None and len(np.unique(rest.groups)) < 2:
                notes.append("no valid rows: all training rows are of one group")
                return np.empty(0, dtype=np.int_)
            return choose(rest, self.valid_size, self._stream(dataset, "valid", draw))
        times = _times(dataset)[rest.rows]
        cut = np.sort(times)[len(rest) - max(round(self.valid_size * len(rest)), 1)]
        return rest.rows[times >= cut] if (times < cut).any() else np.empty(0, dtype=np.int_)

    def _first(self, dataset: Dataset, pool: Pool, budget: int, draw: int) -> Pool:
        """The first rows of each class in this draw's random order; those of a smaller budget are among them."""
        rng = self._stream(dataset, "budget", draw)
        if dataset.task.kind == "multilabel":
            order = rng.permutation(len(pool))
            carries = dataset.targets[pool.rows[order]] == 1
            place = np.where(carries, np.cumsum(carries, axis=0) - 1, budget).min(axis=1, initial=budget)
            return pool.keep(np.isin(np.arange(len(pool)), order[place < budget]))
        strata = np.zeros(len(pool), dtype=np.int_) if dataset.task.kind == "regression" else pool.strata
        return pool.keep(ranks_within(strata, rng) < budget)

    def _bootstrap(self, dataset: Dataset, pool: Pool, draw: int, per_class: int | None) -> Split:
        if per_class is not None:
            raise UsageError("a label budget and scheme=bootstrap exclude each other: both choose the training rows")
        notes: list[str] = []
        valid = self._valid(dataset, pool, draw, notes)
        rest = pool.without(valid)
        train = resample(rest, self._stream(dataset, "resample", draw))
        test = rest.without(train).rows
        return checked(dataset, Split(train=train, valid=valid, test=test, notes=tuple(notes)), draw)


def draw(
    dataset: Dataset, *, scheme: Scheme, draw: int, seed: int, test_size: float = 0.2, valid_size: float = 0.2,
    per_class: int | None = None, limit: int | None = None, folds: int = 5, forward: Forward | None = None,
) -> Split:  # fmt: skip
    """The rows of one draw; see `Draws` and `Draws.split` for the arguments.

    Example:
        >>> from assay.sources.data import load_data
        >>> split = draw(load_data("sklearn:digits"), scheme="stratified", draw=0, seed=0)
        >>> len(split.train), len(split.valid), len(split.test)
        (1150, 288, 359)
    """
    plan = Draws(
        scheme=scheme, test_size=test_size, valid_size=valid_size, folds=folds, limit=limit, seed=seed,
        forward=forward or Forward(),
    )  # fmt: skip
    return plan.split(dataset, draw, per_class=per_class)


def rows_in_window(dataset: Dataset, window: Window) -> Rows:
    """Positions of the rows whose time lies in the window, its start included and its end excluded.

    Raises:
        DataError: for data without times.
    """
    times = _times(dataset)
    start, end = np.datetime64(window.start), np.datetime64(window.end)
    return np.flatnonzero((times >= start) & (times < end))


def strata_of(dataset: Dataset) -> NDArray[np.int_]:
    """(n,) what is kept in proportion: the class, the rarest label of a row, or the tenth of the range of numbers."""
    targets = dataset.targets
    if dataset.task.kind == "multilabel":
        rarity = np.argsort(np.argsort(targets.sum(axis=0)))
        return np.where(targets == 1, rarity, targets.shape[1]).min(axis=1)
    if dataset.task.kind == "regression":
        return (np.argsort(np.argsort(targets, kind="stable"), kind="stable") * 10) // len(targets)
    return targets.astype(np.int_)


def _given(dataset: Dataset, pool: Pool) -> tuple[Pool, Rows | None, Rows]:
    if dataset.splits is None:
        raise DataError(
            f"{dataset.ref.uri}: the data publish no splits; name their column with split=, or choose a scheme"
        )
    split = dataset.splits[pool.rows]
    there = sorted(set(dataset.splits.tolist()))
    for part in ("train", "test"):
        if not (split == part).any():
            raise DataError(
                f"{dataset.ref.uri}: no rows of split {part!r}; the data publish {', '.join(there)}; "
                "choose another scheme, such as stratified"
            )
    valid = pool.rows[split == "valid"]
    return pool.keep(split == "train"), valid if len(valid) else None, pool.rows[split == "test"]


def _times(dataset: Dataset) -> NDArray[np.datetime64]:
    if dataset.times is None:
        raise DataError(f"{dataset.ref.uri}: the rows have no times; name their column with time=")
    return dataset.times


def _codes(names: NDArray[np.str_] | None) -> NDArray[np.int_] | None:
    return None if names is None else np.unique(names, return_inverse=True)[1]
