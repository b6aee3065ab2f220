"""Coverage, error rates and power of the ranking statistics, from simulated truth.

Short versions run by default; the long ones are marked slow. Each names its generator, and a binomial test at 1 in
1,000 judges it, so that a failure means a fault and not bad luck.
"""

import numpy as np
import pytest
from scipy import special

from assay.stats.components import variance_components, within_seeds
from assay.stats.differences import probability_best, probability_of_superiority
from assay.stats.means import means_of_these_tasks, means_over_tasks
from assay.stats.power import detectable_effect, difference_error, paired_power
from assay.stats.rank_sets import rank_sets
from assay.stats.rank_sets_again import rank_sets_of_these_tasks
from assay.stats.reliability import dependability, generalizability, predicted_reliability
from assay.stats.task_errors import item_errors, seed_errors, size_errors
from assay.stats.versions import compare_versions, implausible_scores

MODELS = 10


def _at_least(hits, n, share):
    """Fails when so few hits would be rarer than 1 in 1,000 if the true share were `share`."""
    assert special.bdtr(hits, n, share) > 1e-3, f"{hits / n:.3f} of {n}, expected at least {share}"


def _at_most(hits, n, share):
    """Fails when so many hits would be rarer than 1 in 1,000 if the true share were `share`."""
    assert special.bdtrc(hits - 1, n, share) > 1e-3, f"{hits / n:.3f} of {n}, expected at most {share}"


def _noise(kind, rng, shape):
    if kind == "tails":
        return rng.standard_t(3, size=shape) / np.sqrt(3)
    return rng.normal(size=shape)


def _covered(found, truth):
    best = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
    worst = len(truth) - (truth[None, :] < truth[:, None]).sum(axis=1)
    return bool((found.low <= best).all() and (found.high >= worst).all())


def _joint_coverage(t, gap, kind, missing, repetitions, resamples=500):
    rng = np.random.default_rng([t, int(gap * 100), len(kind), int(missing * 100)])
    truth = gap * np.arange(MODELS)
    hits = 0
    for _ in range(repetitions):
        scores = truth[:, None] + 2 * rng.normal(size=t) + _noise(kind, rng, (MODELS, t))
        present = rng.random(scores.shape) >= missing
        hits += _covered(rank_sets(scores, present=present, resamples=resamples, rng=rng), truth)
    return hits


@pytest.mark.parametrize("t", [6, 10, 20, 57])
@pytest.mark.parametrize(
    ("gap", "kind", "missing"),
    [(0.0, "normal", 0.0), (0.1, "normal", 0.0), (0.0, "tails", 0.0), (0.0, "normal", 0.2)],
    ids=["equal", "small gaps", "heavy tails", "missing"],
)
def test_rank_sets_cover_jointly(t, gap, kind, missing):
    """Ten models: all rank sets hold at once in at least 93 % of tables, at nominal 95 %."""
    _at_least(_joint_coverage(t, gap, kind, missing, 250), 250, 0.93)


@pytest.mark.slow
@pytest.mark.parametrize("t", [6, 10, 20, 57])
@pytest.mark.parametrize(("gap", "kind", "missing"), [(0.0, "normal", 0.0), (0.1, "tails", 0.2), (0.0, "tails", 0.2)])
def test_rank_sets_cover_jointly_in_full(t, gap, kind, missing):
    """The same with 2,000 tables and gaps, tails and missing cells together."""
    _at_least(_joint_coverage(t, gap, kind, missing, 2000, resamples=2000), 2000, 0.93)


