"""Rank sets against enumeration by hand, and what they say where nothing can be said."""

import itertools

import numpy as np
import pytest

from assay.errors import ShapeError, UsageError
from assay.stats.additive import additive_effects, additive_fit
from assay.stats.max_t import step_down
from assay.stats.rank_sets import fewest_units, rank_sets


def test_two_models_give_the_exact_sign_flip_p_value(rng):
    """With two models the adjusted p-value is the share of sign patterns whose mean is at least as large."""
    scores = rng.normal(size=(2, 8)) + np.array([[0.8], [0.0]])
    d = scores[0] - scores[1]
    flips = [abs(np.dot(signs, d)) for signs in itertools.product([1, -1], repeat=8)]
    exact = np.mean(np.array(flips) >= abs(d.sum()) - 1e-12)

    found = rank_sets(scores, rng=rng)

    assert found.p_values[0, 1] == pytest.approx(exact)


def test_a_clear_order_is_found_and_every_rank_is_single(rng):
    """Models far apart get one rank each, one group each, and one leader."""
    scores = np.array([[9.0], [5.0], [1.0]]) + 0.1 * rng.normal(size=(3, 10))

    found = rank_sets(scores, rng=rng)

    assert found.low.tolist() == found.high.tolist() == found.group.tolist() == [1, 2, 3]
    assert found.tied_with_best.tolist() == [True, False, False]
    assert found.best_sets(2).tolist() == [True, True, False]


@pytest.mark.parametrize(("level", "needed"), [(0.9, 5), (0.95, 6), (0.99, 8)])
def test_fewer_tasks_than_sign_patterns_need_make_no_claim(rng, level, needed):
    """Below 1 + log2(1 / alpha) tasks no pair can be told apart, and the reason says how many would do."""
    assert fewest_units(level) == needed
    scores = np.arange(3.0)[:, None] * 100 + rng.normal(size=(3, needed - 1))

    found = rank_sets(scores, level=level, rng=rng)

    assert found.low.tolist() == [1, 1, 1]
    assert found.high.tolist() == [3, 3, 3]
    assert str(needed) in found.reason
    assert rank_sets(np.arange(3.0)[:, None] * 100 + rng.normal(size=(3, needed)), level=level, rng=rng).reason is None


def test_identical_models_are_tied():
    """Two copies of one model are never told apart, and constant scores claim nothing."""
    rng = np.random.default_rng(1)
    row = rng.normal(size=20)

    found = rank_sets(np.stack([row, row, row - 5]), rng=rng)

    assert found.low.tolist() == [1, 1, 3]
    assert found.high.tolist() == [2, 2, 3]
    assert not rank_sets(np.ones((3, 9)), rng=rng).beats.any()


def test_a_constant_lead_is_certain(rng):
    """A lead that is the same on every task has no spread and is still found."""
    base = rng.normal(size=7)

    assert rank_sets(np.stack([base, base - 1]), rng=rng).beats.tolist() == [[False, True], [False, False]]


def test_pairs_that_share_too_few_tasks_stay_open(rng):
    """Models measured on different tasks are not compared; those that share enough are."""
    scores = np.array([[9.0], [5.0], [1.0]]) + 0.1 * rng.normal(size=(3, 12))
    present = np.ones((3, 12), dtype=bool)
    present[0, 6:] = False
    present[2, :6] = False

    found = rank_sets(scores, present=present, rng=rng)

    assert found.beats.tolist() == [[False, True, False], [False, False, True], [False, False, False]]
    alone = rank_sets(scores[[0, 2]], present=present[[0, 2]], rng=rng)
    assert "share" in alone.reason


def test_step_down_is_less_strict_than_a_single_step(rng):
    """Once the largest statistic is rejected, the others need not outdo its draws."""
    noise = np.abs(rng.normal(size=(3, 5000)))
    observed = np.array([9.0, 2.2, 0.1])

    adjusted = step_down(observed, lambda at: noise[at], includes_observed=False)

    assert adjusted[0] == pytest.approx(1 / 5001)
    assert adjusted[1] == pytest.approx((1 + (noise[1:].max(axis=0) >= 2.2).sum()) / 5001)
    assert adjusted[1] < (noise.max(axis=0) >= 2.2).mean()


def test_the_additive_fit_solves_the_normal_equations(rng):
    """Effects of an incomplete table are those of least squares, and of a complete one the row means."""
    values, mask = rng.normal(size=(5, 7)), rng.random((5, 7)) > 0.3
    design = np.hstack([np.repeat(np.eye(5), 7, axis=0), np.tile(np.eye(7), (5, 1))])[mask.ravel()]
    solution = np.linalg.lstsq(design, values[mask], rcond=None)[0]

    fit = additive_fit(values, mask)

    assert fit.residuals[mask] == pytest.approx(values[mask] - design @ solution)
    assert fit.effects - fit.effects[0] == pytest.approx(solution[:5] - solution[0])
    assert fit.df == mask.sum() - 5 - 7 + 1
    assert additive_effects(values, np.ones_like(mask)) == pytest.approx(values.mean(axis=1))


def test_a_table_in_two_pieces_is_known_as_such(rng):
    """Models that share no task, even by way of others, are not connected."""
    mask = np.kron(np.eye(2), np.ones((2, 3))).astype(bool)

    fit = additive_fit(rng.normal(size=(4, 6)), mask)

    assert not fit.connected
    assert fit.df == 2 * 2


def test_bad_input_is_named(rng):
    """Wrong shapes, levels and infinite scores are refused."""
    with pytest.raises(ShapeError):
        rank_sets(np.ones(3), rng=rng)
    with pytest.raises(UsageError, match="level"):
        rank_sets(np.ones((2, 6)), level=95, rng=rng)
    with pytest.raises(UsageError, match="finite"):
        rank_sets(np.full((2, 6), np.inf), present=np.ones((2, 6), bool), rng=rng)
