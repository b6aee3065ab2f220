"""FakeModel: tiny, deterministic and free of torch; and ModelSuite, which every model source must pass.

Each `fake_*` function is a factory for `py:assay.testing.models:fake_images` and the like.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.canon import array_digest
from assay.contracts import Batch, Model, ModelInfo
from assay.rng import stream
from assay.spec import Modality, ModelRef

WIDTH = 8
SIZE = 12
LETTERS = 64


class FakeModel:
    """A Model that projects simple facts of an item by a matrix drawn from a seed; rows are treated one by one.

    Args:
        modality: What it reads. Images become their 12 × 12 grey values, texts counts of 64 hashed characters,
            waveforms and rows 16 evenly spaced values.
        name: Its name in the reference.
        seed: Draws the matrix; another seed is another model with another revision.
        untrained: Whether the reference says that it is an untrained twin.
        broken: Give NaN for every item, as a diverged network does.
    """

    network = None

    def __init__(
        self,
        modality: Modality = "image",
        *,
        name: str = "fake",
        seed: int = 0,
        untrained: bool = False,
        broken: bool = False,
    ) -> None:
        wide = {"image": SIZE * SIZE, "text": LETTERS}.get(modality, 16)
        weights = stream(seed, "fake model", modality, untrained).normal(size=(wide, WIDTH)) / np.sqrt(wide)
        self._weights = weights.astype(np.float32)
        self._broken = broken
        self.ref = ModelRef(source="py", name=name, revision=array_digest(self._weights), untrained=untrained)
        self.info = ModelInfo(
            modality=modality,
            width=WIDTH,
            parameters=self._weights.size,
            flops=2.0 * self._weights.size,
            size_bytes=self._weights.nbytes,
            pooling="none",
            layer="last",
            preprocessing={"fake": modality, "width": wide},
            labels=tuple(f"s{k}" for k in range(3)),
        )
        self.calls = 0

    def collate(self, items: Sequence[Any]) -> Batch:
        """Items → {`x`: (b, w)}."""
        read: Callable[[Any, int], NDArray[np.float32]] = _READERS[self.info.modality]
        return {"x": np.stack([read(item, self._weights.shape[0]) for item in items])}

    def encode(self, batch: Batch) -> NDArray[np.float32]:
        """(b, 8) features; NaN when broken. `calls` counts the calls."""
        self.calls += 1
        features = np.tanh(np.einsum("bw,wd->bd", batch["x"], self._weights)).astype(np.float32)
        return np.full_like(features, np.nan) if self._broken else features

    def source_probabilities(self, batch: Batch) -> NDArray[np.float64]:
        """(b, 3) softmax of the first three features."""
        logits = self.encode(batch)[:, :3].astype(np.float64)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)


class FakeTextSide:
    """A TextSide that gives a text the axis of the first of its words that it knows, and all axes where it knows none.

    Args:
        words: At most `width` words; the k-th has the k-th axis.
        width: p, of texts and of features.
    """

    scale = 10.0

    def __init__(self, words: Sequence[str], width: int = WIDTH) -> None:
        self._words, self._axes = list(words), np.eye(width, dtype=np.float32)
        self.texts: list[str] = []
        """Every text that was read, in order."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(k, p) vectors."""
        self.texts += texts
        found = [next((k for k, word in enumerate(self._words) if word in text), None) for text in texts]
        return np.stack([self._axes.sum(axis=0) if k is None else self._axes[k] for k in found])

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features as they are."""
        return features


class FakeDual(FakeModel):
    """A fake image model with a text side."""

    def __init__(self, side: FakeTextSide) -> None:
        super().__init__("image", name="fake_dual")
        self._side = side

    def text_side(self) -> FakeTextSide:
        """The side it was given."""
        return self._side


def fake_images(pretrained: bool = True, seed: int = 0) -> FakeModel:
    """A fake image model."""
    return FakeModel("image", name="assay.testing.models:fake_images", seed=seed, untrained=not pretrained)


def fake_texts(pretrained: bool = True, seed: int = 0) -> FakeModel:
    """A fake text model."""
    return FakeModel("text", name="assay.testing.models:fake_texts", seed=seed, untrained=not pretrained)


def fake_rows(pretrained: bool = True, seed: int = 0) -> FakeModel:
    """A fake model of rows of numbers."""
    return FakeModel("table", name="assay.testing.models:fake_rows", seed=seed, untrained=not pretrained)


def fake_broken(pretrained: bool = True, seed: int = 0) -> FakeModel:
    """A fake image model that gives NaN."""
    return FakeModel("image", name="assay.testing.models:fake_broken", seed=seed, untrained=not pretrained, broken=True)


class ModelSuite:
    """What every model of every source must hold; subclass it in a test file and give `make` and `items`.

    `make(**keywords)` loads the model under test, passing `seed` on to the source; `twin()` its untrained twin, and
    `items` are four different items that it reads. Methods assert and return nothing, so that pytest collects them.
    """

    tolerance: float = 1e-4
    """Largest difference of a feature between batch sizes, relative to the features' largest."""

    def make(self) -> Model:
        """The model under test, loaded anew."""
        raise NotImplementedError

    def twin(self, seed: int) -> Model:
        """Its untrained twin."""
        raise NotImplementedError

    def items(self) -> Sequence[Any]:
        """Four different items."""
        raise NotImplementedError

    def test_features_have_the_stated_shape_and_type(self) -> None:
        """(n, width) float32, all finite."""
        model, items = self.make(), self.items()
        features = model.encode(model.collate(items))
        assert features.shape == (len(items), model.info.width)
        assert features.dtype == np.float32
        assert np.isfinite(features).all()

    def test_different_items_have_different_features(self) -> None:
        """A model that gives one row for everything reads nothing."""
        model = self.make()
        features = model.encode(model.collate(self.items()))
        assert len(np.unique(features.round(5), axis=0)) == len(features)

    def test_batching_and_order_change_nothing(self) -> None:
        """An item's features depend on the item alone."""
        model, items = self.make(), list(self.items())
        together = model.encode(model.collate(items))
        alone = np.concatenate([model.encode(model.collate([item])) for item in items])
        backwards = model.encode(model.collate(items[::-1]))[::-1]
        size = float(np.abs(together).max())
        assert float(np.abs(together - alone).max()) <= self.tolerance * size
        assert float(np.abs(together - backwards).max()) <= self.tolerance * size

    def test_loading_twice_gives_the_same_model(self) -> None:
        """Revision, facts and features repeat exactly."""
        first, second, items = self.make(), self.make(), self.items()
        assert first.ref == second.ref
        assert first.info == second.info
        np.testing.assert_array_equal(first.encode(first.collate(items)), second.encode(second.collate(items)))

    def test_the_reference_is_resolved(self) -> None:
        """The revision is set, and the facts are plausible and canonical."""
        from assay.canon import key_of

        model = self.make()
        assert len(model.ref.revision) >= 12
        assert model.info.parameters > 0
        assert model.info.flops is None or model.info.flops > 0
        assert model.info.size_bytes is None or model.info.size_bytes > 0
        assert key_of(model.info.preprocessing)

    def test_the_twin_is_another_model_of_the_same_shape(self) -> None:
        """Same width and preprocessing, other features, another revision; the seed decides which."""
        model, twin, again, other = self.make(), self.twin(0), self.twin(0), self.twin(1)
        items = self.items()
        assert twin.ref.untrained
        assert twin.info.width == model.info.width
        assert twin.info.preprocessing == model.info.preprocessing
        assert len({model.ref.revision, twin.ref.revision, other.ref.revision}) == 3
        assert twin.ref.revision == again.ref.revision
        drawn = twin.encode(twin.collate(items))
        np.testing.assert_array_equal(drawn, again.encode(again.collate(items)))
        trained = model.encode(model.collate(items))
        assert float(np.abs(drawn - trained).max()) > 0.01 * float(np.abs(trained).max())

    def test_the_network_gives_the_same_features(self) -> None:
        """`network(**tensors)` is what `encode` runs, where there is a network."""
        model = self.make()
        if model.network is None:
            return
        import torch

        batch = model.collate(self.items())
        with torch.inference_mode():
            features = model.network(**{name: torch.from_numpy(array) for name, array in batch.items()})
        np.testing.assert_allclose(features.numpy(), model.encode(batch), atol=1e-6)

    def test_source_probabilities_are_probabilities(self) -> None:
        """Rows of the source head sum to one, where there is a head."""
        model = self.make()
        found = model.source_probabilities(model.collate(self.items()))
        if found is not None:
            assert found.dtype == np.float64
            assert (found >= 0).all()
            np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-6)
            assert not model.info.labels or len(model.info.labels) == found.shape[1]


