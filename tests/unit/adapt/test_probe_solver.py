"""The path of logistic regressions against scikit-learn's solution, and what it promises about independence."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from assay.adapt.linear import measure_scale
from assay.adapt.logistic import Problem, evaluate
from assay.adapt.path import Path
from assay.adapt.rotation import own_basis, rotate, shared_basis

GRID = [1e-4, 1e-3, 0.02, 1.0, 30.0]


def _data(rng, n=240, d=12, c=4):
    y = np.arange(n) % c
    x = rng.normal(size=(n, d)) @ np.diag(np.geomspace(1, 0.05, d)) + 0.5 * np.eye(c, d)[y] + 3.0
    return x.astype(np.float32), y


def _problem(x, y, *, own=False, columns=None, loss="softmax", target=None, weight=None):
    rows = np.arange(len(x))
    scale = measure_scale(x, rows, "center")
    rotated = own_basis(x, rows, scale) if own else rotate(x, rows, scale, shared_basis(x, "center"))
    problem = Problem(z=np.ascontiguousarray(rotated.z, np.float32), energy=rotated.energy, loss=loss, weight=weight,
                      target=y if target is None else target, columns=columns or int(y.max()) + 1)  # fmt: skip
    return problem, rotated.basis


@pytest.mark.parametrize("own", [False, True])
def test_solutions_equal_scikit_learns_at_every_penalty(rng, own):
    """Coefficients and probabilities agree with LogisticRegression(tol=1e-8) on the same features."""
    x, y = _data(rng)
    problem, basis = _problem(x, y, own=own)
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)

    for c, found in zip(GRID, Path(problem=problem, tolerance=1e-5).solve(GRID), strict=True):
        peer = LogisticRegression(C=c, tol=1e-10, max_iter=5000).fit(centred, y)
        np.testing.assert_allclose((basis @ found.at[:-1]).T, peer.coef_, atol=2e-3 * np.abs(peer.coef_).max())
        outputs = centred @ basis @ found.at[:-1] + found.at[-1]
        p = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        np.testing.assert_allclose(p / p.sum(axis=1, keepdims=True), peer.predict_proba(centred), atol=2e-3)


def test_two_classes_and_labels_equal_scikit_learns_binary_fit(rng):
    """Every sigmoid column is the binary logistic regression of its own label."""
    x, _ = _data(rng)
    labels = (x[:, :3] + 0.1 * rng.normal(size=(len(x), 3)) > x[:, :3].mean(axis=0)).astype(np.int64)
    problem, basis = _problem(x, labels[:, 0], loss="sigmoid", target=labels, columns=3)
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)

    (found,) = Path(problem=problem, tolerance=1e-5).solve([1.0])

    for column in range(3):
        peer = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(centred, labels[:, column])
        np.testing.assert_allclose(basis @ found.at[:-1, column], peer.coef_[0], atol=5e-3 * np.abs(peer.coef_).max())


def test_row_weights_act_as_repeated_rows(rng):
    """A row of weight two counts as the row twice."""
    x, y = _data(rng, n=80)
    weight = np.where(np.arange(80) < 30, 2.0, 1.0).astype(np.float32)
    once, basis = _problem(x, y, weight=weight)
    twice = np.concatenate([np.arange(80), np.arange(30)])
    peer = LogisticRegression(C=0.1, tol=1e-10, max_iter=5000).fit((x - x.mean(axis=0))[twice], y[twice])

    (found,) = Path(problem=once, tolerance=1e-5).solve([0.1])

    np.testing.assert_allclose((basis @ found.at[:-1]).T, peer.coef_, atol=3e-3 * np.abs(peer.coef_).max())


def test_a_penalty_alone_gives_what_it_gives_in_a_grid(rng):
    """Neither the other penalties nor their order change a solution."""
    x, y = _data(rng)
    problem, _ = _problem(x, y)
    together = Path(problem=problem).solve(GRID)
    backwards = Path(problem=problem).solve(GRID[::-1])[::-1]

    for c, found, again in zip(GRID, together, backwards, strict=True):
        (alone,) = Path(problem=problem).solve([c])
        size = np.abs(alone.at).max()
        np.testing.assert_allclose(found.at, alone.at, atol=1e-4 * size)
        np.testing.assert_allclose(again.at, alone.at, atol=1e-4 * size)


def test_the_bound_covers_the_true_distance(rng):
    """‖W − W*‖/‖W‖ is at most what `distance` says, at every penalty and tolerance."""
    x, y = _data(rng)
    problem, _ = _problem(x, y)
    for tolerance in (0.05, 0.01):
        exact = Path(problem=problem, tolerance=1e-6).solve(GRID)
        for found, true in zip(Path(problem=problem, tolerance=tolerance).solve(GRID), exact, strict=True):
            away = np.linalg.norm(found.at[:-1] - true.at[:-1]) / np.linalg.norm(found.at[:-1])
            assert away <= found.distance + true.distance + 1e-3


def test_the_gradient_is_that_of_the_objective(rng):
    """Central differences of the objective agree with the gradient, for both losses and with outputs that overflow."""
    x, y = _data(rng, n=40, d=4)
    for loss, scale in (("softmax", 0.3), ("softmax", 60.0), ("sigmoid", 0.3)):
        target = y if loss == "softmax" else np.eye(4, dtype=np.int64)[y]
        problem, _ = _problem(x, y, loss=loss, target=target, columns=4)
        shape = (problem.z.shape[1], 1, 4) if loss == "softmax" else (problem.z.shape[1], 4, 1)
        at, lam, owner = scale * rng.normal(size=shape), np.full(shape[1], 0.7), np.arange(shape[1])
        step = rng.normal(size=shape)
        size = 1e-3 * scale
        ahead, behind = (evaluate(problem, at + sign * size * step, lam, owner).value.sum() for sign in (1, -1))
        slope = (evaluate(problem, at, lam, owner).gradient * step).sum()

        assert (ahead - behind) / (2 * size) == pytest.approx(slope, rel=2e-2)


def test_separable_rows_and_weak_penalties_end(rng):
    """Perfect separation at C = 10,000 converges within its allowance of evaluations."""
    x = np.vstack([rng.normal(size=(30, 50)) - 2, rng.normal(size=(30, 50)) + 2]).astype(np.float32)
    problem, _ = _problem(x, np.repeat([0, 1], 30), own=True, columns=2)
    path = Path(problem=problem)

    (found,) = path.solve([1e4])

    assert found.distance < 0.3
    assert path.evaluations < 600
