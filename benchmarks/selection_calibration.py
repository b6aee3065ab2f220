"""What the selection lens promises, over many simulated studies.

Usage: .venv/bin/python benchmarks/selection_calibration.py [--repetitions 2000] [--world WORLD]

Generator: each item has a difficulty that all models share and one of each model's own, correlation 0.5; a model is
right where the sum falls below its level. Worlds differ in the levels: all alike, one 4 points ahead of the rest, evenly
spread over 20 points, drawn anew with deviation 3 points. The oracle's interval for a difference knows its true
standard deviation. "Wrongly told apart" and "regret above its bound" may happen in 5 % of the studies. The expected
regret may not be below the regret; "partial pooling" is what the model behind the chance of being best would expect.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.stats import binomtest, norm

from assay.assess.selection.compare import compare, difference
from assay.assess.selection.replicates import Replicates
from assay.assess.selection.risk import expected_regrets, regret_bounds
from assay.stats.true_scores import chance_of_best, regrets, true_scores

WORLDS = ("alike", "one ahead", "spread", "drawn")


def levels_of(world: str, models: int, rng: np.random.Generator) -> np.ndarray:
    levels = np.full(models, 0.8)
    if world == "one ahead":
        levels[0] = 0.84
    if world == "spread":
        levels = np.linspace(0.7, 0.9, models)
    if world == "drawn":
        levels = np.clip(0.8 + 0.03 * rng.standard_normal(models), 0.5, 0.99)
    return levels


def study(levels: np.ndarray, n: int, rng: np.random.Generator, resamples: int = 500) -> Replicates:
    hits = (rng.standard_normal((n, 1)) + rng.standard_normal((n, len(levels)))) / np.sqrt(2) < norm.ppf(levels)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples) - 1.0
    items = weights @ (hits - hits.mean(axis=0)) / n + rng.laplace(scale=1 / (2 * n), size=(resamples, len(levels)))
    return Replicates(names=tuple(map(str, range(len(levels)))), point=hits.mean(axis=0), items=items,
                      trainings=np.zeros_like(items), n=n, repeats=1)  # fmt: skip


def one(world: str, models: int, n: int, rng: np.random.Generator) -> tuple[float, ...]:
    levels = levels_of(world, models, rng)
    found = study(levels, n, rng)
    comparison = compare(found, level=0.95)
    wrong = bool((comparison.beats & (levels[:, None] <= levels[None, :])).any())
    chosen = int(found.point.argmax())
    bound = regret_bounds(found, comparison)[1][chosen]
    true = true_scores(found.point, np.cov(found.deviations.T), samples=400, rng=rng)
    gap = difference(found, 0, 1, level=0.95, name="d", unit="", factor=1.0, population="")
    regret = levels.max() - levels[chosen]
    return (
        wrong, regret <= bound + 1e-12, regret, expected_regrets(found)[chosen], bound,
        levels[chosen] == levels.max(), chance_of_best(true)[chosen], chance_of_best(found.values)[chosen],
        gap.low <= levels[0] - levels[1] <= gap.high, gap.high - gap.low, found.point[0] - found.point[1],
        regrets(true)[:, chosen].mean(),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--world", choices=WORLDS, help="one world")
    arguments = parser.parse_args()
    repetitions = arguments.repetitions
    for world in (arguments.world,) if arguments.world else WORLDS:
        for models, n in ((5, 200), (20, 200), (5, 1000)):
            start = time.perf_counter()
            rng = np.random.default_rng([models, n])
            rows = np.array([one(world, models, n, rng) for _ in range(repetitions)], dtype=float)
            clean, within, covered = (int(rows[:, k].sum()) for k in (0, 1, 8))
            p_wrong = binomtest(clean, repetitions, 0.05, alternative="greater").pvalue
            p_bound = binomtest(within, repetitions, 0.95, alternative="less").pvalue
            p_cover = binomtest(covered, repetitions, 0.95).pvalue
            mean = rows.mean(axis=0)
            oracle = 2 * norm.ppf(0.975) * rows[:, 10].std() if world != "drawn" else np.nan
            print(f"{world:10s} {models:2d} models {n:5d} items: wrongly told apart {mean[0]:.3f} (p {p_wrong:.2f}); "
                  f"regret below its bound {mean[1]:.3f} (p {p_bound:.2f}); difference covered {mean[8]:.3f} "
                  f"(p {p_cover:.2f}), width {mean[9] / oracle:.2f} of the oracle's")  # fmt: skip
            noise = 100 * rows[:, 2].std() / repetitions**0.5
            print(f"{'':29s} regret {100 * mean[2]:.2f} (±{noise:.2f}) points, expected {100 * mean[3]:.2f}, bound "
                  f"{100 * mean[4]:.2f}, partial pooling {100 * mean[11]:.2f}; "
                  f"the best was chosen {mean[5]:.2f}, stated {mean[6]:.2f}, plain bootstrap {mean[7]:.2f}; "
                  f"{time.perf_counter() - start:.0f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
