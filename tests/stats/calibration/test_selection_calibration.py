"""What the selection lens promises on average: intervals that cover, regret that is not understated, ties that hold.

Generator: items share a difficulty; hits are normal scores below a model's level, correlated 0.5 between models. The
full simulations (2,000 repetitions) are in `benchmarks/selection_calibration.py`; here are short ones.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from assay.assess.selection.candidates import Candidate, Run, align
from assay.assess.selection.compare import compare, difference
from assay.assess.selection.replicates import Replicates, replicate
from assay.assess.selection.risk import expected_regrets, regret_bounds
from assay.outcome import Predictions
from assay.stats.true_scores import chance_of_best, true_scores


def study(levels, n, rng, resamples=300):
    """Replicates of one simulated study with one run a model."""
    shared = rng.standard_normal((n, 1))
    hits = (shared + rng.standard_normal((n, len(levels)))) / np.sqrt(2) < norm.ppf(levels)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples) - 1.0
    items = weights @ (hits - hits.mean(axis=0)) / n + rng.laplace(scale=1 / (2 * n), size=(resamples, len(levels)))
    return Replicates(names=tuple(map(str, range(len(levels)))), point=hits.mean(axis=0), items=items,
                      trainings=np.zeros_like(items), n=n, repeats=1)  # fmt: skip


def at_least(successes, trials, share):
    """No evidence at 0.1 % that the true share is lower."""
    return binomtest(successes, trials, share, alternative="less").pvalue > 1e-3


@pytest.mark.parametrize("levels", [np.full(8, 0.8), np.array([0.84] + [0.8] * 7), np.linspace(0.7, 0.9, 8)])
def test_false_separations_are_rare_and_bounds_hold(levels):
    """In at least 95 % of studies no pair is told apart wrongly, and the chosen model's regret is below its bound."""
    rng = np.random.default_rng(0)
    trials, clean, covered = 200, 0, 0
    for _ in range(trials):
        found = study(levels, 200, rng)
        comparison = compare(found, level=0.95)
        clean += not (comparison.beats & (levels[:, None] <= levels[None, :])).any()
        chosen = int(found.point.argmax())
        covered += levels.max() - levels[chosen] <= regret_bounds(found, comparison)[1][chosen] + 1e-12

    assert at_least(clean, trials, 0.95)
    assert at_least(covered, trials, 0.95)


@pytest.mark.parametrize(
    "levels_of",
    [
        pytest.param(lambda rng: np.array([0.84] + [0.8] * 4), id="one of 5 ahead"),
        pytest.param(lambda rng: np.array([0.84] + [0.8] * 19), id="one of 20 ahead"),
        pytest.param(lambda rng: np.linspace(0.7, 0.9, 8), id="spread"),
        pytest.param(lambda rng: np.clip(0.8 + 0.03 * rng.standard_normal(6), 0.5, 0.99), id="drawn"),
    ],
)
def test_expected_regret_is_not_understated(levels_of):
    """The mean regret stated is not below what the choices cost, and at most three times that and half a point."""
    rng = np.random.default_rng(1)
    stated, real = [], []
    for _ in range(300):
        levels = levels_of(rng)
        found = study(levels, 200, rng)
        chosen = int(found.point.argmax())
        stated.append(expected_regrets(found)[chosen])
        real.append(levels.max() - levels[chosen])
    noise = np.std(np.subtract(real, stated)) / len(real) ** 0.5

    assert np.mean(stated) > np.mean(real) - 2 * noise
    assert np.mean(stated) < 3 * np.mean(real) + 0.005


def test_the_chance_of_being_best_is_calibrated():
    """Over pools that differ, the stated chance of being best matches what happens; the bootstrap's does not."""
    rng = np.random.default_rng(1)
    chance, best, plain = [], [], []
    for _ in range(250):
        levels = np.clip(0.8 + 0.03 * rng.standard_normal(6), 0.5, 0.99)
        found = study(levels, 250, rng)
        chosen = int(found.point.argmax())
        true = true_scores(found.point, np.cov(found.deviations.T), samples=400, rng=rng)
        chance.append(chance_of_best(true)[chosen])
        plain.append(chance_of_best(found.values)[chosen])
        best.append(levels[chosen] == levels.max())

    assert np.mean(chance) == pytest.approx(np.mean(best), abs=0.08)
    assert np.mean(plain) > np.mean(chance)


@pytest.mark.parametrize(("repeats", "training"), [(3, 0.0), (3, 0.02), (8, 0.02)])
def test_differences_over_repeated_training_cover(repeats, training):
    """With 3 and with 8 draws, with and without variation of training, the interval of a true zero covers zero."""
    rng = np.random.default_rng(2)
    ids = np.array([f"{i:03d}" for i in range(150)])
    covered = 0
    for _ in range(120):
        shared = rng.standard_normal((150, 1)) + rng.standard_normal((150, 3))
        runs = [[] for _ in range(3)]
        for draw in range(repeats):
            levels = 0.8 + training * rng.standard_normal(3)
            hits = (shared + rng.standard_normal((150, 3))) / np.sqrt(3) < norm.ppf(levels)
            for model in range(3):
                said = Predictions(ids=ids, target=np.ones(150, int), label=hits[:, model].astype(int))
                runs[model].append(Run(predictions=said, draw=draw))
        aligned = align([Candidate(model=str(m), runs=runs[m]) for m in range(3)])
        found = replicate(aligned, "accuracy", sign=1.0, bounded=True, resamples=300, rng=rng)
        gap = difference(found, 0, 1, level=0.95, name="d", unit="", factor=1.0, population="")
        covered += gap.low <= 0 <= gap.high

    assert at_least(covered, 120, 0.94)
