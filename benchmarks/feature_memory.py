"""Peak memory of extraction and probe on 50,000 items with 1,280 features, beyond what the model itself takes.

Run: python benchmarks/feature_memory.py [--items 50000] [--width 1280]

The model is a random projection, so that the memory is that of the work and not of a network. Memory is the largest
resident set of the process, read from the system; the baseline is the resident set once libraries, model and items
are loaded. Each stage runs in a process of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import psutil

from assay.contracts import AdaptJob, ModelInfo
from assay.dataset import Dataset
from assay.features.extract import extract
from assay.sources.data.arrays import from_arrays
from assay.spec import DataSlice, ModelRef, Recipe, TrialSpec
from assay.store.features import FeatureStore

MIB = 2**20
LIMIT_MIB = 1.5e9 / MIB


class Projection:
    """A model of rows of 32 numbers with as many features as one likes."""

    network = None

    def __init__(self, width: int) -> None:
        self.ref = ModelRef(source="py", name="projection", revision=f"projection-{width}")
        self.info = ModelInfo(modality="table", width=width, parameters=32 * width)
        self.weights = np.random.default_rng(0).normal(size=(32, width)).astype(np.float32) / 6

    def collate(self, items: list) -> dict[str, np.ndarray]:
        """Rows → `x`."""
        return {"x": np.asarray(items, dtype=np.float32)}

    def encode(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """(b, d) features."""
        return np.maximum(batch["x"] @ self.weights, 0)

    def source_probabilities(self, batch: object) -> None:  # noqa: ARG002
        """None: there is no source head."""
        return


class Watch:
    """The largest resident set while a block runs, sampled every two milliseconds."""

    def __enter__(self) -> Watch:
        self.process, self.stop = psutil.Process(), threading.Event()
        self.base = self.peak = self.process.memory_info().rss
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.start = time.perf_counter()
        self.thread.start()
        return self

    def _look(self) -> None:
        while not self.stop.wait(0.002):
            self.peak = max(self.peak, self.process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.start
        self.stop.set()
        self.thread.join()

    def tell(self, what: str) -> None:
        """Print what was seen."""
        beyond = (self.peak - self.base) / MIB
        print(f"  {what:24s} {beyond:7.0f} MiB beyond {self.base / MIB:.0f} MiB   {self.seconds:6.1f} s", flush=True)


def items(count: int) -> Dataset:
    rng = np.random.default_rng(1)
    labels = rng.integers(10, size=count)
    rows = rng.normal(size=(count, 32)) + rng.normal(size=(10, 32))[labels]
    return from_arrays(rows, labels, name="rows", modality="table")


def probe(dataset: Dataset, features: np.ndarray) -> None:
    from assay.adapt.probe import PROBE

    order = np.random.default_rng(2).permutation(len(dataset))
    test, valid, train = np.split(order, [len(order) // 5, len(order) // 5 + len(order) // 10])
    spec = TrialSpec(
        model=ModelRef(source="py", name="projection", revision="1"), train=DataSlice(data=dataset.ref, split="train"),
        test=DataSlice(data=dataset.ref, split="test"), recipe=Recipe(method="probe", params=PROBE.defaults), draw=0,
        seed=0,
    )  # fmt: skip
    job = AdaptJob(
        spec=spec, task=dataset.task, targets=dataset.targets, train=train, valid=valid, test=test, features=features
    )
    adapted = PROBE.run([job])[0]
    if adapted.error is not None:
        raise adapted.error
    accuracy = float((adapted.parts["test"].label == dataset.targets[test]).mean())
    print(f"  (probe on {len(train):,} rows: accuracy {accuracy:.3f} on {len(test):,})")


def stage(name: str, folder: str, count: int, width: int) -> None:
    dataset, model, store = items(count), Projection(width), FeatureStore(folder)
    rows = np.arange(count)
    if name == "extraction":
        with Watch() as watch:
            found = extract(model, dataset, rows, store=store)
    elif name == "reading by thousands":
        found = extract(model, dataset, rows, store=store)
        with Watch() as watch:
            total = sum(float(found.x(slice(at, at + 1000)).sum(dtype=np.float64)) for at in range(0, count, 1000))
        print(f"  (sum of all features {total:.6g})")
    else:
        import assay.adapt.probe  # noqa: F401  # libraries belong to the baseline

        with Watch() as watch:
            found = extract(model, dataset, rows, store=store)
            probe(dataset, found.x())
    watch.tell(name)
    print(f"peak {(watch.peak - watch.base) / MIB}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.stage:
        stage(wanted.stage, wanted.folder, wanted.items, wanted.width)
        return
    whole = wanted.items * wanted.width * 4 / MIB
    print(f"{wanted.items:,} items × {wanted.width:,} features = {whole:.0f} MiB", flush=True)
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("extraction", "reading by thousands", "probe"):
            command = [sys.executable, __file__, "--stage", name, "--folder", folder]
            sizes = ["--items", str(wanted.items), "--width", str(wanted.width)]
            done = subprocess.run(command + sizes, stdout=subprocess.PIPE, text=True, check=True)
            *lines, last = done.stdout.splitlines()
            print("\n".join(lines), flush=True)
            peaks.append(float(last.split()[1]))
    passed = max(peaks) < LIMIT_MIB
    print(f"largest: {max(peaks):.0f} MiB; below {LIMIT_MIB:.0f} MiB: {'pass' if passed else 'fail'}")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
