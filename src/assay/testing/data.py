"""A fake data set, small and learnable, of any modality and task; and DataSuite, which every data source must pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.dataset import Dataset
from assay.rng import stream
from assay.sources.data.arrays import from_arrays
from assay.sources.data.items.digest import item_digest
from assay.spec import Modality, TaskKind

_WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty")


def fake_dataset(
    n: int = 60, *, modality: Modality = "image", kind: TaskKind = "multiclass", classes: int = 3, signal: float = 1.0,
    splits: bool = False, groups: int | None = None, times: bool = False, seed: int = 0,
) -> Dataset:  # fmt: skip
    """N items that carry their target: bright stripes in images, tell-tale words, shifted numbers, tones.

    Args:
        n: items; classes take turns, so that each has its share.
        modality: what an item is.
        kind: of task; `binary` has two classes whatever `classes` says.
        classes: number of classes or labels.
        signal: how plainly an item shows its target; 0 for not at all.
        splits: whether rows are published as train (60 %), valid (20 %) and test (20 %).
        groups: number of groups, or None.
        times: whether items are dated, one a day from 2020-01-01.
        seed: draws items; the same arguments give the same data set.
    """
    rng = stream(seed, "fake data", n, modality, kind, classes)
    count = 2 if kind == "binary" else classes
    if kind == "regression":
        targets = rng.normal(size=n)
        strength = np.column_stack([targets] * 3)
    elif kind == "multilabel":
        targets = (rng.random((n, count)) < 0.4).astype(np.int64)
        targets[:count] |= np.eye(count, dtype=np.int64)[: min(n, count)]
        strength = targets.astype(float)
    else:
        targets = np.arange(n, dtype=np.int64) % count
        strength = np.eye(count)[targets]
    items = [_item(modality, signal * row, rng) for row in strength]
    names = None if kind == "regression" else [f"class {code}" for code in range(count)]
    return from_arrays(
        items, targets, name=f"fake-{modality}-{kind}", modality=modality, classes=names,
        task="regression" if kind == "regression" else None,
        splits=np.array(["train", "train", "train", "valid", "test"])[(np.arange(n) // max(count, 1)) % 5].tolist()
        if splits else None,
        groups=[f"g{row % groups}" for row in rng.permutation(n)] if groups else None,
        times=np.datetime64("2020-01-01") + np.arange(n) if times else None,
    )  # fmt: skip


def _item(modality: Modality, strength: NDArray[np.float64], rng: np.random.Generator) -> Any:
    if modality == "text":
        words = [
            _WORDS[at % len(_WORDS)] for at in range(len(strength)) for _ in range(round(3 * max(strength[at], 0)))
        ]
        words += [f"filler{number}" for number in rng.integers(50, size=6)]
        return " ".join(words[at] for at in rng.permutation(len(words)))
    if modality == "table":
        return np.concatenate([2 * strength, np.zeros(2)]) + rng.normal(size=len(strength) + 2)
    if modality == "audio":
        seconds = np.arange(1600) / 8000
        tones = sum(level * np.sin(2 * np.pi * 200 * (at + 1) * seconds) for at, level in enumerate(strength))
        return (np.asarray(tones + 0.3 * rng.normal(size=1600), dtype=np.float32), 8000)
    from PIL import Image

    pixels = rng.integers(0, 120, size=(32, 32, 3)).astype(float)
    rows = np.array_split(np.arange(32), len(strength))
    for at, level in zip(rows, strength, strict=True):
        pixels[at] += 100 * level
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


class DataSuite:
    """What every data source must hold; subclass it in a test file and give `make`.

    Methods assert and return nothing, so that pytest collects them.
    """

    def make(self) -> Dataset:
        """The data set under test, loaded anew."""
        raise NotImplementedError

    def test_the_reference_is_resolved_and_stable(self) -> None:
        """The revision and the task are filled in, and loading again gives the same."""
        first, again = self.make(), self.make()
        assert len(first.ref.revision) == 64
        assert first.ref.task == first.task.kind
        assert first.ref == again.ref
        assert first.ids.tolist() == again.ids.tolist()

    def test_columns_are_in_step(self) -> None:
        """Ids are unique; each column has one entry an item; targets are codes of named classes, or numbers."""
        data = self.make()
        n = len(data)
        assert n >= 2
        assert len(set(data.ids.tolist())) == n
        assert len(data.digests) == n
        if data.task.kind == "regression":
            assert data.targets.dtype == np.float64
            assert np.isfinite(data.targets).all()
        elif data.task.kind == "multilabel":
            assert data.targets.shape == (n, len(data.task.classes))
        else:
            assert data.targets.dtype == np.int64
            assert set(data.targets.tolist()) == set(range(len(data.task.classes)))

    def test_items_come_in_the_order_asked_for(self) -> None:
        """Any positions, in any order and repeated, give their items; each item's digest is its own."""
        data = self.make()
        rows = np.array([len(data) - 1, 0, 1, 0])
        asked = [item_digest(item) for item in data.load(rows)]
        alone = [item_digest(data.load(np.array([row]))[0]) for row in rows]
        assert asked == alone
        assert asked[1] == asked[3]

    def test_items_are_of_their_modality(self) -> None:
        """Images are PIL images, texts are str, sounds are (waveform, rate), rows are finite numbers."""
        data = self.make()
        (item,) = data.load(np.array([0]))
        if data.modality == "text":
            assert isinstance(item, str)
            assert item.strip()
        elif data.modality == "image":
            assert item.convert("RGB").mode == "RGB"
        elif data.modality == "audio":
            wave, rate = item
            assert wave.dtype == np.float32
            assert wave.ndim == 1
            assert rate > 0
        else:
            assert np.isfinite(np.asarray(item, dtype=float)).all()

    def test_nothing_at_all_can_be_asked_for(self) -> None:
        """No positions give no items."""
        assert len(self.make().load(np.empty(0, dtype=np.int_))) == 0
