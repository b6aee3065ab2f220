"""What other tasks teach about the scores of models on a new one, and how sure that is.

Past studies are a table of models × data sets. Each model gets a few numbers from it (its standing on other data sets,
and how it sides with the axes along which data sets differ); on each data set scores are linear in these, with
coefficients that vary between data sets. Scores bought on the new data set narrow them. Numbers measured on the new
data set itself, such as transferability scores, can join as further columns: that is the calibrated combination.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.stats import chi2, t

from assay.errors import NothingToAssessError, ShapeError

Floats = NDArray[np.float64]
FACTORS = 3
MODELS_A_FACTOR = 8
FEWEST_DATASETS = 3
SWEEPS = 30
BANDS = 4
QUANTILES = (0.002, 0.02, 0.08, 0.2, 0.35, 0.5, 0.65, 0.8, 0.92, 0.98, 0.998)
"""Of the residual deviation that a new data set may have; the outer ones are rare, but a new data set can be noisier
than all before it."""
STRETCHES = 3
"""Factors of the spread between data sets, evenly likely: few data sets tell it only roughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What a table of past scores says of each model, and how data sets differ."""

    columns: Floats
    """(m, p) what is known of each model from past data sets: 1, standing, factors."""
    extra: int
    """How many columns measured on the new data set are expected beside."""
    mean: Floats
    """(q,) mean coefficients over past data sets, q = p + extra."""
    spread: Floats
    """(q, q) covariance of the coefficients between data sets."""
    noise: Floats
    """(h,) residual deviations that a new data set may have; some beyond those of all past ones."""
    stretch: Floats
    """(h,) factor of `spread` that goes with each."""
    chance: Floats
    """(h,) how likely each such pair is before anything is bought."""
    residuals: tuple[Floats, ...]
    """Standardised residuals of all past data sets, whose shape is kept, from the models expected lowest to those
    expected highest: near the ceiling they are smaller and lean down."""
    low: float
    high: float
    """Range of the past scores' scale: draws are kept within it."""

    @classmethod
    def learn(cls, scores: Floats, extra: Floats | None = None, *, bounds: tuple[float, float] = (-np.inf, np.inf),
              ) -> Experience:  # fmt: skip
        """Learn from past studies.

        Args:
            scores: (m, t) models × past data sets, NaN where not run.
            extra: (m, t, e) numbers measured on each past data set before its scores were known, NaN where missing.
            bounds: Least and greatest score that there can be.

        Raises:
            ShapeError: for arrays that do not fit.
            NothingToAssessError: with fewer than three past data sets of four models each.
        """
        if scores.ndim != 2 or (extra is not None and extra.shape[:2] != scores.shape):
            raise ShapeError(f"past scores are (m, t), extra columns (m, t, e); got {scores.shape}")
        enough = np.isfinite(scores).sum(axis=0) >= 4
        if enough.sum() < FEWEST_DATASETS:
            raise NothingToAssessError(
                f"{int(enough.sum())} past data sets have four models or more; {FEWEST_DATASETS} are needed to learn "
                "how data sets differ"
            )
        past = scores[:, enough]
        columns = _model_columns(past)
        measured = np.zeros((*past.shape, 0)) if extra is None else _standardised(extra[:, enough])
        pooled = _pooled(columns, measured, past)
        coefficients: list[NDArray[Any]] = []
        noise: list[float] = []
        residuals: list[list[Floats]] = [[] for _ in range(BANDS)]
        for at in range(past.shape[1]):
            seen = np.isfinite(past[:, at])
            x = np.hstack([columns, measured[:, at]])[seen]
            # Worth one row: with few models a data set's own coefficients lean on those of all.
            own = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ (past[seen, at] - x @ pooled))
            fit: Floats = pooled + own
            left = past[seen, at] - x @ fit
            coefficients.append(fit)
            noise.append(max(float(left.std()), 1e-6))
            band = _bands(x @ fit)
            for b in range(BANDS):
                residuals[b].append(left[band == b] / noise[-1])
        noise = [value * _optimism(np.isfinite(past).sum(), columns.shape, past.shape[1]) for value in noise]
        table: Floats = np.array(coefficients, dtype=np.float64)
        least = 1e-2 * max(float(np.median(noise)) ** 2, 1e-12)
        deviations, stretch, chance = _hypotheses(np.array(noise), len(table) - table.shape[1])
        return cls(
            columns=columns, extra=0 if extra is None else int(extra.shape[-1]), noise=deviations, stretch=stretch,
            chance=chance, mean=table.mean(axis=0),
            spread=np.cov(table.T) + least * np.eye(table.shape[1]), low=bounds[0], high=bounds[1],
            residuals=tuple(np.concatenate(part) for part in residuals),
        )  # fmt: skip

    def draw(
        self, bought: Sequence[int], seen: Floats, wanted: Sequence[int], *, extra: Floats | None = None,
        draws: int = 400, rng: np.random.Generator,
    ) -> Floats:  # fmt: skip
        """(draws, len(wanted)) what the scores of `wanted` models may be on the new data set.

        Args:
            bought: Models whose score on the new data set is known.
            seen: Those scores.
            wanted: Models to predict.
            extra: (m, e) numbers measured on the new data set.
            draws: How many draws.
            rng: The source of randomness.
        """
        x = self.columns if self.extra == 0 else np.hstack([self.columns, _standardised(self._checked(extra))])
        known, target = x[list(bought)], np.asarray(seen, dtype=np.float64)
        share = self._weights(known, target)
        band = _bands(x @ self.mean)[list(wanted)]
        precision = np.linalg.inv(self.spread)
        out: list[Floats] = []
        counts = rng.multinomial(draws, share)
        for at in np.flatnonzero(counts).tolist():
            noise, count, prior = float(self.noise[at]), int(counts[at]), precision / self.stretch[at]
            covariance = np.linalg.inv(prior + known.T @ known / noise**2)
            mean = covariance @ (prior @ self.mean + known.T @ target / noise**2)
            root = np.linalg.cholesky((covariance + covariance.T) / 2 + 1e-12 * np.eye(len(mean)))
            coefficients = mean + rng.standard_normal((count, len(mean))) @ root.T
            kick = np.empty((count, len(wanted)))
            for b, pool in enumerate(self.residuals):
                kick[:, band == b] = noise * rng.choice(pool, size=(count, int((band == b).sum())))
            out.append(np.clip(coefficients @ x[list(wanted)].T + kick, self.low, self.high))
        return np.concatenate(out)

    def _weights(self, known: Floats, target: Floats) -> Floats:
        """(h,) how likely each hypothesis about the new data set is after what was bought."""
        left = target - known @ self.mean
        base = known @ self.spread @ known.T
        logs = np.log(self.chance)
        for at, (noise, stretch) in enumerate(zip(self.noise, self.stretch, strict=True) if len(target) else ()):
            root = np.linalg.cholesky(stretch * base + noise**2 * np.eye(len(target)))
            logs[at] -= 0.5 * (solve_triangular(root, left, lower=True) ** 2).sum() + np.log(np.diag(root)).sum()
        weights = np.exp(logs - logs.max())
        return weights / weights.sum()

    def _checked(self, extra: Floats | None) -> Floats:
        if extra is None or extra.shape != (len(self.columns), self.extra):
            raise ShapeError(f"extra columns are ({len(self.columns)}, {self.extra}), as they were for past data sets")
        return extra[:, None, :]


