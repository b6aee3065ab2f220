"""Variance components, reliability and needed numbers against the analysis of variance and against formulas."""

import numpy as np
import pytest
import scipy.stats

from assay.errors import ShapeError, UsageError
from assay.stats.components import Components, Within, variance_components, within_items, within_seeds, within_sizes
from assay.stats.power import (
    best_seeds,
    chance_of_right_order,
    detectable_effect,
    difference_error,
    items_for_these_tasks,
    paired_power,
    runs_for_these_tasks,
    units_for_width,
    units_needed,
)
from assay.stats.reliability import dependability, generalizability, predicted_reliability, tasks_for


def _table(rng, m=12, t=9, model=2.0, task=5.0, rest=1.0):
    """An additive table with interaction."""
    return model * rng.normal(size=(m, 1)) + task * rng.normal(size=(1, t)) + rest * rng.normal(size=(m, t))


def _whole(scores):
    """A mask without gaps."""
    return np.ones(scores.shape, dtype=bool)


def test_components_are_those_of_the_analysis_of_variance(rng):
    """A complete table: mean squares for models, tasks and residual, solved for the components."""
    scores = _table(rng)
    m, t = scores.shape
    rows, columns, grand = scores.mean(1), scores.mean(0), scores.mean()
    ms_m = t * ((rows - grand) ** 2).sum() / (m - 1)
    ms_t = m * ((columns - grand) ** 2).sum() / (t - 1)
    ms_r = ((scores - rows[:, None] - columns + grand) ** 2).sum() / ((m - 1) * (t - 1))

    found = variance_components(scores, _whole(scores))

    assert found.cell == pytest.approx(ms_r)
    assert found.model.value == pytest.approx((ms_m - ms_r) / t)
    assert found.task.value == pytest.approx((ms_t - ms_r) / m)
    assert found.df == (m - 1) * (t - 1)
    low, high = ms_r * found.df / scipy.stats.chi2.ppf([0.975, 0.025], found.df)
    assert (found.model_task.low, found.model_task.high) == pytest.approx((low, high))


