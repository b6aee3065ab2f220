"""Anyone's per-item results as candidates: one row a model and item, with target and prediction or score.

Works on a frame that is already read; which file it came from is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.assess.selection.candidates import Candidate, Run
from assay.errors import DataError, UnknownNameError, UsageError
from assay.metrics import METRICS
from assay.outcome import Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what."""

    model: str = "model"
    item: str = "item"
    target: str = "target"
    prediction: str | None = None
    """Predicted class or number."""
    score: Sequence[str] = ()
    """One column: probability of the last class of two. Several: one a class, in the order of the sorted classes,
    or named after them."""
    draw: str | None = None
    seed: str | None = None
    group: str | None = None
    """Items of one group belong together (patients, authors)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a table of per-item results holds."""

    candidates: tuple[Candidate, ...]
    classes: tuple[str, ...]
    """Names of the classes in the order of their codes; empty for numbers."""
    groups: dict[str, str] | None
    """Item → group."""
    metric: str
    """The metric asked for, or the one that suits."""
    failures: dict[str, str]
    """Models that cannot be held against the targets: name → why."""


def read_results(frame: pd.DataFrame, columns: Columns, *, metric: str | None = None) -> Reading:
    """Candidates from a table of per-item results.

    Args:
        frame: One row a model, item (and draw, seed).
        columns: The names of the columns.
        metric: A name in `METRICS`; None for accuracy, log loss where there are scores only, or mean absolute error.

    Raises:
        UnknownNameError: for a column or metric that is not there, with the nearest names.
        UsageError: when neither a prediction nor a score is named.
        DataError: for empty cells, or an item that a model has twice.
    """
    if columns.prediction is None and not columns.score:
        raise UsageError("name the column of predictions (--prediction) or of scores (--score)")
    _check_columns(frame, columns)
    numbers = _is_regression(frame, columns, metric)
    failures = {} if numbers or not columns.prediction else _other_labels(frame, columns, columns.prediction)
    frame = pd.DataFrame(frame[~frame[columns.model].astype(str).isin(list(failures))])
    classes = () if numbers else _classes(frame, columns)
    metric = metric or ("mae" if numbers else "accuracy" if columns.prediction else "log_loss")
    candidates = [
        Candidate(model=str(name), recipe="as given", runs=_runs(rows, columns, classes))
        for name, rows in frame.groupby(columns.model, sort=False)
    ]
    groups = None
    if columns.group is not None:
        groups = dict(zip(frame[columns.item].astype(str), frame[columns.group].astype(str), strict=True))
    return Reading(candidates=tuple(candidates), classes=classes, groups=groups, metric=metric, failures=failures)


def _check_columns(frame: pd.DataFrame, columns: Columns) -> None:
    where = str(frame.attrs.get("source", "the table"))
    single = [
        columns.model,
        columns.item,
        columns.target,
        columns.prediction,
        columns.draw,
        columns.seed,
        columns.group,
    ]
    for name in [*single, *columns.score]:
        if name is None:
            continue
        if name not in frame.columns:
            raise UnknownNameError("column", name, [str(label) for label in frame.columns], where=where)
        empty = frame[name].isna().to_numpy()
        if empty.any():
            row = int(np.flatnonzero(empty)[0])
            model = frame[columns.model].iloc[row]
            raise DataError(
                f"{where}, record {row + 1}: {name} is empty ({columns.model} {model!r}); leave the row out, or the "
                "item for all models"
            )


def _is_regression(frame: pd.DataFrame, columns: Columns, metric: str | None) -> bool:
    if metric is not None:
        return METRICS[metric].kinds == ("regression",)
    target = frame[columns.target]
    return target.dtype.kind == "f" and bool((target != target.round()).any())


def _classes(frame: pd.DataFrame, columns: Columns) -> tuple[str, ...]:
    """Class names, sorted: numbers as numbers, all else as text."""
    seen = [columns.target] + ([columns.prediction] if columns.prediction else [])
    values: set[Any] = {value for name in seen for value in frame[name].unique().tolist()}
    if all(isinstance(value, (int, float, np.integer, np.floating)) for value in values):
        return tuple(_text(value) for value in sorted(values))
    return tuple(sorted({_text(value) for value in values}))


def _other_labels(frame: pd.DataFrame, columns: Columns, prediction: str) -> dict[str, str]:
    """Models whose predictions name none of the targets' classes: their head has other labels, or other names."""
    known = {_text(value) for value in frame[columns.target].unique().tolist()}
    out: dict[str, str] = {}
    for name, said in frame.groupby(columns.model, sort=False)[prediction]:
        own = sorted({_text(value) for value in said.unique().tolist()})
        if known.isdisjoint(own):
            out[str(name)] = (
                f"it names none of the targets' classes: {_listed(own)} against {_listed(sorted(known))}; give its "
                "predictions in the targets' names"
            )
    return out


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, (float, np.floating)) and float(value).is_integer() else str(value)


def _runs(rows: pd.DataFrame, columns: Columns, classes: tuple[str, ...]) -> list[Run]:
    keys = [name for name in (columns.draw, columns.seed) if name is not None]
    if not keys:
        return [Run(predictions=_predictions(rows, columns, classes))]
    runs: list[Run] = []
    seeds: dict[Any, int] = {}
    for key, part in rows.groupby(keys, sort=True):
        values = dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True))
        draw, seed = values.get(columns.draw or "", 0), values.get(columns.seed or "", 0)
        seed = seeds.setdefault(seed, len(seeds))
        runs.append(Run(predictions=_predictions(part, columns, classes), draw=_number(draw), seed=seed))
    return runs


def _number(draw: Any) -> int:
    """A draw's number; text is turned into one that depends on nothing but the text."""
    if isinstance(draw, (int, np.integer)) or (isinstance(draw, (float, np.floating)) and float(draw).is_integer()):
        return int(draw)
    return int.from_bytes(str(draw).encode()[:7].ljust(7, b"\0"), "big")


def _predictions(rows: pd.DataFrame, columns: Columns, classes: tuple[str, ...]) -> Predictions:
    code = {name: at for at, name in enumerate(classes)}

    def coded(name: str) -> NDArray[Any]:
        if not classes:
            return rows[name].to_numpy(dtype=np.float64)
        return np.array([code[_text(value)] for value in rows[name]], dtype=np.int64)

    return Predictions(
        ids=rows[columns.item].astype(str).to_numpy(dtype=np.str_), target=coded(columns.target),
        label=coded(columns.prediction) if columns.prediction else None,
        score=_scores(rows, columns, classes) if columns.score else None,
    )  # fmt: skip


def _scores(rows: pd.DataFrame, columns: Columns, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """(n, c) scores; one column is the probability of the last of two classes."""
    if len(columns.score) == 1:
        if len(classes) != 2:
            raise UsageError(
                f"one column of scores serves two classes; there are {len(classes)}: name one column a class"
            )
        positive = rows[columns.score[0]].to_numpy(dtype=np.float64)
        return np.column_stack([1 - positive, positive])
    named = {
        name: [column for column in columns.score if column == name or column.endswith(f"_{name}")] for name in classes
    }
    if all(len(found) == 1 for found in named.values()) and len(columns.score) == len(classes):
        return rows[[found[0] for found in named.values()]].to_numpy(dtype=np.float64)
    raise UsageError(
        f"name one column of scores a class, called after the class (such as p_{classes[0] if classes else 'a'}); the "
        f"classes are {', '.join(classes[:8])}{' …' if len(classes) > 8 else ''}"
    )
