"""`hf:NAME`: data sets of the Hugging Face hub, or a local folder that `save_to_disk` or Parquet files made.

`hf:imdb`, `hf:nyu-mll/glue?config=sst2`, `hf:path/to/folder`. The columns are told from the data set's own description:
the text, image or audio column and the column of classes; options name them where there are several.
`split=train+test` keeps only these splits, `revision=` takes a commit. Images and sounds stay in the hub's files.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from assay.dataset import Dataset
from assay.errors import DataError, MissingExtraError, OfflineError, UnknownNameError
from assay.sources.data.assembly import noted
from assay.sources.data.frames import Bad, Columns, from_columns
from assay.sources.data.options import Options, check_known, chosen, single, split_name
from assay.sources.data.table import COLUMN_OPTIONS, columns_of
from assay.spec import DataRef


def load(ref: DataRef, *, offline: bool = False) -> Dataset:
    """The rows of all labelled splits, one data set.

    Raises:
        OfflineError: for a data set that is not on this machine, saying what to put where.
        UnknownNameError: for a split or column that there is not.
        DataError: for rows that cannot be used.
        MissingExtraError: without the package datasets.
    """
    name, options = split_name(ref.name)
    check_known(options, (*COLUMN_OPTIONS, "config", "revision"), ref.uri)
    parts = _wanted(_splits(ref, name, options, offline), options, ref)
    columns = columns_of({key: values for key, values in options.items() if key != "split"})
    columns = _told(columns, next(iter(parts.values())).features)
    left = {split: len(part) for split, part in parts.items() if _unlabelled(part, columns)}
    kept = {split: part for split, part in parts.items() if split not in left}
    if not kept:
        raise DataError(f"{ref.uri}: no split has labels; the splits are {', '.join(parts)}")
    data = _joined(ref, kept, columns, cast(Bad, chosen(options, "bad", ("fail", "skip"))))
    return noted(data, splits_without_labels=left) if left else data


def _splits(ref: DataRef, name: str, options: Options, offline: bool) -> Mapping[str, Any]:
    """The splits by name, from a local folder or from the hub."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise MissingExtraError("hub", f"data {ref.uri!r}") from error
    folder = Path(name).expanduser()
    try:
        with _offline(offline):
            if any((folder / mark).exists() for mark in ("dataset_dict.json", "state.json")):
                found: Any = datasets.load_from_disk(str(folder))
            else:
                found = datasets.load_dataset(name, single(options, "config"), revision=single(options, "revision"))
    except (FileNotFoundError, ConnectionError) as error:
        here = "a folder without data files" if folder.is_dir() else "not on this machine"
        raise OfflineError(
            f"{ref.uri}: {here}, and the hub was not reached. Where there is a network, run "
            f"python -c \"import datasets; datasets.load_dataset('{name}').save_to_disk('{folder.name}')\", "
            f"copy the folder {folder.name!r} here, and name it: hf:{folder.name}"
        ) from error
    except (ValueError, RuntimeError, NotImplementedError) as error:  # such as a missing or unknown configuration
        raise DataError(f"{ref.uri}: {str(error).strip()[:400]}") from error
    return found if isinstance(found, Mapping) else {"": found}


@contextmanager
def _offline(yes: bool) -> Generator[None]:
    """While it lasts the hub's client may not reach the network; it reads its setting from this place alone."""
    from datasets import config
    from huggingface_hub import constants

    before = (config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE)
    config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = (yes or before[0], yes or before[1])
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _wanted(parts: Mapping[str, Any], options: Options, ref: DataRef) -> dict[str, Any]:
    named = single(options, "split")
    if named is None:
        return dict(parts)
    for split in named.split("+"):
        if split not in parts:
            raise UnknownNameError("split", split, parts, where=ref.uri)
    return {split: parts[split] for split in named.split("+")}


def _told(columns: Columns, features: Mapping[str, Any]) -> Columns:
    """The columns with what the description tells: the one column of items, the one of classes, and the class names."""
    kinds = {name: type(feature).__name__ for name, feature in features.items()}
    if not (columns.text or columns.image or columns.audio or columns.features):
        for word, kind in (("image", "Image"), ("audio", "Audio")):
            of_kind = [name for name, found in kinds.items() if found == kind]
            if len(of_kind) == 1:
                columns = replace(columns, **{word: of_kind[0]})
                break
        else:
            texts = [name for name, feature in features.items() if getattr(feature, "dtype", "") == "string"]
            if len(texts) == 1 and texts[0] not in columns.label:
                columns = replace(columns, text=texts[0])
    if not columns.label and columns.target is None:
        classes = [name for name, feature in features.items() if _names(feature)]
        columns = replace(columns, label=(classes[0],)) if len(classes) == 1 else columns
    if len(columns.label) == 1 and columns.label[0] in features:
        feature = features[columns.label[0]]
        several = kinds[columns.label[0]] in ("List", "Sequence", "LargeList")
        task = "multilabel" if several and columns.task is None else columns.task
        columns = replace(columns, classes=tuple(_names(feature)), task=task)
    return columns


def _names(feature: Any) -> list[str]:
    """The class names of a column of classes, or of lists of classes; none for other columns."""
    return list(getattr(feature, "names", None) or getattr(getattr(feature, "feature", None), "names", None) or [])


def _unlabelled(part: Any, columns: Columns) -> bool:
    """Whether a split carries −1 in place of every class, as the hub's hidden test splits do."""
    if len(columns.label) != 1 or columns.label[0] not in part.features or not columns.classes:
        return False
    codes = part.with_format("numpy")[columns.label[0]][:]
    return codes.dtype.kind == "i" and len(codes) > 0 and bool((codes == -1).all())


def _joined(ref: DataRef, parts: Mapping[str, Any], columns: Columns, bad: Bad) -> Dataset:
    from datasets import concatenate_datasets

    every: Any = concatenate_datasets(list(parts.values()))
    heavy = columns.image or columns.audio
    light = every.remove_columns([heavy]) if heavy in every.features else every
    frame = light.with_format(None).to_pandas()
    if "" not in parts:
        frame["__split__"] = np.repeat(list(parts), [len(part) for part in parts.values()])
        columns = replace(columns, split="__split__")
    items = None
    if heavy is not None and heavy in every.features:
        frame[heavy] = ""  # the column is there; its cells are read when they are asked for
        items = HubColumn(every, heavy)
    return from_columns(
        ref, frame, columns, where=ref.uri, root=Path.cwd(), bad=bad, items=items, licence=every.info.license or ""
    )


class HubColumn:
    """One column of images or sounds, undecoded; each cell is read when it is asked for."""

    def __init__(self, dataset: Any, column: str) -> None:
        kind = dataset.features[column]
        if hasattr(kind, "decode"):
            dataset = dataset.cast_column(column, type(kind)(decode=False))
        self._dataset = dataset.select_columns([column])
        self._column = column

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, row: Any) -> Any:
        return self._dataset[int(row)][self._column]
