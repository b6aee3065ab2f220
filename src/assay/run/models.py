"""The models of a study: named by users, pinned to a revision in the run folder, loaded only when something needs them.

A pin is what a name meant when it was first resolved: a hub commit or a digest of the weights. As long as a local file
has the size and time it was pinned with, the pin is believed without reading the weights again.
"""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from assay.contracts import Model
from assay.errors import AssayError, UsageError
from assay.ledger import Ledger
from assay.spec import ModelRef


@dataclass(slots=True, kw_only=True)
class StudyModel:
    """One model of a study, loaded on demand."""

    ref: ModelRef
    """As typed until resolved, then with its revision."""
    label: str
    """What reports call it."""
    trust: bool = False
    """The user's word that this model's file may be loaded although it could run code."""
    seed: int = 0
    """Draws an untrained twin's weights."""
    offline: bool = False
    info: dict[str, Any] = field(default_factory=dict[str, Any])
    """What is known of the model, as plain values."""
    error: AssayError | None = None
    """Why it could not be loaded."""
    _model: Model | None = None
    _held: bool = False

    def load(self) -> Model:
        """The loaded model, at the commit that it was pinned to; the same object until `unload`."""
        if self._model is None:
            from assay.sources.models import load_model

            self._model = load_model(self.ref, offline=self.offline, trust=self.trust, seed=self.seed)
        return self._model

    def unload(self) -> None:
        """Let go of the weights, unless the user holds them anyway."""
        if not self._held:
            self._model = None

    def hold(self, model: Model) -> None:
        """Use a model that the user has loaded."""
        self._model, self._held = model, True

    @property
    def held(self) -> bool:
        """Whether the user gave the loaded model."""
        return self._held


def resolve_models(models: list[StudyModel], ledger: Ledger) -> None:
    """Pin every model: from the run folder where the pin still holds, else by loading it once.

    A model that cannot be loaded keeps its error and the revision `unavailable`; its trials become failed rows.

    Raises:
        UsageError: for a name that no source knows; nothing has run by then.
        AssayError: the first model's error, where none but untrained twins can be loaded; nothing has run by then.
    """
    pins = ledger.get("model")
    for model in models:
        pin_key = f"{model.ref.uri}|{model.seed if model.ref.untrained else ''}"
        pin, stamp = pins.get(pin_key), local_stamp(model.ref)
        if pin is not None and pin["stamp"] == stamp and not model.held:
            model.ref, model.info = replace(model.ref, revision=pin["revision"]), pin["info"]
            continue
        try:
            loaded = model.load()
        except UsageError:
            raise
        except AssayError as error:
            model.error, model.ref = error, replace(model.ref, revision="unavailable")
            continue
        finally:
            if len(models) > 1:
                model.unload()
        model.ref, model.info = replace(model.ref, revision=loaded.ref.revision), asdict(loaded.info)
        ledger.put("model", pin_key, {"revision": model.ref.revision, "info": model.info, "stamp": stamp})
    asked = [model for model in models if not model.ref.untrained] or models
    errors = [model.error for model in asked if model.error is not None]
    if errors and len(errors) == len(asked):
        raise errors[0]


def local_stamp(ref: ModelRef) -> list[list[Any]] | None:
    """Name, size and time of every file behind a local model or a factory's module; None for hub names."""
    name = ref.name.partition("?")[0]
    if ref.source == "py":
        try:
            spec = importlib.util.find_spec(name.partition(":")[0])
        except (ImportError, ValueError):
            spec = None
        path = Path(spec.origin) if spec is not None and spec.origin else Path(name)
    else:
        path = Path(name.removeprefix("local-dir:")).expanduser()
    if not path.exists():
        return None
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    stats = [(file, file.stat()) for file in files]
    root = path.parent if path.is_file() else path
    return [[file.relative_to(root).as_posix(), stat.st_size, stat.st_mtime_ns] for file, stat in stats]
