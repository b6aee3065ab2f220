"""What must not matter to a ranking: order, names, shifts and scales of scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from assay.stats.aggregates import AGGREGATES
from assay.stats.agreement import tau_b_matrix
from assay.stats.components import variance_components
from assay.stats.differences import paired_differences
from assay.stats.multiplicity import holm
from assay.stats.rank_sets import rank_sets
from assay.stats.reliability import generalizability
from assay.stats.stability import deletion_robustness
from assay.stats.versions import compare_versions

seeds = st.integers(0, 2**31)
few = settings(max_examples=25)


def _table(seed, m=6, t=8, missing=0.0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(m, 1)) + 2 * rng.normal(size=(1, t)) + rng.normal(size=(m, t))
    return np.where(rng.random((m, t)) >= missing, scores, np.nan)


@few
@given(seeds, st.floats(0.01, 100), st.floats(-50, 50))
def test_rank_sets_do_not_feel_a_common_scale_or_task_difficulty(seed, scale, shift):
    """Multiplying all scores, or adding a number to a task, changes no rank set."""
    scores = _table(seed, missing=0.1)
    moved = scale * scores
    moved[:, 2] += shift

    one, other = (rank_sets(x, rng=np.random.default_rng(0)) for x in (scores, moved))

    assert one.beats.tolist() == other.beats.tolist()
    assert one.p_values == pytest.approx(other.p_values)


@few
@given(seeds)
def test_rank_sets_do_not_feel_the_order_of_models_or_tasks(seed):
    """Few enough tasks for all sign patterns: shuffling models and tasks shuffles the answer."""
    scores = _table(seed)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(6), rng.permutation(8)

    one, other = rank_sets(scores, rng=rng), rank_sets(scores[rows][:, columns], rng=rng)

    assert one.low[rows].tolist() == other.low.tolist()
    assert one.high[rows].tolist() == other.high.tolist()
    assert one.p_values[np.ix_(rows, rows)] == pytest.approx(other.p_values)


@few
@given(seeds)
def test_turning_all_scores_round_turns_the_ranks_round(seed):
    """Losses in place of scores give the mirrored rank sets."""
    scores = _table(seed)

    one, other = rank_sets(scores, rng=np.random.default_rng(1)), rank_sets(-scores, rng=np.random.default_rng(1))

    assert one.low.tolist() == (7 - other.high).tolist()
    assert one.beats.tolist() == other.beats.T.tolist()


@few
@given(seeds)
def test_rank_sets_agree_with_themselves(seed):
    """Sets hold at least one rank, somebody may be the best, and nobody beats a model that beats it."""
    found = rank_sets(_table(seed, missing=0.2), rng=np.random.default_rng(2))

    assert (found.low <= found.high).all()
    assert found.tied_with_best.any()
    assert not (found.beats & found.beats.T).any()
    assert found.group.min() == 1


@few
@given(seeds, st.floats(0.1, 10), st.floats(-5, 5))
def test_reliability_does_not_feel_scale_or_difficulty(seed, scale, shift):
    """G is the same for scores in percent, and for tasks made easier by a constant."""
    scores = _table(seed, missing=0.1)
    moved = scale * scores
    moved[:, 0] += shift
    found = [generalizability(variance_components(np.nan_to_num(x), np.isfinite(x))) for x in (scores, moved)]

    assert found[0].value == pytest.approx(found[1].value, abs=1e-9)
    assert found[0].low == pytest.approx(found[1].low, abs=1e-9)


@few
@given(seeds, st.sampled_from(sorted(AGGREGATES)))
def test_aggregates_do_not_feel_the_order_of_models(seed, name):
    """Shuffling the models shuffles every aggregate."""
    scores = _table(seed, missing=0.15)
    scores[:, 0] = np.nan_to_num(scores[:, 0])
    rows = np.random.default_rng(seed).permutation(6)

    assert AGGREGATES[name](scores)[rows] == pytest.approx(AGGREGATES[name](scores[rows]), abs=1e-8)


@few
@given(arrays.arrays(float, st.tuples(st.just(3), st.integers(3, 12)), elements=st.integers(-3, 3).map(float)))
def test_tau_is_symmetric_and_feels_only_the_order(rows):
    """τ_b is symmetric, 1 with itself, and the same for a monotone change of one list."""
    tau, moved = tau_b_matrix(rows), tau_b_matrix(np.stack([np.exp(rows[0]), rows[1], rows[2]]))

    assert np.array_equal(tau, tau.T, equal_nan=True)
    assert np.allclose(tau, moved, equal_nan=True)
    known = np.diag(tau)[~np.isnan(np.diag(tau))]
    assert known == pytest.approx(np.ones(len(known)))


@few
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_never_helps(p_values):
    """Adjusted p-values are at least the raw ones, at most 1, and in the same order."""
    p, adjusted = np.array(p_values), holm(p_values)

    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@few
@given(seeds)
def test_differences_are_antisymmetric(seed):
    """The difference of b and a is minus that of a and b, with the same p-value."""
    found = paired_differences(_table(seed, missing=0.2))

    assert np.allclose(found.difference, -found.difference.T, equal_nan=True)
    assert np.allclose(found.p_value, found.p_value.T, equal_nan=True)


@few
@given(seeds, st.floats(0.01, 100))
def test_deletion_does_not_feel_the_scale(seed, scale):
    """The tasks that unseat the leader are the same in percent."""
    scores = _table(seed)
    mask = np.ones(scores.shape, dtype=bool)

    assert deletion_robustness(scores, mask).tasks == deletion_robustness(scale * scores, mask).tasks


@few
@given(seeds)
def test_flags_do_not_feel_the_unit(seed):
    """The same cells are flagged in fractions and in percent."""
    rng = np.random.default_rng(seed)
    before = 60 + 8 * rng.normal(size=(12, 6))
    after = before + 0.2 * rng.normal(size=before.shape)
    after[3, 2] = 1.0

    flags = [{(f.model, f.task, f.kind) for f in compare_versions(before * k, after * k).flags} for k in (1.0, 0.01)]

    assert flags[0] == flags[1]
