"""Buying runs by what other tasks teach: what is learned, what is bought, when it stops."""

import numpy as np
import pytest

from assay.assess.selection.experience import Experience
from assay.assess.selection.purchase import Limits, buy
from assay.errors import NothingToAssessError, ShapeError


def past(models=40, tasks=12, noise=0.02, seed=0):
    """Scores that are linear in two qualities of a model, with coefficients of their own on each task."""
    rng = np.random.default_rng(seed)
    quality = rng.standard_normal((models, 2))
    loads = np.array([0.08, 0.0]) + rng.standard_normal((tasks, 2)) * [0.02, 0.04]
    return np.clip(0.6 + quality @ loads.T + noise * rng.standard_normal((models, tasks)), 0, 1)


def test_past_tasks_predict_a_new_one_and_purchases_sharpen_it():
    """Draws for a new task correlate with its scores, and after six purchases they are nearer and narrower."""
    table = past()
    learned, new = Experience.learn(table[:, :-1], bounds=(0, 1)), table[:, -1]
    rest = list(range(6, 40))
    blind = learned.draw([], np.zeros(0), rest, rng=np.random.default_rng(0))
    told = learned.draw(range(6), new[:6], rest, rng=np.random.default_rng(0))

    assert np.corrcoef(blind.mean(axis=0), new[rest])[0, 1] > 0.5
    assert np.abs(told.mean(axis=0) - new[rest]).mean() < np.abs(blind.mean(axis=0) - new[rest]).mean()
    assert told.std() < blind.std() or told.std(axis=0).mean() < blind.std(axis=0).mean()


def test_intervals_cover_scores_of_tasks_that_were_left_out():
    """Over tasks left out in turn, the 90 % interval of each unbought score covers about 90 %."""
    table = past(tasks=15)
    inside = []
    for task in range(15):
        learned = Experience.learn(np.delete(table, task, axis=1), bounds=(0, 1))
        draws = learned.draw(range(5), table[:5, task], range(5, 40), draws=600, rng=np.random.default_rng(task))
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        inside.append((low <= table[5:, task]) & (table[5:, task] <= high))

    assert 0.83 < np.mean(inside) < 0.99


def test_a_task_noisier_than_any_before_is_recognised():
    """Where tasks differ in noise, 90 % intervals on one with half more than any past one cover four scores in five."""
    table, rng = past(tasks=15, noise=np.geomspace(0.01, 0.05, 15)), np.random.default_rng(5)
    inside = []
    for task in range(15):
        new = table[:, task] + 0.08 * rng.standard_normal(40)
        learned = Experience.learn(np.delete(table, task, axis=1))
        draws = learned.draw(range(10), new[:10], range(10, 40), draws=600, rng=np.random.default_rng(task))
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        inside.append((low <= new[10:]) & (new[10:] <= high))

    assert np.mean(inside) > 0.8


def test_the_better_model_is_bought_first_though_it_costs_more():
    """A gain is a gain whatever its price, as long as the budget pays for it."""
    table = past()
    learned = Experience.learn(table[:, :-1], bounds=(0, 1))
    expected = learned.draw([], np.zeros(0), range(40), rng=np.random.default_rng(0)).mean(axis=0)
    best = int(expected.argmax())
    costs = np.ones(40)
    costs[best] = 20.0
    found = buy(learned, costs, lambda m: float(table[m, -1]), Limits(regret=-1.0, spend=25.0),
                rng=np.random.default_rng(0))  # fmt: skip

    assert best == found.order[0]


def test_measured_columns_help():
    """A transferability score that follows the scores makes the prediction of a new task sharper."""
    table = past(noise=0.06)
    measured = (table + 0.01 * np.random.default_rng(1).standard_normal(table.shape))[:, :, None]
    plain = Experience.learn(table[:, :-1])
    helped = Experience.learn(table[:, :-1], measured[:, :-1])
    rng = np.random.default_rng(0)
    without = plain.draw([0, 1], table[:2, -1], range(2, 40), rng=rng).mean(axis=0)
    with_it = helped.draw([0, 1], table[:2, -1], range(2, 40), extra=measured[:, -1], rng=rng).mean(axis=0)

    assert np.abs(with_it - table[2:, -1]).mean() < np.abs(without - table[2:, -1]).mean()


def test_buying_stops_when_the_regret_is_small_or_the_money_gone():
    """With enough money the bound is met; with little the budget ends it; either way the best bought is chosen."""
    table = past()
    learned, new, costs = Experience.learn(table[:, :-1], bounds=(0, 1)), table[:, -1], np.full(40, 10.0)
    rich = buy(learned, costs, lambda m: float(new[m]), Limits(regret=0.05, spend=400.0), rng=np.random.default_rng(0))
    poor = buy(learned, costs, lambda m: float(new[m]), Limits(regret=-1.0, spend=35.0), rng=np.random.default_rng(0))

    assert rich.why == "regret"
    assert rich.regret.high <= 0.05
    assert new.max() - new[rich.chosen] <= 0.05
    assert rich.spent < 200
    assert (poor.why, len(poor.order), poor.spent) == ("budget", 3, 30.0)
    assert new[poor.chosen] == max(new[m] for m in poor.order)
    assert [spent for spent, _, _ in rich.path] == sorted(spent for spent, _, _ in rich.path)


def test_when_all_are_bought_nothing_is_left_to_regret():
    """With every model bought the regret is zero and known."""
    table = past(models=8)
    learned = Experience.learn(table[:, :-1], bounds=(0, 1))
    found = buy(learned, np.ones(8), lambda m: float(table[m, -1]), Limits(regret=-1.0, spend=100.0),
                rng=np.random.default_rng(0))  # fmt: skip

    assert found.why == "all bought"
    assert found.regret.value == 0


def test_too_little_experience_or_money_is_refused_in_words():
    """Two past tasks teach nothing of how tasks differ, and a budget below the cheapest run buys nothing."""
    with pytest.raises(NothingToAssessError, match="3 are needed"):
        Experience.learn(past(tasks=2))
    with pytest.raises(ShapeError):
        Experience.learn(past(), np.zeros((3, 2, 1)))
    learned = Experience.learn(past())
    with pytest.raises(NothingToAssessError, match="does not pay for one run"):
        buy(learned, np.full(40, 5.0), lambda m: 0.0, Limits(regret=0.0, spend=1.0), rng=np.random.default_rng(0))