def test_rank_sets_are_not_vacuous():
    """Ten models 1.5 residual standard deviations apart on 10 tasks: sets of width 2 at most, in the mean."""
    rng = np.random.default_rng(12)
    widths = []
    for _ in range(60):
        scores = 1.5 * np.arange(MODELS)[:, None] + rng.normal(size=(MODELS, 10))
        found = rank_sets(scores, resamples=500, rng=rng)
        widths.append((found.high - found.low).mean())

    assert np.mean(widths) + 3 * np.std(widths) / np.sqrt(60) < 1.0


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_rank_sets_of_these_tasks_cover_jointly(missing):
    """Seven models with shared items on four tasks: all rank sets hold at once in 93 % of tables or more."""
    rng = np.random.default_rng(13)
    hits = 0
    for _ in range(300):
        truth = np.repeat([0.0, 0.3], [4, 3])
        items = [truth[:, None, None] + rng.normal(size=(1, 1, 60)) + rng.normal(size=(7, 1, 60)) for _ in range(4)]
        for block in items:
            block[rng.random(7) < missing] = np.nan
        hits += _covered(rank_sets_of_these_tasks(item_errors(items), resamples=500, rng=rng), truth)
    _at_least(hits, 300, 0.93)


def test_rank_sets_of_these_tasks_cover_with_few_seeds():
    """Six equal models, three tasks, three seeds: 93 % or more hold jointly, though the errors are estimated."""
    rng = np.random.default_rng(14)
    hits = 0
    for _ in range(300):
        runs = 5 * rng.normal(size=(1, 3, 1)) + rng.normal(size=(6, 3, 3))
        errors = seed_errors(runs, np.ones_like(runs, bool))
        hits += _covered(rank_sets_of_these_tasks(errors, resamples=500, rng=rng), np.zeros(6))
    _at_least(hits, 300, 0.93)


@pytest.mark.parametrize("t", [3, 6, 10, 20])
@pytest.mark.parametrize("name", ["normal", "accuracies", "tails"])
def test_means_over_other_tasks_cover(t, name):
    """Between 93 and 97 % of 95 % intervals hold the mean over other such tasks, from 3 tasks on."""
    rng = np.random.default_rng([t, len(name)])
    draw = {"normal": lambda shape: rng.normal(size=shape), "accuracies": lambda shape: rng.beta(8, 2, shape) - 0.8,
            "tails": lambda shape: rng.standard_t(3, size=shape)}[name]  # fmt: skip
    found = means_over_tasks(draw((3000, t)), resamples=400, rng=rng)
    hits = sum(e.low <= 0 <= e.high for e in found)
    _at_least(hits, 3000, 0.93)
    _at_most(hits, 3000, 0.97)


@pytest.mark.parametrize("t", [3, 6, 20])
@pytest.mark.parametrize("s", [2, 3, 5])
@pytest.mark.parametrize("ratio", [1, 4])
def test_means_of_these_tasks_cover_with_seeds(t, s, ratio):
    """Between 93 and 97 % from 3 tasks and 2 seeds on, with noise equal or 1:4 between tasks."""
    rng = np.random.default_rng([t, s, ratio])
    runs = np.linspace(1, ratio, t)[:, None] * rng.normal(size=(4000, t, s))
    found = means_of_these_tasks(seed_errors(runs, np.ones_like(runs, bool)))
    hits = sum(e.low <= 0 <= e.high for e in found)
    _at_least(hits, 4000, 0.93)
    _at_most(hits, 4000, 0.97)


@pytest.mark.parametrize(("t", "n", "p"), [(3, 100, 0.7), (3, 300, 0.95), (20, 100, 0.9)])
def test_means_of_these_tasks_cover_with_sizes(t, n, p):
    """Between 93 and 97 % for accuracies of which only the test sizes are known."""
    rng = np.random.default_rng([t, n])
    scores = rng.binomial(n, p, size=(4000, t)) / n
    found = means_of_these_tasks(size_errors(scores, np.ones_like(scores, bool), np.full(scores.shape, float(n))))
    hits = sum(e.low <= p <= e.high for e in found)
    _at_least(hits, 4000, 0.93)
    _at_most(hits, 4000, 0.97)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_means_of_these_tasks_cover_with_seeds_and_items(share):
    """Between 93 and 97 % for 5 seeds crossed with 100 items, seeds holding none or half of the variance."""
    rng = np.random.default_rng(int(share * 10))
    seed_sd = np.sqrt(share / (1 - share + 1e-12) * (1 / 100 + 1 / 500) * 5) if share else 0.0
    blocks = [
        seed_sd * rng.normal(size=(1500, 5, 1)) + rng.normal(size=(1500, 1, 100)) + rng.normal(size=(1500, 5, 100))
        for _ in range(3)
    ]
    found = means_of_these_tasks(item_errors(blocks))
    hits = sum(e.low <= 0 <= e.high for e in found)
    _at_least(hits, 1500, 0.93)
    _at_most(hits, 1500, 0.97)