def _grey(item: Any, wide: int) -> NDArray[np.float32]:
    from PIL import Image

    image = item if isinstance(item, Image.Image) else Image.fromarray(np.asarray(item))
    small = image.convert("L").resize((SIZE, SIZE))
    return np.asarray(small, dtype=np.float32).reshape(wide) / 255.0 - 0.5


def _letters(item: Any, wide: int) -> NDArray[np.float32]:
    codes = np.frombuffer(str(item).encode("utf-8"), dtype=np.uint8).astype(np.int64)
    mixed = (codes * 31 + np.roll(codes, 1) * 7) % wide
    return (np.bincount(mixed, minlength=wide) / max(len(codes), 1) * np.sqrt(wide)).astype(np.float32)


def _values(item: Any, wide: int) -> NDArray[np.float32]:
    values = item[0] if isinstance(item, tuple) else item
    row = np.asarray(values, dtype=np.float32).ravel()
    return row[np.linspace(0, len(row) - 1, wide).round().astype(int)]


_READERS: Mapping[str, Callable[[Any, int], NDArray[np.float32]]] = {
    "image": _grey,
    "text": _letters,
    "audio": _values,
    "table": _values,
}


def renamed(model: FakeModel, name: str) -> FakeModel:
    """The same fake under another name, so that one study can hold two of them."""
    model.ref = dataclasses.replace(model.ref, name=name)
    return model