def test_components_with_missing_cells_are_unbiased():
    """Over many tables with 30 % of cells missing, the mean estimates are the true components."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(400):
        scores, mask = _table(rng, 8, 6, 1.0, 2.0, 1.5), rng.random((8, 6)) > 0.3
        components = variance_components(scores, mask)
        if components.model.known:
            m = components.model.method
            value = float(m.split("was ")[1].split(" ")[0]) if "was " in m else components.model.value
            found.append((value, components.cell))

    means, errors = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))

    assert abs(means[0] - 1.0) < 4 * errors[0]
    assert abs(means[1] - 2.25) < 4 * errors[1]


def test_a_negative_component_is_0_and_says_so():
    """Models that differ less than noise would make them: 0, with the estimate in the method."""
    scores = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])

    found = variance_components(scores, _whole(scores))

    assert found.model.value == 0.0
    assert "reported as 0" in found.model.method
    assert generalizability(found).value == 0.0
    assert tasks_for(found, 0.9) is None


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.ones((1, 5)), "one model"),
        (np.ones((5, 1)), "one task"),
        (np.array([[1.0, 2, np.nan, np.nan], [1, 2, np.nan, np.nan], [np.nan, np.nan, 3, 4], [np.nan, np.nan, 3, 5]]),
         "pieces"),
        (np.array([[1.0, 2], [3, np.nan]]), "too many cells"),
    ],
)  # fmt: skip
def test_what_a_table_cannot_give_has_a_reason(scores, words):
    """One model, one task, unconnected pieces and too few cells are told apart."""
    found = variance_components(np.nan_to_num(scores), np.isfinite(scores))

    assert found.model.value is None
    assert words in found.model.reason
    assert generalizability(found).value is None


def test_constant_scores_have_no_reliability():
    """Nothing tells models apart when all scores of a task are equal."""
    scores = np.tile([1.0, 2.0, 3.0], (4, 1))

    assert "equal" in generalizability(variance_components(scores, _whole(scores))).reason


def test_generalizability_is_cronbachs_alpha(rng):
    """For the table's own tasks G = 1 − MS_residual / MS_model, with Feldt's interval."""
    scores = _table(rng)
    m, t = scores.shape
    total = scores.sum(axis=1)
    alpha = t / (t - 1) * (1 - scores.var(axis=0, ddof=1).sum() / total.var(ddof=1))

    found = generalizability(variance_components(scores, _whole(scores)))

    assert found.value == pytest.approx(alpha)
    f = scipy.stats.f.ppf([0.975, 0.025], m - 1, (m - 1) * (t - 1))
    assert (found.low, found.high) == pytest.approx(tuple(1 - (1 - alpha) * f))


def test_more_tasks_follow_spearman_and_brown(rng):
    """Twice the tasks: 2 G / (1 + G), for value and both ends."""
    components = variance_components(scores := _table(rng), _whole(scores))
    once, twice = generalizability(components), generalizability(components, tasks=18)

    for end in ("value", "low", "high"):
        g = getattr(once, end)
        assert getattr(twice, end) == pytest.approx(2 * g / (1 + g))


def test_dependability_is_the_intraclass_correlation(rng):
    """Φ for one task is ICC(A, 1) of McGraw and Wong, with their interval from the mean squares."""
    scores = _table(rng, task=1.0)
    n, k = scores.shape
    rows, columns, grand = scores.mean(1), scores.mean(0), scores.mean()
    msr = k * ((rows - grand) ** 2).sum() / (n - 1)
    msc = n * ((columns - grand) ** 2).sum() / (k - 1)
    mse = ((scores - rows[:, None] - columns + grand) ** 2).sum() / ((n - 1) * (k - 1))
    icc = (msr - mse) / (msr + (k - 1) * mse + k / n * (msc - mse))
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    f = scipy.stats.f.ppf(0.975, n - 1, v)
    low = n * (msr - f * mse) / (f * (k * msc + (k * n - k - n) * mse) + n * msr)

    found = dependability(variance_components(scores, _whole(scores)), tasks=1)

    assert found.value == pytest.approx(icc)
    assert found.low == pytest.approx(low)


def test_tasks_for_a_reliability_reach_it(rng):
    """The number given reaches the target, and one task less does not."""
    components = variance_components(scores := _table(rng), _whole(scores))
    need = tasks_for(components, 0.95)

    assert generalizability(components, tasks=need).value >= 0.95
    assert generalizability(components, tasks=need - 1).value < 0.95


def test_reliability_of_another_set_needs_four_tasks(rng):
    """Below 4 tasks how tasks differ is not known; with more, fewer tasks to come make it lower."""
    scores = _table(rng)

    assert "4 are the fewest" in predicted_reliability(scores[:, :3], _whole(scores[:, :3])).reason
    few, many = (predicted_reliability(scores, _whole(scores), tasks=t) for t in (3, 30))
    assert few.value < many.value
    assert few.width > many.width


def test_seeds_inside_cells_are_pooled(rng):
    """The seed component is the pooled variance within cells; missing runs lower the harmonic mean."""
    runs = rng.normal(size=(3, 4, 5))
    present = np.ones_like(runs, dtype=bool)
    present[0, 0, 3:] = False

    found = within_seeds(runs, present)

    parts = [runs[i, j][present[i, j]] for i in range(3) for j in range(4)]
    assert found.seed == pytest.approx(sum(((p - p.mean()) ** 2).sum() for p in parts) / sum(len(p) - 1 for p in parts))
    assert found.seeds == pytest.approx(1 / np.mean([1 / len(p) for p in parts]))
    assert within_seeds(runs[:, :, :1], present[:, :, :1]).measured == ()


def test_items_inside_cells_are_parted_into_three_components():
    """Items, model × item, seeds and the rest are found again in large simulated blocks."""
    rng = np.random.default_rng(11)
    m, s, n = 30, 6, 400
    truth = {"item": 4.0, "model_item": 2.25, "seed": 1.0, "seed_item": 0.64}
    blocks = [
        2.0 * rng.normal(size=(1, 1, n)) + 1.5 * rng.normal(size=(m, 1, n)) + rng.normal(size=(m, s, 1))
        + 0.8 * rng.normal(size=(m, s, n)) for _ in range(4)
    ]  # fmt: skip

    found = within_items(blocks)

    for name, value in truth.items():
        assert getattr(found, name) == pytest.approx(value, rel=0.15), name
    assert (found.seeds, found.items) == (6, 400)


def test_sizes_inside_cells_are_binomial():
    """Accuracies give p (1 − p) an item."""
    found = within_sizes(np.array([[0.8, 0.5]]), np.ones((1, 2), bool), np.array([[100.0, 50.0]]))

    assert found.model_item == pytest.approx((0.16 + 0.25) / 2)
    assert found.items == pytest.approx(1 / np.mean([1 / 100, 1 / 50]))


def test_power_is_the_noncentral_t():
    """Power of the paired t test by SciPy's noncentral t, and 0.05 without an effect."""
    for effect, n in ((0.5, 10), (1.0, 6), (0.2, 100)):
        limit = scipy.stats.t.ppf(0.975, n - 1)
        shift = effect * np.sqrt(n)
        exact = scipy.stats.nct.sf(limit, n - 1, shift) + scipy.stats.nct.cdf(-limit, n - 1, shift)
        assert paired_power(effect, 1.0, n) == pytest.approx(exact, abs=1e-8)
    assert paired_power(1e-12, 1.0, 8) == pytest.approx(0.05)


