"""Promises of the bases of effects."""

import numpy as np
import pytest

from assay.errors import UsageError
from assay.stats.anova_posterior import anova_posterior
from assay.stats.effect_bases import Parameter, contrasts, effects, legendre, step_polynomials


@pytest.mark.parametrize("levels", [2, 3, 7])
@pytest.mark.parametrize("basis_of", [contrasts, step_polynomials])
def test_contrasts_are_orthonormal_under_equal_weight(basis_of, levels):
    """Each contrast has mean 0 and variance 1 over the levels, and no two are correlated."""
    basis = basis_of(levels)

    np.testing.assert_allclose(basis.T @ basis / levels, np.eye(levels - 1), atol=1e-12)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-12)


def test_polynomials_of_three_steps_are_the_line_and_the_bend():
    """They are the orthogonal polynomials of every table of contrasts: (−1, 0, 1) and (1, −2, 1)."""
    basis = step_polynomials(3)

    np.testing.assert_allclose(basis[:, 0], np.sqrt(1.5) * np.array([-1, 0, 1]), atol=1e-12)
    np.testing.assert_allclose(basis[:, 1], np.sqrt(0.5) * np.array([1, -2, 1]), atol=1e-12)


def test_levels_that_are_numbers_are_believed_to_be_smooth_and_names_are_not():
    """A bend weighs less than a slope beforehand where levels are numbers; names have no neighbours."""
    values = np.array([0.0, 1, 2])
    number, name = (Parameter(name="a", values=values, levels=("1", "2", "3"), ordered=yes) for yes in (True, False))

    assert effects([number])[0].decay.tolist() == [1.0, 0.25]
    assert effects([name])[0].decay.tolist() == [1.0, 1.0]
    np.testing.assert_allclose(effects([number])[0].columns, step_polynomials(3))


def test_legendre_functions_are_orthonormal_for_uniform_positions():
    """Their Gram matrix over a fine grid is the identity."""
    position = (np.arange(200_000) + 0.5) / 200_000
    basis = legendre(position, 4)

    np.testing.assert_allclose(basis.T @ basis / len(position), np.eye(4), atol=1e-8)


def test_a_choice_of_one_level_and_a_position_outside_the_range_are_refused():
    """What cannot vary has no effect, and positions lie in [0, 1]."""
    with pytest.raises(UsageError, match="two levels"):
        contrasts(1)
    with pytest.raises(UsageError, match="two levels"):
        step_polynomials(1)
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
