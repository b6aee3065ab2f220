"""Request and Source: what a model source is asked for, and how its two functions become one plugin.

Options follow the name after a question mark: `timm:resnet18?size=96`, `hf:bert-base-uncased?pooling=cls&layer=6`. They
stay in the reference, sorted, so that the same options always give the same key. This file imports no torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote

from assay.contracts import Model, ModelInfo
from assay.errors import UnknownNameError, UsageError
from assay.spec import ModelRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One model that is asked for."""

    ref: ModelRef
    """The reference as typed, its options sorted."""
    path: str
    """The name without its options: a hub name, a folder, a file."""
    options: Mapping[str, str]
    """What stands after the question mark."""
    offline: bool = False
    """Whether the network may not be used."""
    trust: bool = False
    """The user's word that this one model may run code of its own."""
    seed: int = 0
    """Draws an untrained twin's weights."""

    def file(self, ending: str) -> Path:
        """The path as a file that is there; raises UnknownNameError with the files of this ending beside it."""
        path = Path(self.path).expanduser()
        if not path.is_file():
            known = [str(other) for other in path.parent.glob(f"*{ending}")] if path.parent.is_dir() else []
            raise UnknownNameError("file", self.path, known, where=self.ref.uri)
        return path

    def integer(self, name: str) -> int | None:
        """An option that is a whole number, zero or more; None where it is not given."""
        text = self.options.get(name)
        if text is None:
            return None
        if not text.isdigit():
            raise UsageError(f"{self.ref.uri}: {name} must be a whole number, got {text!r}")
        return int(text)

    def choice(self, name: str, known: tuple[str, ...]) -> str | None:
        """An option that is one of the known words; None where it is not given."""
        text = self.options.get(name)
        if text is not None and text not in known:
            raise UnknownNameError(name, text, known, where=self.ref.uri)
        return text


class Source:
    """A model source made of a function that opens a model and, where it can, one that describes it beforehand."""

    def __init__(
        self,
        open_model: Callable[[Request], Model],
        *,
        outline: Callable[[Request], ModelInfo] | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        self._open = open_model
        self._outline = outline
        self._options = options

    def __call__(self, ref: ModelRef, *, offline: bool = False, trust: bool = False, seed: int = 0) -> Model:
        """The loaded model; see `assay.sources.models.load_model`."""
        return self._open(self._request(ref, offline=offline, trust=trust, seed=seed))

    def describe(self, ref: ModelRef, *, offline: bool = False, trust: bool = False) -> ModelInfo:
        """What is known of the model; weights are read only where the architecture alone does not tell."""
        request = self._request(ref, offline=offline, trust=trust, seed=0)
        return self._open(request).info if self._outline is None else self._outline(request)

    def _request(self, ref: ModelRef, *, offline: bool, trust: bool, seed: int) -> Request:
        path, options = split_options(ref.name)
        for name in options:
            if name not in self._options:
                raise UnknownNameError("option", name, self._options, where=ref.uri)
        ref = dataclasses.replace(ref, name=join_options(path, options))
        return Request(ref=ref, path=path, options=options, offline=offline, trust=trust, seed=seed)


def split_options(name: str) -> tuple[str, dict[str, str]]:
    """A name and its options: `resnet18?size=96` → (`resnet18`, {`size`: `96`}).

    Raises:
        UsageError: when what follows the question mark is not a list of `option=value`.
    """
    path, mark, query = name.partition("?")
    if not mark:
        return path, {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise UsageError(f"options are written name?option=value&option=value; got {name!r}") from error
    options = dict(pairs)
    if len(options) < len(pairs) or "" in options.values():
        raise UsageError(f"each option is given once and has a value; got {name!r}")
    return path, options


def join_options(path: str, options: Mapping[str, str]) -> str:
    """The inverse of `split_options`, options in alphabetical order."""
    query = "&".join(f"{name}={quote(options[name], safe='/:.,-_')}" for name in sorted(options))
    return f"{path}?{query}" if query else path
