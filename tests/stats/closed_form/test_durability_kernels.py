"""Kernels of durability against formulas, exact enumeration and each other."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, norm, t

from assay.assess.durability.regret import ageing
from assay.errors import ShapeError, UnknownNameError, UsageError
from assay.estimate import Estimate
from assay.stats.anytime import RiskBound, expected_delay, log_evidence, raise_bound, source_ceiling
from assay.stats.change_point import change_point
from assay.stats.decomposition import Rows, split_fall
from assay.stats.forecast import choose_forecast, point_forecast
from assay.stats.label_free import Unlabelled, learn, prediction_powered
from assay.stats.label_shift import bbse, class_terms, em_shares
from assay.stats.overlap import effective_size, fit_overlap
from assay.stats.paths import Mixture, fit_paths
from assay.stats.proportion import wilson
from assay.stats.steps import difference_interval, real_steps
from assay.stats.two_way import fit_two_way

NOTHING = RiskBound(n=0, losses=0, low=0.0, when=None)


def test_class_terms_are_the_two_sums_and_add_up_to_the_fall(rng):
    """Σ (π0 − πt) a0 and Σ πt (a0 − at), to rounding."""
    y0, y1 = rng.integers(0, 3, 500), rng.choice(3, 400, p=[0.6, 0.3, 0.1])
    s0, s1 = (rng.random(500) < 0.9 - 0.1 * y0).astype(float), (rng.random(400) < 0.8 - 0.1 * y1).astype(float)
    found = class_terms(y0, s0, y1, s1, classes=3)
    p0, p1 = (np.bincount(y, minlength=3) / len(y) for y in (y0, y1))
    a0, a1 = (np.array([s[y == k].mean() for k in range(3)]) for y, s in ((y0, s0), (y1, s1)))

    np.testing.assert_allclose(found.label, (p0 - p1) * a0, atol=1e-14)
    np.testing.assert_allclose(found.within, p1 * (a0 - a1), atol=1e-14)
    assert found.label.sum() + found.within.sum() == pytest.approx(s0.mean() - s1.mean(), abs=1e-12)


def test_class_terms_errors_are_those_of_a_bootstrap(rng):
    """The influence functions give the spread that resampling gives."""
    y0, y1 = rng.integers(0, 2, 800), rng.choice(2, 600, p=[0.7, 0.3])
    s0, s1 = (rng.random(800) < 0.95 - 0.3 * y0).astype(float), (rng.random(600) < 0.9 - 0.2 * y1).astype(float)
    found = class_terms(y0, s0, y1, s1, classes=2)
    draws = []
    for _ in range(600):
        i, j = rng.integers(0, 800, 800), rng.integers(0, 600, 600)
        again = class_terms(y0[i], s0[i], y1[j], s1[j], classes=2)
        draws.append((again.label.sum(), again.within.sum()))
    spread = np.std(draws, axis=0)

    assert found.label_error == pytest.approx(spread[0], rel=0.12)
    assert found.within_error == pytest.approx(spread[1], rel=0.12)


def test_a_class_without_a_past_counts_as_a_changed_mix():
    """All of the effect of a new class stands in the label term, and the terms still add up."""
    found = class_terms(
        np.array([0, 0, 1]), np.array([1.0, 1, 0]), np.array([0, 2, 2]), np.array([1.0, 0, 1]), classes=3
    )

    assert found.within[2] == 0
    assert found.label.sum() + found.within.sum() == pytest.approx(2 / 3 - 2 / 3, abs=1e-12)
    with pytest.raises(ShapeError):
        class_terms(np.array([], dtype=int), np.array([]), np.array([0]), np.array([1.0]), classes=1)


def two_classes(n, share, rng):
    y = (rng.random(n) < share).astype(int)
    x = y + 0.9 * rng.standard_normal(n)
    p = 1 / (1 + np.exp(-(x - 0.5) / 0.81))
    return y, np.column_stack([1 - p, p])


def test_shares_of_classes_are_found_without_labels(rng):
    """Under pure label shift both estimators find the true share."""
    y0, p0 = two_classes(8000, 0.5, rng)
    _, p1 = two_classes(8000, 0.8, rng)

    by_labels = bbse(y0, p0.argmax(axis=1), p1.argmax(axis=1), classes=2)
    by_scores = em_shares(y0, p0, p1)
    assert by_labels.shares[1] == pytest.approx(0.8, abs=0.03)
    assert by_scores.shares[1] == pytest.approx(0.8, abs=0.03)


def test_shares_are_refused_where_predictions_tell_nothing(rng):
    """A classifier that guesses, or a class without source rows, gives a reason and no shares."""
    y = rng.integers(0, 2, 1000)

    assert "apart" in bbse(y, rng.integers(0, 2, 1000), y, classes=2).reason
    assert "no rows" in bbse(y * 0, y, y, classes=2).reason
    assert "no rows" in em_shares(y * 0, np.full((1000, 2), 0.5), np.full((10, 2), 0.5)).reason


def test_the_overlap_balances_every_column(rng):
    """Weights e on the source and 1 − e on the window give all columns the same mean in both."""
    x0 = np.column_stack([np.ones(900), rng.standard_normal((900, 3))])
    x1 = np.column_stack([np.ones(500), rng.standard_normal((500, 3)) + 0.4])
    found = fit_overlap(x0, x1)
    left = found.source @ x0 / found.source.sum()
    right = (1 - found.window) @ x1 / (1 - found.window).sum()

    np.testing.assert_allclose(left, right, atol=5e-3)
    assert found.auc > 0.6
    assert effective_size(np.ones(7)) == pytest.approx(7)
    with pytest.raises(ShapeError):
        fit_overlap(x0, x1[:, :2])


def two_samples(rng, n0=900, n1=600, classes=2):
    x0, x1 = rng.standard_normal((n0, 3)), rng.standard_normal((n1, 3)) + 0.3
    y0, y1 = (rng.integers(0, classes, n) for n in (n0, n1))
    s0, s1 = (rng.random(n0) < 0.9 - 0.1 * y0).astype(float), (rng.random(n1) < 0.8 - 0.1 * y1).astype(float)
    make = [np.column_stack([np.ones(len(x)), x]) for x in (x0, x1)]
    return Rows(columns=make[0], target=y0, score=s0), Rows(columns=make[1], target=y1, score=s1)


@pytest.mark.parametrize("order", ["x-y", "y-x"])
def test_the_terms_of_a_split_sum_to_the_fall(rng, order):
    """Label, inputs and relation add up to P0 − Pt to 1e-12, in either order, with a new class too."""
    source, window = two_samples(rng)
    new = replace(window, target=np.where(np.arange(600) < 30, 2, window.target))

    for rows in (window, new):
        found = split_fall(source, rows, order)
        assert found.terms.sum() == pytest.approx(found.fall, abs=1e-12)
        assert found.fall == pytest.approx(source.score.mean() - rows.score.mean(), abs=1e-12)


def test_the_label_term_of_the_split_is_the_exact_one(rng):
    """Under y-x the label term is that of `class_terms`; under x-y there is none."""
    source, window = two_samples(rng)
    exact = class_terms(source.target, source.score, window.target, window.score, classes=2)

    assert split_fall(source, window, "y-x").terms[0] == pytest.approx(exact.label.sum(), abs=1e-12)
    assert split_fall(source, window, "x-y").terms[0] == 0


@pytest.mark.parametrize("order", ["x-y", "y-x"])
def test_influence_functions_are_derivatives(rng, order):
    """A slightly heavier row moves the terms as its influence says."""
    source, window = two_samples(rng)
    found = split_fall(source, window, order)
    mean = found.source_influence.mean(axis=0)
    for row in (3, 77):
        weight = np.ones(900)
        weight[row] += 900 * 1e-4
        moved = split_fall(replace(source, weight=weight), window, order)
        np.testing.assert_allclose((moved.terms - found.terms) / 1e-4, found.source_influence[row] - mean, atol=4e-3)


def test_a_split_without_a_common_class_is_refused(rng):
    """With no class in common the order that starts with classes has no meaning."""
    source, window = two_samples(rng)
    with pytest.raises(ShapeError, match="no class of the window"):
        split_fall(source, replace(window, target=window.target + 5), "y-x")


def test_the_anytime_bet_is_the_mixture_integral():
    """E is the Beta-mixed likelihood above the level, over the likelihood at the level."""
    level, losses, n = 0.1, 9.0, 40.0
    above = quad(lambda p: p**losses * (1 - p) ** (n - losses) * beta.pdf(p, 1, 3), level, 1)[0] / beta.sf(level, 1, 3)
    expected = above / (level**losses * (1 - level) ** (n - losses))

    assert np.exp(log_evidence(np.array([losses]), np.array([n]), level)[0]) == pytest.approx(expected, rel=1e-6)


def test_a_bet_never_wins_from_too_few_losses():
    """Where losses are far below the level, the evidence is nought rather than a rounding error."""
    assert log_evidence(np.array([10.0]), np.array([100_000.0]), 0.3)[0] < 0


def test_the_bound_is_the_same_however_the_labels_come(rng):
    """One call with all labels or many calls with some end at the same bound."""
    losses = (rng.random(6000) < 0.17).astype(int)
    once = raise_bound(NOTHING, losses, floor=0.11, alpha=0.04)
    bit = NOTHING
    for part in np.array_split(losses, 23):
        bit = raise_bound(bit, part, floor=0.11, alpha=0.04)

    assert bit == once
    assert 0.11 < once.low < 0.17
    with pytest.raises(ShapeError):
        raise_bound(NOTHING, np.array([0.5]), floor=0.1, alpha=0.05)


def test_the_source_ceiling_is_clopper_and_pearson_and_the_delay_is_consistent():
    """The ceiling is the exact binomial bound; the expected delay is where expected counts reject."""
    assert source_ceiling(500, 5000, alpha=0.05) == pytest.approx(beta.ppf(0.95, 501, 4500))
    assert source_ceiling(5, 5, alpha=0.05) == 1
    with pytest.raises(UsageError):
        source_ceiling(0, 0, alpha=0.05)
    n = expected_delay(0.15, 0.108, alpha=0.05)
    assert log_evidence(np.array([0.15 * n]), np.array([float(n)]), 0.108)[0] >= np.log(20)
    assert expected_delay(0.10, 0.108, alpha=0.05) is None


def test_the_break_is_found_and_its_p_value_is_exact():
    """Of seven windows all orders are counted: a clean break reaches the least p-value there is."""
    values = np.array([0.9, 0.91, 0.9, 0.8, 0.79, 0.8, 0.81])
    found = change_point(values, np.ones(7), rng=np.random.default_rng(0))

    assert (found.at, found.exact) == (3, True)
    assert found.step == pytest.approx(0.8 - 0.9033333, abs=1e-6)
    assert found.p_value == pytest.approx(2 * 6 * 24 / 5040, abs=1e-9)
    with pytest.raises(ShapeError):
        change_point(values[:4], np.ones(4), rng=np.random.default_rng(0))


def test_a_straight_line_without_noise_is_followed():
    """Slope, forecast and crossing of an exact line come out as the line has them."""
    times = np.arange(8.0)
    found = fit_paths(times, 0.9 - 0.01 * times, np.full(8, 1e-6))

    assert found.slope().centre == pytest.approx(-0.01, rel=0.05)
    assert found.at(10.0).centre == pytest.approx(0.8, abs=0.01)
    low, high = found.at(10.0).interval(0.95)
    assert low < 0.8 < high
    with pytest.raises(ShapeError):
        fit_paths(times[:1], times[:1], times[:1] + 1)
    with pytest.raises(ShapeError):
        fit_paths(times[::-1], times, times + 1)


def test_a_mixture_of_one_is_a_normal():
    """Quantiles of a single component are those of the normal law."""
    one = Mixture(mean=np.array([2.0]), variance=np.array([9.0]), weight=np.array([1.0]))

    assert one.quantile(0.975) == pytest.approx(2 + 3 * norm.ppf(0.975), abs=1e-6)
    assert one.widened(16.0).quantile(0.5) == pytest.approx(2.0, abs=1e-6)


def test_many_windows_are_averaged_first():
    """A curve of a thousand windows is fitted in the same way."""
    times = np.arange(1000.0)
    found = fit_paths(times, 0.9 - 1e-4 * times, np.full(1000, 1e-5))

    assert found.slope().centre == pytest.approx(-1e-4, rel=0.05)


def test_rolling_origin_chooses_what_would_have_been_right():
    """A fall chooses a shape that falls, a level chooses the mean, a jump that stays chooses the last value."""
    times, weights = np.arange(12.0), np.ones(12)
    noise = 0.001 * np.random.default_rng(3).standard_normal(12)
    fall = choose_forecast(times, 0.9 - 0.01 * times + noise, weights, horizon=3)
    level = choose_forecast(times, 0.9 + noise, weights, horizon=3)
    jump = choose_forecast(times, np.where(times < 3, 0.9, 0.7) + noise, weights, horizon=3)

    assert fall.method == "linear"
    assert level.method == "mean"
    assert jump.method in ("last", "exponential to a floor")
    assert choose_forecast(times[:2], times[:2], weights[:2], horizon=3).method == "mean"


def test_point_forecasts_are_their_formulas():
    """Mean, last, shrunken line and best exponential."""
    times, values, weights = np.arange(5.0), np.array([5.0, 4, 3, 2, 1]), np.ones(5)

    assert point_forecast("mean", times, values, weights, 9) == 3
    assert point_forecast("last", times, values, weights, 9) == 1
    assert point_forecast("linear", times, values, weights, 6) == pytest.approx(-1)
    curve = 0.7 + 0.2 * np.exp(-2 * times / 4)
    assert point_forecast("exponential to a floor", times, curve, weights, 8) == pytest.approx(0.7 + 0.2 * np.exp(-4))


def test_the_difference_of_two_shares_is_newcombes_method_10():
    """56/70 against 48/80: 0.2 with interval 0.0524 to 0.3339, as published."""
    parts = []
    for hits, n in ((56, 70), (48, 80)):
        low, high = wilson(hits, n)
        parts.append(Estimate(name="p", value=hits / n, low=low, high=high, level=0.95))

    assert difference_interval(*parts) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert difference_interval(parts[0], replace(parts[1], low=None)) is None


def test_steps_are_judged_together():
    """One large step among many small ones is real; the p-values are Holm's."""
    values = np.array([0.9, 0.9, 0.8, 0.8, 0.81])
    real, adjusted = real_steps(values, np.full(5, 0.01))

    assert real.tolist() == [False, True, False, False]
    assert adjusted[1] == pytest.approx(4 * 2 * norm.sf(0.1 / np.hypot(0.01, 0.01)))
    assert real_steps(values[:1], values[:1])[0].size == 0


