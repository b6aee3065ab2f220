"""Transferability scores against plain definitions, written here the slow way, and against published faults."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from assay.errors import DataError, ShapeError, UsageError
from assay.transfer import (
    Factorisation,
    gbc,
    h_score,
    knn_loo,
    leep,
    lfc,
    logme,
    nce,
    ncti,
    ncti_parts,
    pactran_gauss,
    parc,
    ridge_loo,
    shrinkage_h_score,
    transrate,
)
from assay.transfer.ridge import PENALTIES, ridge_left_out


def task(n=80, d=10, c=4, separation=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % c
    return separation * rng.standard_normal((c, d))[y] + rng.standard_normal((n, d)), y


def log_evidence(x, t, alpha, beta):
    """Log density N(t; 0, I/beta + x xᵀ/alpha), by the n × n covariance."""
    covariance = np.eye(len(t)) / beta + x @ x.T / alpha
    return -0.5 * (t @ np.linalg.solve(covariance, t) + np.linalg.slogdet(covariance)[1] + len(t) * np.log(2 * np.pi))


@pytest.mark.parametrize(("n", "d"), [(60, 7), (30, 80)])
def test_logme_is_the_maximum_of_the_evidence(n, d):
    """LogME equals the best log density of the targets over a grid of both precisions, for n > d and n < d."""
    x, y = task(n, d, 2)
    best = [
        max(log_evidence(x, (y == c).astype(float), a, b) for a in np.geomspace(0.1, 1e4, 70)
            for b in np.geomspace(0.1, 1e9, 90)) / n
        for c in (0, 1)
    ]  # fmt: skip

    assert logme(x, y) == pytest.approx(np.mean(best), abs=2e-3)
    assert logme(x, y) >= np.mean(best) - 1e-9


def test_logme_is_untouched_by_zero_columns():
    """At n = 500, padding 256 columns with zeros to 2,048 changes LogME by less than 1e-6."""
    x, y = task(500, 256, 10, 0.3)
    padded = np.hstack([x, np.zeros((500, 1792))])

    assert abs(logme(x, y) - logme(padded, y)) < 1e-6


def test_logme_prefers_strong_features_to_wide_ones():
    """A strong model of 384 columns beats a weak one of 2,048 at n = 300; all 40 draws are in the benchmark."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        y = rng.integers(5, size=300)
        strong = 0.5 * rng.standard_normal((5, 384))[y] + rng.standard_normal((300, 384))
        weak = 0.12 * rng.standard_normal((5, 2048))[y] + rng.standard_normal((300, 2048))

        assert logme(strong, y) > logme(weak, y)


def test_logme_of_targets_that_features_cannot_explain():
    """Where the features say nothing the evidence is that of noise alone, not infinite."""
    x = np.zeros((40, 5))
    y = np.arange(40) % 2

    assert logme(x, y) == pytest.approx(0.5 * (np.log(2) - 1 - np.log(2 * np.pi)))


def test_h_score_is_pillais_trace():
    """The plain H-score is tr(Σ⁺ Σ_b), and random labels get (c − 1) d/(n − 1) on average."""
    x, y = task()
    mean = x.mean(axis=0)
    between = sum(np.mean(y == c) * np.outer(x[y == c].mean(axis=0) - mean, x[y == c].mean(axis=0) - mean)
                  for c in range(4))  # fmt: skip
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((100, 10))
    null = [h_score(noise, rng.permutation(np.arange(100) % 4), normalised=False) for _ in range(400)]

    assert h_score(x, y, normalised=False) == pytest.approx(np.trace(np.linalg.pinv(np.cov(x.T, bias=True)) @ between))
    assert np.mean(null) == pytest.approx(3 * 10 / 99, abs=0.02)


def test_h_score_refuses_where_it_says_nothing():
    """With as many directions as rows the H-score is c − 1 for any labels, so no number is given."""
    x, y = task(20, 40)

    assert h_score(x, y, normalised=False) == pytest.approx(3)
    with pytest.raises(UsageError, match="shrinkage_h_score"):
        h_score(x, y)


