"""Tunability without the winner's curse, and the expected maximum: what they report against the truth, in simulation.

Run: python benchmarks/tunability.py [--repetitions 2000]

K configurations have true scores that are equal, or spread by one sd of the noise; each is run with s seeds whose noise
has sd 1. Reported is the mean of (reported score − true score of the configuration that was chosen), in sd of the
noise: for Assay (chosen on all repeats but one, scored on that one, in turn) and for the plug-in (the largest score
seen). The gain over a fixed default through the whole lens follows, for 5 data sets. For the expected maximum of a
budget b out of N scores, the mean of (estimate − truth) over its Monte-Carlo error, beside the plug-in of Dodge et al.
(2019), for normal, uniform and skewed scores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd

from assay.assess.configurability import trials_from_frame
from assay.assess.configurability.tunability import chosen_score, tunability_rows
from assay.stats.expected_maximum import expected_maximum

SHAPES: dict[str, Callable[..., np.ndarray]] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "uniform": lambda rng, size: rng.random(size),
    "skewed, beta(5, 1)": lambda rng, size: rng.beta(5, 1, size),
}


def bias_of_choice(k: int, s: int, spread: float, repetitions: int) -> tuple[float, float, float]:
    """Bias of Assay's score of the chosen configuration, its Monte-Carlo error, and the plug-in's bias with one run."""
    rng = np.random.default_rng([k, s, int(10 * spread)])
    ours, plug_in = np.empty(repetitions), np.empty(repetitions)
    for i in range(repetitions):
        truth = spread * rng.normal(size=k)
        runs = truth[:, None] + rng.normal(size=(k, s))
        found = chosen_score(list(runs))
        assert found is not None
        assert found.honest is not None
        # The true score of what each set of s − 1 repeats chooses, which is what is estimated.
        rest = runs.sum(axis=1, keepdims=True) - runs
        ours[i] = found.honest - truth[rest.argmax(axis=0)].mean()
        plug_in[i] = runs[:, 0].max() - truth[runs[:, 0].argmax()]
    return float(ours.mean()), float(ours.std() / np.sqrt(repetitions)), float(plug_in.mean())


def bias_of_gain(k: int, s: int, repetitions: int) -> tuple[float, float]:
    """Bias of the reported gain over a fixed default on 5 data sets of equal configurations, ours and naive."""
    rng = np.random.default_rng([7, k, s])
    ours, naive = [], []
    for _ in range(repetitions):
        rows = [{"a": a, "data": f"d{d}", "seed": seed, "score": rng.normal()}
                for d in range(5) for a in range(k) for seed in range(s)]  # fmt: skip
        trials = trials_from_frame(pd.DataFrame(rows), score="score", group="data", seed="seed")
        row = tunability_rows(trials, trials.units(), {"a": 0}, level=0.95)[0]
        ours.append(row["gain"].value)
        naive.append(row["naive"])
    return float(np.mean(ours)), float(np.mean(naive))


def bias_of_maximum(name: str, n: int, b: int, repetitions: int) -> tuple[float, float, float]:
    """Bias of the expected maximum, its Monte-Carlo error, and the plug-in's bias, in sd of the scores."""
    rng = np.random.default_rng([n, b, *name.encode()])
    scores = np.sort(SHAPES[name](rng, (repetitions, n)), axis=1)
    truth = SHAPES[name](rng, (200_000, b)).max(axis=1)
    sd, budget = float(scores.std()), np.array([b])
    found = np.array([expected_maximum(row, budget)[0] for row in scores])
    steps = np.diff((np.arange(n + 1) / n) ** b)
    error = np.hypot(found.std() / np.sqrt(repetitions), truth.std() / np.sqrt(len(truth)))
    return (found.mean() - truth.mean()) / sd, error / sd, ((scores @ steps).mean() - truth.mean()) / sd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    repetitions = parser.parse_args().repetitions
    for spread, words in ((0.0, "equal"), (1.0, "spread by 1 sd")):
        for k in (20, 100):
            for s in (2, 3, 5):
                ours, error, plug_in = bias_of_choice(k, s, spread, repetitions)
                print(f"{k:3d} configurations, {words:14s}, {s} seeds: bias {ours:+.3f} ± {error:.3f} noise-sd, limit "
                      f"0.1: {'pass' if abs(ours) <= 0.1 else 'FAIL'}; plug-in of single runs {plug_in:+.2f}")  # fmt: skip
    for k in (20, 100):
        ours, naive = bias_of_gain(k, 3, max(repetitions // 100, 10))
        print(f"gain over a default, {k} equal configurations × 3 seeds, 5 data sets: {ours:+.3f} noise-sd, limit 0.1: "
              f"{'pass' if abs(ours) <= 0.1 else 'FAIL'}; naive {naive:+.2f}")  # fmt: skip
    for name in SHAPES:
        for n, b in ((20, 5), (20, 10), (20, 20), (50, 25)):
            ours, error, plug_in = bias_of_maximum(name, n, b, 10 * repetitions)
            print(f"expected maximum of {b} out of {n}, {name:18s}: bias {ours:+.4f} ± {error:.4f} sd: "
                  f"{'pass' if abs(ours) <= 4 * error else 'FAIL'}; plug-in {plug_in:+.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
