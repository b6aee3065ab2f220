"""Faults of a study file: what is wrong, and where.

A place is told as its line, where the file's format gives one, and as the keys that lead there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from assay.config.specification import StudySpec
from assay.errors import SpecError, suggest

Place = tuple[Any, ...]
"""Keys and positions that lead to a value."""
Fault = tuple[Place, str]


def spec_error(name: str, faults: Sequence[Fault], places: Mapping[Place, int]) -> SpecError:
    """All faults, in the order of their lines."""
    ordered = sorted(faults, key=lambda fault: _line(fault[0], places) or 0)
    return SpecError(name, [(_place(path, places), message) for path, message in ordered])


def fault_of(error: Any) -> Fault:
    """One error of pydantic, in plain words."""
    path = tuple(error["loc"])
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return path, f"unknown key {path[-1]!r}{suggest(str(path[-1]), _siblings(path))}"
    if kind == "missing":
        return path[:-1], f"the key {path[-1]!r} is missing"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = "" if isinstance(given, (Mapping, list)) else f", got {given!r}"
    return path, f"{message}{shown}"


def _siblings(path: Sequence[Any]) -> list[str]:
    """The keys that are allowed beside the last one of `path`."""
    model: Any = StudySpec
    for part in path[:-1]:
        if isinstance(part, int):
            continue
        field = getattr(model, "model_fields", {}).get(part)
        nested = _nested(field.annotation) if field is not None else None
        model = nested or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _nested(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _nested(part)
        if found is not None:
            return found
    return None


def _line(path: Place, places: Mapping[Place, int]) -> int | None:
    """The line of the innermost part of `path` that the file has; None where the format gives no lines."""
    return next((places[path[:k]] for k in range(len(path), -1, -1) if path[:k] in places), None)


def _place(path: Place, places: Mapping[Place, int]) -> str:
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    line = _line(path, places)
    if line is None:
        return shown
    return f"line {line}, {shown}" if shown else f"line {line}"