def test_shrinkage_h_score_follows_scikit_learns_ledoit_wolf():
    """The shrunk covariance is Ledoit and Wolf's, as scikit-learn computes it, also with n < d."""
    from sklearn.covariance import ledoit_wolf

    for n, d in ((80, 10), (30, 60)):
        x, y = task(n, d)
        covariance, amount = ledoit_wolf(x)
        mean = x.mean(axis=0)
        between = sum(np.mean(y == c) * np.outer(x[y == c].mean(axis=0) - mean, x[y == c].mean(axis=0) - mean)
                      for c in range(4))  # fmt: skip
        plain = np.trace(np.linalg.solve(covariance, (1 - amount) * between))

        assert shrinkage_h_score(x, y, normalised=False) == pytest.approx(plain, rel=1e-6)


def test_leep_and_nce_by_hand():
    """Two rows a class and a head of two classes: sums that fit on a napkin, with the logarithm."""
    theta = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    y = np.array([0, 0, 1, 1])
    joint = np.array([[1.7, 0.3], [0.7, 1.3]]) / 4
    given = joint / joint.sum(axis=0)
    wanted = np.mean([np.log(theta[i] @ given[y[i]]) for i in range(4)])

    assert leep(theta, y) == pytest.approx(wanted)
    assert nce(theta, y) == pytest.approx(0.0, abs=1e-12)
    assert nce(theta, np.array([0, 1, 0, 1])) == pytest.approx(-np.log(2))


def test_nce_correction_removes_the_bias_of_few_rows():
    """Labels that have nothing to do with a head of 20 classes: the correction brings NCE near −H(Y)."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    heads = [rng.dirichlet(np.ones(20) * 0.1, size=200) for _ in range(20)]
    plain = np.mean([nce(theta, y) for theta in heads])
    corrected = np.mean([nce(theta, y, corrected=True) for theta in heads])

    assert plain > -np.log(2) + 0.03
    assert corrected == pytest.approx(-np.log(2), abs=0.015)


def test_transrate_by_determinants():
    """TransRate equals its definition by log determinants, with classes weighted by their share."""
    x, y = task(60, 5, 3)
    y[:10] = 0
    z = x - x.mean(axis=0)
    z /= np.sqrt((z**2).sum() / len(z))

    def rate(rows):
        return 0.5 * np.linalg.slogdet(np.eye(5) + rows.T @ rows / (len(rows) * 1e-4))[1]

    wanted = rate(z) - sum(np.mean(y == c) * rate(z[y == c]) for c in range(3))

    assert transrate(x, y) == pytest.approx(wanted)


def test_gbc_of_two_gaussians():
    """Two classes of equal variance s² at distance Δ overlap by exp(−Δ²/8s²)."""
    half = np.array([-1.0, 1.0, -1.0, 1.0])
    x = np.concatenate([half, half + 3.0])[:, None]
    y = np.repeat([0, 1], 4)

    assert gbc(x, y) == pytest.approx(-np.exp(-9 / 8))
    assert gbc(x, y, log=True) == pytest.approx(9 / 8)


def test_gbc_counts_the_variance_term_of_every_dimension():
    """With equal means the overlap is the product over dimensions, not one factor for all of them."""
    rng = np.random.default_rng(0)
    narrow = rng.standard_normal((500, 4))
    narrow = (narrow - narrow.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(narrow.T, bias=True))).T
    x, y = np.concatenate([narrow, 3 * narrow]), np.repeat([0, 1], 500)

    assert gbc(x, y) == pytest.approx(-(((2 * 3 / 10) ** 0.5) ** 4), rel=1e-6)


def test_lfc_by_kernels():
    """LFC equals the correlation of the two n × n kernels."""
    x, y = task(40, 6, 3)
    z = x - x.mean(axis=0)
    kernel, same = z @ z.T, np.where(y[:, None] == y, 1.0, -1.0)

    assert lfc(x, y) == pytest.approx(np.corrcoef(kernel.ravel(), same.ravel())[0, 1])


def test_parc_by_scipy():
    """PARC equals SciPy's Spearman correlation of the two lists of distances."""
    x, y = task(40, 6, 3)
    z = Factorisation.of(x).centred.left
    z = z * np.where((z**3).sum(axis=0) < 0, -1, 1)
    lower = np.tril_indices(40, -1)
    distances = (1 - np.corrcoef(z))[lower]
    classes = (1 - np.corrcoef(np.eye(3)[y]))[lower]

    assert parc(x, y) == pytest.approx(100 * spearmanr(distances, np.round(classes, 9)).statistic)