def test_prediction_powered_is_unbiased_and_equals_the_plain_mean_without_help(rng):
    """A useless guess has weight near nought; a perfect one removes the error of the labels."""
    score = (rng.random(200) < 0.8).astype(float)
    useless = prediction_powered(score, np.full(200, 0.7), np.full(1000, 0.7))
    everyone = (rng.random(3000) < 0.8).astype(float)
    perfect = prediction_powered(everyone[:300], everyone[:300], everyone[300:])

    assert (useless.value, useless.weight) == (pytest.approx(score.mean()), 0.0)
    assert perfect.value == pytest.approx(everyone.mean(), abs=1e-9)
    assert perfect.error < np.sqrt(0.16 / 300)
    with pytest.raises(ShapeError):
        prediction_powered(score[:1], score[:1], score)


@pytest.mark.parametrize("method", ["cbpe", "atc", "doc", "importance", "regression"])
def test_each_label_free_method_returns_the_source_score_on_the_source(rng, method):
    """Asked about the rows it learned from, each method says what they scored."""
    y, score = two_classes(4000, 0.5, rng)
    label = score.argmax(axis=1)
    rows = Unlabelled(label=label, confidence=score.max(axis=1), columns=np.column_stack([np.ones(4000), score[:, 1]]))
    right = (label == y).astype(float)
    guess, error = learn(method, rows, right).expected(rows)

    assert guess.mean() == pytest.approx(right.mean(), abs=0.003)
    assert 0 < error < 0.02