def test_reliability_intervals_cover():
    """Feldt's interval of G and the one of Φ hold the true value in 93 % or more of additive tables."""
    rng = np.random.default_rng(21)
    g_true, phi_true = 1 / (1 + 1 / 8), 1 / (1 + (4 + 1) / 8)
    g_hits, phi_hits = 0, 0
    for _ in range(600):
        scores = rng.normal(size=(15, 1)) + 2 * rng.normal(size=(1, 8)) + rng.normal(size=(15, 8))
        components = variance_components(scores, np.ones(scores.shape, bool))
        g, phi = generalizability(components), dependability(components)
        g_hits += g.low <= g_true <= g.high
        phi_hits += phi.low <= phi_true <= phi.high
    _at_least(g_hits, 600, 0.93)
    _at_least(phi_hits, 600, 0.93)


def test_williams_interval_of_the_model_component_covers():
    """The interval of σ²_model holds the truth in 93 % or more, and that of the residual too."""
    rng = np.random.default_rng(22)
    hits, rest = 0, 0
    for _ in range(600):
        scores = rng.normal(size=(10, 1)) + 1.5 * rng.normal(size=(10, 6))
        found = variance_components(scores, np.ones(scores.shape, bool))
        hits += found.model.low <= 1.0 <= found.model.high
        rest += found.model_task.low <= 2.25 <= found.model_task.high
    _at_least(hits, 600, 0.93)
    _at_least(rest, 600, 0.93)


def test_reliability_predicted_from_half_of_the_tasks_holds_for_the_other():
    """Tasks of three kinds with unequal noise: the 90 % prediction holds in 85 % or more of halves."""
    rng = np.random.default_rng(23)
    hits, n = 0, 0
    for _ in range(200):
        kind = rng.integers(0, 3, 20)
        ability = rng.normal(size=(20, 1)) + 0.7 * rng.normal(size=(20, 3))[:, kind]
        scores = ability * rng.uniform(0.5, 1.5, 20) + rng.uniform(0.3, 1.2, 20) * rng.normal(size=(20, 20))
        order = rng.permutation(20)
        here, there = scores[:, order[:10]], scores[:, order[10:]]
        predicted = predicted_reliability(here, np.ones(here.shape, bool), tasks=10, level=0.9)
        other = generalizability(variance_components(there, np.ones(there.shape, bool)))
        if predicted.known:
            n += 1
            hits += predicted.low <= other.value <= predicted.high
    assert n >= 190
    _at_least(hits, n, 0.85)


@pytest.mark.parametrize("t", [3, 6, 10, 30])
def test_the_detectable_effect_is_detected(t):
    """The effect predicted from a pilot's components is within 15 % of the one that simulated tests find."""
    rng = np.random.default_rng([31, t])
    predictions = []
    for _ in range(15):
        cell = 3 * rng.normal(size=(20, 1)) + 8 * rng.normal(size=(1, 8)) + 2 * rng.normal(size=(20, 8))
        runs = cell[:, :, None] + 1.5 * rng.normal(size=(20, 8, 3))
        within = within_seeds(runs, np.ones_like(runs, bool))
        components = variance_components(runs.mean(axis=2), np.ones(cell.shape, bool), within=within)
        predictions.append(detectable_effect(difference_error(components), t))
    noise = np.sqrt(2 * (4 + 2.25 / 3)) * rng.normal(size=(8000, t))
    limit = special.stdtrit(t - 1, 0.975) * noise.std(axis=1, ddof=1) / np.sqrt(t)
    simulated = np.quantile(limit - noise.mean(axis=1), 0.8)

    assert np.mean(predictions) / simulated == pytest.approx(1, abs=0.15)
    assert paired_power(simulated, np.sqrt(2 * (4 + 2.25 / 3)), t) == pytest.approx(0.8, abs=0.03)


