"""Orthonormal bases of effects: what a parameter, or a pair of parameters, can do to a score.

Each parameter gets functions that are orthonormal under its own measure: contrasts of its levels where it has few,
polynomials of their order where the levels are numbers, Legendre polynomials of its position where it is a range.
Products of two parameters' functions span their interaction. Under the product measure all these functions are
orthonormal, so the variance of an effect is the sum of its squared coefficients (functional ANOVA: Hoeffding, 1948;
Hutter, Hoos and Leyton-Brown, 2014, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from assay.errors import ShapeError, UsageError

FEW_LEVELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a configuration space, as observed or as declared."""

    name: str
    """Its name."""
    values: NDArray[np.float64]
    """(n,) positions in [0, 1] for a range, level codes for a choice."""
    levels: tuple[str, ...] = ()
    """Names of the levels in the order of their codes; empty for a range."""
    ordered: bool = False
    """Whether the order of the levels means something, as it does for numbers; a range is ordered anyway."""

    @property
    def is_range(self) -> bool:
        """Whether it varies continuously."""
        return not self.levels

    def basis(self, degree: int) -> NDArray[np.float64]:
        """(n, q) orthonormal functions at the observed values, the constant left out."""
        if self.is_range:
            return legendre(self.values, degree)
        if self.ordered:
            return step_polynomials(len(self.levels))[self.values.astype(int)]
        return contrasts(len(self.levels))[self.values.astype(int)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A main effect or an interaction, with its functions at the observed configurations."""

    parameters: tuple[int, ...]
    """Positions of the parameters that it involves."""
    columns: NDArray[np.float64]
    """(n, q) its orthonormal functions."""
    decay: NDArray[np.float64]
    """(q,) prior weight of each function, 1 for the smoothest."""


def legendre(position: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """(n, degree) Legendre polynomials of degree 1 to `degree`, orthonormal for uniform positions in [0, 1]."""
    x = 2.0 * np.asarray(position, dtype=float) - 1.0
    if x.size and (x.min() < -1.0 - 1e-9 or x.max() > 1.0 + 1e-9):
        raise UsageError("positions of a range must lie in [0, 1]")
    columns = [np.polynomial.legendre.Legendre.basis(k)(x) * np.sqrt(2 * k + 1) for k in range(1, degree + 1)]
    return np.stack(columns, axis=1)


def contrasts(levels: int) -> NDArray[np.float64]:
    """(levels, levels − 1) contrasts, orthonormal under equal weight of the levels."""
    if levels < 2:
        raise UsageError("a choice needs at least two levels")
    helmert = np.zeros((levels, levels - 1))
    for k in range(1, levels):
        helmert[:k, k - 1] = 1.0
        helmert[k, k - 1] = -float(k)
    return helmert / np.sqrt((helmert**2).mean(axis=0))


def step_polynomials(levels: int) -> NDArray[np.float64]:
    """(levels, levels − 1) polynomials of the place in an order, lowest degree first, orthonormal as `contrasts` are.

    They span what `contrasts` span; apart, they let a prior hold that neighbours do alike.
    """
    if levels < 2:
        raise UsageError("a choice needs at least two levels")
    place = np.linspace(-1.0, 1.0, levels)
    basis, signs = np.linalg.qr(np.vander(place, levels, increasing=True))
    return basis[:, 1:] * np.sign(np.diag(signs))[1:] * np.sqrt(levels)


def effects(
    parameters: Sequence[Parameter], *, degree: int = 3, pair_degree: int = 2, order: int = 2, most_columns: int = 400
) -> list[Effect]:
    """All effects up to `order`, main effects first, interactions in lexicographic order.

    Args:
        parameters: All with the same n.
        degree: Highest degree of a range's main effect.
        pair_degree: Highest degree of each range within an interaction.
        order: 1 for main effects only, 2 for pairs, 3 for triples as well.
        most_columns: An interaction with more functions than this is left out.

    Raises:
        ShapeError: when the parameters have different lengths.
    """
    if len({len(parameter.values) for parameter in parameters}) > 1:
        raise ShapeError("all parameters must be given for the same configurations")
    found: list[Effect] = []
    for size in range(1, order + 1):
        for subset in combinations(range(len(parameters)), size):
            bases = [parameters[j].basis(degree if size == 1 else pair_degree) for j in subset]
            weights = [_decay(parameters[j], basis.shape[1]) for j, basis in zip(subset, bases, strict=True)]
            if np.prod([basis.shape[1] for basis in bases]) <= most_columns:
                found.append(Effect(parameters=subset, columns=_product(bases), decay=_outer(weights)))
    return found


def _decay(parameter: Parameter, count: int) -> NDArray[np.float64]:
    smooth = parameter.is_range or parameter.ordered
    return 1.0 / np.arange(1, count + 1) ** 2 if smooth else np.ones(count)


def _product(bases: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    out = bases[0]
    for basis in bases[1:]:
        out = (out[:, :, None] * basis[:, None, :]).reshape(len(out), -1)
    return out


def _outer(weights: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    out = weights[0]
    for weight in weights[1:]:
        out = np.outer(out, weight).ravel()
    return out
