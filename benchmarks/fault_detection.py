"""Planted faults and honest re-runs: how many faults are found, and how many honest cells are flagged.

Run: python benchmarks/fault_detection.py [--plants 100] [--table FILE ...] [--without-synthetic]

Every plant starts from two honest versions of a table (the second is the first plus noise) and damages the second: one
score at chance, two columns swapped, or one task measured by another metric (error for accuracy, top-5 for top-1,
recall averaged over classes, fractions for percent). Tables are synthetic, and those given by --table, wide with the
model in the first column. A peer stands beside: flagging every change beyond 4 robust standard deviations of its task.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from assay.ledger.tables import number, read_table
from assay.stats.versions import compare_versions

Table = np.ndarray
Flags = np.ndarray


def synthetic(rng: np.random.Generator, m: int, t: int) -> Table:
    """Scores in percent: models 6 points apart, tasks 12 points, interaction 3 points."""
    table = 70 + 6 * rng.normal(size=(m, 1)) + 12 * rng.normal(size=(1, t)) + 3 * rng.normal(size=(m, t))
    return np.clip(table, 3, 99.5)


NOISES: dict[str, Callable[[np.random.Generator, Table], Table]] = {
    "normal, 0.3 points": lambda rng, table: 0.3 * rng.normal(size=table.shape),
    "heavy tails, t with 2 df": lambda rng, table: 0.1 * rng.standard_t(2, size=table.shape),
    "tasks differ 1:7 in noise": lambda rng, table: (
        np.geomspace(0.1, 0.7, table.shape[1]) * rng.normal(size=table.shape)
    ),
    "most re-runs exact": lambda rng, table: 0.2 * rng.normal(size=table.shape) * (rng.random(table.shape) < 0.3),
}  # fmt: skip


def at_chance(rng: np.random.Generator, after: Table) -> Flags:
    """One score of a model that is well above chance falls to it."""
    chance = rng.choice([0.1, 1.0, 10.0, 25.0])
    well = np.argwhere(np.isfinite(after) & (after > chance + 15))
    model, task = well[rng.integers(len(well))]
    after[model, task] = chance + 0.2 * rng.normal()
    planted = np.zeros(after.shape, dtype=bool)
    planted[model, task] = True
    return planted


def swapped(rng: np.random.Generator, after: Table) -> Flags:
    """Two columns change places."""
    one, other = rng.choice(after.shape[1], 2, replace=False)
    after[:, [one, other]] = after[:, [other, one]]
    planted = np.zeros(after.shape, dtype=bool)
    planted[:, [one, other]] = True
    return planted


def other_metric(rng: np.random.Generator, after: Table) -> Flags:
    """One task is measured by another metric."""
    task, kind = rng.integers(after.shape[1]), rng.integers(4)
    column = after[:, task]
    shift = rng.uniform(3, 9) * rng.choice([-1, 1])
    after[:, task] = [
        100 - column,
        column + (100 - column) * rng.uniform(0.5, 0.8),
        column + shift * rng.uniform(0.5, 1.5, len(column)),
        column / 100,
    ][kind]
    planted = np.zeros(after.shape, dtype=bool)
    planted[:, task] = True
    return planted


PLANTS = {"a score at chance": at_chance, "columns swapped": swapped, "another metric for a task": other_metric}


def flagged(before: Table, after: Table) -> Flags:
    """Cells that Assay flags."""
    mask = np.zeros(before.shape, dtype=bool)
    for flag in compare_versions(before, after).flags:
        mask[flag.model, flag.task] = True
    return mask


def flagged_by_peer(before: Table, after: Table) -> Flags:
    """Cells beyond 4 robust standard deviations of their own task."""
    change = after - before
    with np.errstate(invalid="ignore"):
        return np.abs(change) > 4 * 1.4826 * np.nanmedian(np.abs(change), axis=0)


def found(planted: Flags, mask: Flags, known: Flags) -> bool:
    """Whether at least half of the planted cells are flagged: for one cell, that cell."""
    cells = planted & known
    return bool(mask[cells].mean() >= 0.5) and cells.any()


def detection(plant: str, tables: Callable[[np.random.Generator], Table], noise: str, plants: int, seed: int = 0
              ) -> tuple[float, float, float, float]:  # fmt: skip
    """Share of plants found and of honest cells flagged, by Assay and by the peer."""
    rng = np.random.default_rng([seed, *plant.encode(), *noise.encode()])
    hits, false, cells, peer_hits, peer_false = 0, 0, 0, 0, 0
    for _ in range(plants):
        before = tables(rng)
        after = before + NOISES[noise](rng, before)
        known = np.isfinite(before)
        honest = after.copy()
        false += int((flagged(before, honest) & known).sum())
        peer_false += int((flagged_by_peer(before, honest) & known).sum())
        cells += int(known.sum())
        planted = PLANTS[plant](rng, after)
        mask = flagged(before, after)
        hits += found(planted, mask, known)
        peer_hits += found(planted, flagged_by_peer(before, after), known)
        false += int((mask & known & ~planted).sum())
        cells += int((known & ~planted).sum())
    return hits / plants, false / cells, peer_hits / plants, peer_false / (cells / 2)


def sources(paths: list[Path], synthetic_too: bool) -> Iterator[tuple[str, Callable[[np.random.Generator], Table]]]:
    """Tables to plant in, by name."""
    for m, t in ((6, 5), (12, 8), (40, 10), (100, 20)) if synthetic_too else ():
        yield f"synthetic {m} × {t}", lambda rng, m=m, t=t: synthetic(rng, m, t)
    for path in paths:
        table = scores_of(path)
        yield f"{path.stem} {table.shape[0]} × {table.shape[1]}", lambda _, table=table: table.copy()


def scores_of(path: Path) -> Table:
    """The score columns of a wide table in percent; two metrics in a cell are averaged, aggregates left out."""
    frame = read_table(path)
    columns = []
    for name in frame.columns:
        cells = [[number(part) for part in str(cell).split("/")] for cell in frame[name]]
        values = np.array([np.mean([p for p in parts if p is not None] or [np.nan]) for parts in cells])
        aggregate = any(word in str(name).casefold() for word in ("mean", "score", "rank", "index", "average"))
        if np.isfinite(values).mean() > 0.8 and not aggregate:
            columns.append(values * (100 if np.nanmax(values) <= 1 else 1))
    return np.stack(columns, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plants", type=int, default=100)
    parser.add_argument("--table", type=Path, action="append", default=[])
    parser.add_argument("--without-synthetic", action="store_true")
    options = parser.parse_args()
    for name, tables in sources(options.table, not options.without_synthetic):
        print(name, flush=True)
        for noise in NOISES:
            for plant in PLANTS:
                hit, false, peer_hit, peer_false = detection(plant, tables, noise, options.plants)
                good = hit >= 0.95 and false <= 0.005
                print(f"  {noise:26s} {plant:26s} found {hit:5.0%}, false {false:6.2%} ({'pass' if good else 'FAIL'});  "
                      f"4 robust sd: found {peer_hit:5.0%}, false {peer_false:6.2%}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
