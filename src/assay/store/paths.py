"""RunPaths: the one place that knows the names of files in a run folder; and how a file is written whole or not at all.

Names that users type never become file names; what is named on disk is a digest or a fixed word.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assay.errors import StoreError

UNFINISHED = ".tmp-"
"""How the name of a file begins that is not yet written whole; a killed process leaves it behind."""


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The files of one run folder."""

    root: Path
    """The folder that the user named."""

    @property
    def marker(self) -> Path:
        """What makes a folder a run folder: its schema version and who wrote it."""
        return self.root / "run.json"

    @property
    def study(self) -> Path:
        """The study with every default filled in."""
        return self.root / "study.json"

    @property
    def ledger(self) -> Path:
        """The SQLite ledger."""
        return self.root / "ledger.sqlite"

    @property
    def searches(self) -> Path:
        """The Optuna storage of a study that searches, unless the user named another."""
        return self.root / "optuna.sqlite"

    @property
    def predictions(self) -> Path:
        """Folder of per-item predictions, one Parquet file a trial."""
        return self.root / "predictions"

    @property
    def states(self) -> Path:
        """Folder of what export needs to serve an adapted model."""
        return self.root / "states"

    @property
    def features(self) -> Path:
        """The feature store, unless the user named another."""
        return self.root / "features"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.root / "report.html"

    @property
    def assessments(self) -> Path:
        """The assessments behind the report, as JSON."""
        return self.root / "report.json"

    @property
    def tables(self) -> Path:
        """Folder of the report's tables as CSV."""
        return self.root / "tables"


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that readers see all of it or nothing: temporary name, fsync, rename, fsync of the folder.

    Raises:
        StoreError: when the disk is full or the folder cannot be written; nothing half-written stays.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(_usual_mode())
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise _store_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_whole(path, lambda temporary: _put(temporary, text))


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _usual_mode() -> int:
    """The mode that a plainly opened file would have; temporary files are private by default."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _store_error(path: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        folder = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(folder).free
        return StoreError(
            f"the disk is full: {path} could not be written, {free / 2**20:.0f} MiB are free; "
            "what was finished is saved, and the same command resumes once there is room"
        )
    return StoreError(f"{path} could not be written: {error.strerror or error}")
