"""Protocol fingerprints: what must be equal for two scores to be comparable, and which part of it is not.

Three causes of a changed score are kept apart: other weights, another protocol, other numerics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.assess.sustainability.records import is_missing
from assay.canon import key_of

WEIGHTS = ("weights", "revision", "model_revision", "checkpoint", "digest", "sha")
PROTOCOL = (
    "metric", "split", "protocol", "harness", "harness_version", "task_version", "version", "data_revision",
    "dataset_revision", "shots", "n_shot", "num_fewshot", "prompt", "template", "averaging", "subset",
)  # fmt: skip
NUMERICS = ("device", "dtype", "precision", "batch_size", "library", "library_version", "engine")


def parts_of(columns: Sequence[str], extra: Sequence[str]) -> dict[str, list[str]]:
    """Which columns of a table belong to `weights`, `protocol` and `numerics`; extra ones are protocol."""
    known = {"weights": WEIGHTS, "protocol": PROTOCOL, "numerics": NUMERICS}
    found = {part: [name for name in columns if name.casefold() in names] for part, names in known.items()}
    found["protocol"] += [name for name in extra if name not in found["protocol"]]
    return found


def fingerprint(values: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that are equal exactly when the named values are; missing values count as values."""
    plain = {str(name): "" if is_missing(value) else str(value) for name, value in values.items()}
    return key_of(plain)[:12]


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """What differs between two rows, as `metric: accuracy / f1`; a value that either lacks is not held against it."""
    told: list[str] = []
    for name in first:
        a, b = first[name], second.get(name)
        if is_missing(a) or is_missing(b) or str(a) == str(b):
            continue
        told.append(f"{name}: {a} / {b}")
    return told
