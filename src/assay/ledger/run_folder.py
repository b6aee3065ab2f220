"""RunFolder: a run on disk, opened for reading or made for writing; what other tools and lenses read of a run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay import __version__
from assay.dataset import Dataset
from assay.errors import NothingToAssessError, StoreError, UsageError
from assay.ledger.ledger import Ledger
from assay.ledger.rows import TrialRow
from assay.outcome import Predictions
from assay.store.features import FeatureStore
from assay.store.paths import UNFINISHED, RunPaths, write_text

FOLDER_VERSION = 1


class RunFolder:
    """One run folder: its marker, its study, its ledger."""

    def __init__(self, root: Path, marker: dict[str, Any], *, ledger_url: str | None = None) -> None:
        self.paths = RunPaths(root)
        self.marker = marker
        self.data: dict[str, Dataset] = {}
        """Data sets that are in memory, by their uri; others are loaded when an item is to be shown."""
        url = ledger_url or marker.get("ledger") or f"sqlite:///{self.paths.ledger}"
        self.ledger = Ledger(url, self.paths.predictions)

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.study().get("name", self.paths.root.name))

    def study(self) -> dict[str, Any]:
        """The study as last planned, with every default filled in; empty before the first plan."""
        document = self._study_document()
        return document.get("study", {})

    def feature_store(self, named: str | None = None) -> FeatureStore:
        """Where features are: as named, as the study or the variable ASSAY_STORE names it, or in the folder."""
        named = named or (self.study().get("features") or {}).get("store") or os.environ.get("ASSAY_STORE")
        return FeatureStore(named or self.paths.features)

    def planned_keys(self) -> list[str]:
        """Keys of the trials of the study as last planned."""
        return list(self._study_document().get("trials", []))

    def write_study(self, study: dict[str, Any], keys: Sequence[str]) -> None:
        """Keep the study and the keys of its trials."""
        write_text(self.paths.study, json.dumps({"study": study, "trials": list(keys)}, indent=1, sort_keys=True))

    def trials(self) -> list[TrialRow]:
        """The trials of the current plan, in its order.

        Raises:
            NothingToAssessError: when nothing was planned yet.
        """
        keys = self.planned_keys()
        if not keys:
            raise NothingToAssessError(f"{self.paths.root} holds no trials yet; start them with: assay run STUDY")
        found = {row.key: row for row in self.ledger.rows()}
        return [found[key] for key in keys if key in found]

    def predictions(self, key: str, part: str = "test") -> Predictions | None:
        """Per-item predictions of one trial for one part; None when the recipe gave none."""
        return self.ledger.predictions(key).get(part)

    def _study_document(self) -> dict[str, Any]:
        try:
            return json.loads(self.paths.study.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.paths.study} cannot be read: {error}") from error


def is_run(path: str | Path) -> bool:
    """Whether a path is a run folder."""
    return RunPaths(Path(path)).marker.is_file()


def open_run(path: str | Path) -> RunFolder:
    """The run in a folder.

    Raises:
        UsageError: when the folder is no run folder.
        StoreError: when it is damaged or was written by a newer version.
    """
    root = Path(path)
    if not is_run(root):
        seen = "there is no such folder" if not root.exists() else "it has no run.json"
        raise UsageError(f"{root} is not a run folder: {seen}; `assay ls` shows the runs below a folder")
    return RunFolder(root, _read_marker(root))


def make_run(path: str | Path, *, ledger_url: str | None = None) -> RunFolder:
    """The run in a folder, made if the folder is new or empty.

    Raises:
        UsageError: when the folder holds something else.
        StoreError: when it was written by a newer version, or cannot be written.
    """
    root = Path(path)
    if is_run(root):
        return RunFolder(root, _read_marker(root), ledger_url=ledger_url)
    if root.exists() and (not root.is_dir() or _foreign(root)):
        raise UsageError(f"{root} exists and is not a run folder; name a new or an empty folder")
    marker = {"folder_version": FOLDER_VERSION, "assay": __version__, "created": time.time()}
    if ledger_url is not None:
        marker["ledger"] = ledger_url
    write_text(RunPaths(root).marker, json.dumps(marker, indent=1, sort_keys=True))
    return RunFolder(root, marker, ledger_url=ledger_url)


def _foreign(root: Path) -> bool:
    """Whether a folder holds more than what a run leaves that was killed, or starts beside this one, at its marker."""
    names = {path.name for path in root.iterdir() if not path.name.startswith(UNFINISHED)}
    return bool(names) and RunPaths(root).marker.name not in names


def _read_marker(root: Path) -> dict[str, Any]:
    path = RunPaths(root).marker
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
        version = int(marker["folder_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    if version > FOLDER_VERSION:
        raise StoreError(
            f"{root} was written by Assay {marker.get('assay', '?')} (folder version {version}); this is Assay "
            f"{__version__}, which reads up to {FOLDER_VERSION}; upgrade with: pip install --upgrade assay"
        )
    return marker
