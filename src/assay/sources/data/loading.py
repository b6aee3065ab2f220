"""From the name that a user types to a Dataset: the scheme before the colon chooses the source.

A relative path is looked for beside the study file (`root`) first, then in the working directory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from assay.builtin import DATA_SOURCES
from assay.dataset import Dataset
from assay.errors import UnknownNameError
from assay.sources.data.options import split_name
from assay.spec import DataRef


def load_data(data: str | DataRef, *, offline: bool | None = None, root: str | Path | None = None) -> Dataset:
    """The data set of that name, read and resolved; items stay where they are until they are loaded.

    Args:
        data: `source:name`, such as `csv:log.csv?text=body&label=y`, or a reference. A reference with a revision is
            checked against what is read.
        offline: True forbids every download; None asks the variables HF_HUB_OFFLINE and ASSAY_OFFLINE.
        root: the folder that relative paths are looked for in first.

    Raises:
        UnknownNameError: for an unknown source or option, with the nearest one.
        DataError: for data that cannot be read or used, naming file, row and column.
        OfflineError: for data that are not on this machine, saying what to put where.
        MissingExtraError: when the source needs packages that are not installed.

    Example:
        >>> digits = load_data("sklearn:digits")
        >>> len(digits), digits.modality, digits.task.kind
        (1797, 'image', 'multiclass')
    """
    ref = DataRef.parse(data) if isinstance(data, str) else data
    if ref.source not in DATA_SOURCES:
        raise UnknownNameError("data source", ref.source, DATA_SOURCES, where=repr(ref.uri))
    found = replace(ref, name=_beside(ref.name, root))
    with importable(Path(root or ".").resolve()) if ref.source == "py" else nullcontext():
        dataset = DATA_SOURCES[ref.source](found, offline=_offline() if offline is None else offline)
    return replace(dataset, ref=replace(dataset.ref, name=ref.name))


@contextmanager
def importable(folder: Path) -> Generator[None]:
    """While it lasts, modules that lie in the folder can be imported; installed ones come first."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _beside(name: str, root: str | Path | None) -> str:
    """The name with its path put under `root`, where such a file or folder is there."""
    if root is None:
        return name
    path, _ = split_name(name)
    try:
        beside = Path(root) / Path(path).expanduser()
        return str(beside) + name[len(path) :] if beside.exists() else name
    except (OSError, ValueError):  # a hub name that no file system takes as a path
        return name


def _offline() -> bool:
    return any(
        os.environ.get(name, "").casefold() in ("1", "true", "yes", "on")
        for name in ("HF_HUB_OFFLINE", "ASSAY_OFFLINE")
    )
