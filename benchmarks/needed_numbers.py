"""Needed numbers: the detectable effect that Assay predicts from a pilot table, against what simulated tests detect.

Run: python benchmarks/needed_numbers.py [--repetitions 4000]

From a pilot of 20 models the variance components give the effect that so many tasks, seeds or items detect with power
80 %. The truth is simulated: two models that effect apart on fresh tasks (or on the same tasks with fresh seeds or
items), tested by the paired t test. Printed are the prediction over the simulated effect and the power at it. The peer
is the normal formula 2.8 σ √(2/T).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from scipy import special

from assay.stats.components import variance_components, within_items, within_seeds
from assay.stats.power import detectable_effect, difference_error, items_for_these_tasks, runs_for_these_tasks

MODEL, TASK, INTERACTION, SEED, ITEM, MODEL_ITEM, REST = 3.0, 8.0, 2.0, 1.5, 20.0, 15.0, 10.0


def pilot(rng: np.random.Generator, m: int, t: int, s: int, n: int) -> tuple[np.ndarray, ...]:
    """Cell means, single runs and item blocks of a pilot study, in percent."""
    cell = 60 + MODEL * rng.normal(size=(m, 1)) + TASK * rng.normal(size=(1, t)) + INTERACTION * rng.normal(size=(m, t))
    blocks = []
    for task in range(t):
        seeds, items = SEED * rng.normal(size=(m, s, 1)), ITEM * rng.normal(size=(1, 1, n))
        own, rest = MODEL_ITEM * rng.normal(size=(m, 1, n)), REST * rng.normal(size=(m, s, n))
        blocks.append(cell[:, task, None, None] + seeds + items + own + rest)
    runs = np.stack([block.mean(axis=2) for block in blocks], axis=1)
    return runs.mean(axis=2), runs, np.stack(blocks)


def simulated_effect(noise: np.ndarray, power: float, df: int | None) -> float:
    """The effect found with that power: a quantile of what each simulated test needs; z test without df."""
    centre, n = noise.mean(axis=1), noise.shape[1]
    if df is None:
        limit, error = special.ndtri(0.975), noise.std() / np.sqrt(n)
    else:
        limit, error = special.stdtrit(df, 0.975), noise.std(axis=1, ddof=1) / np.sqrt(n)
    return float(np.quantile(limit * error - centre, power))


def tasks_cases(repetitions: int) -> Iterator[tuple[str, float, float, float]]:
    """Other such tasks: prediction, simulated effect, prediction of the normal formula."""
    rng = np.random.default_rng(1)
    truth = np.sqrt(2 * (INTERACTION**2 + SEED**2 / 3 + MODEL_ITEM**2 / 200 + REST**2 / 600))
    for t in (3, 6, 10, 30, 100):
        predictions = []
        for _ in range(30):
            cells, runs, _ = pilot(rng, 20, 8, 3, 200)
            components = variance_components(cells, np.ones(cells.shape, bool), within=within_seeds(runs, runs > -1e9))
            predictions.append(detectable_effect(difference_error(components), t))
        simulated = simulated_effect(truth * rng.normal(size=(repetitions, t)), 0.8, t - 1)
        yield f"{t} other tasks", float(np.mean(predictions)), simulated, 2.8 * truth / np.sqrt(t)


def these_cases(repetitions: int) -> Iterator[tuple[str, float, float, float]]:
    """These tasks again: seeds or items that Assay asks for to see δ, and the δ that they do show."""
    rng = np.random.default_rng(2)
    t = 8
    for what, delta in (("seeds", 1.0), ("seeds", 0.5), ("items", 2.0), ("items", 1.2)):
        counts = []
        for _ in range(30):
            _, runs, blocks = pilot(rng, 20, t, 3, 200)
            if what == "seeds":
                counts.append(runs_for_these_tasks(delta, within_seeds(runs, runs > -1e9), t))
            else:
                counts.append(items_for_these_tasks(delta, within_items(list(blocks)), t))
        asked = round(float(np.mean([count for count in counts if count is not None])))
        if what == "seeds":
            single = SEED**2 + REST**2 / 200
            noise = np.sqrt(2 * single / asked) * rng.normal(size=(repetitions, t))
        else:
            fixed = 2 * SEED**2 / 3
            noise = np.sqrt(fixed + 2 * (MODEL_ITEM**2 + REST**2 / 3) / asked) * rng.normal(size=(repetitions, t))
        yield f"{asked} {what} on these {t} tasks", delta, simulated_effect(noise, 0.8, None), delta


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20000)
    repetitions = parser.parse_args().repetitions
    for cases in (tasks_cases, these_cases):
        for name, predicted, simulated, normal in cases(repetitions):
            print(
                f"{name:28s} predicted {predicted:.3f}, simulated {simulated:.3f}, ratio {predicted / simulated:.3f} "
                f"({'pass' if abs(predicted / simulated - 1) <= 0.15 else 'FAIL'}, limit 0.85 to 1.15); "
                f"normal formula {normal:.3f}, ratio {normal / simulated:.3f}"
            )


if __name__ == "__main__":
    main()
