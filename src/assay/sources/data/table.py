"""`csv:`, `tsv:`, `parquet:` and `jsonl:`: a table on disk, with its columns named after `?`.

`log.csv?text=body&label=y&time=date&group=author`. Everything in a CSV or TSV file is read as text, so that a text
that says NA stays one; numbers are made of it where numbers are asked for. Images and sounds stay on disk.
Rows are counted from 1, without the header.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from assay.dataset import Dataset
from assay.errors import DataError
from assay.sources.data.arrays import TaskWord
from assay.sources.data.frames import Bad, Columns, from_columns
from assay.sources.data.items.rows import Rows
from assay.sources.data.items.text import check_encoding
from assay.sources.data.options import Options, check_known, chosen, single, split_name
from assay.spec import DataRef

if TYPE_CHECKING:
    import pandas as pd

COLUMN_OPTIONS = (
    "audio", "bad", "features", "group", "id", "image", "label", "labels", "separator", "split", "target", "task",
    "text", "time", "time_format", "time_unit",
)  # fmt: skip


def load_csv(ref: DataRef, *, offline: bool = False) -> Dataset:  # noqa: ARG001 - a local file
    """A comma-separated file; `sep=;` for another separator."""
    return _load(ref, "csv", (*COLUMN_OPTIONS, "encoding", "sep"))


def load_tsv(ref: DataRef, *, offline: bool = False) -> Dataset:  # noqa: ARG001
    """A tab-separated file."""
    return _load(ref, "tsv", (*COLUMN_OPTIONS, "encoding"))


def load_jsonl(ref: DataRef, *, offline: bool = False) -> Dataset:  # noqa: ARG001
    """A file with one JSON object a line."""
    return _load(ref, "jsonl", (*COLUMN_OPTIONS, "encoding"))


def load_parquet(ref: DataRef, *, offline: bool = False) -> Dataset:  # noqa: ARG001
    """A Parquet file; images and sounds in it as bytes are read a row group at a time."""
    return _load(ref, "parquet", COLUMN_OPTIONS)


def _load(ref: DataRef, form: str, known: Sequence[str]) -> Dataset:
    name, options = split_name(ref.name)
    check_known(options, known, ref.uri)
    path = Path(name).expanduser()
    if not path.is_file():
        raise DataError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    _refuse_larger_than_memory(path)
    columns, bad = columns_of(options), cast(Bad, chosen(options, "bad", ("fail", "skip")))
    items: Rows | None = None
    if form == "parquet":
        frame, items = _read_parquet(path, columns)
    elif form == "jsonl":
        frame = _read_jsonl(path, single(options, "encoding", "utf-8") or "utf-8")
    else:
        separator = "\t" if form == "tsv" else (single(options, "sep", ",") or ",")
        frame = _read_separated(path, separator, single(options, "encoding", "utf-8") or "utf-8")
    return from_columns(ref, frame, columns, where=str(path), root=path.parent, bad=bad, items=items)


def columns_of(options: Options) -> Columns:
    """Which column is what, from the options of a name."""
    labels = [*options.get("label", []), *[part for value in options.get("labels", []) for part in value.split("|")]]
    task = single(options, "task")
    if task is not None:
        task = chosen(options, "task", ("classification", "regression", "multilabel"))
    features = [part for value in options.get("features", []) for part in value.split("|")]
    return Columns(
        text=single(options, "text"), image=single(options, "image"), audio=single(options, "audio"),
        features=tuple(features), label=tuple(labels), target=single(options, "target"),
        task=cast("TaskWord | None", task), time=single(options, "time"), group=single(options, "group"),
        split=single(options, "split"), id=single(options, "id"), separator=single(options, "separator", "|") or "|",
        time_format=single(options, "time_format"), time_unit=single(options, "time_unit"),
    )  # fmt: skip


def _read_separated(path: Path, separator: str, encoding: str) -> pd.DataFrame:
    import pandas as pd

    check_encoding(path, encoding)
    try:
        frame = pd.read_csv(
            path, sep="\t" if separator == "tab" else separator, dtype=str, keep_default_na=False, na_filter=False,
            encoding="utf-8-sig" if encoding == "utf-8" else encoding, encoding_errors="strict", index_col=False,
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: an empty file; a header and rows are needed") from None
    except pd.errors.ParserError as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path}: not a table with the separator {separator!r}: {reason}") from error
    if frame.empty:
        raise DataError(f"{path}: a header without rows")
    return frame


def _read_jsonl(path: Path, encoding: str) -> pd.DataFrame:
    import pandas as pd

    check_encoding(path, encoding)
    records = list(_records(path, encoding))
    if not records:
        raise DataError(f"{path}: no objects; one JSON object a line is needed")
    return pd.DataFrame(records, dtype=object)


def _records(path: Path, encoding: str) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                raise DataError(f"{path}, line {number:,}: not JSON ({str(error)[:80]})") from None
            if not isinstance(record, dict):
                raise DataError(f"{path}, line {number:,}: an object is needed, got {type(record).__name__}")
            yield cast("dict[str, Any]", record)


def _read_parquet(path: Path, columns: Columns) -> tuple[pd.DataFrame, Rows | None]:
    """The frame without encoded images and sounds, and these as a lazy sequence."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, memory_map=True)
        schema = file.schema_arrow
        item = columns.image or columns.audio
        heavy = item if item in schema.names and not pa.types.is_string(schema.field(item).type) else None
        frame = file.read(columns=[name for name in schema.names if name != heavy]).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: no Parquet file that can be read ({str(error).splitlines()[0][:120]})") from error
    if heavy is None:
        return frame, None
    frame[heavy] = ""  # the column is there; its cells are read when they are asked for
    return frame, RowGroups(path, heavy)


class RowGroups:
    """One column of a Parquet file, read a row group at a time; the last group read is kept."""

    def __init__(self, path: Path, column: str) -> None:
        import numpy as np
        import pyarrow.parquet as pq

        self._file: Any = pq.ParquetFile(path, memory_map=True)
        meta = self._file.metadata
        counts = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._column = column
        self._kept: tuple[int, Any] = (-1, None)
        self._lock = Lock()  # batches may be prepared in several threads

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, row: Any) -> Any:
        import numpy as np

        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        with self._lock:
            if group != self._kept[0]:
                self._kept = (group, self._file.read_row_group(group, columns=[self._column]).column(0))
            return self._kept[1][int(row) - int(self._starts[group])].as_py()


def _refuse_larger_than_memory(path: Path) -> None:
    import psutil

    size, free = path.stat().st_size, psutil.virtual_memory().available
    if size > free // 2 and path.suffix != ".parquet":
        raise DataError(
            f"{path}: {size / 1e9:.1f} GB are more than half of the {free / 1e9:.1f} GB of memory that are free; "
            "split the file, or keep texts and images as files in folders"
        )
