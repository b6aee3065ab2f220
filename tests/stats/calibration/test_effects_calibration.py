"""Error rate, power and coverage of the tests and shares behind importance, in simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest

from assay.stats.anova_posterior import anova_posterior
from assay.stats.effect_bases import Parameter, effects
from assay.stats.effect_tests import effect_tests


def claims(kind: str, n: int, rng: np.random.Generator, permutations: int) -> list[tuple[int, ...]]:
    x = rng.random((n, 8))
    y = rng.normal(size=n)
    if kind == "main":
        y += (x[:, 0] - 0.5) * np.sqrt(12.0)
    if kind == "xor":
        y = 0.3 * y + ((x[:, 0] > 0.5) ^ (x[:, 1] > 0.5))
    family = effects([Parameter(name=str(j), values=x[:, j]) for j in range(8)])
    found = effect_tests(family, y, permutations=permutations, rng=rng)
    return [effect.parameters for effect, claimed in zip(family, found.claimed, strict=True) if claimed]


def rate(kind: str, n: int, wanted: tuple[int, ...] | None, studies: int, permutations: int) -> int:
    rng = np.random.default_rng(11)
    found = [claims(kind, n, rng, permutations) for _ in range(studies)]
    return sum(bool(names) if wanted is None else wanted in names for names in found)


@pytest.mark.parametrize("studies", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_noise_alone_is_seldom_given_a_name(studies):
    """On noise, the chance of any claim over 8 parameters and 28 pairs is the stated 5 %."""
    hits = rate("noise", 50, None, studies, 199)

    assert binomtest(hits, studies, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("studies", [30, pytest.param(400, marks=pytest.mark.slow)])
def test_a_main_effect_is_found(studies):
    """A main effect that explains half of the variance is claimed at n = 50."""
    assert rate("main", 50, (0,), studies, 199) >= 0.95 * studies


@pytest.mark.parametrize("studies", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_pure_interaction_is_named_as_that_pair(studies):
    """XOR of two parameters is claimed as the pair at n = 200."""
    assert rate("xor", 200, (0, 1), studies, 199) >= 0.9 * studies


@pytest.mark.parametrize("studies", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_share_intervals_cover_the_share_of_a_known_function(studies):
    """90 % intervals from 40 cells of a 12 × 3 × 3 grid cover the exact shares of the grid, and are not vacuous."""
    rng = np.random.default_rng(5)
    covered, widths = [], []
    for _ in range(studies):
        main = rng.normal(size=12)[:, None, None] + 2 * rng.normal(size=3)[None, :, None]
        grid = main + 0.3 * rng.normal(size=(12, 3))[:, :, None] + 0.2 * rng.normal(size=(12, 3, 3))
        a, b = grid.mean((1, 2)), grid.mean((0, 2))
        truth = np.array([a.var(), b.var()]) / grid.var()
        at = np.unravel_index(rng.choice(108, 40, replace=False), grid.shape)
        space = [
            Parameter(name=str(j), values=at[j].astype(float), levels=tuple(map(str, range(size))))
            for j, size in enumerate(grid.shape)
        ]
        shares = anova_posterior(effects(space), grid[at], rng=rng).shares()[:, :2]
        low, high = np.quantile(shares, [0.05, 0.95], axis=0)
        covered += ((low <= truth) & (truth <= high)).tolist()
        widths += (high - low).tolist()

    assert binomtest(sum(covered), len(covered), 0.9, alternative="less").pvalue > 0.001
    assert np.mean(widths) < 0.35
