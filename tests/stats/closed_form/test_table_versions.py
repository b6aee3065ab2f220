"""Versions of a table: what is noise, what is a fault, and what is left alone."""

import numpy as np
import pytest
import scipy.special

from assay.errors import ShapeError
from assay.stats.versions import compare_versions, implausible_scores, task_agreement


@pytest.fixture
def before(rng):
    """20 models on 8 tasks, in percent."""
    table = 70 + 6 * rng.normal(size=(20, 1)) + 8 * rng.normal(size=(1, 8)) + 2 * rng.normal(size=(20, 8))
    return np.clip(table, 5, 98)


def _kinds(found):
    return {flag.kind for flag in found.flags}


def test_an_unchanged_table_is_not_flagged(before):
    """The same scores again, or a model and a task more, raise nothing."""
    again = before.copy()
    again[0, 0] = np.nan

    assert compare_versions(before, again).flags == ()
    assert compare_versions(before, again).compared == before.size - 1


def test_a_score_at_chance_is_a_fault_of_the_version_that_has_it(before, rng):
    """A fault is pinned to the later version when it appears, and to the earlier one when it is put right."""
    after = before + 0.2 * rng.normal(size=before.shape)
    broken = after.copy()
    broken[3, 2] = 0.1

    appeared, mended = compare_versions(before, broken).flags, compare_versions(broken, before).flags

    assert [(f.model, f.task, f.kind, f.later) for f in appeared] == [(3, 2, "fault", True)]
    assert [(f.model, f.task, f.kind, f.later) for f in mended] == [(3, 2, "fault", False)]
    assert appeared[0].size == pytest.approx(0.1 - before[3, 2])


def test_a_small_change_beyond_noise_is_no_fault(before, rng):
    """A change that stands out of the noise but fits the model's other scores is called just that."""
    after = before + 0.05 * rng.normal(size=before.shape)
    after[5, 1] += 2.0

    flags = compare_versions(before, after).flags

    assert [(f.model, f.task, f.kind) for f in flags] == [(5, 1, "beyond noise")]


def test_swapped_columns_are_named(before, rng):
    """Both columns are flagged, each with the task whose scores it holds."""
    after = before + 0.2 * rng.normal(size=before.shape)
    after[:, [1, 4]] = after[:, [4, 1]]

    found = compare_versions(before, after, tasks=[f"t{at}" for at in range(8)])

    assert _kinds(found) == {"columns swapped"}
    assert {flag.task for flag in found.flags} == {1, 4}
    assert len(found.flags) == 40
    assert "t4" in next(flag.why for flag in found.flags if flag.task == 1)


@pytest.mark.parametrize(
    "metric", [lambda x: 100 - x, lambda x: x / 100, lambda x: x + 6, lambda x: 100 - 0.4 * (100 - x)]
)
def test_another_metric_for_a_task_is_a_change_of_the_task(before, rng, metric):
    """Error for accuracy, fractions for percent, a shift, top-5 for top-1: the whole task is flagged."""
    after = before + 0.2 * rng.normal(size=before.shape)
    after[:, 6] = metric(after[:, 6])

    found = compare_versions(before, after)

    assert _kinds(found) == {"task changed"}
    assert {flag.task for flag in found.flags} == {6}


@pytest.mark.parametrize("flip", [lambda x: x, lambda x: 100 - x])
def test_another_metric_is_seen_where_most_models_are_at_the_ceiling(before, rng, flip):
    """Top-5 for top-1 hardly moves 13 perfect models; the other 7 moved, all in step, and the task is flagged.

    The same 7 moved either way, as noise would have it, are flagged one by one.
    """
    before[:, 6] = np.where(np.arange(20) < 13, 99.9, np.linspace(30, 80, 20))
    after = before + 0.1 * rng.normal(size=before.shape)
    after[:, 6] = 100 - 0.4 * (100 - after[:, 6])

    found = compare_versions(flip(before), flip(after))

    assert {(flag.task, flag.kind) for flag in found.flags} == {(6, "task changed")}
    after[13::2, 6] = before[13::2, 6] - 20
    assert "task changed" not in _kinds(compare_versions(flip(before), flip(after)))


def test_an_exact_rerun_with_one_fault(before):
    """When nothing else moved there is no noise to learn from, and the one change stands out."""
    after = before.copy()
    after[2, 2] = 1.0

    assert [(f.model, f.task) for f in compare_versions(before, after).flags] == [(2, 2)]


def test_changes_within_a_stated_resolution_pass(before, rng):
    """What the test set cannot resolve is never flagged."""
    after = before + 0.05 * rng.normal(size=before.shape)
    after[5, 1] += 2.0

    assert compare_versions(before, after, resolution=3.0).flags == ()


def test_agreement_of_two_harnesses_is_bland_and_altmans(rng):
    """Bias, limits, concordance and tau of one task; too few models are not judged."""
    x = rng.normal(70, 5, 30)
    y = x + rng.normal(1, 0.2, 30)

    found = task_agreement(x, y)

    assert found.bias == pytest.approx(np.median(y - x))
    assert found.high - found.low == pytest.approx(2 * 1.96 * (y - x).std(ddof=1))
    assert found.comparable is True
    assert task_agreement(x, rng.permutation(y)).comparable is False
    assert task_agreement(x[:3], y[:3]).comparable is None
    assert task_agreement(x[:1], y[:1]).bias is None


def test_a_score_unlike_the_rest_is_seen_in_one_table(before):
    """Without an earlier version a score at chance still stands out, and honest tables stay quiet."""
    broken = before.copy()
    broken[4, 3] = 1.0

    assert implausible_scores(before) == []
    assert [(f.model, f.task, f.kind) for f in implausible_scores(broken)] == [(4, 3, "unlike the rest")]


def test_a_score_above_the_scale_is_impossible(before):
    """105 in a table of percent; negative scores are allowed, as correlations have them."""
    broken = before.copy()
    broken[0, 0], broken[1, 1] = 105.0, -0.4

    kinds = {(f.model, f.task): f.kind for f in implausible_scores(broken)}

    assert kinds[(0, 0)] == "impossible"
    assert kinds.get((1, 1)) in (None, "unlike the rest")


def test_versions_have_one_shape():
    """Tables of different shape are refused."""
    with pytest.raises(ShapeError):
        compare_versions(np.ones((2, 3)), np.ones((3, 2)))


def test_the_limit_follows_the_tails_of_the_noise():
    """Heavier tails give a higher limit in units of the median change: normal near 4, t with 2 df far beyond."""
    rng = np.random.default_rng(0)
    base = 50 + 10 * rng.normal(size=(60, 12))
    limits = {}
    for name, noise in (("normal", rng.normal(size=base.shape)), ("t2", rng.standard_t(2, size=base.shape))):
        found = compare_versions(base, base + 0.01 * noise, resolution=0.0)
        limits[name] = np.median(np.abs(0.01 * noise))
        with_spread = compare_versions(base * 1e-6, base * 1e-6 + 0.01 * noise)
        limits[name] = float(np.median(with_spread.limit)) / limits[name]
        assert found.flags == ()

    expected = scipy.special.stdtrit(2, 0.9995) / scipy.special.stdtrit(2, 0.75)
    assert 3.5 < limits["normal"] < 7
    assert limits["t2"] > 0.4 * expected
