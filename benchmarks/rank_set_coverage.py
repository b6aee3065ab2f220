"""Joint coverage and width of rank sets, and how long a large table takes.

Run: python benchmarks/rank_set_coverage.py [--repetitions 2000] [--tasks 6 10 20 57]

Ten models, scores = model + task + residual, residual sd 1. A repetition counts as covered when the rank set of every
model holds its true ranks at once. Beside it stand two peers: the percentile bootstrap of ranks over tasks, as many
leaderboards compute it, and an oracle that knows the residual sd.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy import special

from assay.stats.rank_sets import rank_sets

MODELS = 10
Noise = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.normal(size=shape)


def _heavy(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_t(3, size=shape) / np.sqrt(3)


def _skewed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.exponential(size=shape) - 1


def _families(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Models in two families that share four fifths of their residual."""
    family = rng.normal(size=(2, shape[1]))[np.arange(shape[0]) % 2]
    return np.sqrt(0.8) * family + np.sqrt(0.2) * rng.normal(size=shape)


SETTINGS: dict[str, tuple[np.ndarray, Noise, float]] = {
    "equal models": (np.zeros(MODELS), _normal, 0.0),
    "small gaps, 0.1 sd": (0.1 * np.arange(MODELS), _normal, 0.0),
    "half equal, half 1 sd apart": (np.r_[np.zeros(5), np.arange(1.0, 6.0)], _normal, 0.0),
    "heavy tails, t with 3 df": (np.zeros(MODELS), _heavy, 0.0),
    "20 % of cells missing": (np.zeros(MODELS), _normal, 0.2),
    "small gaps, tails, missing": (0.1 * np.arange(MODELS), _heavy, 0.2),
    "two families of models": (np.zeros(MODELS), _families, 0.0),
    "skewed, outside the promise": (np.zeros(MODELS), _skewed, 0.0),
}


def covered(low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> bool:
    """Whether every rank set holds all ranks that its model may truly claim."""
    best = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
    worst = len(truth) - (truth[None, :] < truth[:, None]).sum(axis=1)
    return bool((low <= best).all() and (high >= worst).all())


def percentile_bootstrap(scores: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rank sets as the 2.5 and 97.5 % points of ranks over resampled tasks."""
    t = scores.shape[1]
    means = scores @ (rng.multinomial(t, np.full(t, 1 / t), size=200).T / t)
    ranks = 1 + (means[None, :, :] > means[:, None, :]).sum(axis=1)
    return np.quantile(ranks, 0.025, axis=1), np.quantile(ranks, 0.975, axis=1)


def oracle(scores: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Rank sets when the residual sd is known to be 1."""
    means = scores.mean(axis=1)
    beats = means[:, None] - means > limit / np.sqrt(scores.shape[1])
    return 1 + beats.sum(axis=0), len(means) - beats.sum(axis=1)


def studentised_range(models: int, rng: np.random.Generator) -> float:
    """95 % point of the range of that many standard normals."""
    return float(np.quantile(np.ptp(rng.normal(size=(200_000, models)), axis=1), 0.95))


def simulate(name: str, t: int, repetitions: int, seed: int = 0) -> dict[str, float]:
    """Joint coverage and mean width (worst less best rank) of one setting."""
    truth, noise, missing = SETTINGS[name]
    rng = np.random.default_rng([seed, t, *name.encode()])
    limit = studentised_range(MODELS, rng)
    hits, peer, width, oracle_width = 0, 0, 0.0, 0.0
    for _ in range(repetitions):
        scores = truth[:, None] + 2 * rng.normal(size=t) + noise(rng, (MODELS, t))
        present = rng.random(scores.shape) >= missing
        found = rank_sets(scores, present=present, rng=rng)
        hits += covered(found.low, found.high, truth)
        width += float((found.high - found.low).mean())
        low, high = oracle(scores, limit)
        oracle_width += float((high - low).mean())
        peer += covered(*percentile_bootstrap(scores, rng), truth)
    return {"coverage": hits / repetitions, "width": width / repetitions, "oracle": oracle_width / repetitions,
            "bootstrap": peer / repetitions}  # fmt: skip


def width_of_separated(t: int, repetitions: int, gap: float = 1.5, seed: int = 0) -> tuple[float, float]:
    """Mean width for ten models `gap` residual sd apart, and the mean number of ranks in a set."""
    rng = np.random.default_rng([seed, t, int(gap * 10)])
    widths = []
    for _ in range(repetitions):
        scores = gap * np.arange(MODELS)[:, None] + 2 * rng.normal(size=t) + rng.normal(size=(MODELS, t))
        found = rank_sets(scores, rng=rng)
        widths.append((found.high - found.low).mean())
    return float(np.mean(widths)), float(np.mean(widths)) + 1


def seconds(m: int, t: int, missing: float) -> float:
    """Time of one call on a large table, after one to warm up."""
    rng = np.random.default_rng(1)
    scores = 0.5 * rng.normal(size=(m, 1)) + rng.normal(size=(m, t))
    present = rng.random(scores.shape) >= missing
    rank_sets(scores[:50], present=present[:50], rng=rng)
    started = time.perf_counter()
    rank_sets(scores, present=present, rng=rng)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--tasks", type=int, nargs="*", default=[6, 10, 20, 57])
    options = parser.parse_args()
    n = options.repetitions
    print(f"Joint coverage at nominal 0.95, {MODELS} models, {n} repetitions")
    for t in options.tasks:
        for name in SETTINGS:
            found = simulate(name, t, n)
            too_low = special.bdtr(round(found["coverage"] * n), n, 0.93) < 0.01
            words = "below 0.93" if too_low else "at least 0.93"
            print(f"  {t:2d} tasks  {name:28s} {found['coverage']:.3f} ({words}), width {found['width']:.2f}; known sd "
                  f"{found['oracle']:.2f}; percentile bootstrap covers {found['bootstrap']:.3f}")  # fmt: skip
    for t in options.tasks:
        width, ranks = width_of_separated(t, min(n, 500))
        print(f"ten models 1.5 sd apart, {t:2d} tasks: mean width {width:.2f}, {ranks:.2f} ranks a set")
    for missing in (0.0, 0.2):
        print(f"332 models × 41 tasks, {missing:.0%} missing: {seconds(332, 41, missing):.2f} s")


if __name__ == "__main__":
    main()
