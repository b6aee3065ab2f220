"""From the labels that data carry to class codes: names in a stable order, missing labels found by row.

Class names are text. They are sorted as numbers where all of them are whole numbers, and as text otherwise; the second
class of a binary task is the positive one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Task
from assay.errors import DataError
from assay.spec import TaskKind

MISSING = frozenset({"", "nan", "na", "n/a", "null", "<na>", "nat"})


def show_rows(rows: Iterable[int], limit: int = 5) -> str:
    """Row numbers for a message, counted from 1: `rows 3, 8, 9 and 12 more`."""
    numbers = [int(row) + 1 for row in rows]
    shown = ", ".join(str(number) for number in numbers[:limit])
    rest = f" and {len(numbers) - limit:,} more" if len(numbers) > limit else ""
    return f"row{'s' if len(numbers) > 1 else ''} {shown}{rest}"


def is_missing(value: Any) -> bool:
    """Whether a cell holds no value: None, NaN, NaT, or text that tables use for it."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip().casefold() in MISSING
    return bool(value != value)


def missing_rows(values: Sequence[Any] | NDArray[Any]) -> NDArray[np.int_]:
    """Positions of the rows that hold no value."""
    return np.flatnonzero([_missing_safely(value) for value in values])


def _missing_safely(value: Any) -> bool:
    try:
        return is_missing(value)
    except TypeError:  # pandas.NA has no truth value
        return True


def class_name(value: Any) -> str:
    """The name of a class: whole numbers without a decimal point, everything else as text."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value).strip()


def sort_names(names: Iterable[str]) -> tuple[str, ...]:
    """Class names in their stable order: as whole numbers where all are, else as text."""
    pool = sorted(set(names))
    try:
        return tuple(sorted(pool, key=int))
    except ValueError:
        return tuple(pool)


def encode_classes(labels: Sequence[Any] | NDArray[Any], *, where: str,
                   classes: Sequence[str] | None = None) -> tuple[Task, NDArray[np.int64]]:  # fmt: skip
    """The task and the (n,) class codes of labels, none of them missing.

    Args:
        labels: (n,) labels of any type; `classes` may give their names in order, then labels are codes or names.
        where: names the data in messages.
        classes: names in the order of their codes, where the data state them.

    Raises:
        DataError: for a missing label (with its rows), one class only, or nearly as many classes as rows.
    """
    gaps = missing_rows(labels)
    if len(gaps):
        raise DataError(f"{where}: no label in {show_rows(gaps)}; remove these rows, or add bad=skip to leave them out")
    if classes is not None and np.asarray(labels).dtype.kind in "iu":
        codes = np.asarray(labels, dtype=np.int64)
        names = tuple(str(name) for name in classes)
        outside = np.flatnonzero((codes < 0) | (codes >= len(names)))
        if len(outside):
            raise DataError(
                f"{where}: a label outside 0 to {len(names) - 1} in {show_rows(outside)} "
                f"(the first is {int(codes[outside[0]])}); such rows often have no label"
            )
    else:
        text = [class_name(label) for label in labels]
        names = tuple(str(name) for name in classes) if classes is not None else sort_names(text)
        at = {name: code for code, name in enumerate(names)}
        strange = [row for row, name in enumerate(text) if name not in at]
        if strange:
            raise DataError(f"{where}: an unknown class {text[strange[0]]!r} in {show_rows(strange)}")
        codes = np.fromiter((at[name] for name in text), dtype=np.int64, count=len(text))
    check_classes(np.bincount(codes, minlength=len(names)), names, where)
    kind: TaskKind = "binary" if len(names) == 2 else "multiclass"
    return Task(kind=kind, classes=names), codes


def check_size(n: int, where: str) -> None:
    """Refuse fewer than two items.

    Raises:
        DataError: with the count.
    """
    if n < 2:
        raise DataError(f"{where}: {n} item{'' if n == 1 else 's'}; at least two are needed")


def check_classes(counts: NDArray[np.int_], names: Sequence[str], where: str) -> None:
    """Refuse classes that nothing can be learned from.

    Raises:
        DataError: for a class without items, one class only, or classes that look like numbers to predict.
    """
    n = int(counts.sum())
    check_size(n, where)
    empty = [names[int(code)] for code in np.flatnonzero(counts == 0)]
    if empty:
        raise DataError(
            f"{where}: class {empty[0]!r} has no items{_and_more(len(empty) - 1)}; leave it out, or add bad=skip"
        )
    if len(names) == 1:
        raise DataError(f"{where}: all {n:,} items are of class {names[0]!r}; at least two are needed")
    if n >= 20 and len(names) > n // 2:
        raise DataError(
            f"{where}: {len(names):,} different labels in {n:,} rows leave too few items a class; "
            "to predict a number, name its column with target="
        )


def _and_more(count: int) -> str:
    return f" (nor do {count} more)" if count > 0 else ""


def encode_numbers(values: Sequence[Any] | NDArray[Any], *, where: str) -> tuple[Task, NDArray[np.float64]]:
    """The regression task and its (n,) float64 targets.

    Raises:
        DataError: for a missing or unreadable number (with its rows), or values that are all the same.
    """
    gaps = missing_rows(values)
    if len(gaps):
        raise DataError(
            f"{where}: no number in {show_rows(gaps)}; remove these rows, or add bad=skip to leave them out"
        )
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            raise DataError(f"{where}: {value!r} in row {row + 1} is no number") from None
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise DataError(f"{where}: infinite in {show_rows(bad)}")
    if len(numbers) > 1 and np.ptp(numbers) == 0:
        raise DataError(f"{where}: all {len(numbers):,} targets are {numbers[0]:g}; there is nothing to predict")
    return Task(kind="regression"), numbers


def encode_label_sets(sets: Sequence[Iterable[str]], *, where: str,
                      classes: Sequence[str] | None = None) -> tuple[Task, NDArray[np.int64]]:  # fmt: skip
    """The multilabel task and its (n, c) 0/1 targets, from the label names of each row.

    `classes` gives all names in their order, where the data state them.

    Raises:
        DataError: when fewer than two labels occur.
    """
    names = tuple(classes) if classes else sort_names(name for row in sets for name in row)
    at = {name: code for code, name in enumerate(names)}
    table = np.zeros((len(sets), len(names)), dtype=np.int64)
    for row, present in enumerate(sets):
        for name in present:
            table[row, at[name]] = 1
    return check_label_table(table, names, where=where)


def check_label_table(table: NDArray[Any], names: Sequence[str], *, where: str) -> tuple[Task, NDArray[np.int64]]:
    """The multilabel task of an (n, c) table of 0 and 1.

    Raises:
        DataError: for other values, fewer than two labels, or a label that no row carries.
    """
    strange = np.argwhere((table != 0) & (table != 1))
    if len(strange):
        row, column = strange[0]
        raise DataError(
            f"{where}: label {names[column]!r} in row {row + 1} is {table[row, column]!r}; 0 or 1 is needed"
        )
    if len(names) < 2:
        raise DataError(f"{where}: {len(names)} label in all; a multilabel task needs at least two")
    empty = [names[int(code)] for code in np.flatnonzero(table.sum(axis=0) == 0)]
    if empty:
        raise DataError(f"{where}: no row carries label {empty[0]!r}{_and_more(len(empty) - 1)}; leave it out")
    return Task(kind="multilabel", classes=tuple(names)), table.astype(np.int64)
