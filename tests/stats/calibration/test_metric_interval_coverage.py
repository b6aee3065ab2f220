"""Coverage of the metrics' intervals on simulated predictions with known truth, judged by binomial tests."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from assay.metrics import METRICS, difference, interval
from assay.testing.predictions import (
    coin,
    confused,
    confusion,
    in_groups,
    own_columns,
    two_exponentials,
    two_normals,
)


def _share_covered(draw, metric, truth, repetitions, **options):
    """Hits among the intervals that were given, and how many were given."""
    hits = given = 0
    for _ in range(repetitions):
        estimate = interval(metric, *draw(), **options)
        if estimate.low is not None:
            given += 1
            hits += estimate.low <= truth <= estimate.high
    return hits, given


def _assert_covers(hits, given, low=0.93, high=0.97):
    """The coverage is not below `low` and not above `high`, by one-sided binomial tests at 0.1 %."""
    found = f"{hits} of {given} covered"
    assert stats.binomtest(hits, given, low, alternative="less").pvalue > 0.001, found
    assert stats.binomtest(hits, given, high, alternative="greater").pvalue > 0.001, found


CELLS = [
    (coin(0.8), 100),
    (coin(0.95), 1000),
    (confused(confusion([0.5, 0.5], [0.9, 0.7]), name="two classes"), 100),
    (confused(confusion([0.9, 0.1], [0.95, 0.5]), name="a rare class"), 100),
    (confused(confusion([0.1] * 10, np.linspace(0.95, 0.5, 10)), name="ten classes"), 100),
    (confused(confusion([0.2] * 5, [0.8] * 5), name="five classes"), 1000),
    (two_normals(1.0), 100),
    (two_normals(2.0, share=0.1), 100),
    (two_exponentials(6, share=0.2), 300),
    (own_columns(1.5, [0.4, 0.3, 0.3]), 100),
]


@pytest.mark.parametrize(("source", "n"), CELLS, ids=[f"{s.metric}-{n}-{s.name}" for s, n in CELLS])
def test_nominal_95_per_cent_covers_93_to_97(source, n):
    """With ten expected items a class and more, accuracy, macro-F1 and AUROC are covered 93 to 97 % of the time."""
    rng = np.random.default_rng(7)
    repetitions = 1500 if source.metric == "accuracy" else 500

    _assert_covers(*_share_covered(lambda: source.draw(n, rng), source.metric, source.truth, repetitions))


@pytest.mark.parametrize(
    ("source", "n"),
    [
        (confused(confusion([0.95, 0.05], [0.95, 0.6]), name="five items"), 100),
        (confused(confusion([0.05] * 20, [0.8] * 20), name="five items a class"), 100),
        (two_normals(1.5, share=0.04), 100),
        (two_normals(1.0, share=0.06), 100),
    ],
)
def test_few_items_of_a_class_still_cover(source, n):
    """With three to six expected items of a class the intervals are wider and still cover at least 93 %."""
    rng = np.random.default_rng(11)

    _assert_covers(*_share_covered(lambda: source.draw(n, rng), source.metric, source.truth, 500), high=1.0)


def test_intervals_are_not_wide_for_nothing():
    """Where normal theory is exact the mean width is within a tenth of an oracle's that knows the true spread."""
    for source, n in ((coin(0.7), 1000), (CELLS[5][0], 1000), (two_normals(1.0), 1000)):
        rng = np.random.default_rng(3)
        found = [interval(source.metric, *source.draw(n, rng)) for _ in range(150)]
        oracle = 2 * 1.96 * np.std([estimate.value for estimate in found])
        assert np.mean([estimate.width for estimate in found]) / oracle == pytest.approx(1.0, abs=0.17)


@pytest.mark.parametrize("source", [coin(0.8), CELLS[5][0], two_normals(1.0)], ids=lambda source: source.metric)
def test_groups_widen_the_interval_as_they_must(source):
    """Where three in five items are copies within groups, clustering covers and pretending independence does not."""
    rng = np.random.default_rng(5)
    hits = {True: 0, False: 0}
    for _ in range(300):
        drawn, group = in_groups(source, 5, alike=0.6, rng=rng, n=300)
        for grouped in (True, False):
            estimate = interval(source.metric, *drawn, groups=group if grouped else None)
            hits[grouped] += estimate.low <= source.truth <= estimate.high

    _assert_covers(hits[True], 300, low=0.92, high=0.985)
    assert hits[False] / 300 < 0.9


