"""Tiny real networks, and EngineSuite, which every engine must pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch, Engine, Model, ModelInfo
from assay.rng import seed_of
from assay.spec import Modality, ModelRef

PIXELS = 16
WIDTH = 12
WORDS = 50


class TinyModel:
    """A Model with a torch network of a few thousand parameters, drawn from a seed.

    Args:
        modality: `image` reads arrays (16, 16, 3) of bytes by two convolutions with batch normalisation; `text` reads
            words, hashed, as an attention-masked mean over as many tokens as the longest text of the batch has.
        seed: Draws the weights.
    """

    def __init__(self, modality: Modality = "image", *, seed: int = 0) -> None:
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(seed_of(seed, "tiny model", modality))
            self.network: Any = (_vision() if modality == "image" else _words()).eval()
        self.ref = ModelRef(source="py", name=f"tiny-{modality}", revision=f"seed-{seed}")
        self.info = ModelInfo(
            modality=modality, width=WIDTH, parameters=sum(p.numel() for p in self.network.parameters())
        )

    def collate(self, items: Sequence[Any]) -> Batch:
        """Images → `pixels`; texts → `tokens` and `mask`, padded to the longest."""
        if self.info.modality == "image":
            pixels = np.stack([np.asarray(item, dtype=np.float32).transpose(2, 0, 1) for item in items])
            return {"pixels": pixels / 255.0 - 0.5}
        codes = [[sum(word.encode()) % WORDS for word in str(item).split()] or [0] for item in items]
        tokens = np.zeros((len(codes), max(map(len, codes))), dtype=np.int64)
        mask = np.zeros(tokens.shape, dtype=np.int64)
        for row, code in enumerate(codes):
            tokens[row, : len(code)], mask[row, : len(code)] = code, 1
        return {"tokens": tokens, "mask": mask}

    def encode(self, batch: Batch) -> NDArray[np.float32]:
        """(b, 12) features by a plain forward pass."""
        import torch

        with torch.inference_mode():
            return self.network(**{name: torch.from_numpy(array) for name, array in batch.items()}).numpy()

    def source_probabilities(self, batch: Batch) -> None:  # noqa: ARG002
        """None: there is no source head."""
        return


def tiny_items(modality: Modality, n: int, seed: int = 0) -> list[Any]:
    """Items that a TinyModel reads: images, or texts of 1 to 40 words."""
    rng = np.random.default_rng(seed)
    if modality == "image":
        return list(rng.integers(0, 256, size=(n, PIXELS, PIXELS, 3), dtype=np.uint8))
    return [" ".join(f"w{rng.integers(999)}" for _ in range(rng.integers(1, 41))) for _ in range(n)]


class EngineSuite:
    """What every engine must hold; subclass it in a test file and give `make`.

    Methods assert and return nothing, so that pytest collects them.
    """

    tolerance: float = 1e-4
    """Largest relative difference of a feature row from the model's own float32 features."""
    modalities: tuple[Modality, ...] = ("image", "text")
    """What it must be able to run."""

    def make(self) -> Engine:
        """The engine under test."""
        raise NotImplementedError

    def test_float32_features_equal_the_models_own(self) -> None:
        """Within the tolerance, whatever the size of the batch and the length of the texts; one float32 row an item."""
        for modality in self.modalities:
            model: Model = TinyModel(modality)
            items = tiny_items(modality, 7)
            run = self.make().prepare(model, model.collate(items[:4]), precision="float32", device="cpu")
            for part in (items[:4], items[4:7], items[:1]):
                batch = model.collate(part)
                found, wanted = run(batch), model.encode(batch)
                assert found.dtype == np.float32
                assert found.shape == (len(part), WIDTH)
                off = np.linalg.norm(found - wanted, axis=1) / np.linalg.norm(wanted, axis=1)
                assert off.max() <= self.tolerance

    def test_the_same_batch_gives_the_same_bits(self) -> None:
        """Twice by one preparation and once by another: resumed features must equal undisturbed ones."""
        model: Model = TinyModel("image")
        batch = model.collate(tiny_items("image", 4))
        run = self.make().prepare(model, batch, precision="float32", device="cpu")
        again = self.make().prepare(model, batch, precision="float32", device="cpu")
        first = run(batch)
        np.testing.assert_array_equal(first, run(batch))
        np.testing.assert_array_equal(first, again(batch))

    def test_results_are_not_overwritten_by_the_next_call(self) -> None:
        """What a call returned belongs to the caller."""
        model: Model = TinyModel("image")
        one, other = (model.collate(tiny_items("image", 4, seed)) for seed in (0, 1))
        run = self.make().prepare(model, one, precision="float32", device="cpu")
        first = run(one)
        kept = first.copy()
        run(other)
        np.testing.assert_array_equal(first, kept)


def _vision() -> Any:
    import torch
    from torch import nn

    class Vision(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, WIDTH, 3, stride=2)
            self.body = nn.Sequential(first, nn.BatchNorm2d(8), nn.ReLU6(), second, nn.SiLU())

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.body(pixels).mean((2, 3))

    return Vision()


def _words() -> Any:
    import torch
    from torch import nn

    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(WORDS, 16)
            self.mix = nn.Linear(16, WIDTH)

        def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            hidden = torch.tanh(self.mix(self.table(tokens))) * mask[:, :, None]
            return hidden.sum(1) / mask.sum(1, keepdim=True)

    return Words()