def test_needed_units_and_detectable_effect_are_inverse():
    """The effect that n units detect needs n units."""
    for n in (3, 6, 20, 100):
        effect = detectable_effect(2.0, n)
        assert units_needed(effect, 2.0) == n
        assert paired_power(effect, 2.0, n) == pytest.approx(0.8, abs=1e-6)
    assert units_needed(1e-9, 1.0) is None


def test_units_for_a_width_are_the_fewest():
    """That many units give the width, one fewer does not."""
    for reach in (0.1, 0.5, 2.0):
        n = units_for_width(reach, 1.0)
        half = [scipy.stats.t.ppf(0.975, k - 1) / np.sqrt(k) for k in (n, n - 1) if k > 1]
        assert half[0] <= reach
        assert n == 2 or half[1] > reach
    assert units_for_width(1e-9, 1.0) is None
    with pytest.raises(UsageError):
        units_for_width(0.0, 1.0)


def test_many_tasks_approach_the_normal_formula():
    """For large n the needed number is (z_{α/2} + z_β)² σ² / δ², 7.85 σ²/δ²."""
    assert units_needed(0.05, 1.0) == pytest.approx(7.849 / 0.05**2, rel=0.01)


def test_seeds_and_items_for_these_tasks_follow_their_formulas():
    """N = 7.85 · 2 σ² / (T δ²) where the other level has no error, and None where it forbids it."""
    seeds = Within(seed=4.0, seeds=1, measured=("seed",))
    assert runs_for_these_tasks(1.0, seeds, 10) == int(np.ceil(7.8489 * 2 * 4.0 / 10))
    items = Within(model_item=0.2, seed=1.0, seeds=1, items=100, measured=("seed", "item"))
    assert items_for_these_tasks(0.5, items, 10) is None
    assert runs_for_these_tasks(1e-6, items, 10) is None


def test_chance_of_right_order_is_normal():
    """Φ(δ √(T / 2σ²))."""
    rng = np.random.default_rng(2)
    components = variance_components(scores := _table(rng), _whole(scores))

    expected = scipy.stats.norm.cdf(1.0 * np.sqrt(9 / (2 * components.cell)))

    assert chance_of_right_order(1.0, components, 9) == pytest.approx(expected)
    assert difference_error(components) == pytest.approx(np.sqrt(2 * components.cell))


def _with_parts(interaction, seed):
    """Components with a known interaction and seed variance at one seed."""
    rng = np.random.default_rng(0)
    base = variance_components(scores := _table(rng), _whole(scores))
    return Components(
        model=base.model, task=base.task, model_task=base.model_task, seed=base.seed, item=base.item,
        cell=interaction + seed, between_models=1.0, between_tasks=1.0,
        within=Within(seed=seed, seeds=1, measured=("seed",)), models=12, tasks=9, df=88,
    )  # fmt: skip


def test_best_seeds_follow_the_square_root_rule():
    """S′ = √((σ²_seed / σ²_interaction) (cost of a task / cost of a run))."""
    assert best_seeds(_with_parts(1.0, 4.0), cost_task=9.0, cost_run=1.0) == 6
    assert best_seeds(_with_parts(4.0, 1.0), cost_task=1.0, cost_run=1.0) == 1
    with pytest.raises(UsageError):
        best_seeds(_with_parts(1.0, 1.0), cost_task=0.0, cost_run=1.0)


def test_more_seeds_lower_the_error_down_to_the_interaction():
    """Error of a mean: (σ²_interaction + σ²_seed / S) / T."""
    components = _with_parts(1.0, 4.0)

    assert components.error(10) == pytest.approx(0.5)
    assert components.error(10, seeds=4) == pytest.approx(0.2)


def test_bad_requests_are_refused():
    """No effect, impossible power and wrong shapes are named."""
    with pytest.raises(UsageError, match="equal models"):
        units_needed(0.0, 1.0)
    with pytest.raises(UsageError, match="power"):
        detectable_effect(1.0, 5, power=0.01)
    with pytest.raises(UsageError, match="at least 2"):
        detectable_effect(1.0, 1)
    with pytest.raises(ShapeError):
        variance_components(np.ones(3), np.ones(3, bool))
