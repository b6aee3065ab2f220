"""Simulated truth for the intervals and p-values of similarity; benchmarks/similarity.py has the long version."""

import numpy as np
import pytest
from scipy.stats import binomtest

from assay.similarity import Effort, SetFeatures, compare_models, compare_sets

ROUNDS = 60
EFFORT = Effort(resamples=50, splits=10, permutations=19, most=60)


@pytest.fixture(scope="module")
def rounds():
    """Measure → (point, low, high) and p-value of each round, for sets that differ and for sets that don't."""
    found: dict[tuple[str, bool], list[tuple[float, float, float, float]]] = {}
    centres = np.random.default_rng(5).normal(size=(3, 8))
    for seed in range(ROUNDS):
        rng = np.random.default_rng(seed)
        for moved in (True, False):
            sides = []
            for shift in (0.0, 0.6 * moved):
                y = rng.integers(3, size=100)
                sides.append(SetFeatures(name="s", x=centres[y] + rng.normal(size=(100, 8)) + shift, labels=y))
            measures = ("frechet", "mmd", "kid", "proxy_a")
            compared = compare_sets(*sides, extractor="x", rng=rng, measures=measures, effort=EFFORT)
            if moved:
                other = sides[0].x + rng.normal(size=(100, 8))
                compared += compare_models(sides[0].x, other, names=("a", "b"), items="i", rng=rng, effort=EFFORT,
                                           measures=("linear_cka",))  # fmt: skip
            for item in compared:
                value = item.value
                found.setdefault((item.measure, moved), []).append((value.value, value.low, value.high, item.p_value))
    return {key: np.array(rows) for key, rows in found.items()}


def test_intervals_hold_the_mean_distance(rounds):
    """95 % intervals of each measure hold the mean over all rounds about as often as they say."""
    for (measure, _), rows in rounds.items():
        points, low, high, _ = rows.T
        inside = int(((low <= points.mean()) & (points.mean() <= high)).sum())

        assert binomtest(inside, ROUNDS, 0.95, alternative="less").pvalue > 0.001, (measure, inside)


def test_intervals_are_no_wider_than_twice_what_is_needed(rounds):
    """Where sets differ, the mean width is below twice that of an oracle who knows the spread over rounds."""
    for (measure, moved), rows in rounds.items():
        points, low, high, _ = rows.T
        if moved:
            assert (high - low).mean() < 2 * 2 * 1.96 * points.std(ddof=1), measure


def test_p_values_are_small_as_often_as_they_say(rounds):
    """Without a difference p ≤ 0.05 comes in about one round of twenty; with one, in nearly all."""
    for (measure, moved), rows in rounds.items():
        small = int((rows[:, 3] <= 0.05).sum())
        if moved:
            assert small > 0.9 * ROUNDS, (measure, small)
        else:
            assert binomtest(small, ROUNDS, 0.05, alternative="greater").pvalue > 0.001, (measure, small)
