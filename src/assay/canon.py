"""Canonical keys: the same meaning gives the same bytes, and so the same sha256.

Dictionaries are sorted, dataclasses become tagged dictionaries, floats are written by `repr`, NaN is refused.
A key never depends on pickle, on insertion order or on the process.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np

from assay.errors import UsageError


def canonical(value: Any) -> Any:
    """`value` as nested lists, sorted dictionaries, strings, numbers, booleans and None.

    Raises:
        UsageError: for NaN, infinity, a key that is not a string, or a type that has no canonical form.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Enum):
        return canonical(value.value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return _canonical_float(float(value))
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "shape": list(value.shape), "sha256": array_digest(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: canonical(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return _canonical_mapping(value)
    if isinstance(value, (Sequence, set, frozenset)):
        items = [canonical(item) for item in value]
        return sorted(items, key=json.dumps) if isinstance(value, (set, frozenset)) else items
    raise UsageError(f"a value of type {type(value).__name__} has no canonical form")


def key_of(value: Any) -> str:
    """sha256 of the canonical form, as 64 hexadecimal digits."""
    text = json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def array_digest(array: np.ndarray) -> str:
    """sha256 of an array's type, shape and contents; object arrays are digested as text, item by item."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    if array.dtype == object:
        for item in array.ravel():
            digest.update(repr(item).encode() + b"\0")
    else:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _canonical_float(value: float) -> Any:
    if not math.isfinite(value):
        raise UsageError(f"{value} has no canonical form")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _canonical_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    for name in value:
        if not isinstance(name, str):
            raise UsageError(f"a key must be a string, not {name!r}")
    return {name: canonical(value[name]) for name in sorted(value)}
