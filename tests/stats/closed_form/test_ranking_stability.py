"""Stability of a ranking against brute force over subsets, weights and choices."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from assay.errors import UsageError
from assay.stats.stability import deletion_robustness, leave_one_task_out, small_subset, worst_weights


def _whole(scores):
    return np.ones(scores.shape, dtype=bool)


def _fewest_by_search(scores):
    """The fewest tasks to remove so that the leader no longer leads alone, over all subsets."""
    t = scores.shape[1]
    leader = int(scores.mean(axis=1).argmax())
    for size in range(t):
        for kept in itertools.combinations(range(t), t - size):
            means = scores[:, kept].mean(axis=1)
            if np.delete(means, leader).max() >= means[leader] - 1e-12:
                return size
    return None


@pytest.mark.parametrize("seed", range(25))
def test_deletion_is_exact(seed):
    """The fewest tasks equal those of a search over all subsets, and removing them does change the leader."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(4, 8)) + np.array([[0.4], [0.2], [0.0], [0.0]])

    found = deletion_robustness(scores, _whole(scores))

    fewest = _fewest_by_search(scores)
    assert (found.share is None) == (fewest is None)
    if fewest is not None:
        assert len(found.tasks) == fewest
        kept = [at for at in range(8) if at not in found.tasks]
        assert scores[found.rival, kept].mean() >= scores[found.leader, kept].mean() - 1e-12


def test_a_leader_on_every_task_cannot_be_unseated(rng):
    """Whoever wins every task keeps the lead whatever is removed and however tasks are weighted."""
    scores = rng.normal(size=(5, 6))
    scores[2] = scores.max(axis=0) + 0.1

    found = deletion_robustness(scores, _whole(scores))
    weights = worst_weights(scores, _whole(scores))

    assert (found.leader, found.rival, found.share) == (2, -1, None)
    assert weights.can_lead.tolist() == [False, False, True, False, False]
    assert np.isinf(np.delete(weights.moved, 2)).all()


def test_rivals_are_compared_on_shared_tasks():
    """A rival that was measured on two tasks is compared on these two."""
    scores = np.array([[3.0, 3.0, 3.0, 0.0], [0.0, 0.0, 2.0, 2.0]])
    present = np.array([[True, True, True, True], [False, False, True, True]])

    found = deletion_robustness(scores, present)

    assert found.leader in (0, 1)
    assert found.share in (0.0, 0.5)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("floor", [0.0, 0.4])
def test_worst_weights_equal_the_linear_programme(seed, floor):
    """Whether a rival can lead, and how much weight must move, equal the solution of a linear programme."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(4, 6)) + np.array([[0.8], [0.4], [0.0], [0.0]])
    t, equal = 6, np.full(6, 1 / 6)

    found = worst_weights(scores, _whole(scores), floor=floor)

    leader = int(scores.mean(axis=1).argmax())
    for rival in range(4):
        if rival == leader:
            continue
        lead = scores[leader] - scores[rival]
        least = linprog(lead, A_eq=[np.ones(t)], b_eq=[1], bounds=[(floor / t, 1)] * t)
        assert found.can_lead[rival] == (least.fun <= 1e-9)
        # Weights w = equal − out + into, both non-negative; the moved share is the sum of what goes out.
        cost = np.concatenate([np.ones(t), np.zeros(t)])
        moved = linprog(
            cost, A_ub=[np.concatenate([-lead, lead])], b_ub=[-lead @ equal],
            A_eq=[np.concatenate([-np.ones(t), np.ones(t)])], b_eq=[0],
            bounds=[(0, (1 - floor) / t)] * t + [(0, 1)] * t,
        )  # fmt: skip
        if moved.success:
            assert found.moved[rival] == pytest.approx(moved.fun, abs=1e-7)
        else:
            assert np.isinf(found.moved[rival])


def test_leaving_a_task_out_is_what_it_says(rng):
    """Rankings, leaders and influences equal those of the table without the task."""
    scores = rng.normal(size=(6, 5))

    found = leave_one_task_out(scores, _whole(scores))

    for task in range(5):
        rest = np.delete(scores, task, axis=1).mean(axis=1)
        assert found.leader[task] == rest.argmax()
        influence = 5 * scores.mean(axis=1) - 4 * rest - scores.mean(axis=1)
        assert found.influence[:, task] == pytest.approx(influence)
        moves = np.abs(np.argsort(np.argsort(-rest)) - np.argsort(np.argsort(-scores.mean(axis=1))))
        assert found.largest_move[task] == moves.max()


def test_a_small_subset_is_chosen_and_scored_on_different_models():
    """When two tasks hold all that differs, they suffice for models that did not choose them."""
    rng = np.random.default_rng(4)
    ability = rng.normal(size=(40, 1))
    scores = np.hstack([ability + 0.05 * rng.normal(size=(40, 2)), 0.05 * rng.normal(size=(40, 8))])

    found = small_subset(scores, _whole(scores), rng=rng)

    assert found.size is not None
    assert found.size <= 3
    assert set(found.tasks[:2]) & {0, 1}
    assert found.chosen[found.size - 1] >= 0.9
    assert found.chosen[0] > found.random[0]
    assert found.chosen[-1] == pytest.approx(1)


def test_a_choice_on_noise_does_not_look_good_by_itself():
    """Among tasks of pure noise a chosen subset keeps the ranking of other models no better than chance does."""
    rng = np.random.default_rng(7)
    gains = []
    for _ in range(20):
        scores = rng.normal(size=(40, 12))
        found = small_subset(scores, _whole(scores), rng=rng)
        gains.append(found.chosen[2] - found.random[2])

    assert abs(np.mean(gains)) < 4 * np.std(gains) / np.sqrt(20) + 0.02


def test_too_small_for_a_choice():
    """Fewer than 8 models cannot be halved with any meaning."""
    rng = np.random.default_rng(0)
    assert small_subset(np.ones((7, 5)), np.ones((7, 5), bool), rng=rng) is None
    with pytest.raises(UsageError):
        leave_one_task_out(np.ones((3, 1)), np.ones((3, 1), bool))
    with pytest.raises(UsageError, match="floor"):
        worst_weights(np.ones((3, 2)), np.ones((3, 2), bool), floor=2)
