"""From a table with named columns to a Dataset: which column is the item, the label, the time, the group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset, Task
from assay.errors import DataError, UnknownNameError, UsageError
from assay.sources.data.arrays import TaskWord
from assay.sources.data.assembly import Load, assemble, in_memory
from assay.sources.data.items.files import Skipped, look_at
from assay.sources.data.items.rows import Picked, Rows
from assay.sources.data.items.text import check_texts, empty_texts
from assay.sources.data.targets import (
    check_label_table,
    encode_classes,
    encode_label_sets,
    encode_numbers,
    missing_rows,
    show_rows,
)  # fmt: skip
from assay.sources.data.times import parse_times
from assay.spec import DataRef, Modality

if TYPE_CHECKING:
    import pandas as pd

Bad = Literal["fail", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column is what; exactly one of `text`, `image`, `audio` and `features` names the items."""

    text: str | None = None
    image: str | None = None
    """Paths relative to the table, or encoded bytes."""
    audio: str | None = None
    """Paths relative to the table, or encoded bytes."""
    features: tuple[str, ...] = ()
    """Columns of numbers; `("*",)` for all that nothing else names."""
    label: tuple[str, ...] = ()
    """One column of classes; several columns of 0 and 1 for multilabel."""
    target: str | None = None
    """A column of numbers to predict."""
    task: TaskWord | None = None
    time: str | None = None
    group: str | None = None
    split: str | None = None
    id: str | None = None
    separator: str = "|"
    """Parts the labels of a cell, for multilabel in one column."""
    time_format: str | None = None
    time_unit: str | None = None
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their codes, where the data state them."""


def from_frame(
    frame: pd.DataFrame, *, name: str, label: str | Sequence[str] | None = None, target: str | None = None,
    text: str | None = None, image: str | None = None, audio: str | None = None, features: Sequence[str] = (),
    task: TaskWord | None = None, time: str | None = None, group: str | None = None, split: str | None = None,
    id: str | None = None, root: str | Path = ".", bad: Bad = "fail",  # noqa: A002
) -> Dataset:  # fmt: skip
    """A data set from a data frame.

    Args:
        frame: one row an item.
        name: what the data are called in results.
        label: the column of classes, or several columns of 0 and 1 for multilabel.
        target: the column of numbers to predict, for regression.
        text: the column of texts.
        image: the column of image paths (relative to `root`) or encoded bytes.
        audio: the column of sound paths (relative to `root`) or encoded bytes.
        features: the columns of numbers; `["*"]` for all that nothing else names.
        task: needed only where the columns do not tell it.
        time: the column of times, ISO 8601 or datetimes.
        group: the column of groups that are never parted.
        split: the column of published splits.
        id: the column of unique names.
        root: the folder that relative paths start from.
        bad: `fail` stops at rows without a label, text or file; `skip` leaves them out and counts them in the notes.

    Raises:
        UnknownNameError: for a column that is not there, with the nearest one.
        DataError: for rows that cannot be used, with their numbers.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"body": ["good", "bad", "fine", "poor"], "y": ["+", "-", "+", "-"]})
        >>> from_frame(frame, name="moods", text="body", label="y").task.classes
        ('+', '-')
    """
    labels = (label,) if isinstance(label, str) else tuple(label or ())
    columns = Columns(
        text=text, image=image, audio=audio, features=tuple(features), label=labels, target=target, task=task,
        time=time, group=group, split=split, id=id,
    )  # fmt: skip
    ref = DataRef(source="frame", name=name)
    return from_columns(ref, frame, columns, where=ref.uri, root=Path(root), bad=bad)


def from_columns(ref: DataRef, frame: pd.DataFrame, columns: Columns, *, where: str, root: Path, bad: Bad,
                 items: Rows | None = None, licence: str = "") -> Dataset:  # fmt: skip
    """The data set of a frame and its columns; `items` replaces the item column where items stay on disk."""
    columns = _settled(columns, frame, where)
    skipped = Skipped()
    rows = np.arange(len(frame))
    if bad == "skip":
        rows = rows[~_unusable(frame, columns, skipped)]
    modality, column = _item_column(columns)
    sources = items if items is not None else (None if column is None else frame[column])
    load, digests, kept = _items(sources, frame, columns, modality, rows, where, root, bad, skipped)
    if len(kept) == 0:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in skipped.reasons.items())
        raise DataError(f"{where}: no usable rows{f' ({reasons} left out)' if reasons else ''}")
    part = frame.iloc[kept]
    task, targets = _targets(part, columns, where, skipped if bad == "skip" else None)

    def values(name: str | None) -> list[Any] | None:
        return None if name is None else part[name].tolist()

    times = None
    if columns.time is not None:
        times = parse_times(part[columns.time].tolist(), where=where, name=columns.time, form=columns.time_format,
                            unit=columns.time_unit)  # fmt: skip
    return assemble(
        ref, modality=modality, task=task, targets=targets, load=load, digests=digests,
        ids=values(columns.id) or [f"{row + 1}" for row in kept], splits=values(columns.split),
        groups=values(columns.group), times=times, licence=licence, notes=skipped.notes(),
    )  # fmt: skip


def _settled(columns: Columns, frame: pd.DataFrame, where: str) -> Columns:
    """The columns with the item column filled in; every named column is there."""
    from dataclasses import replace

    names = [str(name) for name in frame.columns]
    named = [columns.text, columns.image, columns.audio]
    if sum(name is not None for name in named) + bool(columns.features) > 1:
        raise UsageError(f"{where}: name one of text=, image=, audio= and features=, not several")
    if not any(named) and not columns.features:
        usual = [name for name in ("text", "image", "audio") if name in names]
        if len(usual) != 1:
            raise UsageError(
                f"{where}: say which column holds the items, as text=, image=, audio= or features=; {_list(names)}"
            )
        columns = replace(columns, **{usual[0]: usual[0]})
    if not columns.label and columns.target is None:
        if "label" not in names:
            raise UsageError(f"{where}: say what is to be predicted, with label= or target=; {_list(names)}")
        columns = replace(columns, label=("label",))
    if columns.label and columns.target is not None:
        raise UsageError(f"{where}: name label= or target=, not both")
    used = [*named, *columns.label, columns.target, columns.time, columns.group, columns.split, columns.id]
    if columns.features == ("*",):
        rest = tuple(name for name in names if name not in used)
        columns = replace(columns, features=rest)
    for name in [*used, *columns.features]:
        if name is not None and name not in names:
            raise UnknownNameError("column", name, names, where=where)
    return columns


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return f"the columns are {shown}{' …' if len(names) > 12 else ''}"


def _item_column(columns: Columns) -> tuple[Modality, str | None]:
    if columns.text is not None:
        return "text", columns.text
    if columns.image is not None:
        return "image", columns.image
    if columns.audio is not None:
        return "audio", columns.audio
    return "table", None


def _unusable(frame: pd.DataFrame, columns: Columns, skipped: Skipped) -> NDArray[np.bool_]:
    """Which rows lack a label, a text, a time, a group or a number; each is counted once, under its first fault."""
    out = np.zeros(len(frame), dtype=bool)
    labels = () if columns.task == "multilabel" else (*columns.label, columns.target)
    wanted = [(name, "no label") for name in labels if name is not None]
    wanted += [(columns.text, "no text"), (columns.time, "no time"), (columns.group, "no group")]
    wanted += [(columns.split, "no split"), *[(name, "no number") for name in columns.features]]
    for name, reason in wanted:
        if name is None or name not in frame.columns:
            continue
        for row in _gaps(frame[name], reason):
            if not out[row]:
                out[row] = True
                skipped.add(reason, f"row {row + 1}: {reason}")
    return out


def _gaps(column: Any, reason: str) -> NDArray[np.int_]:
    """Positions of cells that do not hold what they should."""
    if reason == "no text":
        return empty_texts([_as_text(cell) for cell in column.tolist()])
    if reason == "no number":
        return np.flatnonzero(~np.isfinite(_as_numbers(column)))
    return missing_rows(column.tolist())


def _items(sources: Any, frame: pd.DataFrame, columns: Columns, modality: Modality, rows: NDArray[np.int_], where: str,
           root: Path, bad: Bad, skipped: Skipped) -> tuple[Load, list[str], NDArray[np.int_]]:  # fmt: skip
    """The loader, the digests and the kept rows."""
    if modality == "table":
        numbers = _numbers(frame.iloc[rows], columns.features, rows, where)
        return (*in_memory(numbers), rows)
    cells = sources.tolist() if hasattr(sources, "tolist") else sources
    if modality == "text":
        texts = [_as_text(cells[int(row)]) for row in rows]
        check_texts(texts, where=f"{where}, column {columns.text!r}")
        return (*in_memory(texts), rows)
    if isinstance(cells, list):
        cells = [_as_source(cell, root) for cell in cells]
        names = [_item_name(cells[int(row)], where, int(row)) for row in rows]
    else:
        names = [_item_name(None, where, int(row)) for row in rows]
    looked = look_at(Picked(cells, rows), names, modality=modality, skip=bad == "skip", skipped=skipped)
    return looked.load, looked.digests, rows[looked.kept]


def _as_text(value: Any) -> Any:
    return value if isinstance(value, str) or value is None or value != value else str(value)


def _as_source(value: Any, root: Path) -> Any:
    return root / value if isinstance(value, str) and value.strip() else value


def _item_name(source: Any, where: str, row: int) -> str:
    return f"{source} ({where}, row {row + 1})" if isinstance(source, Path) else f"{where}, row {row + 1}"


def _as_numbers(column: Any) -> NDArray[np.float64]:
    """The column as float64, NaN where a cell is no number."""
    import pandas as pd

    numbers: Any = pd.to_numeric(column, errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _numbers(part: pd.DataFrame, features: Sequence[str], rows: NDArray[np.int_], where: str) -> NDArray[np.float64]:
    out = np.empty((len(part), len(features)))
    for at, name in enumerate(features):
        out[:, at] = _as_numbers(part[name])
        bad = np.flatnonzero(~np.isfinite(out[:, at]))
        if len(bad):
            value = part[name].iloc[bad[0]]
            raise DataError(
                f"{where}, column {name!r}: no number in {show_rows(rows[bad])} (the first is {value!r}); "
                "leave the column out of features=, or add bad=skip to leave the rows out"
            )
    return out


def _targets(part: pd.DataFrame, columns: Columns, where: str, skipped: Skipped | None) -> tuple[Task, NDArray[Any]]:
    """The task and the targets; with `skipped`, declared classes without items are left out and counted there."""
    if columns.target is not None or (columns.task == "regression" and columns.label):
        name = columns.target or "".join(columns.label)
        return encode_numbers(part[name].tolist(), where=f"{where}, column {name!r}")
    if len(columns.label) > 1:
        place = f"{where}, columns {', '.join(columns.label)}"
        return check_label_table(_numbers(part, columns.label, np.arange(len(part)), place), columns.label, where=place)
    name = "".join(columns.label)  # one column
    place = f"{where}, column {name!r}"
    cells = part[name].tolist()
    if columns.task == "multilabel":
        sets = [_names_in(cell, columns) for cell in cells]
        return encode_label_sets(sets, where=place, classes=columns.classes or None)
    if not columns.classes:
        return encode_classes(cells, where=place)
    codes, names = np.asarray(cells), list(columns.classes)
    if skipped is not None and codes.dtype.kind in "iu" and codes.min() >= 0:
        used, codes = np.unique(codes, return_inverse=True)
        for code in sorted(set(range(len(names))) - set(used.tolist())):
            skipped.add("a class without items", f"class {names[code]!r}: no items")
        names = [names[code] for code in used]
    return encode_classes(codes, where=place, classes=names)


def _names_in(cell: Any, columns: Columns) -> list[str]:
    if isinstance(cell, (list, tuple, set, np.ndarray)):
        return [columns.classes[int(name)] if columns.classes else str(name) for name in cell]
    text = "" if cell is None or cell != cell else str(cell)
    return [name.strip() for name in text.split(columns.separator) if name.strip()]
