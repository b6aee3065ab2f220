"""What every transferability score promises whatever the features are: one row a score, one test a property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UsageError
from assay.transfer import SCORES, Factorisation

FEATURE_SCORES = sorted(name for name, card in SCORES.items() if not card.needs_head)
HEAD_SCORES = sorted(name for name, card in SCORES.items() if card.needs_head)
SHARES = ("knn_loo", "ridge_loo", "few_step_probe")
# LogME compares evidence in the unit of the targets only, so that scale leaves it alone; all others too.
ROUNDING = 1e-6


def task(n=90, d=24, c=3, separation=1.2, seed=0):
    """Classes as Gaussian clouds with uneven variances, off the origin."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % c
    centres = separation * rng.standard_normal((c, d)) / np.sqrt(d) * 2
    x = centres[y] + rng.standard_normal((n, d)) * np.linspace(1.0, 0.1, d) + 0.3
    return x, y


def value(name, x, y):
    return SCORES[name].function(x, y)


def near(name, a, b):
    """Shares of rows may move by one row where two neighbours or classes tie; the others only by rounding."""
    room = 1.5 / 90 if name in SHARES else ROUNDING * max(1.0, abs(a))
    return abs(a - b) <= room


@pytest.mark.parametrize("name", FEATURE_SCORES)
@settings(max_examples=15)
@given(n=st.integers(24, 70), d=st.integers(2, 60), c=st.integers(2, 4), seed=st.integers(0, 99))
def test_a_score_stays_within_its_range(name, n, d, c, seed):
    """Whatever the sizes, a score lies in its stated range, or it says why there is none."""
    x, y = task(n, d, c, seed=seed)
    if name == "h_score" and d >= n - 1:
        with pytest.raises(UsageError, match="shrinkage"):
            value(name, x, y)
        return
    found = value(name, x, y)

    assert SCORES[name].low - 1e-9 <= found <= SCORES[name].high + 1e-9


@pytest.mark.parametrize("name", FEATURE_SCORES)
@pytest.mark.parametrize("extra", [3, 300])
def test_padding_with_zeros_changes_nothing(name, extra):
    """Columns of zeros carry nothing, also where they make the features wider than there are rows."""
    x, y = task()
    padded = np.hstack([x, np.zeros((len(x), extra))])

    assert near(name, value(name, x, y), value(name, padded, y))


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_a_constant_feature_changes_nothing(name):
    """A constant carries nothing beyond an intercept; LogME and cosines see it, by definition, as a shift."""
    if name in ("logme", "knn_loo"):
        pytest.skip("reads features as they are, not centred")
    x, y = task()
    more = np.hstack([x, np.full((len(x), 1), 5.0)])

    assert near(name, value(name, x, y), value(name, more, y))


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_rotation_changes_nothing(name):
    """An orthogonal change of coordinates leaves every score as it is."""
    x, y = task()
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((x.shape[1], x.shape[1])))[0]

    assert near(name, value(name, x, y), value(name, x @ rotation, y))


@pytest.mark.parametrize("name", FEATURE_SCORES)
@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_scale_changes_nothing(name, factor):
    """Features in another unit give the same score."""
    x, y = task()

    assert near(name, value(name, x, y), value(name, factor * x, y))


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_names_of_labels_change_nothing(name):
    """Classes may be numbers in any order, or text."""
    x, y = task()

    assert near(name, value(name, x, y), value(name, x, np.array([7, 2, 5])[y]))
    assert near(name, value(name, x, y), value(name, x, np.array(["oak", "ash", "elm"])[y]))


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_the_order_of_rows_changes_nothing(name):
    """Rows in another order give the same score; nothing is random."""
    x, y = task()
    order = np.random.default_rng(2).permutation(len(x))

    assert near(name, value(name, x, y), value(name, x[order], y[order]))


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_fewer_rows_than_columns(name):
    """With n < d a score is finite and within its range, or it says why there is none."""
    x, y = task(n=40, d=200)
    if name == "h_score":
        with pytest.raises(UsageError, match="span all 40 rows"):
            value(name, x, y)
        return
    found = value(name, x, y)

    assert np.isfinite(found)
    assert SCORES[name].low - 1e-9 <= found <= SCORES[name].high + 1e-9


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_a_class_with_one_row(name):
    """A class of one row breaks nothing."""
    x, y = task()
    y = y.copy()
    y[0] = 9

    assert np.isfinite(value(name, x, y))


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_single_and_double_precision_agree(name):
    """float32 features give the score of the same numbers in float64, since all arithmetic is float64."""
    x, y = task()
    single = x.astype(np.float32)

    assert near(name, value(name, single, y), value(name, single.astype(np.float64), y))


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_shuffled_labels_score_worse(name):
    """With the labels shuffled a score falls, and where it is corrected for chance it falls to zero."""
    x, y = task(n=300, d=12)
    rng = np.random.default_rng(3)
    shuffled = [value(name, x, rng.permutation(y)) for _ in range(10)]

    assert value(name, x, y) > max(shuffled)
    if name in ("h_score", "shrinkage_h_score"):
        assert abs(np.mean(shuffled)) < 0.02
    if name in ("ridge_loo", "knn_loo", "few_step_probe"):
        assert abs(np.mean(shuffled) - 1 / 3) < 0.06


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_a_factorisation_serves_in_place_of_features(name):
    """What is computed once gives the same score, and the input is left as it was."""
    x, y = task()
    before = x.copy()

    assert value(name, Factorisation.of(x), y) == pytest.approx(value(name, x, y), rel=1e-9)
    assert (x == before).all()


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_no_score_reads_a_pool(name):
    """A score of one model takes one model, so that a pool cannot change it; NCTI says which part of it that is."""
    x, y = task()
    other = task(seed=5)[0]
    alone = value(name, x, y)
    value(name, other, y)

    assert value(name, x, y) == alone
    assert SCORES[name].pool_relative == (name == "ncti")


@pytest.mark.parametrize("name", HEAD_SCORES)
def test_scores_of_the_head(name):
    """LEEP and NCE lie between −H(Y) (about, when shuffled) and 0, and order of rows and of source classes is free."""
    rng = np.random.default_rng(4)
    y = np.arange(400) % 4
    theta = rng.dirichlet(np.ones(6) * 0.3, size=400)
    theta[np.arange(400), y] += 1.0
    theta /= theta.sum(axis=1, keepdims=True)
    found = value(name, theta, y)
    order, source = rng.permutation(400), rng.permutation(6)

    assert -np.log(4) < found <= 0
    assert found == pytest.approx(value(name, theta[order], y[order]), abs=1e-12)
    assert found == pytest.approx(value(name, theta[:, source], y), abs=1e-12)
    assert found == pytest.approx(value(name, np.hstack([theta, np.zeros((400, 5))]), y), abs=1e-12)
    assert found == pytest.approx(value(name, theta.astype(np.float32), y), abs=1e-6)
    assert value(name, theta, rng.permutation(y)) == pytest.approx(-np.log(4), abs=0.05)
