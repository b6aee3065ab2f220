"""Aggregates of a table of scores, and what an irrelevant model does to them."""

import numpy as np
import pytest

from assay.stats.aggregates import (
    AGGREGATES,
    borda,
    bradley_terry,
    mean,
    meetings,
    standardise,
    standardised_mean,
    win_rate,
)
from assay.stats.agreement import aggregate_table, concordance, irrelevant_model


def test_win_rate_counts_ties_as_half():
    """Two models: one win, one tie and one loss make one half."""
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])

    assert win_rate(scores).tolist() == [0.5, 0.5]
    wins, met = meetings(scores)
    assert wins[0, 1] == 1.5
    assert met[0, 1] == 3


def test_win_rate_of_one_clear_order():
    """The first of four beats all, the last none."""
    assert win_rate(np.array([[4.0], [3], [2], [1]])).tolist() == pytest.approx([1, 2 / 3, 1 / 3, 0])


def test_borda_equals_win_rate_on_complete_tables(rng):
    """Without missing cells both are the same number."""
    scores = rng.integers(0, 4, size=(7, 9)).astype(float)

    assert borda(scores) == pytest.approx(win_rate(scores))


def test_bradley_terry_solves_its_likelihood_equations(rng):
    """With hardly any prior, expected wins equal wins for every model."""
    scores = rng.normal(size=(6, 15)) + np.arange(6)[:, None] * 0.3
    strength = bradley_terry(scores, prior=1e-6)
    wins, met = meetings(scores)
    np.fill_diagonal(wins, 0)
    np.fill_diagonal(met, 0)

    expected = (met / (1 + np.exp(strength[None, :] - strength[:, None]))).sum(axis=1)

    assert expected == pytest.approx(wins.sum(axis=1), abs=1e-4)
    assert strength.mean() == pytest.approx(0)


def test_bradley_terry_of_two_models_is_the_log_odds():
    """With hardly any prior, 7 wins of 10 are a difference of log(7/3)."""
    scores = np.stack([np.arange(10) < 7, np.arange(10) >= 7]).astype(float)

    strength = bradley_terry(scores, prior=1e-9)

    assert strength[0] - strength[1] == pytest.approx(np.log(7 / 3), rel=1e-5)


def test_a_model_that_always_wins_keeps_a_finite_strength():
    """The prior keeps separated models finite."""
    assert np.isfinite(bradley_terry(np.arange(5.0)[:, None] * np.ones((5, 8)))).all()


def test_standardising_gives_every_task_equal_spread(rng):
    """Each task has mean 0 and standard deviation 1; a constant task counts 0 and missing cells stay missing."""
    scores = rng.normal(size=(8, 4)) * [1, 10, 100, 0]
    scores[2, 1] = np.nan

    z = standardise(scores)

    assert np.nanstd(z[:, :3], axis=0, ddof=1) == pytest.approx(np.ones(3))
    assert (z[:, 3] == 0).all()
    assert np.isnan(z[2, 1])


def test_aggregates_cope_with_missing_cells(rng):
    """Every aggregate gives every model a number when a fifth of the cells are missing."""
    scores = np.where(rng.random((9, 12)) > 0.2, rng.normal(size=(9, 12)), np.nan)

    values, tau = aggregate_table(scores, AGGREGATES)

    assert np.isfinite(values).all()
    assert np.diag(tau) == pytest.approx(np.ones(len(AGGREGATES)))


def test_a_mean_is_immune_to_irrelevant_models(rng):
    """Leaving a model out of a complete table changes no order of means."""
    scores = rng.normal(size=(10, 8))

    effect = irrelevant_model(scores, mean)

    assert effect.pairs == 0
    assert effect.leader_changes == 0


def test_a_win_rate_is_not_immune():
    """A beats B on 3 of 5 tasks, yet a third model that B always beats puts B first."""
    a, b, third = np.array([[2.0, 2, 2, 0, 0], [1, 1, 1, 2, 2], [0.5, 0.5, 0.5, 1, 1]])

    assert win_rate(np.stack([a, b])).tolist() == pytest.approx([0.6, 0.4])
    assert win_rate(np.stack([a, b, third]))[:2].tolist() == pytest.approx([0.6, 0.7])
    effect = irrelevant_model(np.stack([a, b, third]), win_rate)
    assert (effect.pairs, effect.model, effect.leader_changes) == (1, 2, 1)


def test_standardised_means_depend_on_who_is_there():
    """A model that fails far below the rest shrinks the task it fails on, and so changes the order of two others."""
    scores = np.array([[1.0, 0.0], [0.0, 1.8], [1.0, 0.1], [0.5, -9.0]])

    without, with_it = standardised_mean(scores[:3]), standardised_mean(scores)

    assert without[1] > without[0]
    assert with_it[0] > with_it[1]
    assert irrelevant_model(scores, standardised_mean).pairs >= 1


def test_concordance_is_one_only_for_equal_lists(rng):
    """A shift lowers Lin's concordance though the correlation stays 1."""
    x = rng.normal(size=50)

    assert concordance(x, x) == pytest.approx(1)
    shifted = 2 * x.var() / (2 * x.var() + 1)
    assert concordance(x, x + 1) == pytest.approx(shifted)
    assert concordance(x, -x) < 0
