"""Rank sets for these tasks again, from the errors of scores, against the normal distribution and pairing by hand."""

import numpy as np
import pytest
import scipy.stats

from assay.stats.rank_sets_again import probability_best_again, rank_sets_of_these_tasks
from assay.stats.task_errors import item_errors, reported_errors, seed_errors


def _reported(scores, errors):
    scores, errors = np.array(scores, dtype=float), np.array(errors, dtype=float)
    return reported_errors(scores, np.isfinite(scores), np.where(np.isfinite(scores), errors, np.nan))


def test_two_models_match_the_normal_test(rng):
    """Means of two tasks, 1.96 standard errors of their difference apart: p = 0.05."""
    gap = 1.96 * np.sqrt(2 * 2) / 2
    found = rank_sets_of_these_tasks(_reported([[gap, gap], [0, 0]], np.ones((2, 2))), resamples=100_000, rng=rng)

    assert found.p_values[0, 1] == pytest.approx(0.05, abs=0.004)


def test_lower_is_better_turns_the_ranking_round(rng):
    """With losses the smaller mean leads."""
    errors = _reported([[9.0], [1.0]], [[0.1], [0.1]])

    assert rank_sets_of_these_tasks(errors, rng=rng).low.tolist() == [1, 2]
    assert rank_sets_of_these_tasks(errors, higher_is_better=False, rng=rng).low.tolist() == [2, 1]


def test_shared_items_are_paired(rng):
    """A difference that is lost among hard and easy items is found when items are shared."""
    difficulty = 5 * rng.normal(size=200)
    block = np.stack([difficulty + 0.5 + 0.1 * rng.normal(size=200), difficulty])[:, None, :]
    apart = np.stack([block[0], rng.permutation(block[1, 0])[None]])

    assert rank_sets_of_these_tasks(item_errors([block]), rng=rng).beats[0, 1]
    assert not rank_sets_of_these_tasks(item_errors([apart]), rng=rng).beats.any()


def test_models_without_a_shared_task_are_never_told_apart(rng):
    """However far apart their means are; those that share a task are compared on it alone."""
    scores = [[0.9, np.nan, 0.5], [np.nan, 0.1, 0.4], [0.8, np.nan, np.nan]]

    found = rank_sets_of_these_tasks(_reported(scores, np.full((3, 3), 0.001)), rng=rng)

    assert not found.beats[1, 2]
    assert not found.beats[2, 1]
    assert found.beats[0, 1]
    assert found.beats[0, 2]


def test_missing_cells_use_the_errors_of_shared_tasks(rng):
    """A noisy task that one of two models lacks does not blur their comparison."""
    scores = [[0.9, 0.2], [0.8, np.nan], [0.5, 0.1]]
    errors = [[0.01, 0.5], [0.01, np.nan], [0.01, 0.5]]

    found = rank_sets_of_these_tasks(_reported(scores, errors), rng=rng)

    assert found.beats[0, 1]
    assert not found.beats[0, 2]


def test_without_any_error_every_difference_counts(rng):
    """Runs that never differ tell all unequal models apart and tie equal ones."""
    runs = np.array([1.0, 1.0, 0.0])[:, None, None] * np.ones((3, 2, 3))
    found = rank_sets_of_these_tasks(seed_errors(runs, np.ones_like(runs, bool)), rng=rng)

    assert found.low.tolist() == [1, 1, 3]
    assert found.high.tolist() == [2, 2, 3]


def test_one_model_has_no_rank(rng):
    """The reason says so."""
    assert "one model" in rank_sets_of_these_tasks(_reported([[1.0]], [[1.0]]), rng=rng).reason


def test_the_chance_to_be_best_is_the_normal_tail(rng):
    """Two means one standard error of the difference apart: 84 %."""
    found = probability_best_again(_reported([[1.0], [0.0]], np.full((2, 1), np.sqrt(0.5))), draws=40_000, rng=rng)

    assert found[0] == pytest.approx(scipy.stats.norm.cdf(1), abs=0.01)
    assert found.sum() == pytest.approx(1)
