"""What every part asks of a data frame that came from a file: a column by name, a row by its number, a cell's number.

A frame read by `assay.ledger.tables` remembers in `attrs` where it came from, so that a fault found long after reading
can still be named with file and row.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, cast

from assay.errors import UnknownNameError

if TYPE_CHECKING:
    import pandas as pd

MISSING_MARKS = frozenset({"", "-", "--", "–", "—", "na", "n/a", "nan", "null", "none", "?"})
"""What stands for a missing number, in lower case."""

_GROUPED = re.compile(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$")


def column(frame: pd.DataFrame, name: str, where: str = "") -> pd.Series:
    """The column of that name.

    Args:
        frame: A table.
        name: The column's name.
        where: What asked for it, such as `--score`, or the file; empty takes the file that the table came from.

    Raises:
        UnknownNameError: when there is no such column, with the nearest names.
    """
    if name not in frame.columns:
        known = [str(label) for label in frame.columns]
        raise UnknownNameError("column", name, known, where=where or str(frame.attrs.get("source", "")))
    return cast("pd.Series", frame[name])


def row_in_file(frame: pd.DataFrame, position: int) -> int:
    """The number of a record's row as an editor shows it: a header is row 1, and blank lines count."""
    row = position + int(frame.attrs.get("first_row", 2))
    for blank in frame.attrs.get("blank_rows", ()):
        if blank <= row:
            row += 1
    return row


def place(frame: pd.DataFrame, position: int, name: str, *, source: bool = True) -> str:
    """Where a cell stands, for messages: `scores.csv, row 7, column 'sst2'`; without the file on request."""
    file = f"{frame.attrs['source']}, " if source and frame.attrs.get("source") else ""
    return f"{file}row {row_in_file(frame, position)}, column {name!r}"


def number(text: str) -> float | None:
    """The number a cell holds: `91.2`, `1e-3` or `1,013.01`; None when it holds none."""
    stripped = text.strip()
    if _GROUPED.match(stripped):
        stripped = stripped.replace(",", "")
    if "_" in stripped:
        return None
    try:
        value = float(stripped)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
