"""One data set as several subtasks: by class, group, time or at random."""

from __future__ import annotations

from typing import Literal

import numpy as np

from assay.dataset import Dataset
from assay.errors import DataError
from assay.rng import stream


def split_into_subtasks(
    dataset: Dataset, by: Literal["class", "group", "time", "random"], n: int, *, seed: int
) -> list[tuple[str, Dataset]]:
    """(name, data set) of each subtask.

    By class, the classes are dealt out in their order, so that each subtask tells its own classes apart. By group,
    whole groups are dealt out; by time, rows are cut into stretches of equal size; at random, each row goes anywhere.

    Args:
        dataset: The data set to split.
        by: What tells the subtasks apart.
        n: Number of subtasks.
        seed: Seeds the random split.

    Raises:
        DataError: when the data have no groups or times, or too few classes for two in each subtask.
    """
    if by == "class":
        return _by_class(dataset, n)
    rows = np.arange(len(dataset))
    if by == "group":
        groups = _needed(dataset.groups, dataset, "groups")
        names = np.unique(groups)
        if len(names) < n:
            raise DataError(f"{dataset.ref.uri} has {len(names)} groups, too few for {n} subtasks")
        pieces = [np.isin(groups, part) for part in np.array_split(names, n)]
        members = [rows[piece] for piece in pieces]
    elif by == "time":
        order = np.argsort(_needed(dataset.times, dataset, "times"), kind="stable")
        members = [np.sort(part) for part in np.array_split(rows[order], n)]
    else:
        members = [np.sort(part) for part in np.array_split(stream(seed, "subtasks", n).permutation(rows), n)]
    return [(f"{by} {i + 1}", dataset.take(part, part=f"{by}={i + 1}/{n}")) for i, part in enumerate(members)]


def sample(dataset: Dataset, rows: int, *, seed: int) -> np.ndarray:
    """Positions of a sample of about so many rows, classes (and published splits) in proportion, groups whole."""
    from assay.sources.data.draws import strata_of
    from assay.sources.data.partition import Pool, choose_count

    strata = strata_of(dataset)
    if dataset.splits is not None:
        strata = np.unique(np.stack([strata, np.unique(dataset.splits, return_inverse=True)[1]]), axis=1,
                           return_inverse=True)[1]  # fmt: skip
    groups = None if dataset.groups is None else np.unique(dataset.groups, return_inverse=True)[1]
    return np.sort(choose_count(Pool(np.arange(len(dataset)), strata, groups), rows, stream(seed, "sample", rows)))


def _by_class(dataset: Dataset, n: int) -> list[tuple[str, Dataset]]:
    classes = dataset.task.classes
    if len(classes) < 2 * n:
        raise DataError(
            f"{dataset.ref.uri} has {len(classes)} classes; {n} subtasks of at least two classes need {2 * n}; "
            f"use at most {len(classes) // 2} subtasks"
        )
    parts = [[str(name) for name in part] for part in np.array_split(np.array(classes, dtype=object), n)]
    return [("+".join(part), dataset.with_classes(part)) for part in parts]


def _needed(values: np.ndarray | None, dataset: Dataset, what: str) -> np.ndarray:
    if values is None:
        raise DataError(f"{dataset.ref.uri} has no {what}; name the column, such as csv:log.csv?{what[:-1]}=COLUMN")
    return values