def test_the_chance_to_be_best_is_calibrated():
    """Of models given a chance of 20 to 60 or 60 to 95 %, about that share is the best."""
    rng = np.random.default_rng(41)
    said, was = [], []
    for _ in range(300):
        truth = 0.5 * rng.normal(size=8)
        scores = truth[:, None] + rng.normal(size=(8, 10))
        said.append(probability_best(scores, np.ones(scores.shape, bool), draws=600, rng=rng))
        was.append(np.arange(8) == truth.argmax())
    said, was = np.concatenate(said), np.concatenate(was)
    for low, high in ((0.0, 0.2), (0.2, 0.6), (0.6, 0.95)):
        here = (said >= low) & (said < high)
        error = np.sqrt(said[here].mean() * (1 - said[here].mean()) / here.sum())
        assert abs(said[here].mean() - was[here].mean()) < 4 * error + 0.02


@pytest.mark.parametrize("paired", [True, False])
def test_the_probability_of_superiority_covers(paired):
    """5 seeds on 3 tasks: the interval holds the truth in 93 % or more, for equal and for unequal models."""
    rng = np.random.default_rng(int(paired))
    for shift in (0.0, 1.0):
        truth = special.ndtr(shift / np.sqrt(2))
        hits = 0
        for _ in range(500):
            found = probability_of_superiority(
                rng.normal(size=(3, 5)) + shift, rng.normal(size=(3, 5)), paired=paired
            )  # fmt: skip
            hits += found.low <= truth <= found.high
        _at_least(hits, 500, 0.93)


def _honest(rng, m=40, t=10):
    table = 70 + 6 * rng.normal(size=(m, 1)) + 12 * rng.normal(size=(1, t)) + 3 * rng.normal(size=(m, t))
    return np.clip(table, 3, 99.5)


@pytest.mark.parametrize("tails", [None, 2])
def test_planted_faults_are_found_and_honest_cells_are_not_flagged(tails):
    """Chance scores, swapped columns and changed metrics: 95 of 100 found, at most 0.5 % of honest cells flagged."""
    rng = np.random.default_rng(51)
    found, planted, false, cells = 0, 0, 0, 0
    for trial in range(60):
        before = _honest(rng)
        noise = 0.3 * rng.normal(size=before.shape) if tails is None else 0.1 * rng.standard_t(tails, before.shape)
        after = before + noise
        false += len(compare_versions(before, after).flags)
        cells += before.size
        a, b = rng.choice(10, 2, replace=False)
        if trial % 3 == 0:
            row = int(rng.choice(np.flatnonzero(after[:, a] > 40)))
            after[row, a] = rng.choice([0.1, 1.0, 10.0])
            wanted = {(row, int(a))}
        elif trial % 3 == 1:
            after[:, [a, b]] = after[:, [b, a]]
            wanted = {(i, int(c)) for i in range(40) for c in (a, b)}
        else:
            after[:, a] = 100 - after[:, a] if rng.random() < 0.5 else after[:, a] + (100 - after[:, a]) * 0.6
            wanted = {(i, int(a)) for i in range(40)}
        flags = {(flag.model, flag.task) for flag in compare_versions(before, after).flags}
        found += len(flags & wanted) >= 0.5 * len(wanted)
        planted += 1
    _at_least(found, planted, 0.95)
    _at_most(false, cells, 0.005)


def test_single_tables_are_seldom_flagged():
    """Honest tables without an earlier version: at most 0.5 % of cells are called unlike the rest."""
    rng = np.random.default_rng(52)
    flagged = sum(len(implausible_scores(_honest(rng))) for _ in range(30))
    _at_most(flagged, 30 * 400, 0.005)
