"""Choosing rows: by stratum, by group, by time, by fold. Arrays in, positions out; nothing here knows of data sets.

`strata` are class codes, or their like: a chosen part has each stratum in proportion. `groups` are codes or None: rows
of one group are chosen together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError

Rows = NDArray[np.int_]
_CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows to choose from, with what must be kept in proportion and together."""

    rows: Rows
    """(k,) positions in the data set."""
    strata: NDArray[np.int_]
    """(k,) stratum of each."""
    groups: NDArray[np.int_] | None
    """(k,) group of each."""

    def __len__(self) -> int:
        return len(self.rows)

    def keep(self, mask: NDArray[np.bool_]) -> Pool:
        """The rows where the mask holds."""
        return Pool(self.rows[mask], self.strata[mask], None if self.groups is None else self.groups[mask])

    def without(self, rows: Rows) -> Pool:
        """The rows that are not among these."""
        return self.keep(~np.isin(self.rows, rows))


def choose(pool: Pool, share: float, rng: np.random.Generator) -> Rows:
    """About this share of the rows, in proportion by stratum, or whole groups of them; something is always left.

    A stratum of one row stays behind; of every other at least one row does, where rows are chosen one by one.
    """
    if pool.groups is not None:
        return _choose_groups(pool, share, rng)
    place, sizes = _places(pool, rng)
    quota = np.minimum(_apportion(sizes, round(share * len(pool))), np.maximum(sizes - 1, 0))
    return np.sort(pool.rows[place < quota[pool.strata]])


def choose_count(pool: Pool, count: int, rng: np.random.Generator) -> Rows:
    """`count` rows in proportion by stratum; with groups, whole groups in random order until there are that many."""
    if count >= len(pool):
        return pool.rows
    if pool.groups is not None:
        codes, sizes = np.unique(pool.groups, return_counts=True)
        order = rng.permutation(len(codes))
        enough = int(np.searchsorted(np.cumsum(sizes[order]), count)) + 1
        return pool.rows[np.isin(pool.groups, codes[order[:enough]])]
    place, sizes = _places(pool, rng)
    return pool.rows[place < _apportion(sizes, count)[pool.strata]]


def folds(pool: Pool, k: int, rng: np.random.Generator) -> NDArray[np.int_]:
    """(k,) fold of each row: strata, or groups, are dealt out so that folds are as alike as can be.

    A row that is the only one of its stratum belongs to no fold, −1: it is always there to learn from.
    """
    if pool.groups is not None:
        return _group_folds(pool, k, rng)
    order = np.lexsort((rng.permutation(len(pool)), pool.strata))
    dealt = np.empty(len(pool), dtype=np.int_)
    dealt[order] = np.arange(len(pool)) % k
    return np.where(np.bincount(pool.strata)[pool.strata] == 1, -1, dealt)


def resample(pool: Pool, rng: np.random.Generator) -> Rows:
    """As many rows, drawn with replacement within each stratum; with groups, as many groups, each with all its rows."""
    if pool.groups is not None:
        codes = np.unique(pool.groups)
        drawn = rng.choice(codes, size=len(codes))
        return np.concatenate([pool.rows[pool.groups == code] for code in drawn])
    out = [rng.choice(pool.rows[pool.strata == s], size=int((pool.strata == s).sum())) for s in np.unique(pool.strata)]
    return np.concatenate(out)


def ranks_within(strata: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.int_]:
    """(k,) place of each row in a random order of its stratum, from 0."""
    order = np.lexsort((rng.permutation(len(strata)), strata))
    starts = np.searchsorted(strata[order], strata[order], side="left")
    place = np.empty(len(strata), dtype=np.int_)
    place[order] = np.arange(len(strata)) - starts
    return place


def _places(pool: Pool, rng: np.random.Generator) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    return ranks_within(pool.strata, rng), np.bincount(pool.strata)


def _apportion(sizes: NDArray[np.int_], count: int) -> NDArray[np.int_]:
    """How many to take of each stratum, by largest remainders; of strata of equal remainder the larger first."""
    exact = sizes * (count / max(int(sizes.sum()), 1))
    quota = np.floor(exact + 1e-9).astype(np.int_)
    order = np.lexsort((-sizes, -np.round(exact - quota, 9)))
    quota[order[: max(count - int(quota.sum()), 0)]] += 1
    return quota


def _choose_groups(pool: Pool, share: float, rng: np.random.Generator) -> Rows:
    """Of fifty random orders of the groups the one whose first groups are nearest in size and in strata."""
    assert pool.groups is not None
    codes, table = _group_table(pool)
    if len(codes) < 2:
        raise DataError(f"{len(codes)} group cannot be parted; at least two are needed")
    wanted = share * table.sum(axis=0)
    best: tuple[float, NDArray[np.int_]] | None = None
    for _ in range(_CANDIDATES):
        order = rng.permutation(len(codes))
        sums = np.cumsum(table[order], axis=0)
        sizes = sums.sum(axis=1)
        take = int(np.clip(np.abs(sizes - wanted.sum()).argmin() + 1, 1, len(codes) - 1))
        lost = ((table.sum(axis=0) > 0) & (sums[take - 1] == table.sum(axis=0))).sum()
        badness = float(np.abs(sums[take - 1] - wanted).sum() + lost * len(pool))
        if best is None or badness < best[0]:
            best = (badness, codes[order[:take]])
    assert best is not None
    return pool.rows[np.isin(pool.groups, best[1])]


def _group_folds(pool: Pool, k: int, rng: np.random.Generator) -> NDArray[np.int_]:
    """Groups from large to small, each to the fold that leaves the strata most even."""
    assert pool.groups is not None
    codes, table = _group_table(pool)
    if len(codes) < k:
        raise DataError(f"{len(codes)} groups cannot make {k} folds")
    order = np.lexsort((rng.permutation(len(codes)), -table.sum(axis=1)))
    sums = np.zeros((k, table.shape[1]))
    total = np.maximum(table.sum(axis=0), 1)
    fold_of = np.zeros(len(codes), dtype=np.int_)
    for group in order:
        trials = sums + np.eye(k)[:, :, None] * table[group]  # (fold tried, fold, stratum)
        uneven = (trials / total).var(axis=1).sum(axis=1)
        size = sums.sum(axis=1)
        fold = int(np.lexsort((size, np.round(uneven, 12)))[0])
        fold_of[group] = fold
        sums[fold] += table[group]
    return fold_of[np.searchsorted(codes, pool.groups)]


def _group_table(pool: Pool) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """The groups, and (groups, strata) how many rows of each stratum they hold."""
    assert pool.groups is not None
    codes, at = np.unique(pool.groups, return_inverse=True)
    width = int(pool.strata.max()) + 1
    table = np.bincount(at * width + pool.strata, minlength=len(codes) * width).reshape(len(codes), width)
    return codes, table.astype(np.float64)
