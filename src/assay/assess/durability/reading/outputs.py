"""Targets, predictions and probabilities of a log, in codes.

Classes are sorted; a probability column is matched to its class by name, and a single one is checked against the
predictions. Probabilities that do not sum to one are refused: they may be logits, or a class may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.errors import DataError, NothingToAssessError, UsageError

Floats = NDArray[np.float64]
Frame = Any
"""A pandas DataFrame or Series, whose methods the checker does not know."""
MOST_CLASSES = 1000
_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What was right and what was said, for n rows."""

    target: NDArray[Any]
    """(n,) class codes, −1 where the label is missing; or numbers, NaN where missing."""
    label: NDArray[Any]
    """(n,) predicted codes or numbers; a code above every class of the target is a prediction that is never right."""
    score: Floats | None
    """(n, c) probabilities; None where the log has none."""
    classes: tuple[str, ...]
    """Names of the c classes in the order of their codes; empty for numbers."""
    notes: tuple[str, ...] = ()

    @property
    def regression(self) -> bool:
        """Whether numbers are predicted."""
        return not self.classes

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(n,) rows whose label has arrived."""
        return np.isfinite(self.target) if self.regression else self.target >= 0

    @property
    def confidence(self) -> Floats | None:
        """(n,) probability that the model gives its own prediction; None without probabilities."""
        return None if self.score is None else self.score[np.arange(len(self.label)), self.label]

    def take(self, rows: NDArray[Any]) -> Outputs:
        """Only these rows."""
        return replace(self, target=self.target[rows], label=self.label[rows],
                       score=None if self.score is None else self.score[rows])  # fmt: skip


def read_outputs(
    frame: Frame, *, target: str, prediction: str | None, proba: Sequence[str],
    task: Literal["classification", "regression"] | None = None,
) -> Outputs:  # fmt: skip
    """Targets, predictions and probabilities as codes or numbers.

    Args:
        frame: the rows.
        target: the column of true labels; empty where they have not arrived.
        prediction: the column of predictions.
        proba: the columns of probabilities.
        task: what is predicted; by default numbers with fractions or more than 50 values are a regression.

    Returns:
        The outputs.

    Raises:
        UsageError: neither predictions nor probabilities, or probabilities of a number.
        NothingToAssessError: no label has arrived.
        DataError: predictions or probabilities that cannot be used, with row and column.
    """
    if prediction is None and not proba:
        raise UsageError("a log needs --prediction COL or --proba COL")
    if not frame[target].notna().any():
        raise NothingToAssessError(f"no label has arrived: column {target!r} is empty")
    missing = None if prediction is None else np.flatnonzero(frame[prediction].isna())
    if missing is not None and len(missing):
        raise DataError(
            f"column {prediction!r}, row {missing[0] + 1}: there is no prediction ({len(missing):,} such rows)"
        )
    if task == "regression" or (task is None and not proba and _numbers_with_fractions(frame[target])):
        return _numbers(frame, target, prediction, proba)
    return _classes(frame, target, prediction, proba)


def _numbers_with_fractions(column: Any) -> bool:
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return False
    values = column.dropna().to_numpy(dtype=float)
    return bool((values != np.floor(values)).any() or len(np.unique(values[:100_000])) > 50)


def _numbers(frame: Frame, target: str, prediction: str | None, proba: Sequence[str]) -> Outputs:
    if prediction is None or proba:
        raise UsageError("a number is predicted by --prediction COL alone; probabilities belong to classes")
    values: list[Floats] = []
    for name in (target, prediction):
        numbers: Any = pd.to_numeric(frame[name], errors="coerce")
        bad = np.flatnonzero(numbers.isna() & frame[name].notna())
        if len(bad):
            raise DataError(f"column {name!r}, row {bad[0] + 1}: {frame[name].iloc[bad[0]]!r} is not a number")
        values.append(numbers.to_numpy(dtype=float, na_value=np.nan))
    if not np.isfinite(values[1]).all():
        raise DataError(f"column {prediction!r}, row {int(np.argmin(np.isfinite(values[1]))) + 1}: not a finite number")
    return Outputs(target=values[0], label=values[1], score=None, classes=())


def _classes(frame: Frame, target: str, prediction: str | None, proba: Sequence[str]) -> Outputs:
    truth = _names(frame[target])
    said = None if prediction is None else _names(frame[prediction])
    seen = set(truth.dropna()) | (set(said) if said is not None and not proba else set())
    named = {name.rpartition("=")[0]: name.rpartition("=")[2] for name in proba if "=" in name}
    classes = tuple(sorted(seen | set(named), key=_natural))
    if len(classes) > MOST_CLASSES:
        raise DataError(f"column {target!r} has {len(classes):,} classes; a number is predicted with --task regression")
    if len(classes) < 2 and len(proba) != 1:
        raise NothingToAssessError(
            f"column {target!r} holds a single class, {min(classes)!r}, so there is nothing to tell"
        )
    notes: list[str] = []
    score = None
    if proba:
        score, classes, notes = _probabilities(frame, proba, named, classes, said)
    codes = {name: code for code, name in enumerate(classes)}
    target_codes = truth.map(codes).fillna(-1).to_numpy(dtype=int)
    label = _predicted(prediction, said, codes) if score is None or said is not None else score.argmax(axis=1)
    return Outputs(target=target_codes, label=label, score=score, classes=classes, notes=tuple(notes))


def _predicted(prediction: str | None, said: Frame, codes: dict[str, int]) -> NDArray[Any]:
    """Codes of the predictions; a class that has no probability is refused, as it has no place in the scores."""
    label = said.map(codes)
    unknown = np.flatnonzero(label.isna())
    if len(unknown):
        raise DataError(f"column {prediction!r}, row {unknown[0] + 1}: {said.iloc[unknown[0]]!r} is none of the "
                        f"classes {', '.join(list(codes)[:12])}")  # fmt: skip
    return label.to_numpy(dtype=int)


def _names(column: Frame) -> Frame:
    """Classes as text, None where missing: 1, 1.0 and True of one column are written alike."""
    codes, distinct = pd.factorize(column)
    texts = [_name(value) for value in distinct]
    return pd.Series(np.array([*texts, None], dtype=object)[codes])


def _name(value: Any) -> str | None:
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (int, float, np.number)):
        return f"{value:g}" if abs(value) < 1e6 else str(value)
    return str(value).strip() or None


def _natural(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _probabilities(
    frame: Frame, proba: Sequence[str], named: dict[str, str], classes: tuple[str, ...], said: Frame,
) -> tuple[Floats, tuple[str, ...], list[str]]:  # fmt: skip
    """(n, c) probabilities in the order of the classes; more classes than the target has shown are allowed."""
    names = [name.rpartition("=")[2] for name in proba]
    values = np.column_stack([_finite(frame, name) for name in names])
    low, high = values.min(), values.max()
    if low < -1e-6 or high > 1 + 1e-6:
        column = names[int(np.unravel_index(np.argmax(np.abs(values - 0.5)), values.shape)[1])]
        raise DataError(f"column {column!r} runs from {low:.4g} to {high:.4g}: these are no probabilities; a softmax "
                        "turns logits into probabilities")  # fmt: skip
    if len(names) == 1:
        return _binary(names[0], values[:, 0], classes, said)
    matched = {_class_of(name, named, classes): k for k, name in enumerate(names)}
    if None in matched or len(matched) < len(names):
        raise DataError(f"cannot tell which class each of {', '.join(names)} belongs to; name them as class=column, "
                        f"for the classes {', '.join(classes[:12])}")  # fmt: skip
    order = sorted((str(name) for name in matched), key=_natural)
    missing = [name for name in classes if name not in matched]
    if missing:
        raise DataError(f"class {missing[0]!r} has no probability column; given were {', '.join(names)}")
    total = values.sum(axis=1)
    bad = np.flatnonzero(np.abs(total - 1) > _TOLERANCE)
    if len(bad):
        raise DataError(f"row {bad[0] + 1}: the probabilities sum to {total[bad[0]]:.4g}, not 1 ({len(bad):,} such "
                        "rows); a class may be missing, or these are scores of another kind")  # fmt: skip
    return (values / total[:, None])[:, [matched[name] for name in order]], tuple(order), []


def _finite(frame: Frame, name: str) -> Floats:
    numbers: Any = pd.to_numeric(frame[name], errors="coerce")
    values = numbers.to_numpy(dtype=float, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DataError(f"column {name!r}, row {bad[0] + 1}: {frame[name].iloc[bad[0]]!r} is not a probability "
                        f"({len(bad):,} such rows)")  # fmt: skip
    return values


def _class_of(name: str, named: dict[str, str], classes: tuple[str, ...]) -> str | None:
    """The class that a probability column belongs to, by its name: named outright, equal, or its ending."""
    for label, column in named.items():
        if column == name:
            return label
    if name in classes:
        return name
    ends = [label for label in classes if name.casefold().endswith(label.casefold())]
    ends = [label for label in ends if _is_prefix(name[: len(name) - len(label)])]
    return max(ends, key=len) if ends else None


def _is_prefix(text: str) -> bool:
    """Whether a column's name goes on with the class after this: `proba_`, `p.`, `prob`."""
    return not text[-1:].isalnum() or text.casefold() in ("p", "prob", "proba", "probability")


def _binary(
    name: str, value: Floats, classes: tuple[str, ...], said: Frame
) -> tuple[Floats, tuple[str, ...], list[str]]:  # fmt: skip
    """One column: the probability of the second class, or of the first where the predictions say so."""
    if len(classes) == 1:
        classes = ("0", "1") if classes[0] in ("0", "1") else (*classes, f"not {classes[0]}")
    if len(classes) != 2:
        raise DataError(f"one probability column, {name!r}, serves two classes, and there are {len(classes)}: "
                        f"{', '.join(classes[:12])}; give one column a class")  # fmt: skip
    of = classes[1]
    named = _class_of(name, {}, classes)
    if named is not None:
        of = named
    elif said is not None:
        agrees = ((value > 0.5) == (said == classes[1]).to_numpy()).mean()
        of = classes[1] if agrees >= 0.5 else classes[0]
    second = value if of == classes[1] else 1 - value
    note = f"{name!r} was read as the probability of class {of!r}"
    return np.column_stack([1 - second, second]), classes, [note]
