"""Short versions of benchmarks/labels_saved.py and benchmarks/pareto_calibration.py."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from assay.assess.reusability import choice
from assay.assess.reusability.budgets import labels_saved
from assay.assess.reusability.choice import make_pool, on_front
from assay.assess.reusability.reading import Columns, read_candidates
from assay.assess.reusability.records import BudgetScore
from assay.stats.crossing import interpolation, rising_crossing

BUDGETS = np.array([1, 2, 5, 10, 20, 50, 100, 200], dtype=float)


def score_at(budget, scale: float):
    return 0.95 - 0.85 * (1 + budget / scale) ** -0.6


def draws_of(scale: float, rng: np.random.Generator, common: np.ndarray) -> list[BudgetScore]:
    own = 0.02 * BUDGETS**-0.25 * rng.normal(size=common.shape)
    scores = score_at(BUDGETS, scale) + common + own
    return [BudgetScore(budget=int(b), draw=i, score=float(s)) for i, row in enumerate(scores)
            for b, s in zip(BUDGETS, row, strict=True)]  # fmt: skip


def test_labels_saved_covers_the_truth():
    """Over 400 simulated pairs of curves, 95 % intervals of the factor 7.4 hold it about 95 % of the time."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        common = 0.02 * BUDGETS**-0.25 * rng.normal(size=(5, len(BUDGETS)))
        found = labels_saved(draws_of(3, rng, common), draws_of(22.2, rng, common), 5, level=0.95)
        held += found.low <= 7.4 <= (found.high or np.inf)

    assert binomtest(held, 400, 0.95).pvalue > 0.001, held / 400


def test_probabilities_of_the_front_are_calibrated(monkeypatch):
    """Over 60 noisy pools of six models, the mean probability is near the share that was on the front."""
    monkeypatch.setattr(choice, "DRAWS", 200)
    rng = np.random.default_rng(6)
    said, truth = [], []
    for _ in range(60):
        size = rng.normal(size=6)
        score, latency = 0.01 * size + 0.01 * rng.normal(size=6), np.exp(0.7 * size + 0.3 * rng.normal(size=6))
        seen = score + 0.02 * rng.normal(size=(5, 1)) + 0.02 * rng.normal(size=(5, 6))
        table = pd.DataFrame({"model": list("abcdef") * 5, "draw": np.repeat(range(5), 6), "score": seen.ravel(),
                              "latency_ms": np.tile(latency, 5)})  # fmt: skip
        candidates = read_candidates(table, Columns(), level=0.95, rng=rng)
        said.append(
            on_front(make_pool(candidates, rng=rng, indicators=["performance", "latency_ms"]).draws).mean(axis=0)
        )
        truth.append(on_front(np.stack([score, -latency], axis=1)[None])[0])
    said, truth = np.concatenate(said), np.concatenate(truth).astype(float)

    assert said.mean() == pytest.approx(truth.mean(), abs=0.08)
    assert np.mean((said - truth) ** 2) < 0.8 * truth.mean() * (1 - truth.mean())


def test_the_curve_between_budgets_goes_through_the_measured_ones():
    """Interpolation weights reproduce the measured values, and any parabola exactly."""
    places = np.log([1.0, 2, 5, 10, 20])
    grid, weights = interpolation(places)

    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert weights @ places**2 == pytest.approx(grid**2)


def test_without_noise_the_crossing_is_a_point():
    """Draws that agree give an interval as narrow as the curve is known."""
    places = np.arange(5.0)
    found = rising_crossing(places, np.tile(places - 2.5, (3, 1)) + 1e-9 * np.arange(3)[:, None], level=0.95)

    assert found.value == pytest.approx(2.5, abs=0.01)
    assert found.high - found.low < 0.05


def test_curves_that_meet_beyond_the_last_place_leave_the_upper_end_open():
    """A difference that stays below zero has no value, and at least the last place as its lower end."""
    found = rising_crossing(
        np.arange(5.0), np.tile(np.arange(5.0) - 9, (4, 1)) + 0.01 * np.arange(4)[:, None], level=0.9
    )

    assert (found.value, found.low, found.high, found.side) == (None, 4.0, None, -1)
