"""Promises of the bases of effects."""

import numpy as np
import pytest

from assay.errors import UsageError
from assay.stats.anova_posterior import anova_posterior
from assay.stats.effect_bases import Parameter, contrasts, effects, legendre


@pytest.mark.parametrize("levels", [2, 3, 7])
def test_contrasts_are_orthonormal_under_equal_weight(levels):
    """Each contrast has mean 0 and variance 1 over the levels, and no two are correlated."""
    basis = contrasts(levels)

    np.testing.assert_allclose(basis.T @ basis / levels, np.eye(levels - 1), atol=1e-12)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-12)


def test_legendre_functions_are_orthonormal_for_uniform_positions():
    """Their Gram matrix over a fine grid is the identity."""
    position = (np.arange(200_000) + 0.5) / 200_000
    basis = legendre(position, 4)

    np.testing.assert_allclose(basis.T @ basis / len(position), np.eye(4), atol=1e-8)


def test_a_choice_of_one_level_and_a_position_outside_the_range_are_refused():
    """What cannot vary has no effect, and positions lie in [0, 1]."""
    with pytest.raises(UsageError, match="two levels"):
        contrasts(1)
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        legendre(np.array([1.5]), 2)


def test_a_complete_grid_without_noise_gives_its_exact_shares():
    """On all cells of a grid the posterior closes in on the classical decomposition."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=6), rng.normal(size=5)
    grid = a[:, None] + b[None, :] + 1e-3 * rng.normal(size=(6, 5))
    i, j = (index.ravel().astype(float) for index in np.indices(grid.shape))
    space = [
        Parameter(name="a", values=i, levels=tuple("abcdef")), Parameter(name="b", values=j, levels=tuple("abcde"))
    ]  # fmt: skip
    shares = anova_posterior(effects(space), grid.ravel(), kept_share=1.0, rng=rng).shares().mean(axis=0)

    np.testing.assert_allclose(shares[:2], [a.var() / grid.var(), b.var() / grid.var()], atol=0.01)
