"""From anyone's table, long or wide, to one record a score: model, task, score, and what else was recorded.

Nothing is judged here. Columns that are no tasks are left out with a reason; cells that are not plainly numbers are
kept for the report with their place. This is the only file of the lens that knows data frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from assay.assess.sustainability.cells import OddCell, numbers_of
from assay.assess.sustainability.fingerprint import parts_of
from assay.assess.sustainability.options import Reading
from assay.assess.sustainability.records import DIRECTION, LEVELS, Column, Records, Scores, coded
from assay.assess.sustainability.scale import aggregate_columns
from assay.cube import ScoreCube
from assay.errors import DataError, NothingToAssessError, UnknownNameError, UsageError
from assay.frames import column, place

if TYPE_CHECKING:
    import pandas as pd

_MODEL_NAMES = ("model", "models", "model_name", "system", "method", "name", "index")


def read_records(table: pd.DataFrame | ScoreCube, reading: Reading) -> Records:
    """The scores of a table.

    Args:
        table: A long table (one row a score), a wide one (one row a model, one column a task), or a cube whose axes
            are named `model`, `task` and perhaps `seed`, `item` or `time`.
        reading: Which column holds what.

    Raises:
        UnknownNameError: for a column, axis or task that is not there.
        UsageError: when long and wide are asked for at once, or neither can be made out.
        DataError: when no column holds scores, or a name is missing.
        NothingToAssessError: when all cells are missing.
    """
    if isinstance(table, ScoreCube):
        return _from_cube(table)
    named = reading.model or reading.task or reading.score
    if reading.index is not None and named:
        raise UsageError("--index is for a wide table, --model, --task and --score for a long one; give one kind")
    names = {str(name) for name in table.columns}
    if reading.index is None and (named or {"model", "task", "score"} <= names):
        return _from_long(table, reading)
    return _from_wide(table, reading)


def reading_of_other(table: pd.DataFrame | ScoreCube, reading: Reading) -> Reading:
    """The same reading for another source, as far as that source has the columns, tasks and metric that it names."""
    if isinstance(table, ScoreCube):
        return replace(reading, only=(), drop=(), lower=[name for name in reading.lower if name in table.names("task")])
    columns = {str(name) for name in table.columns}
    asked = {name: getattr(reading, name) for name in ("model", "task", "score", "index", "n", "error", *LEVELS)}
    named = {name: value if value in columns else None for name, value in asked.items()}
    given = {name: value for name, value in table.attrs.get("options", {}).items() if name in named}
    tasks, metric = named["task"] or "task", reading.metric
    known = columns | ({str(name) for name in _objects(table, tasks)} if tasks in columns else set())
    if metric is not None and ("metric" not in columns or metric not in set(map(str, _objects(table, "metric")))):
        metric = None
    return replace(
        reading, **{**named, **given}, metric=metric,
        **{name: [value for value in getattr(reading, name) if value in known] for name in ("only", "drop", "lower")},
        fingerprint=[name for name in reading.fingerprint if name in columns],
    )  # fmt: skip


def _from_cube(cube: ScoreCube) -> Records:
    for dim in ("model", "task"):
        cube.axis(dim)
    for dim in cube.dims:
        if dim not in ("model", "task", *LEVELS):
            raise UnknownNameError("axis", dim, ("model", "task", *LEVELS), where="the cube")
    at = np.argwhere(cube.present)
    axis = {dim: at[:, cube.axis(dim)] for dim in cube.dims}
    return Records(
        models=cube.names("model"), tasks=cube.names("task"), model=axis["model"], task=axis["task"],
        score=cube.values[cube.present], position=np.arange(len(at)),
        where=lambda i: f"cell {', '.join(str(int(k)) for k in at[i])} of the cube",
        levels={dim: np.array(cube.names(dim), dtype=object)[axis[dim]] for dim in cube.dims if dim in LEVELS},
        parts=parts_of([], []),
    )  # fmt: skip


def _from_long(table: pd.DataFrame, reading: Reading) -> Records:
    names = {key: getattr(reading, key) or key for key in ("model", "task", "score")}
    names |= {key: getattr(reading, key) for key in (*LEVELS, "n", "error") if getattr(reading, key)}
    for key, name in names.items():
        column(table, name, f"--{key}")
    scores, odd = numbers_of(table, names["score"], reading.two_metrics)
    models, model = coded(_labels(table, names["model"]))
    tasks, task = coded(_labels(table, names["task"]))
    for name in reading.fingerprint:
        column(table, name, "--fingerprint")
    parts = parts_of([str(name) for name in table.columns if name not in names.values()], reading.fingerprint)
    keep = _wanted(tasks, reading)
    records = Records(
        models=models, tasks=tasks, model=model, task=task, score=scores, position=np.arange(len(scores)),
        where=lambda at: place(table, at, names["score"], source=False),
        levels={key: _objects(table, names[key]) for key in LEVELS if key in names},
        sizes=_sizes(table, names["n"]) if "n" in names else None,
        errors=numbers_of(table, names["error"], "refuse")[0] if "error" in names else None,
        marks={name: _objects(table, name) for name in _beside(table, parts)}, parts=parts,
        odd=tuple(odd), notes=_left_out(set(tasks) - keep), source=_source(table),
    )  # fmt: skip
    return records.keep(np.array([tasks[at] in keep for at in task], dtype=bool))


def _from_wide(table: pd.DataFrame, reading: Reading) -> Records:
    index = _index_of(table, reading)
    labels = [str(name) for name in table.columns if str(name) != index]
    keep = _wanted(labels, reading)
    notes = list(_left_out(set(labels) - keep))
    columns, odd = _score_columns(table, [name for name in labels if name in keep], reading, notes)
    if not columns:
        if keep and all(_objects(table, name).tolist().count(None) == len(table) for name in keep):
            raise NothingToAssessError(
                f"{_source(table) or 'the table'}: all cells are missing; nothing can be assessed"
            )
        raise DataError(
            f"{_source(table) or 'the table'} has no column of scores beside {index!r}; a wide table has one row a "
            "model and one column a task, a long one is named with --model, --task and --score"
        )
    models, model = coded(_labels(table, index))
    tasks, rows = tuple(columns), len(model)
    return Records(
        models=models, tasks=tasks, model=np.tile(model, len(tasks)), task=np.repeat(np.arange(len(tasks)), rows),
        score=np.concatenate(list(columns.values())), position=np.arange(rows * len(tasks)),
        where=lambda at: place(table, at % rows, tasks[at // rows], source=False), parts=parts_of([], []),
        odd=tuple(odd), notes=tuple(notes), source=_source(table), wide=True,
    )  # fmt: skip


def _score_columns(
    table: pd.DataFrame, names: Sequence[str], reading: Reading, notes: list[str]
) -> tuple[dict[str, Scores], list[OddCell]]:  # fmt: skip
    """The columns that are tasks, and the odd cells in them; what was left out is added to the notes."""
    columns: dict[str, Scores] = {}
    odd: dict[str, list[OddCell]] = {}
    for name in names:
        values, odd[name] = numbers_of(table, name, reading.two_metrics)
        readable = int(np.isfinite(values).sum())
        unreadable = sum(cell.used is None for cell in odd[name])
        if name in reading.only or readable > unreadable:
            columns[name] = values
        elif readable:
            notes.append(f"column {name!r} was left out: {unreadable} of its cells are no numbers")
    if columns and not reading.only:
        table_of = np.stack(list(columns.values()), axis=1)
        for name, why in aggregate_columns(table_of, list(columns)).items():
            del columns[name]
            notes.append(f"column {name!r} was left out: {why}; --only takes exactly the columns that it names")
    return columns, [cell for name in columns for cell in odd[name]]


def _index_of(table: pd.DataFrame, reading: Reading) -> str:
    if reading.index is not None:
        column(table, reading.index, "--index")
        return reading.index
    texts = [str(name) for name in table.columns if _is_text(table, str(name))]
    for known in _MODEL_NAMES:
        for name in texts:
            if name.casefold() == known:
                return name
    for name in texts:
        cells = _objects(table, name).tolist()
        if len(set(cells)) == len(cells):
            return name
    raise UsageError(
        f"{_source(table) or 'the table'} has no column of names that could be the models; name it with --index, or "
        "the columns of a long table with --model, --task and --score"
    )


def _is_text(table: pd.DataFrame, name: str) -> bool:
    """Whether a column holds words for the most part."""
    values, odd = numbers_of(table, name, "mean")
    return sum(cell.used is None for cell in odd) > np.isfinite(values).sum()


def _wanted(known: Sequence[str], reading: Reading) -> set[str]:
    """Names of tasks or columns to keep."""
    for option, names in (("--drop", reading.drop), ("--only", reading.only)):
        for name in names:
            if name not in known:
                raise UnknownNameError("task", name, known, where=option)
    return {name for name in (reading.only or known) if name not in reading.drop}


def _beside(table: pd.DataFrame, parts: Mapping[str, Sequence[str]]) -> list[str]:
    """Columns that travel with every score: the parts of the fingerprint, and its direction."""
    direction = [DIRECTION] if DIRECTION in table.columns else []
    return [name for group in parts.values() for name in group] + direction


def _left_out(names: set[str]) -> tuple[str, ...]:
    return (f"left out on request: {', '.join(sorted(names))}",) if names else ()


def _objects(table: pd.DataFrame, name: str) -> Column:
    cells = cast(Any, table[name])
    values: Column = cells.astype(object).to_numpy(copy=True)
    values[cells.isna().to_numpy()] = None
    return values


def _labels(table: pd.DataFrame, name: str) -> list[str]:
    cells = _objects(table, name).tolist()
    for at, cell in enumerate(cells):
        if cell is None or not str(cell).strip():
            raise DataError(f"{place(table, at, name)}: the cell is empty; every row needs a name here")
    return [str(cell).strip() for cell in cells]


def _sizes(table: pd.DataFrame, name: str) -> Scores:
    values = numbers_of(table, name, "refuse")[0]
    for at in np.flatnonzero(values <= 0):
        raise DataError(f"{place(table, int(at), name)}: a test size is a number above 0, not {values[at]:g}")
    return values


def _source(table: pd.DataFrame) -> str:
    return str(table.attrs.get("source", ""))