def _pooled(columns: Floats, measured: Floats, past: Floats) -> Floats:
    """(q,) coefficients that serve all past data sets together."""
    row, at = np.nonzero(np.isfinite(past))
    x = np.hstack([columns[row], measured[row, at]])
    shrunk = x.T @ x + 1e-6 * len(x) * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(shrunk, x.T @ past[row, at]), dtype=np.float64)


def _hypotheses(noise: Floats, freedom: int) -> tuple[Floats, Floats, Floats]:
    """(h,) residual deviations and (h,) factors of the spread of a new data set, and (h,) how likely each pair is.

    The logarithm of the deviation is predicted from those of past data sets by Student's t; the factor is that which
    turns a normal distribution into Student's t with the degrees of freedom that the spread was estimated with.
    """
    count, logs, levels = len(noise), np.log(noise), np.array(QUANTILES)
    reach = t.ppf(levels, count - 1) * logs.std(ddof=1) * np.sqrt(1 + 1 / count)
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    degrees = max(freedom, 3)
    factors = degrees / chi2.ppf((np.arange(STRETCHES) + 0.5) / STRETCHES, degrees) * (1 + 1 / count)
    return (
        np.repeat(np.exp(logs.mean() + reach), STRETCHES), np.tile(factors, len(levels)),
        np.repeat(np.diff(edges) / STRETCHES, STRETCHES),
    )  # fmt: skip


def _optimism(cells: int, columns: tuple[int, ...], datasets: int) -> float:
    """How much smaller residuals are than errors on a new data set, since the columns were fitted to them too."""
    fitted = columns[0] * (columns[1] - 1) + datasets * columns[1]
    return float(np.sqrt(cells / max(cells - fitted, cells / 4)))


def _bands(expected: Floats) -> NDArray[np.int_]:
    """(m,) band of each model from 0 (expected lowest) to BANDS - 1, of equal sizes."""
    return (np.argsort(np.argsort(expected, kind="stable"), kind="stable") * BANDS) // len(expected)


def _standardised(values: Floats) -> Floats:
    """Each column of each data set brought to mean 0 and deviation 1 over models; what is missing becomes 0."""
    with np.errstate(invalid="ignore"):
        present = np.isfinite(values)
        filled = np.where(present, values, 0.0)
        count = np.maximum(present.sum(axis=0), 1)
        mean = filled.sum(axis=0) / count
        spread = np.sqrt(np.where(present, (filled - mean) ** 2, 0.0).sum(axis=0) / count)
    out = np.where(present & (spread > 0), (filled - mean) / np.where(spread > 0, spread, 1.0), 0.0)
    return out[:, 0] if values.ndim == 3 and values.shape[1] == 1 else out


def _model_columns(scores: Floats) -> Floats:
    """(m, 2 + factors) one, mean standing, and factors of what standing leaves over (alternating least squares)."""
    present = np.isfinite(scores)
    standing = np.clip(_standardised(scores), -3, 3)
    mean = standing.sum(axis=1) / (present.sum(axis=1) + 1.0)
    left = np.where(present, standing - mean[:, None], 0.0)
    m, t = scores.shape
    count = min(FACTORS, t - 2, m // MODELS_A_FACTOR)
    if count < 1:
        return np.column_stack([np.ones(m), mean])
    factors = np.random.default_rng(0).standard_normal((m, count))
    for _ in range(SWEEPS):
        loads = _solve(factors, left.T, present.T)
        factors = _solve(loads, left, present)
        factors = factors - factors.mean(axis=0)
        factors = factors / np.maximum(factors.std(axis=0), 1e-9)
    return np.column_stack([np.ones(m), mean, factors])


def _solve(basis: Floats, left: Floats, present: NDArray[np.bool_]) -> Floats:
    """(r, k) ridge coefficients of each row of `left` on the basis, over the entries that are present."""
    eye = np.eye(basis.shape[1])
    return np.stack([
        np.linalg.solve(basis[seen].T @ basis[seen] + eye, basis[seen].T @ row[seen])
        for row, seen in zip(left, present, strict=True)
    ])  # fmt: skip
