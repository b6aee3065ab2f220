"""Files of a study: YAML, TOML or JSON to a tree, with the line on which each part of it stands; or a run folder.

YAML is 1.2: `no` is a string, `1e-3` a number, a repeated key an error. Aliases are refused: a study needs none, and
they can blow up.
"""

from __future__ import annotations

import io
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.config.faults import Place
from assay.errors import DataError, SpecError
from assay.store.paths import RunPaths

MAX_BYTES = 1_000_000


def read_tree(source: str | Path | Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[Place, int]]:
    """Name, tree, and the line of each path (empty where the format gives none)."""
    if isinstance(source, Mapping):
        return "study", dict(source), {}
    path = Path(source)
    if path.is_dir():
        return _of_run(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise DataError(f"{path} has {len(raw):,} bytes; a study file has at most {MAX_BYTES:,}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: byte {error.start} is {raw[error.start]:#04x}") from error
    tree, places = _parse(path, text)
    if not isinstance(tree, dict):
        raise SpecError(str(path), [("", "a study file is a table of keys such as models, data and recipes")])
    return str(path), tree, places


def _of_run(folder: Path) -> tuple[str, dict[str, Any], dict[Place, int]]:
    """The study of a run folder, as it was last planned."""
    kept = RunPaths(folder).study
    try:
        return str(kept), json.loads(kept.read_text(encoding="utf-8"))["study"], {}
    except FileNotFoundError as error:
        raise DataError(f"{folder} is a folder in which nothing was planned; name a study file or a run") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{kept} is no study that a run keeps: {error}") from error


def _parse(path: Path, text: str) -> tuple[Any, dict[Place, int]]:
    if path.suffix == ".json":
        try:
            return json.loads(text), {}
        except json.JSONDecodeError as error:
            raise SpecError(str(path), [(f"line {error.lineno}", error.msg)]) from error
    if path.suffix == ".toml":
        try:
            return tomllib.loads(text), {}
        except tomllib.TOMLDecodeError as error:
            raise SpecError(str(path), [("", str(error))]) from error
    return _parse_yaml(path, text)


def _parse_yaml(path: Path, text: str) -> tuple[Any, dict[Place, int]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.nodes import Node

    yaml = YAML(typ="safe", pure=True)
    try:
        for event in yaml.parse(io.StringIO(text)):
            if type(event).__name__ == "AliasEvent":
                line = event.start_mark.line + 1
                raise SpecError(str(path), [(f"line {line}", "aliases (*name) are not used in a study; write it out")])
        root: Node | None = YAML(typ="safe", pure=True).compose(io.StringIO(text))
        tree = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        raise SpecError(str(path), [(f"line {line}", str(error.problem))]) from error
    except (YAMLError, ValueError) as error:
        raise SpecError(str(path), [("", f"not YAML: {error}")]) from error
    places: dict[Place, int] = {}
    if root is not None:
        _note_lines(root, (), places)
    return tree, places


def _note_lines(node: Any, path: Place, places: dict[Place, int]) -> None:
    places.setdefault(path, node.start_mark.line + 1)
    if node.id == "mapping":
        for key, value in node.value:
            places[(*path, key.value)] = key.start_mark.line + 1
            _note_lines(value, (*path, key.value), places)
    elif node.id == "sequence":
        for i, value in enumerate(node.value):
            _note_lines(value, (*path, i), places)
