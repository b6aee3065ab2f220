"""Duplicates: items that stand in the data twice, exactly or nearly, above all in train and in test.

Exact duplicates have equal content digests. Near ones are looked for among texts and images. What is found is counted
and reported, never removed: the published number is for the data as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset
from assay.errors import ShapeError
from assay.finding import Row
from assay.rng import stream
from assay.sources.data.nearness.images import near_images, thumbnails
from assay.sources.data.nearness.texts import near_texts
from assay.sources.data.parts import Split

_ORDER = ("train", "valid", "test")
_SHOWN = 20
_MOST = {"image": 20_000, "text": 200_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """How many items stand in the data more than once, and where."""

    n: int
    """Items looked at."""
    exact: int
    """Items that are an exact copy of an earlier one."""
    near: int | None
    """Items with a near copy that is not exact; None where near copies were not looked for."""
    exact_across: Mapping[str, int] = field(default_factory=dict[str, int])
    """`train → test` → how many items of the second part have an exact copy in the first."""
    near_across: Mapping[str, int] = field(default_factory=dict[str, int])
    """The same for near copies, of items without an exact one there."""
    exact_conflicts: int = 0
    """Different contents whose exact copies carry different targets."""
    near_conflicts: int = 0
    """Near pairs that carry different targets."""
    examples: tuple[Row, ...] = ()
    """The first pairs, those across parts or in conflict before others: `first`, `second` (ids), `kind`, `parts`,
    `conflict`."""
    method: str = ""
    """How near copies were found, or why they were not looked for."""

    def rows(self) -> list[Row]:
        """The counts as a table: `between`, `kind`, `items`."""
        return [
            {"between": between, "kind": kind, "items": count}
            for kind, found in (("exact", self.exact_across), ("near", self.near_across))
            for between, count in found.items()
        ]


def find_duplicates(
    dataset: Dataset, *, parts: Split | NDArray[np.str_] | None = None, near: bool | None = None
) -> Duplicates:
    """Count exact and near copies in a data set, within and across its parts, and label conflicts among them.

    Args:
        dataset: the data; for near copies its items are loaded once, in batches.
        parts: a draw, or the (n,) name of each row's part; the published splits where it is None.
        near: whether to look for near copies; None for unless there are more than 20,000 images or 200,000 texts, since
            every item must be read for it.

    Raises:
        ShapeError: for parts of another length.
        DataError: for an item that cannot be read.

    Notes:
        Texts are near when they share 80 % of their sequences of three words (MinHash finds the candidates, exact
        comparison decides); images when small grey versions of them correlate by 0.99. About 20,000 texts take seconds.
    """
    part_of = _part_names(dataset, parts)
    rows = np.flatnonzero(part_of != "")
    content, first, code = np.unique(dataset.digests[rows], return_index=True, return_inverse=True)
    pairs, method = _near_pairs(dataset, rows[first], near)
    names = sorted(set(part_of[rows].tolist()), key=lambda name: (_ORDER.index(name) if name in _ORDER else 9, name))
    there = np.zeros((len(content), len(names)), dtype=bool)
    part_code = np.array([names.index(name) for name in part_of[rows]])
    there[code, part_code] = True
    beside = np.zeros_like(there)
    for a, b in pairs or []:
        beside[a] |= there[b]
        beside[b] |= there[a]
    labels = _label_codes(dataset)[rows]
    classes = dataset.task.is_classification
    touched: NDArray[np.bool_] = np.asarray(beside.any(axis=1))
    return Duplicates(
        n=len(rows), exact=len(rows) - len(content),
        near=None if pairs is None else int(touched[code].sum()),
        exact_across=_across(names, there, code, part_code),
        near_across={} if pairs is None else _across(names, beside & ~there, code, part_code),
        exact_conflicts=len(_conflicting(code, labels)) if classes else 0,
        near_conflicts=sum(bool(classes and labels[first[a]] != labels[first[b]]) for a, b in pairs or []),
        examples=_examples(dataset, rows, code, first, pairs or [], part_of, labels), method=method,
    )  # fmt: skip


def _part_names(dataset: Dataset, parts: Split | NDArray[np.str_] | None) -> NDArray[np.str_]:
    """(n,) the part of each row; empty for rows that are in none."""
    n = len(dataset)
    if isinstance(parts, Split):
        names = np.full(n, "", dtype="<U5")
        for name in _ORDER:
            names[getattr(parts, name)] = name
        return names
    if parts is None:
        return dataset.splits if dataset.splits is not None else np.full(n, "all")
    if len(parts) != n:
        raise ShapeError(f"{dataset.ref.uri}: parts has {len(parts):,} rows, there are {n:,} items")
    return np.asarray(parts, dtype=np.str_)


def _near_pairs(
    dataset: Dataset, rows: NDArray[np.int_], near: bool | None
) -> tuple[list[tuple[int, int]] | None, str]:
    """Pairs of positions among `rows` whose items are near, and how they were found or why they were not looked for."""
    if near is False:
        return None, "near copies were not looked for"
    if near is None and len(rows) > _MOST.get(dataset.modality, 0) > 0:
        return None, f"near copies were not looked for among {len(rows):,} items; near=True looks for them"
    if dataset.modality == "text":
        rng = stream(0, "near duplicates", dataset.ref.revision)
        return near_texts(list(dataset.load(rows)), rng=rng), "texts that share 80 % of their word sequences"
    if dataset.modality == "image":
        batches = np.array_split(rows, max(1, len(rows) // 256))
        pairs = near_images(np.concatenate([thumbnails(dataset.load(batch)) for batch in batches]))
        if pairs is None:
            return None, "near copies were not counted: too many images are alike"
        return pairs, "images whose small grey versions correlate by 0.99"
    return None, f"near copies are not looked for among items of kind {dataset.modality}"


def _across(
    names: list[str], source: NDArray[np.bool_], code: NDArray[np.int_], part_code: NDArray[np.int_]
) -> dict[str, int]:
    """`a → b` → items of part b whose content is, by `source`, found in part a; pairs without any are left out."""
    found: dict[str, int] = {}
    for b in range(len(names)):
        inside = code[part_code == b]
        for a in range(b):
            count = int(source[inside, a].sum())
            if count:
                found[f"{names[a]} → {names[b]}"] = count
    return found


def _label_codes(dataset: Dataset) -> NDArray[np.int_]:
    """(n,) a code for each different target."""
    return np.unique(dataset.targets, axis=0, return_inverse=True)[1].reshape(-1)


def _conflicting(code: NDArray[np.int_], labels: NDArray[np.int_]) -> NDArray[np.int_]:
    """Contents whose copies carry different labels."""
    pairs = np.unique(np.column_stack([code, labels]), axis=0)
    contents, counts = np.unique(pairs[:, 0], return_counts=True)
    return contents[counts > 1]


def _examples(
    dataset: Dataset, rows: NDArray[np.int_], code: NDArray[np.int_], first: NDArray[np.int_],
    near: list[tuple[int, int]], part_of: NDArray[np.str_], labels: NDArray[np.int_],
) -> tuple[Row, ...]:  # fmt: skip
    """The first pairs to show: across parts or in conflict before others."""
    again = np.setdiff1d(np.arange(len(rows)), first)
    pairs = [("exact", int(first[code[at]]), int(at)) for at in again]
    pairs += [("near", *sorted((int(first[a]), int(first[b])))) for a, b in near]
    shown: list[tuple[bool, Row]] = []
    for kind, one, two in pairs:
        parts = sorted({str(part_of[rows[one]]), str(part_of[rows[two]])})
        conflict = dataset.task.is_classification and bool(labels[one] != labels[two])
        row = {"first": str(dataset.ids[rows[one]]), "second": str(dataset.ids[rows[two]]), "kind": kind,
               "parts": " and ".join(parts), "conflict": conflict}  # fmt: skip
        shown.append((len(parts) == 1 and not conflict, row))
    return tuple(row for _, row in sorted(shown, key=lambda pair: pair[0])[:_SHOWN])
