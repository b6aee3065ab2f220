"""Promises of the similarity measures: zero to oneself, invariances, a growing shift in order, known formulas."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import kendalltau, ortho_group

from assay.errors import ShapeError, UsageError
from assay.similarity import (
    MODEL_MEASURES,
    SET_MEASURES,
    SetFeatures,
    frechet_distance,
    kid,
    label_space_distance,
    lay_out,
    leep_similarity,
    linear_cka,
    mmd,
    model_distances,
    name_vectors,
    nce_similarity,
    otdd,
    procrustes_distance,
    proxy_a_distance,
    rbf_cka,
    set_distances,
)


@pytest.fixture
def features(rng):
    return rng.normal(size=(120, 16)) @ rng.normal(size=(16, 16))


def test_every_measure_of_a_set_with_itself_is_zero(features):
    """All distances between sets, between models, of a perfect head and of equal names are 0 within 1e-8."""
    one = SetFeatures(name="one", x=features, labels=np.arange(120) % 3)
    head, names = np.eye(3)[one.labels], name_vectors(["cat", "dog", "horse"])
    found = set_distances(one, one) | model_distances(features, features)

    assert set(found) == set(SET_MEASURES) | set(MODEL_MEASURES)
    assert np.abs(list(found.values())).max() <= 1e-8
    assert leep_similarity(head, one.labels) == pytest.approx(1.0, abs=1e-8)
    assert nce_similarity(head, one.labels) == pytest.approx(1.0, abs=1e-8)
    assert label_space_distance(names, names) == pytest.approx(0.0, abs=1e-8)


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


@pytest.mark.parametrize(("kind", "concerned"), [
    ("move", ("frechet", "mmd", "kid", "proxy_a", "otdd")), ("turn", ("frechet", "mmd", "otdd", "task2vec")),
])  # fmt: skip
def test_a_growing_shift_is_put_in_its_order(rng, kind, concerned):
    """Sets with a growing shift of all items, or of their classes, are ranked by it, Kendall's tau at least 0.95."""
    steps = np.linspace(0, 1, 6)
    centres, turned = rng.normal(size=(2, 3, 24))

    def draw(step):
        y = rng.integers(3, size=400)
        places = np.cos(step) * centres + np.sin(step) * turned if kind == "turn" else centres
        return SetFeatures(name="x", x=places[y] + rng.normal(size=(400, 24)) + step * (kind == "move"), labels=y)

    base = draw(0.0)
    found = [set_distances(base, draw(step), measures=concerned) for step in steps]

    for name in concerned:
        assert kendalltau(steps, [row[name] for row in found]).statistic >= 0.95, name


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


def test_subsets_by_index_give_what_their_rows_give(rng):
    """Every measure read by index from a pool equals the same measure of those rows alone."""
    from assay.similarity.pooled import Pooled

    x, y = rng.normal(size=(90, 6)), rng.normal(size=(80, 6)) + 0.5
    labels = np.arange(90) % 3, np.arange(80) % 2
    pool = Pooled(x, y, *labels)
    a, b = rng.permutation(90)[:40], 90 + rng.permutation(80)[:30]
    for name, alone in {
        "frechet": frechet_distance(x[a], y[b - 90]),
        "otdd": otdd(x[a], labels[0][a], y[b - 90], labels[1][b - 90]),
        "kid": kid(x[a], y[b - 90]).value,
    }.items():
        assert SET_MEASURES[name].prepare(pool)(a, b) == pytest.approx(alone, rel=1e-9), name


def test_wide_features_take_the_route_over_inner_products(rng):
    """With more columns than items the pooled inner products give the plain formulas' values."""
    from assay.similarity.pooled import Pooled

    x, y = rng.normal(size=(25, 60)), rng.normal(size=(20, 60)) + 0.2
    pool = Pooled(x, y, np.arange(25) % 2, np.arange(20) % 2)

    assert SET_MEASURES["frechet"].prepare(pool)(pool.a, pool.b) == pytest.approx(frechet_distance(x, y), rel=1e-9)
    assert procrustes_distance(x[:20], y) == pytest.approx(
        2 - 2 * np.linalg.svd((x[:20] - x[:20].mean(0)).T @ (y - y.mean(0)), compute_uv=False).sum()
        / np.linalg.norm(x[:20] - x[:20].mean(0)) / np.linalg.norm(y - y.mean(0)), rel=1e-6)  # fmt: skip


def test_a_map_keeps_distances_that_fit_the_plane(rng):
    """Points of a plane are laid out at their own distances, with no stress."""
    points = rng.normal(size=(7, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    laid = lay_out(distances)

    assert np.linalg.norm(laid.places[:, None] - laid.places[None], axis=2) == pytest.approx(distances, abs=1e-3)
    assert laid.stress < 1e-3


def test_proxy_a_of_one_distribution_centres_on_chance(rng):
    """Held-out errors of sets from one distribution are a half on average: leaving out is not tilted by the balance."""
    errors = [proxy_a_distance(x[:60], x[60:], rng=rng).error for x in rng.normal(size=(200, 120, 10))]

    assert np.mean(errors) == pytest.approx(0.5, abs=4 * np.std(errors) / np.sqrt(200))
