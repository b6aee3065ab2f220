"""Protocol fingerprints: what must be equal for two scores to be comparable, and which part of it is not.

Three causes of a changed score are kept apart: other weights, another protocol, other numerics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.records import Column, is_missing
from assay.canon import key_of

WEIGHTS = ("weights", "revision", "model_revision", "checkpoint", "digest", "sha")
PROTOCOL = (
    "metric", "split", "protocol", "harness", "harness_version", "task_version", "version", "data_revision",
    "dataset_revision", "shots", "n_shot", "num_fewshot", "prompt", "template", "averaging", "subset",
)  # fmt: skip
NUMERICS = ("device", "dtype", "precision", "batch_size", "library", "library_version", "engine")
CAUSES = {"weights": "other weights", "protocol": "another protocol", "numerics": "other numerics"}


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


def changed(
    parts: Mapping[str, Sequence[str]], before: Mapping[str, Column], after: Mapping[str, Column],
    present: NDArray[np.bool_], names: tuple[Sequence[str], Sequence[str]], time: str | None,
) -> tuple[list[dict[str, Any]], NDArray[np.bool_]]:  # fmt: skip
    """Cells whose weights or protocol differ between two tables, as rows of `flags`, and which cells stay comparable.

    Args:
        parts: Part of the fingerprint → its columns; `numerics` are no reason not to compare and are passed over.
        before: Column → (m, t) values of the earlier table.
        after: The same of the later one.
        present: (m, t) which cells the later one has.
        names: Models and tasks.
        time: What the later table is called.
    """
    comparable = np.ones(present.shape, dtype=bool)
    flags: list[dict[str, Any]] = []
    for part, columns in parts.items():
        shared = [name for name in columns if name in before and name in after]
        if part == "numerics" or not shared:
            continue
        for model, task in np.argwhere(present):
            told = differing({name: before[name][model, task] for name in shared},
                             {name: after[name][model, task] for name in shared})  # fmt: skip
            if told:
                comparable[model, task] = False
                kind = "weights changed" if part == "weights" else "not comparable"
                flags.append({"model": names[0][model], "task": names[1][task], "time": time, "kind": kind,
                              "size": None, "why": f"{CAUSES[part]}: {'; '.join(told)}"})  # fmt: skip
    return flags, comparable
