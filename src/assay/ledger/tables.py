"""Read a table that somebody else wrote: comma- or tab-separated text, Parquet, JSON lines.

Requirements that shaped it:
- the contents say what a file is, its name only breaks ties;
- a fault is named with file, row and column, where row 1 is the header, as an editor or a spreadsheet shows it;
- nothing is guessed away: an empty cell is missing, a column becomes numbers only when every filled cell is one, and
  identifiers such as `007` stay text.

This file knows nothing of models, tasks or scores.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from assay.errors import DataError
from assay.frames import MISSING_MARKS, column, number, row_in_file

__all__ = ["column", "number", "read_table", "row_in_file"]

_PADDED = re.compile(r"^-?0\d+$")
_DELIMITERS = ("\t", ",", ";")


def read_table(path: str | Path) -> pd.DataFrame:
    """The table in a file, whatever of the usual forms it has.

    Comma-, tab- and semicolon-separated text, Parquet, JSON lines and a JSON list of records are told apart by their
    contents. A header that is one column shorter than every row, as R writes it, gets an index column named `index`.
    Blank lines are skipped.

    Args:
        path: The file.

    Returns:
        One row a record, with a plain 0-based index. `attrs` holds `source` (the path), `first_row` (the number of
        the first record in the file) and `blank_rows` (the blank lines), so that `row_in_file` can name a row.

    Raises:
        DataError: when the file is missing, empty, not text, has a row of the wrong length, an unnamed or doubled
            column, or broken JSON; the message names file, row and column.
    """
    path = Path(path)
    raw = _bytes_of(path)
    if raw[:4] == b"PAR1":
        frame = _read_parquet(path)
    else:
        text = _decoded(raw, path)
        first = text.lstrip()[:1]
        if first == "":
            raise DataError(f"{path}: the file is empty; a table has a header and at least one row")
        frame = _read_json(text, path) if first in "{[" else _read_text(text, path)
    frame.attrs = {"first_row": 2, "blank_rows": [], **frame.attrs, "source": str(path)}
    return frame


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a table")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _decoded(raw: bytes, path: Path) -> str:
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, row {row}: byte {raw[error.start]:#04x} is not UTF-8; save the table as UTF-8"
        ) from None
    if "\0" in text:
        raise DataError(f"{path} is not a table of text: it holds zero bytes; Parquet files begin with PAR1")
    return text


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except Exception as error:
        raise DataError(f"{path} begins like Parquet but cannot be read: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    return frame.rename(columns=str)


def _read_json(text: str, path: Path) -> pd.DataFrame:
    records, blank = (_json_lines if text.lstrip()[0] == "{" else _json_list)(text, path)
    for row, record in records:
        if not isinstance(record, dict):
            raise DataError(f'{path}, row {row}: a record is an object such as {{"model": "a"}}, not {record!r}')
    if not records:
        raise DataError(f"{path}: the list of records is empty")
    frame = pd.DataFrame([record for _, record in records])
    frame.attrs = {"first_row": 1, "blank_rows": blank}
    return frame


def _json_lines(text: str, path: Path) -> tuple[list[tuple[int, Any]], list[int]]:
    records: list[tuple[int, Any]] = []
    blank: list[int] = []
    for row, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            blank.append(row)
            continue
        try:
            records.append((row, json.loads(line)))
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}, row {row}: not a line of JSON ({error.msg} at character {error.pos + 1})"
            ) from None
    return records, blank


def _json_list(text: str, path: Path) -> tuple[list[tuple[int, Any]], list[int]]:
    try:
        return list(enumerate(json.loads(text), start=1)), []
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, row {error.lineno}: broken JSON ({error.msg})") from None


def _read_text(text: str, path: Path) -> pd.DataFrame:
    header_line = next(line for line in text.splitlines() if line.strip())
    delimiter = max(_DELIMITERS, key=header_line.count)
    rows, blank = _rows(text, delimiter, path)
    header, *body = rows
    if not body:
        raise DataError(f"{path}: the table has a header and no rows")
    names = _names(header[1], body, path)
    for row, cells in body:
        if len(cells) != len(names):
            where = f"the last is {cells[-1]!r}" if len(cells) > len(names) else f"it ends after {cells[-1]!r}"
            raise DataError(
                f"{path}, row {row}: {len(cells)} cells where the header names {len(names)} columns; {where}"
            )
    columns = [_typed([cells[at] for _, cells in body]) for at in range(len(names))]
    frame = pd.DataFrame(dict(zip(names, columns, strict=True)))
    frame.attrs["blank_rows"] = blank
    return frame


def _rows(text: str, delimiter: str, path: Path) -> tuple[list[tuple[int, list[str]]], list[int]]:
    """The filled rows with their numbers, and the numbers of blank rows between them."""
    rows: list[tuple[int, list[str]]] = []
    blank: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    row = 0
    try:
        for cells in reader:
            row += 1
            if any(cell.strip() for cell in cells):
                rows.append((row, [cell.strip() for cell in cells]))
            else:
                blank.append(row)
    except csv.Error as error:
        raise DataError(f"{path}, row {row + 1}: {error}; is a quotation mark left open?") from None
    return rows, blank


def _names(header: Sequence[str], body: Sequence[tuple[int, list[str]]], path: Path) -> list[str]:
    names = list(header)
    if all(len(cells) == len(names) + 1 for _, cells in body):
        names = ["", *names]
    if names[0] == "" and "index" not in names:
        names[0] = "index"
    seen: dict[str, int] = {}
    for at, name in enumerate(names, start=1):
        if name == "":
            raise DataError(f"{path}, row 1: column {at} has no name")
        if name in seen:
            raise DataError(f"{path}, row 1: columns {seen[name]} and {at} are both named {name!r}")
        seen[name] = at
    return names


def _typed(cells: list[str]) -> np.ndarray | list[str | None]:
    """The cells as numbers when every filled one is a number, otherwise as text."""
    filled = [cell for cell in cells if cell.casefold() not in MISSING_MARKS]
    if not filled or any(_PADDED.match(cell) for cell in filled):
        return [cell or None for cell in cells]
    values = [number(cell) for cell in filled]
    if any(value is None for value in values):
        return [cell or None for cell in cells]
    if len(filled) == len(cells) and all(_is_integer(cell) for cell in cells):
        return np.array([int(cell) for cell in cells])
    given = iter(values)
    return np.array([np.nan if cell.casefold() in MISSING_MARKS else next(given) for cell in cells], dtype=float)


def _is_integer(cell: str) -> bool:
    return len(cell) < 19 and (cell[1:] if cell[0] in "+-" else cell).isascii() and cell.lstrip("+-").isdigit()
