"""Fakes for the tests of features: models whose features show the batch they were computed in, engines that fail."""

import time

import numpy as np

from assay.contracts import ModelInfo
from assay.sources.data.arrays import from_arrays
from assay.spec import ModelRef

WIDTH = 6


class Blender:
    """A model of rows or texts whose features depend on the whole batch, as padding and kernels may make them.

    So two runs agree bit for bit only when every item was computed in the same batch. `seen` lists all items that
    went through it.
    """

    network = None

    def __init__(self, modality="table", *, width=WIDTH, revision="r1", seconds=0.0, log=None):
        self.ref = ModelRef(source="py", name="blender", revision=revision)
        self.info = ModelInfo(modality=modality, width=width, parameters=1)
        self.seconds = seconds
        self.log = log
        self.seen = []

    def collate(self, items):
        if self.info.modality == "text":
            return {"x": np.array([[float(len(item)), float(sum(item.encode()))] for item in items])}
        return {"x": np.array([np.asarray(item, dtype=float)[:2] for item in items])}

    def encode(self, batch):
        time.sleep(self.seconds)
        x = batch["x"]
        self.seen += x[:, 0].tolist()
        if self.log is not None:
            with open(self.log, "a") as file:
                file.write(" ".join(map(str, x[:, 0])) + "\n")
        mixed = x.sum(axis=1) + 1e-3 * x.sum()
        return np.sin(mixed[:, None] * (1 + np.arange(self.info.width))).astype(np.float32)

    def source_probabilities(self, batch):
        return None


def rows_data(n=50):
    """N rows of numbers; the first column is the row's position."""
    x = np.column_stack([np.arange(n), np.arange(n) % 7]).astype(float)
    return from_arrays(x, np.arange(n) % 2, name="rows", modality="table")


def texts_data(n=40, seed=0):
    """N texts of very different lengths."""
    rng = np.random.default_rng(seed)
    texts = ["x" * int(rng.integers(1, 300)) + f" {row}" for row in range(n)]
    return from_arrays(texts, np.arange(n) % 2, name="texts", modality="text")


def kept_in(folder):
    """Every file of a kept folder, by name, without locks."""
    return {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