def _gaussian_classes(n, rng, prior, strength, heat):
    """Classes with calibrated probabilities, made overconfident by `heat`."""
    target = rng.choice(len(prior), n, p=prior)
    logit = (strength * np.eye(len(prior))[target] + rng.normal(size=(n, len(prior)))) * strength + np.log(prior)
    logit = heat * (logit - logit.max(axis=1, keepdims=True))
    score = np.exp(logit)
    return target, None, score / score.sum(axis=1, keepdims=True)


OTHERS = [
    "balanced_accuracy",
    "precision_macro",
    "matthews",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
]


@pytest.mark.parametrize("heat", [1.0, 2.5])
def test_the_other_metrics_cover(heat):
    """Every other classification metric covers 92 to 98.5 % at n = 200, of calibrated and of overconfident answers."""
    prior = np.array([0.6, 0.3, 0.1])
    population = _gaussian_classes(400_000, np.random.default_rng(0), prior, 1.5, heat)
    truth = {name: METRICS[name](*population) for name in OTHERS}
    rng = np.random.default_rng(9)
    hits = dict.fromkeys(OTHERS, 0)
    for _ in range(200):
        answers = _gaussian_classes(200, rng, prior, 1.5, heat)
        for name in OTHERS:
            estimate = interval(name, *answers)
            hits[name] += estimate.low <= truth[name] <= estimate.high

    for name in OTHERS:
        _assert_covers(hits[name], 200, low=0.92, high=1.0 if name == "calibration_error" else 0.985)


def test_regression_metrics_cover():
    """Absolute and squared error, R² and Spearman's correlation cover 92 to 98 % at n = 100."""
    names = ["mae", "rmse", "r2", "spearman"]
    truth = {"mae": np.sqrt(2 / np.pi), "rmse": 1.0, "r2": 0.5, "spearman": 6 / np.pi * np.arcsin(np.sqrt(0.5) / 2)}
    rng = np.random.default_rng(1)
    hits = dict.fromkeys(names, 0)
    for _ in range(500):
        value = rng.normal(size=100)
        target = value + rng.normal(size=100)
        for name in names:
            estimate = interval(name, target, value)
            hits[name] += estimate.low <= truth[name] <= estimate.high

    for name in names:
        _assert_covers(hits[name], 500, low=0.92, high=0.98)


def test_differences_of_two_models_cover():
    """The paired interval of a difference covers its truth, and 0 where two models are equally good."""
    rng = np.random.default_rng(2)
    hits = {"accuracy": 0, "f1_macro": 0, "auroc": 0}
    for _ in range(300):
        target = rng.integers(0, 2, 150)
        shared = rng.normal(size=150)
        scores = [target * 1.2 + 0.7 * shared + 0.7 * rng.normal(size=150) for _ in range(2)]
        one, two = (((score > 0.6).astype(int), np.column_stack([-score, score])) for score in scores)
        for name in hits:
            estimate = difference(name, target, one, two)
            hits[name] += estimate.low <= 0 <= estimate.high

    for count in hits.values():
        _assert_covers(count, 300, low=0.93, high=0.975)


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 300, 1000])
def test_every_cell_of_the_benchmark(n):
    """Each generator of the benchmark, 2,000 repetitions: none covers less than 93 %, at most one in ten above 97 %."""
    path = Path(__file__).parents[3] / "benchmarks" / "interval_coverage.py"
    spec = importlib.util.spec_from_file_location("interval_coverage", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    words = []
    for source in benchmark.sources(n):
        rng = np.random.default_rng([n, *source.name.encode()])
        (covered, _), _, refused, _ = benchmark.cell(source, n, 2000, rng, peers=0, resamples=0)
        words.append(benchmark.verdict(covered, 2000 - refused))

    assert words.count("too low") == 0
    assert words.count("wide") <= len(words) / 10
