"""Pareto front: are the probabilities of being on it calibrated? Simulated pools of models whose truth is known.

Run: python benchmarks/pareto_calibration.py [--repetitions 2000] [--seed 0] [--only CASE]

A pool has models with true scores that may rise with cost, true times of adaptation, and known latencies. It is
seen through a few draws: scores scatter by a part common to all models and a part of their own, times by a lognormal
factor. The lens gets what a table of these results gives it (`read_candidates`), and says for each model how probable
it is on the front. Printed for each case: the Brier score beside that of saying the true share for every model, of the
front of the means (certain, 0 or 1), and of draws that ignore that models share the rows; and how often models were on
the front among those given about the same probability. A case fails when the mean of the absolute gaps, weighted by
the number of models, is above 0.05, or the Brier score is not below that of the means.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from assay.assess.reusability import choice
from assay.assess.reusability.choice import make_pool, on_front
from assay.assess.reusability.reading import Columns, read_candidates

DRAWS = 400
"""Posterior draws a pool; fewer than the lens takes, for the sake of time."""
BINS = np.array([0.0, 0.02, 0.2, 0.4, 0.6, 0.8, 0.98, 1.0001])


@dataclass(frozen=True)
class Case:
    """A pool and how well it is seen."""

    name: str
    models: int
    draws: int
    spread: float
    """Standard deviation of true scores about their trend."""
    noise: float
    """Standard deviation of a model's own scatter over draws."""
    rise: float = 0.01
    """How much better a model is that is larger by one standard deviation."""


CASES = [
    Case("5 models, 5 draws, clear", 5, 5, 0.03, 0.015),
    Case("5 models, 5 draws, noisy", 5, 5, 0.01, 0.02),
    Case("10 models, 5 draws, noisy", 10, 5, 0.01, 0.02),
    Case("10 models, 10 draws", 10, 10, 0.02, 0.02),
    Case("10 models, 5 draws, noisy, cost buys nothing", 10, 5, 0.01, 0.02, 0.0),
]


def simulate(case: Case, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """A table of results, and which models are truly on the front."""
    m, n = case.models, case.draws
    size = np.sort(rng.normal(size=m))
    score = 0.85 + case.rise * size + case.spread * rng.normal(size=m)
    seconds = np.exp(2 + 0.5 * size + 0.5 * rng.normal(size=m))
    latency = np.exp(1 + 0.7 * size + 0.3 * rng.normal(size=m))
    truth = np.stack([score, -np.log(seconds), -np.log(latency)], axis=1)
    seen = score + 0.03 * rng.normal(size=(n, 1)) + case.noise * rng.normal(size=(n, m))
    took = seconds * np.exp(0.15 * rng.normal(size=(n, m)))
    at = np.tile(np.arange(m), n)
    table = pd.DataFrame({"model": [f"m{i}" for i in at], "draw": np.repeat(np.arange(n), m), "score": seen.ravel(),
                          "seconds": took.ravel(), "latency_ms": latency[at]})  # fmt: skip
    return table, on_front(truth[None])[0]


def run(case: Case, repetitions: int, seed: int) -> tuple[np.ndarray, ...]:
    """(r * m,) probabilities of ours, of the means, and without pairing; and the truth."""
    rng = np.random.default_rng([seed, CASES.index(case)])
    ours, means, apart, truth = [], [], [], []
    for _ in range(repetitions):
        table, there = simulate(case, rng)
        candidates = read_candidates(table, Columns(), level=0.95, rng=rng)
        pool = make_pool(candidates, rng=rng)
        ours.append(on_front(pool.draws).mean(axis=0))
        means.append(on_front(np.median(pool.draws, axis=0)[None])[0])
        loose = pool.draws.copy()
        for i, candidate in enumerate(candidates):
            half = (candidate.performance.width or 0.0) / 3.92
            loose[:, i, 0] = (candidate.performance.value or 0.0) + half * rng.normal(size=len(loose))
        apart.append(on_front(loose).mean(axis=0))
        truth.append(there)
    return tuple(np.concatenate(found).astype(float) for found in (ours, means, apart, truth))


def brier(said: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean((said - truth) ** 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="CASE", help="0 for the first case, and so on")
    given = parser.parse_args()
    choice.DRAWS = DRAWS
    failed = []
    for case in CASES if given.only is None else [CASES[given.only]]:
        ours, means, apart, truth = run(case, given.repetitions, given.seed)
        print(f"\n{case.name}: on the front {truth.mean():.2f}; Brier {brier(ours, truth):.4f}, "
              f"share for all {truth.mean() * (1 - truth.mean()):.4f}, front of the means {brier(means, truth):.4f}, "
              f"unpaired draws {brier(apart, truth):.4f}")  # fmt: skip
        gap = 0.0
        for low, high in pairwise(BINS):
            inside = (ours >= low) & (ours < high)
            if inside.any():
                gap += inside.mean() * abs(ours[inside].mean() - truth[inside].mean())
                print(f"  said {ours[inside].mean():.3f}, were {truth[inside].mean():.3f} of {inside.sum()}")
        good = gap <= 0.05 and brier(ours, truth) < brier(means, truth)
        print(f"  mean absolute gap {gap:.4f}, limit 0.05: {'pass' if good else 'FAIL'}")
        failed += [] if good else [case.name]
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
