"""The transferability battery: exactness where others go wrong, and time beside one thin SVD of the same features.

Usage: .venv/bin/python benchmarks/transfer_battery.py [--peer FOLDER] [--timing-only] [--processor-time]

FOLDER holds the unpacked wheel of transformer-ranker 0.2.0 (pip download --no-deps transformer-ranker, then unzip),
whose LogME follows the published routine; without it the comparison is left out. Features are made up: classes are
Gaussian clouds, variances fall from 1 to 0.0025 along the columns, float32. On a machine with other work, processor
time (of all threads together) says more than the clock; ratios are then fair with OMP_NUM_THREADS=1 only.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from assay.transfer import SCORES, Factorisation, battery, logme
from assay.transfer.ridge import ridge_loo

CLOCK = time.perf_counter
SHARED = ("logme", "h_score", "shrinkage_h_score", "transrate", "gbc", "ncti", "ped", "lfc", "nleep")


def task(n: int, d: int, c: int, separation: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y = rng.integers(c, size=n)
    centres = separation * rng.standard_normal((c, d)) / np.sqrt(d)
    noise = rng.standard_normal((n, d)) * np.linspace(1, 0.05, d) ** 2 * 2 / np.sqrt(d)
    return (centres[y] + noise + 0.3 / np.sqrt(d)).astype(np.float32), y


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """The fastest of some calls, after one to warm up."""
    call()
    times = []
    for _ in range(repeats):
        start = CLOCK()
        call()
        times.append(CLOCK() - start)
    return min(times)


def peer_logme(folder: Path) -> Callable[[np.ndarray, np.ndarray], float]:
    """The peer's routine, read from its file so that nothing else of the package runs."""
    import torch

    for name in ("base", "logme"):
        path = folder / "transformer_ranker" / "estimators" / f"{name}.py"
        if not path.exists():
            sys.exit(f"{path} is not there; --peer is the folder in which the wheel was unpacked")
        spec = importlib.util.spec_from_file_location(f"peer_estimators.{name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[f"peer_estimators.{name}"] = module
        spec.loader.exec_module(module)
    return lambda x, y: module.LogME().fit(torch.from_numpy(x), torch.from_numpy(y))


def padding(peer: Callable[[np.ndarray, np.ndarray], float] | None) -> None:
    x, y = task(500, 256, 10, 0.5, np.random.default_rng(0))
    print("LogME, 500 rows, 256 columns padded with zeros:")
    for width in (256, 512, 1024, 2048):
        padded = np.hstack([x, np.zeros((500, width - 256), dtype=np.float32)])
        beside = f"   peer {peer(padded, y):.6f}" if peer else ""
        print(f"  {width:5d} columns  ours {logme(padded, y):.9f}{beside}")


def weak_and_strong(peer: Callable[[np.ndarray, np.ndarray], float] | None) -> None:
    wins, theirs, accuracy = 0, 0, []
    for draw in range(40):
        rng = np.random.default_rng(draw)
        y = rng.integers(5, size=300)
        strong = (0.5 * rng.standard_normal((5, 384))[y] + rng.standard_normal((300, 384))).astype(np.float32)
        weak = (0.06 * rng.standard_normal((5, 2048))[y] + rng.standard_normal((300, 2048))).astype(np.float32)
        accuracy.append((ridge_loo(strong, y), ridge_loo(weak, y)))
        wins += logme(strong, y) > logme(weak, y)
        theirs += peer(strong, y) > peer(weak, y) if peer else 0
    strong_accuracy, weak_accuracy = np.mean(accuracy, axis=0)
    print(f"40 draws, 300 rows: a strong 384-wide model (leave-one-out accuracy {strong_accuracy:.3f}) against a weak "
          f"2,048-wide one ({weak_accuracy:.3f}); the strong one wins {wins}/40"
          + (f", by the peer's score {theirs}/40" if peer else ""))  # fmt: skip


def timing(n: int, d: int, c: int, peer: Callable[[np.ndarray, np.ndarray], float] | None) -> None:
    rng = np.random.default_rng(1)
    x, y = task(n, d, c, 0.35, rng)
    head = rng.dirichlet(np.ones(100), size=n)
    wide = x.astype(np.float64)
    svd = seconds(lambda: np.linalg.svd(wide - wide.mean(axis=0), full_matrices=False), 2)
    shared = seconds(lambda: battery(x, y, scores=SHARED, rng=rng), 2)
    whole = seconds(lambda: battery(x, y, source_probabilities=head, rng=rng), 1)
    print(f"{n:,} x {d:,}, {c} classes: one thin SVD {svd:.2f} s; {len(SHARED)} scores {shared:.2f} s = "
          f"{shared / svd:.2f} of it; all {len(SCORES)} scores {whole:.2f} s")  # fmt: skip
    data = Factorisation.of(x)
    for name, card in SCORES.items():
        if not card.needs_head:
            start = CLOCK()
            battery(data, y, scores=[name], rng=rng)
            print(f"    {name:18s} {CLOCK() - start:6.3f} s (what came before it is kept)")
    if peer:
        mine, other = seconds(lambda: logme(x, y), 2), seconds(lambda: peer(x, y), 2)
        print(f"  LogME alone: ours {mine:.2f} s, peer {other:.2f} s, ratio {other / mine:.1f}; scores "
              f"{logme(x, y):.6f} and {peer(x, y):.6f}, difference {logme(x, y) - peer(x, y):.1e}")  # fmt: skip


def main() -> None:
    global CLOCK
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, help="folder with transformer-ranker's unpacked wheel")
    parser.add_argument("--timing-only", action="store_true")
    parser.add_argument("--processor-time", action="store_true", help="count processor seconds, not the clock's")
    arguments = parser.parse_args()
    if arguments.processor_time:
        CLOCK = time.process_time
    peer = peer_logme(arguments.peer) if arguments.peer else None
    if peer is None:
        print("no --peer: the comparison with a published routine is left out")
    if not arguments.timing_only:
        padding(peer)
        weak_and_strong(peer)
    timing(5000, 1280, 10, peer)


if __name__ == "__main__":
    main()
