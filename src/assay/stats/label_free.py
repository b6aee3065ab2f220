"""How right a model is without labels: four classical estimates, a regression, and the few labels there are.

All learn from a labelled source period and are then asked about unlabelled rows. None of them can see a changed
relation between input and label; whether they have been right before is the only evidence that they are right now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit

from assay.errors import ShapeError, UnknownNameError
from assay.stats.overlap import fit_overlap

Floats = NDArray[np.float64]
Codes = NDArray[np.int_]
Method = Literal["cbpe", "atc", "doc", "importance", "regression"]

METHODS: tuple[Method, ...] = ("cbpe", "atc", "doc", "importance", "regression")
NEEDS_CONFIDENCE: frozenset[str] = frozenset({"cbpe", "atc", "doc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """What is known of rows without their labels."""

    label: Codes
    """(n,) predicted class codes; zeros for a number."""
    confidence: Floats | None
    """(n,) probability that the model gives its own prediction; None where it gives none."""
    columns: Floats
    """(n, d) columns on a common scale, the first constant."""

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: NDArray[np.int_]) -> Unlabelled:
        """Only these rows."""
        confidence = None if self.confidence is None else self.confidence[rows]
        return Unlabelled(label=self.label[rows], confidence=confidence, columns=self.columns[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """One method after the source period; `expected` gives what it says of each new row."""

    method: Method
    source: Unlabelled
    score: Floats
    """(n0,) score of each source row."""
    state: tuple[Floats, ...]

    def expected(self, rows: Unlabelled) -> tuple[Floats, float]:
        """What the method says of unlabelled rows.

        Returns:
            (n,) expected score of each row (their mean is the estimate), and the standard error that the source period
            adds to that mean.
        """
        if self.method == "cbpe":
            return self._calibrated(rows)
        if self.method == "atc":
            return self._above_threshold(rows)
        if self.method == "doc":
            return self._difference(rows)
        if self.method == "importance":
            return self._reweighted(rows)
        return self._regressed(rows)

    def _calibrated(self, rows: Unlabelled) -> tuple[Floats, float]:
        confidence = _confidence(rows)
        out = np.empty(len(rows))
        for code, x, y in _curves(self.state):
            mask = rows.label == code if code >= 0 else np.ones(len(rows), dtype=bool)
            out[mask] = np.interp(confidence[mask], x, y)
        return out, _spread(self.score - self._own()) / np.sqrt(len(self.score))

    def _own(self) -> Floats:
        confidence = _confidence(self.source)
        out = np.empty(len(self.source))
        for code, x, y in _curves(self.state):
            mask = self.source.label == code if code >= 0 else np.ones(len(out), dtype=bool)
            out[mask] = np.interp(confidence[mask], x, y)
        return out

    def _above_threshold(self, rows: Unlabelled) -> tuple[Floats, float]:
        return (_confidence(rows) > self.state[0][0]).astype(float), _spread(self.score) / np.sqrt(len(self.score))

    def _difference(self, rows: Unlabelled) -> tuple[Floats, float]:
        gap = self.score.mean() - _confidence(self.source).mean()
        error = _spread(self.score - _confidence(self.source)) / np.sqrt(len(self.score))
        return _confidence(rows) + gap, error

    def _reweighted(self, rows: Unlabelled) -> tuple[Floats, float]:
        overlap = fit_overlap(self.source.columns, rows.columns)
        odds = overlap.source / (1 - overlap.source)
        odds = np.minimum(odds, np.quantile(odds, 0.99))
        weight = odds / odds.sum()
        mean = float(weight @ self.score)
        error = float(np.sqrt((weight**2) @ (self.score - mean) ** 2))
        return np.full(len(rows), mean), error

    def _regressed(self, rows: Unlabelled) -> tuple[Floats, float]:
        beta, inverse = self.state[0], self.state[1]
        linear = bool(self.state[2][0])
        x = _design(rows)
        fitted = x @ beta if linear else expit(x @ beta)
        slope = x.mean(axis=0) if linear else ((fitted * (1 - fitted))[:, None] * x).mean(axis=0)
        return fitted, float(np.sqrt(max(slope @ inverse @ slope, 0.0)))


def learn(method: Method, source: Unlabelled, score: Floats) -> Learned:
    """One method, taught by a labelled source period.

    `cbpe` averages calibrated confidence; `atc` counts confidences above the threshold that fits the source; `doc`
    moves the source score by the change of mean confidence; `importance` weights source rows to look like the window;
    `regression` predicts the score of a row from confidence and columns.

    Args:
        method: one of `METHODS`; the first three need confidences.
        source: n0 rows that were not used in training.
        score: (n0,) their scores, such as 1 for correct; the first three methods need scores of 0 or 1.

    Returns:
        The method, ready for new rows.

    Raises:
        UnknownNameError: no such method.
        ShapeError: no rows, or a method that needs confidences without them.

    References:
        cbpe: NannyML's documentation, Confidence-based performance estimation; atc: Garg et al. (2022), Leveraging
        unlabeled data to predict out-of-distribution performance (the threshold on confidence); doc: Guillory et al.
        (2021), Predicting with confidence on unseen distributions (difference of confidences); importance: Shimodaira
        (2000), Improving predictive inference under covariate shift by weighting the log-likelihood function.
    """
    if method not in METHODS:
        raise UnknownNameError("label-free method", method, METHODS)
    if len(source) == 0 or len(source) != len(score):
        raise ShapeError(f"{method}: {len(source)} source rows and {len(score)} scores")
    if method in NEEDS_CONFIDENCE and source.confidence is None:
        raise ShapeError(f"{method} needs probabilities")
    state: tuple[Floats, ...] = ()
    if method == "cbpe":
        state = _calibrate(source, score)
    elif method == "atc":
        state = (np.array([np.quantile(_confidence(source), 1 - score.mean())]),)
    elif method == "regression":
        state = _regress(_design(source), score)
    return Learned(method=method, source=source, score=score, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """An estimate from a few labels and a label-free guess of every row."""

    value: float
    error: float
    """Standard error."""
    weight: float
    """λ, how far the guess is trusted; 0 is the plain mean of the labels."""


def prediction_powered(score: Floats, guess: Floats, guess_unlabelled: Floats) -> Combined:
    """The mean score of a window from few labels and a guess for every row, unbiased whatever the guess is worth.

    The labelled rows must be a random sample of the window. The gain over plain labels is 1 − ρ², ρ the correlation of
    guess and score: usually a few per cent, so it is the absence of bias that is bought.

    Args:
        score: (n,) scores of the labelled rows.
        guess: (n,) guesses for the same rows.
        guess_unlabelled: (m,) guesses for the rows without labels; may be empty.

    Returns:
        The combined estimate.

    Raises:
        ShapeError: fewer than two labelled rows.

    Notes:
        P = λ mean(guess of all unlabelled) + mean(score − λ guess), λ = cov / var / (1 + n/m), kept within 0 and 1.

    References:
        Angelopoulos, Duchi and Zrnic (2023), PPI++: efficient prediction-powered inference (power tuning).
    """
    n, m = len(score), len(guess_unlabelled)
    if n < 2 or len(guess) != n:
        raise ShapeError(f"two or more labelled rows with a guess each are needed, got {n} and {len(guess)}")
    variance = float(guess.var(ddof=1))
    weight = 0.0
    if m and variance > 0:
        weight = float(np.clip(np.cov(score, guess)[0, 1] / variance / (1 + n / m), 0.0, 1.0))
    value = float((score - weight * guess).mean()) + (weight * float(guess_unlabelled.mean()) if m else 0.0)
    square = float((score - weight * guess).var(ddof=1)) / n
    if weight:
        square += weight**2 * float(guess_unlabelled.var()) / m
    return Combined(value=value, error=float(np.sqrt(square)), weight=weight)


def _confidence(rows: Unlabelled) -> Floats:
    assert rows.confidence is not None
    return rows.confidence


def _calibrate(source: Unlabelled, score: Floats) -> tuple[Floats, ...]:
    """Isotonic curves of score over confidence, one a predicted class where it has 200 rows: (code, x, y) in a row."""
    confidence = _confidence(source)
    codes, counts = np.unique(source.label, return_counts=True)
    parts = [int(c) for c in codes] if counts.min() >= 200 else [-1]
    state: list[Floats] = []
    for code in parts:
        mask = source.label == code if code >= 0 else np.ones(len(score), dtype=bool)
        order = np.argsort(confidence[mask], kind="stable")
        x = confidence[mask][order]
        values, first, size = np.unique(x, return_index=True, return_counts=True)
        means = np.add.reduceat(score[mask][order], first) / size
        state += [np.array([float(code)]), values, isotonic_regression(means, weights=size).x]
    if parts != [-1]:
        state += list(_calibrate(Unlabelled(label=np.full(len(score), -1), confidence=confidence,
                                            columns=source.columns), score))  # fmt: skip
    return tuple(state)


def _curves(state: tuple[Floats, ...]) -> list[tuple[int, Floats, Floats]]:
    """The curves, the one for all rows first, so that those of single classes overwrite it."""
    curves = [(int(state[i][0]), state[i + 1], state[i + 2]) for i in range(0, len(state), 3)]
    return sorted(curves, key=lambda curve: curve[0])


def _design(rows: Unlabelled) -> Floats:
    if rows.confidence is None:
        return rows.columns
    c = np.clip(rows.confidence, 1e-6, 1 - 1e-6)
    return np.column_stack([rows.columns, c - 0.5, (c - 0.5) ** 2, np.log(c / (1 - c)) / 4])


def _regress(x: Floats, score: Floats) -> tuple[Floats, ...]:
    """Coefficients, their covariance, and whether the link is linear; logistic where scores are within 0 and 1."""
    linear = bool((score < 0).any() or (score > 1).any())
    ridge = np.full(x.shape[1], 1e-3)
    beta = np.zeros(x.shape[1])
    information = np.eye(x.shape[1])
    for _ in range(1 if linear else 40):
        fitted = x @ beta if linear else expit(x @ beta)
        weight = np.ones(len(score)) if linear else np.maximum(fitted * (1 - fitted), 1e-9)
        information = (x * weight[:, None]).T @ x / len(score) + np.diag(ridge)
        step = np.linalg.solve(information, x.T @ (score - fitted) / len(score) - ridge * beta)
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-8:
            break
    residual = score - (x @ beta if linear else expit(x @ beta))
    bread = np.linalg.inv(information)
    meat = (x * residual[:, None] ** 2).T @ x / len(score)
    return beta, bread @ meat @ bread / len(score), np.array([float(linear)])


def _spread(values: Floats) -> float:
    return float(values.std())