def test_label_free_methods_refuse_what_they_cannot_use():
    """Unknown names, missing confidences and empty sources are refused."""
    rows = Unlabelled(label=np.zeros(3, dtype=int), confidence=None, columns=np.ones((3, 1)))
    with pytest.raises(UnknownNameError):
        learn("magic", rows, np.ones(3))
    with pytest.raises(ShapeError, match="needs probabilities"):
        learn("atc", rows, np.ones(3))
    with pytest.raises(ShapeError):
        learn("regression", rows, np.ones(2))


def test_ageing_and_difficulty_are_told_apart():
    """A triangle made of known difficulties and a known slope gives them back."""
    difficulty, slope = np.array([2.0, 1.0, 1.5, 0.5, 1.8]), -0.2
    window, age = np.array([(w, w - o) for o in range(5) for w in range(o, 5)]).T
    p = 1 / (1 + np.exp(-(difficulty[window] + slope * age)))
    found = fit_two_way(1e6 * p, np.full(len(p), 1e6), age.astype(float), window, level=0.95)

    assert found.slope == pytest.approx(slope, abs=1e-4)
    np.testing.assert_allclose(found.difficulty, difficulty, atol=1e-3)
    assert found.low == pytest.approx(found.high, abs=1e-4)
    with pytest.raises(ShapeError):
        fit_two_way(np.ones(2), np.full(2, 2.0), np.zeros(2), np.array([0, 1]), level=0.95)


def test_the_interval_of_ageing_is_of_the_level_that_it_names(rng):
    """Ends lie a Student quantile of the stated level from the slope, and the estimate names that level."""
    window, age = np.array([(w, w - o) for o in range(6) for w in range(o, 6)]).T
    count = np.full(len(age), 200.0)
    fits = {level: fit_two_way(rng.binomial(200, 0.8, len(age)).astype(float), count, age.astype(float), window,
                               level=level) for level in (0.8, 0.95)}  # fmt: skip
    for level, fit in fits.items():
        told = ageing(fit, SimpleNamespace(windows=range(6)), "month")
        assert fit.high - fit.slope == pytest.approx(t.ppf((1 + level) / 2, 4) * fit.error)
        assert told.level == level
