"""The same numbers for machines and for spreadsheets: one JSON document, and one CSV file a table.

A cell of a CSV file that begins with `=`, `+`, `-` or `@` would run as a formula when a spreadsheet opens it, so text
that begins so gets an apostrophe before it; numbers stay numbers.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.errors import DataError, StoreError
from assay.estimate import Estimate
from assay.finding import Assessment, Row, plain
from assay.report.summary import Mistake, RunSummary
from assay.report.tables import flattened
from assay.report.words import writable

SCHEMA = "assay/report/1"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_PARTS = ("low", "high", "level", "n", "unit", "reason")


def to_document(assessments: Sequence[Assessment], *, run: RunSummary | None = None) -> dict[str, Any]:
    """All assessments and the run as one JSON document of plain values, without NaN and without images."""
    told = None if run is None else {field.name: getattr(run, field.name) for field in dataclasses.fields(run)}
    if told is not None:
        told["mistakes"] = [dataclasses.asdict(dataclasses.replace(item, image=None)) for item in told["mistakes"]]
    return {"schema": SCHEMA, "run": plain(told), "assessments": [item.to_dict() for item in assessments]}


def write_json(assessments: Sequence[Assessment], path: Path | str, *, run: RunSummary | None = None) -> None:
    """Write the document of these assessments, whose numbers are those of the page.

    Raises:
        StoreError: when the file cannot be written.
    """
    text = json.dumps(to_document(assessments, run=run), ensure_ascii=False, allow_nan=False, indent=2)
    write_text(writable(text), Path(path))


def read_json(path: Path | str) -> tuple[list[Assessment], RunSummary | None]:
    """The assessments, and the run where it is told, of what `--json` of a lens prints or `write_json` writes.

    Raises:
        DataError: when the file cannot be read or holds something else.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: no JSON document: {error.msg} in line {error.lineno}") from error
    try:
        if isinstance(document, dict) and document.get("schema") == SCHEMA:
            return [Assessment.from_dict(item) for item in document["assessments"]], _run(document["run"])
        if isinstance(document, dict):
            return [Assessment.from_dict(document)], None
    except (DataError, KeyError, TypeError) as error:
        raise DataError(f"{path}: {error}") from error
    raise DataError(f"{path}: not an assessment: a JSON object is expected, not {type(document).__name__}")


def _run(record: Mapping[str, Any] | None) -> RunSummary | None:
    if record is None:
        return None
    told: dict[str, Any] = {**record, "mistakes": [Mistake(**item) for item in record["mistakes"]]}
    return RunSummary(**told)


def write_csv(assessments: Sequence[Assessment], folder: Path | str) -> list[Path]:
    """Write every table, and the estimates, of these assessments as CSV files; returns their paths.

    An estimate in column `accuracy` becomes `accuracy`, `accuracy_low`, `accuracy_high`, and so on.

    Raises:
        StoreError: when a file cannot be written.
    """
    written: list[Path] = []
    for item in assessments:
        parts: dict[str, Sequence[Row]] = {"estimates": [estimate.to_dict() for estimate in item.estimates]}
        for name, rows in {**parts, **item.tables}.items():
            if rows:
                path = _unused(Path(folder), f"{_file_name(item.lens)}-{_file_name(name)}", written)
                _write_table(rows, path)
                written.append(path)
    return written


def _write_table(rows: Sequence[Row], path: Path) -> None:
    flat = [_flat(row) for row in flattened(rows)]
    names = list(dict.fromkeys(name for row in flat for name in row))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([_safe(name) for name in names])
            writer.writerows([_safe(row.get(name)) for name in names] for row in flat)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def _flat(row: Row) -> dict[str, Any]:
    """A row with each estimate spread over columns; lists become JSON text."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Estimate):
            flat[str(name)] = value.value
            flat.update({f"{name}_{part}": getattr(value, part) for part in _PARTS})
        elif isinstance(value, (list, tuple)):
            flat[str(name)] = json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
        else:
            flat[str(name)] = plain(value)
    return flat


def _safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _file_name(name: str) -> str:
    """A name that stays in its folder on every system."""
    return re.sub(r"[^\w-]+", "_", name).strip("_")[:80] or "table"


def _unused(folder: Path, stem: str, taken: Sequence[Path]) -> Path:
    path, count = folder / f"{stem}.csv", 2
    while path in taken:
        path, count = folder / f"{stem}-{count}.csv", count + 1
    return path


def write_text(text: str, path: Path) -> None:
    """Write a file, with the folders on the way to it.

    Raises:
        StoreError: when that is not possible.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
