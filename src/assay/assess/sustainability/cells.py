"""What stands in a cell: a number, a missing one, two metrics in one cell, a number with a mark, or nothing readable.

Leaderboards are written for people. Every cell that is not plainly a number is reported with its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.options import TwoMetrics
from assay.errors import DataError
from assay.frames import MISSING_MARKS, number, place

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = r"[-+]?\d+(?:[.]\d+)?(?:[eE][-+]?\d+)?"
_TWO = re.compile(rf"^({_NUMBER})\s*/\s*({_NUMBER})$")
_WITH_ERROR = re.compile(rf"^({_NUMBER})\s*(?:±|\+/-|\()\s*{_NUMBER}\)?$")
_DECIMAL_COMMA = re.compile(r"^-?\d+,\d{1,2}$|^-?\d+,\d{4,}$")
_MARKS = re.compile(r"^[\s*_~≈<>†‡§¶#^]*|[\s*_†‡§¶#^°¹²³⁴⁵⁶⁷⁸⁹⁰]*(?:\([a-z]\))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class OddCell:
    """A cell that is not plainly a number."""

    place: str
    """File, row and column."""
    text: str
    kind: str
    """`two metrics`, `percent sign`, `mark`, `with its error`, `decimal comma`, `unreadable`, `not finite`."""
    used: float | None
    """The number that was taken; None where the cell was left missing."""


def numbers_of(frame: pd.DataFrame, name: str, two_metrics: TwoMetrics) -> tuple[NDArray[np.float64], list[OddCell]]:
    """The numbers in a column, NaN where missing, and its odd cells.

    Args:
        frame: The table.
        name: One of its columns.
        two_metrics: What a cell `a/b` stands for.

    Raises:
        DataError: for a cell with two metrics, when they are refused.
    """
    cells = cast(Any, frame[name])
    if cells.dtype.kind in "iuf":
        values = cells.to_numpy(dtype=float)
        odd = [
            OddCell(place=place(frame, int(at), name, source=False), text=str(values[at]), kind="not finite", used=None)
            for at in np.flatnonzero(np.isinf(values))
        ]
        return np.where(np.isfinite(values), values, np.nan), odd
    known: dict[Any, tuple[float | None, str]] = {}
    values, odd = np.full(len(cells), np.nan), list[OddCell]()
    for at, cell in enumerate(cells.tolist()):
        if cell not in known:
            known[cell] = read_cell(cell, two_metrics)
        value, kind = known[cell]
        if kind == "refused":
            raise DataError(
                f"{place(frame, at, name)}: {cell!r} holds two metrics; say which to take with --two-metrics "
                "first, second or mean"
            )
        if value is not None:
            values[at] = value
        if kind not in ("number", "missing"):
            odd.append(OddCell(place=place(frame, at, name, source=False), text=str(cell), kind=kind, used=value))
    return values, odd


def read_cell(cell: Any, two_metrics: TwoMetrics = "mean") -> tuple[float | None, str]:
    """The number a cell holds and what kind of cell it is."""
    if isinstance(cell, (bool, int, float, np.number)):
        value = float(cast(Any, cell))
        return (value, "number") if np.isfinite(value) else (None, "missing" if np.isnan(value) else "not finite")
    text = "" if cell is None else str(cell).strip()
    if text.casefold() in MISSING_MARKS:
        return None, "missing"
    plain = number(text)
    if plain is not None:
        return plain, "number"
    pair = _TWO.match(text)
    if pair:
        a, b = float(pair[1]), float(pair[2])
        taken = {"mean": (a + b) / 2, "first": a, "second": b, "refuse": None}[two_metrics]
        return taken, "refused" if two_metrics == "refuse" else "two metrics"
    return _marked(text)


def _marked(text: str) -> tuple[float | None, str]:
    if text.endswith("%"):
        value = number(text[:-1])
        return (value, "percent sign") if value is not None else (None, "unreadable")
    with_error = _WITH_ERROR.match(text)
    if with_error:
        return float(with_error[1]), "with its error"
    if _DECIMAL_COMMA.match(text):
        return float(text.replace(",", ".")), "decimal comma"
    value = number(_MARKS.sub("", text))
    return (value, "mark") if value is not None else (None, "unreadable")