def test_knn_leave_one_out_by_scikit_learn():
    """Leave-one-out accuracy equals that of scikit-learn's classifier fitted n times."""
    x, y = task(60, 8, 3)
    hits = []
    for i in range(60):
        rest = np.arange(60) != i
        model = KNeighborsClassifier(n_neighbors=1, metric="cosine").fit(x[rest], y[rest])
        hits.append(model.predict(x[i : i + 1])[0] == y[i])

    assert knn_loo(x, y, k=1) == pytest.approx(np.mean(hits))


def test_ridge_leave_one_out_by_refitting():
    """The closed form equals n ridge fits with an intercept, at the chosen penalty."""
    x, y = task(50, 8, 3)
    found = ridge_left_out(x, y)
    z = x - x.mean(axis=0)
    penalty = found.penalty * (z**2).sum() / 8
    for i in range(0, 50, 7):
        rest = np.arange(50) != i
        mean, targets = x[rest].mean(axis=0), np.eye(3)[y[rest]]
        weights = np.linalg.solve(
            (x[rest] - mean).T @ (x[rest] - mean) + penalty * np.eye(8), (x[rest] - mean).T @ targets
        )

        assert found.guess[i] == pytest.approx((x[i] - mean) @ weights + targets.mean(axis=0), abs=1e-9)
    assert len(found.errors) == len(PENALTIES)


def test_leave_one_out_of_noise_is_chance_not_below():
    """Balanced classes and features that say nothing: leaving a row out must not name the wrong class each time."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    scores = [ridge_loo(rng.standard_normal((300, 5)), y) for _ in range(10)]

    assert np.mean(scores) == pytest.approx(1 / 3, abs=0.05)


def test_real_targets():
    """Ridge, nearest neighbours and LogME take real targets, and a perfect line has R² near 1."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    t = x @ np.array([1.0, -2.0, 0.5]) + 0.01 * rng.standard_normal(200)

    assert ridge_loo(x, t) > 0.999
    assert knn_loo(x, t) > 0.3
    assert logme(x, t) > logme(x, rng.permutation(t))
    with pytest.raises(UsageError, match="needs classes"):
        h_score(x, t)


def test_pactran_reaches_the_optimum_of_scikit_learn():
    """The regularised risk equals that of scikit-learn's solver, so that the bound is of the minimum."""
    x, y = task(120, 6, 3)
    z = x - x.mean(axis=0)
    z /= np.sqrt((z**2).sum() / len(z))
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(z, y)
    chance = model.predict_proba(z)
    risk = -np.log(chance[np.arange(120), y]).mean() + (model.coef_**2).sum() / 240
    trace = ((chance * (1 - chance)).sum(axis=1) * (z**2).sum(axis=1)).mean()

    assert -pactran_gauss(x, y) == pytest.approx(risk + 18 / 240 * np.log1p(120 * trace / 18), rel=1e-4)


def test_ncti_is_relative_to_its_pool():
    """A third model changes the numbers of the first two, which is why parts are kept and one model is refused."""
    parts = [ncti_parts(*task(separation=s)) for s in (0.3, 1.0, 3.0)]

    assert ncti(parts)[0] != ncti(parts[:2])[0]
    assert ncti(parts)[2] > ncti(parts)[0]
    with pytest.raises(UsageError, match="pool"):
        ncti(parts[:1])


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (np.ones(5), np.arange(5), ShapeError, "two-dimensional|\\(n, d\\)"),
        (np.eye(4), np.arange(3), ShapeError, "one for each row|targets are"),
        (np.array([[1.0, np.nan], [2, 3]]), np.array([0, 1]), DataError, "row 0, column 1"),
        (np.eye(4), np.zeros(4, dtype=int), UsageError, "only one class"),
        (np.ones((4, 3)), np.array([0, 1, 0, 1]), UsageError, "no feature varies"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(x, y, error, words):
    """Wrong shapes, numbers that are not finite, one class and constant features end in a clear error."""
    with pytest.raises(error, match=words):
        gbc(x, y)


def test_logits_are_not_probabilities():
    """LEEP refuses logits and rows that do not sum to one."""
    with pytest.raises(DataError, match="logits"):
        leep(np.array([[-1.0, 2.0], [0.5, 0.5]]), np.array([0, 1]))
    with pytest.raises(DataError, match="sum to 1"):
        leep(np.array([[0.9, 0.3], [0.5, 0.5]]), np.array([0, 1]))
