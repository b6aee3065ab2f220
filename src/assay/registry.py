"""One generic registry for every seam: names to lazy targets, and entry points for other packages.

A target is the string `module:attribute`, imported when it is first asked for, so that a list of names costs nothing.
A third party adds one through the entry-point group `assay.<seam>`; see `assay.builtin` for our own.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from assay.errors import MissingExtraError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one seam; `registry[name]` imports and returns what is registered under the name."""

    def __init__(self, seam: str, targets: Mapping[str, str], extras: Mapping[str, str] | None = None) -> None:
        self.seam = seam
        self._targets = dict(targets)
        self._extras = dict(extras or {})
        self._loaded: dict[str, T] = {}
        self._plugins_read = False

    def __iter__(self) -> Iterator[str]:
        self._read_plugins()
        return iter(sorted(self._targets))

    def __contains__(self, name: object) -> bool:
        self._read_plugins()
        return name in self._targets

    def require(self, name: str) -> None:
        """Raise UnknownNameError unless the name is registered; nothing is imported."""
        if name not in self._targets:
            self._read_plugins()
        if name not in self._targets:
            raise UnknownNameError(self.seam, name, self._targets)

    def __getitem__(self, name: str) -> T:
        self.require(name)
        if name not in self._loaded:
            self._loaded[name] = cast(T, self._load(name))
        return self._loaded[name]

    def _load(self, name: str) -> Any:
        module, _, attribute = self._targets[name].partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if name in self._extras and not (error.name or "").startswith("assay"):
                raise MissingExtraError(self._extras[name], f"{self.seam} {name!r}") from error
            raise

    def _read_plugins(self) -> None:
        if self._plugins_read:
            return
        self._plugins_read = True
        for point in entry_points(group=f"assay.{self.seam.replace(' ', '_')}"):
            self._targets.setdefault(point.name, point.value)
