"""Promises of the similarity measures: zero to oneself, invariances, a growing shift in order, known formulas."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import kendalltau, ortho_group

from assay.errors import ShapeError, UsageError
from assay.similarity.cka import linear_cka, rbf_cka
from assay.similarity.frechet import frechet_distance, moments
from assay.similarity.geometry import procrustes_distance, rsa
from assay.similarity.mmd import kid, mmd
from assay.similarity.otdd import otdd
from assay.similarity.proxy_a import proxy_a_distance


@pytest.fixture
def features(rng):
    return rng.normal(size=(120, 16)) @ rng.normal(size=(16, 16))


def test_a_set_is_no_distance_from_itself(features):
    """Fréchet, Procrustes and the Sinkhorn divergence of a set with itself are 0 within 1e-8."""
    labels = np.arange(120) % 3

    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-8 * moments(features).trace)
    assert procrustes_distance(features, features) == pytest.approx(0, abs=1e-8)
    assert otdd(features, labels, features, labels) == pytest.approx(0, abs=1e-8)


def test_features_are_wholly_similar_to_themselves(features):
    """CKA and RSA of features with themselves are 1."""
    for measure in (linear_cka, rbf_cka, rsa):
        assert measure(features, features) == pytest.approx(1.0)


def test_two_halves_of_one_set_are_within_their_error_of_zero(rng):
    """The unbiased discrepancies of two samples of one distribution centre on 0."""
    ratios = [
        (kid(x[:60], x[60:]).value, mmd(x[:60], x[60:]).value) for x in (rng.normal(size=(120, 8)) for _ in range(200))
    ]
    means, spreads = np.mean(ratios, axis=0), np.std(ratios, axis=0) / np.sqrt(200)

    assert (np.abs(means) < 4 * spreads).all()


def test_rotation_and_scale_change_no_comparison_of_models(features):
    """CKA, RSA's kernel and Procrustes do not see a rotation; CKA and Procrustes do not see a scale."""
    turned = 3.0 * features @ ortho_group.rvs(16, random_state=1)

    assert linear_cka(features, turned) == pytest.approx(1.0)
    assert rbf_cka(features, turned) == pytest.approx(1.0)
    assert procrustes_distance(features, turned) == pytest.approx(0, abs=1e-8)


def test_debiased_alignment_of_unrelated_wide_features_is_about_zero(rng):
    """The plain estimator calls 2,000 random columns for 60 items similar; the debiased one does not."""
    a, b = rng.normal(size=(60, 2000)), rng.normal(size=(60, 2000))

    assert linear_cka(a, b, debiased=False) > 0.9
    assert abs(linear_cka(a, b)) < 0.1


@pytest.mark.parametrize("measure", ["frechet", "mmd", "kid", "pad", "otdd"])
def test_a_growing_shift_is_put_in_its_order(rng, measure):
    """Data sets drawn with a growing shift are ranked by it, Kendall's tau at least 0.95."""
    shifts = np.linspace(0, 1.2, 7)
    labels = np.arange(300) % 3
    centres = 4 * rng.normal(size=(3, 8))
    base = centres[labels] + rng.normal(size=(300, 8))
    others = [centres[labels] + rng.normal(size=(300, 8)) + shift for shift in shifts]
    found = {
        "frechet": lambda x: frechet_distance(base, x),
        "mmd": lambda x: mmd(base, x).value,
        "kid": lambda x: kid(base, x).value,
        "pad": lambda x: proxy_a_distance(base, x, rng=np.random.default_rng(0)).auc,
        "otdd": lambda x: otdd(base, labels, x, labels),
    }[measure]

    assert kendalltau(shifts, [found(x) for x in others]).statistic >= 0.95


def test_the_frechet_distance_agrees_with_the_matrix_square_root(rng):
    """The nuclear-norm form equals the textbook formula, with fewer and with more items than columns."""
    for n in (10, 80):
        a, b = rng.normal(size=(n, 20)) + 1, 2 * rng.normal(size=(90, 20))
        cov_a, cov_b = np.cov(a.T), np.cov(b.T)
        root = np.real(sqrtm(cov_a @ cov_b + 1e-10 * np.eye(20)))
        textbook = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)

        assert frechet_distance(a, b) == pytest.approx(textbook, rel=1e-3)


def test_labels_count_in_the_optimal_transport_distance(rng):
    """The same items under other labels are at a distance; under permuted names of the labels they are not."""
    labels = np.arange(90) % 3
    x = 3 * rng.normal(size=(3, 5))[labels] + rng.normal(size=(90, 5))
    mixed = rng.permutation(labels)

    assert otdd(x, labels, x, (labels + 1) % 3) == pytest.approx(0, abs=1e-8)
    assert otdd(x, labels, x, mixed) > 1.0


def test_shapes_that_do_not_fit_are_refused(features):
    """Each measure says which shapes it got."""
    with pytest.raises(ShapeError, match="16 and 3"):
        frechet_distance(features, features[:, :3])
    with pytest.raises(ShapeError, match="same items"):
        linear_cka(features, features[:5])
    with pytest.raises(UsageError, match="at least 4"):
        linear_cka(features[:3], features[:3])
