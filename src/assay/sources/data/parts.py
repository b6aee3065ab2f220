"""The parts of one draw, and what must be true of them: apart, not empty, every tested class learned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset
from assay.errors import DataError

Rows = NDArray[np.int_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Row positions of the three parts of one draw."""

    train: Rows
    """To learn from; with `bootstrap` a row may stand here several times; none at budget 0."""
    valid: Rows
    """To choose settings on; may be empty."""
    test: Rows
    """To score on."""
    notes: tuple[str, ...] = ()
    """What the reader should know: a class without test rows, rows left out."""


def checked(dataset: Dataset, split: Split, draw: int) -> Split:
    """The split, after making sure that its parts are apart and that every tested class can be learned.

    Raises:
        DataError: for an empty part, a group in two parts, or a class that is tested and never learned.
    """
    where = f"{dataset.ref.uri}, draw {draw}"
    for part in ("train", "test"):
        if not len(getattr(split, part)):
            raise DataError(f"{where}: no {part} rows are left")
    _check_apart(dataset, split, where)
    if not dataset.task.is_classification:
        return split
    learned, tested = _class_counts(dataset, split.train), _class_counts(dataset, split.test)
    chosen = _class_counts(dataset, split.valid)
    missing = np.flatnonzero((learned == 0) & (tested + chosen > 0))
    if len(missing):
        name = dataset.task.classes[int(missing[0])]
        more = f" (nor have {len(missing) - 1} more classes)" if len(missing) > 1 else ""
        raise DataError(
            f"{where}: class {name!r} has {int(tested[missing[0]] + chosen[missing[0]]):,} rows to test or "
            f"choose on and none to learn from{more}; leave it out, or choose a scheme that keeps classes in proportion"
        )
    untested = [dataset.task.classes[int(code)] for code in np.flatnonzero(tested == 0)]
    if untested and len(split.test) > 1:
        more = f" and {len(untested) - 1} more" if len(untested) > 1 else ""
        note = f"no test rows of class {untested[0]!r}{more}"
        return replace(split, notes=(*split.notes, note))
    return split


def untaught(split: Split) -> Split:
    """The same draw with its test rows only."""
    none = np.empty(0, dtype=np.int_)
    return replace(split, train=none, valid=none)


def _check_apart(dataset: Dataset, split: Split, where: str) -> None:
    parts = {"train": split.train, "valid": split.valid, "test": split.test}
    for first, second in (("train", "valid"), ("train", "test"), ("valid", "test")):
        if dataset.groups is None:
            continue
        both = np.intersect1d(dataset.groups[parts[first]], dataset.groups[parts[second]])
        if len(both):
            raise DataError(
                f"{where}: group {str(both[0])!r} has rows in {first} and in {second}"
                f"{f', and {len(both) - 1:,} more groups have' if len(both) > 1 else ''}; choose scheme=grouped, "
                "or load the data without group="
            )


def _class_counts(dataset: Dataset, rows: Rows) -> NDArray[np.int_]:
    targets = dataset.targets[rows]
    return targets.sum(axis=0) if targets.ndim == 2 else np.bincount(targets, minlength=len(dataset.task.classes))
