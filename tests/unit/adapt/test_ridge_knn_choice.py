"""Ridge against scikit-learn and brute force; neighbours, choices and temperatures against plain definitions."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Peer
from sklearn.neighbors import KNeighborsClassifier

from assay.adapt.choice import best_setting, score_of
from assay.adapt.job import as_predicted
from assay.adapt.knn import KNN
from assay.adapt.linear import measure_scale
from assay.adapt.ridge import RIDGE
from assay.adapt.temperature import fit_temperature, log_loss
from assay.contracts import Predicted
from assay.testing.adapters import feature_job


@pytest.mark.parametrize(("n", "d"), [(90, 6), (60, 200)])
@pytest.mark.parametrize("alpha", [0.1, 30.0, 1e4])
def test_ridge_equals_scikit_learns_on_scaled_features(n, d, alpha):
    """Values agree with sklearn.linear_model.Ridge, with more rows than features and with fewer."""
    job = feature_job("regression", method="ridge", params={"alpha": [alpha]}, n=n, d=d)
    x, y = job.features, job.targets
    scale = measure_scale(x, np.sort(job.train))
    peer = Peer(alpha=alpha, tol=1e-12).fit(scale.apply(x[job.train]), y[job.train])

    (result,) = RIDGE.run([job])

    np.testing.assert_allclose(result.parts["test"].label, peer.predict(scale.apply(x[job.test])), atol=1e-4)


@pytest.mark.parametrize(("n", "d"), [(60, 6), (40, 90)])
def test_leave_one_out_equals_leaving_each_row_out(n, d):
    """The score of every penalty is that of as many refits as there are rows, on features centred once."""
    alphas = [0.5, 20.0, 800.0]
    job = feature_job("regression", method="ridge", params={"alpha": alphas, "choose": "loo"}, n=n, d=d, valid=False)
    scale = measure_scale(job.features, np.sort(job.train))
    z, y = scale.apply(job.features[job.train]), job.targets[job.train]
    wanted = []
    for alpha in sorted(alphas, reverse=True):
        left = [Peer(alpha=alpha, tol=1e-12).fit(np.delete(z, i, 0), np.delete(y, i)).predict(z[i : i + 1])[0]
                for i in range(len(y))]  # fmt: skip
        wanted.append(score_of(Predicted(label=np.array(left)), y, "regression"))

    (result,) = RIDGE.run([job])

    assert result.chosen["chosen_on"] == "loo"
    np.testing.assert_allclose(result.chosen["valid_scores"], wanted, atol=1e-4)


def test_neighbours_vote_as_scikit_learns_do():
    """Labels for an odd k agree with cosine neighbours on features about the training mean."""
    job = feature_job("binary", method="knn", params={"k": (7,)}, signal=1.0)
    centred = job.features - job.features[job.train].mean(axis=0)
    peer = KNeighborsClassifier(7, metric="cosine", algorithm="brute").fit(centred[job.train], job.targets[job.train])

    (result,) = KNN.run([job])

    np.testing.assert_array_equal(result.parts["test"].label, peer.predict(centred[job.test]))
    np.testing.assert_allclose(
        (result.parts["test"].score * 8 - 0.5) / 7, peer.predict_proba(centred[job.test]), atol=1e-9
    )


def test_more_neighbours_than_rows_are_all_rows():
    """A bank smaller than k votes as a whole."""
    job = feature_job(method="knn", params={"k": (20,)})
    (result,) = KNN.run([replace(job, train=job.train[:6])])

    assert np.ptp(result.parts["test"].score, axis=0).max() < 1e-12


def test_ties_go_to_the_smaller_loss_and_then_to_the_earlier():
    """Equal accuracy is decided by log loss, equal log loss by the order of the grid."""
    target = np.array([0, 1, 1])
    sure = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    unsure = np.array([[0.6, 0.4], [0.4, 0.6], [0.55, 0.45]])
    candidates = [as_predicted("binary", np.log(p)) for p in (unsure, sure, sure)]

    index, scores = best_setting(candidates, target, "binary")

    assert index == 1
    assert scores == pytest.approx([2 / 3] * 3)


def test_scores_of_labels_are_pooled_f1_and_of_values_r2():
    """Multilabel choices look at F1 over all labels, regression at R²."""
    labels = Predicted(label=np.array([[1, 0], [1, 1]]))
    values = Predicted(label=np.array([1.0, 2.0, 4.0]))

    assert score_of(labels, np.array([[1, 0], [0, 1]]), "multilabel") == pytest.approx(0.8)
    assert score_of(values, np.array([1.0, 2.0, 3.0]), "regression") == pytest.approx(0.5)


def test_the_temperature_minimises_the_log_loss(rng):
    """No other temperature of a fine grid has a smaller log loss, for classes and for labels."""
    outputs = 5 * rng.normal(size=(400, 3))
    target = np.array([rng.choice(3, p=p) for p in as_predicted("multiclass", outputs / 4).score])
    labels = (rng.random((400, 3)) < 1 / (1 + np.exp(-outputs / 2))).astype(int)

    for kind, truth, near in (("multiclass", target, 4.0), ("multilabel", labels, 2.0)):
        best = fit_temperature(outputs, truth, kind)
        others = [log_loss(outputs / t, truth, kind) for t in np.geomspace(0.05, 200, 200)]
        assert log_loss(outputs / best, truth, kind) <= min(others) + 1e-6
        assert best == pytest.approx(near, rel=0.3)
