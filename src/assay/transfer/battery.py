"""The whole battery for one model: every score that its features and its head allow, the others with their reason.

Scores in units people know come first. One factorisation feeds all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from assay.errors import AssayError, UnknownNameError
from assay.estimate import Estimate
from assay.transfer.factorisation import Factorisation, targets_of
from assay.transfer.few_step_probe import few_step_probe
from assay.transfer.gbc import gbc
from assay.transfer.h_score import h_score, shrinkage_h_score
from assay.transfer.knn import knn_loo
from assay.transfer.leep import leep
from assay.transfer.lfc import lfc
from assay.transfer.logme import logme
from assay.transfer.nce import nce
from assay.transfer.ncti import ncti_parts
from assay.transfer.nleep import nleep
from assay.transfer.pactran import pactran_gauss
from assay.transfer.parc import parc
from assay.transfer.ped import ped
from assay.transfer.ridge import ridge_loo
from assay.transfer.sfda import sfda
from assay.transfer.transrate import transrate

Score = Callable[..., float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCard:
    """What is known of a score before it is computed."""

    function: Score
    low: float
    """Lowest value; −inf where there is none."""
    high: float
    """Highest value; inf where there is none."""
    needs_head: bool = False
    """Whether it reads the source head's probabilities instead of features."""
    real_targets: bool = False
    """Whether it takes real targets."""
    proportion: bool = False
    """Whether it is a share of rows, with a binomial interval."""
    all_pairs: bool = False
    """Whether it holds all pairs of rows, so that it sees a sample of many."""
    pool_relative: bool = False
    """Whether its value depends on the other models; the battery then gives the part that does not."""


def collapse(x: NDArray[Any] | Factorisation, y: NDArray[Any]) -> float:
    """NCTI's first part, the nearest-centre posterior: the one that needs no pool; see `assay.transfer.ncti`."""
    return ncti_parts(x, y).nearest_centre


INF = float("inf")
MOST_ROWS = 2000
"""Rows drawn for a score that holds all pairs of them."""
SCORES: Mapping[str, ScoreCard] = {
    "ridge_loo": ScoreCard(function=ridge_loo, low=-INF, high=1, real_targets=True, proportion=True),
    "knn_loo": ScoreCard(function=knn_loo, low=-INF, high=1, real_targets=True, proportion=True),
    "few_step_probe": ScoreCard(function=few_step_probe, low=0, high=1, proportion=True),
    "logme": ScoreCard(function=logme, low=-INF, high=INF, real_targets=True),
    "h_score": ScoreCard(function=h_score, low=-INF, high=1),
    "shrinkage_h_score": ScoreCard(function=shrinkage_h_score, low=-INF, high=1),
    "leep": ScoreCard(function=leep, low=-INF, high=0, needs_head=True),
    "nce": ScoreCard(function=nce, low=-INF, high=0, needs_head=True),
    "nleep": ScoreCard(function=nleep, low=-INF, high=0),
    "transrate": ScoreCard(function=transrate, low=0, high=INF),
    "gbc": ScoreCard(function=gbc, low=-1, high=0),
    "sfda": ScoreCard(function=sfda, low=0, high=1),
    "ncti": ScoreCard(function=collapse, low=0, high=1, pool_relative=True),
    "ped": ScoreCard(function=ped, low=0, high=1),
    "parc": ScoreCard(function=parc, low=-100, high=100, all_pairs=True),
    "lfc": ScoreCard(function=lfc, low=-1, high=1),
    "pactran_gauss": ScoreCard(function=pactran_gauss, low=-INF, high=0),
}
"""Name → score, those in units people know first."""


def battery(
    x: NDArray[Any] | Factorisation, y: NDArray[Any], *, source_probabilities: NDArray[Any] | None = None,
    scores: Sequence[str] | None = None, level: float = 0.95, rng: np.random.Generator,
) -> dict[str, Estimate]:  # fmt: skip
    """Every score of one model on one task, each a number or the reason why there is none.

    Args:
        x: (n, d) features or their factorisation.
        y: (n,) classes, or real targets.
        source_probabilities: (n, z) of the model's own head, for LEEP and NCE.
        scores: Names in `SCORES`; None for all of them.
        level: Confidence level of the intervals of shares of rows.
        rng: Draws the rows for scores that hold all pairs.

    Returns:
        Name → Estimate. Higher is better for all of them.

    Raises:
        UnknownNameError: when there is no such score, with the nearest names.
        ShapeError, DataError: when features and targets can't be used at all.
    """
    wanted = list(SCORES) if scores is None else list(scores)
    for name in wanted:
        if name not in SCORES:
            raise UnknownNameError("transferability score", name, SCORES)
    data = Factorisation.of(x)
    real = targets_of(y, data.n)[1] is None
    return {name: _one(name, data, np.asarray(y), source_probabilities, real, level, rng) for name in wanted}


def _one(name: str, data: Factorisation, y: NDArray[Any], head: NDArray[Any] | None, real: bool, level: float,
         rng: np.random.Generator) -> Estimate:  # fmt: skip
    card, n = SCORES[name], data.n
    if card.needs_head and head is None:
        return Estimate.unknown(name, "the model has no source head; this score reads its probabilities", n=n)
    if real and not card.real_targets:
        return Estimate.unknown(name, "the score needs classes, and the targets are real numbers", n=n)
    try:
        if card.all_pairs and n > MOST_ROWS:
            rows = np.sort(rng.choice(n, size=MOST_ROWS, replace=False))
            data, y, n = Factorisation.of(data.x[rows]), y[rows], MOST_ROWS
        value = card.function(head if card.needs_head else data, y)
    except AssayError as error:
        return Estimate.unknown(name, str(error), n=n)
    if not np.isfinite(value):
        return Estimate.unknown(name, "the score is not a finite number for these features", n=n)
    if card.proportion and not real:
        ends = binomtest(round(value * n), n).proportion_ci(confidence_level=level, method="wilson")
        return Estimate(
            name=name, value=value, low=min(float(ends.low), value), high=max(float(ends.high), value), level=level,
            n=n, unit="fraction", method="rows left out, Wilson score interval", population="other rows of this source",
        )  # fmt: skip
    method = "nearest-centre part; the sum is relative to a pool" if card.pool_relative else ""
    return Estimate(name=name, value=value, n=n, method=method, population="these rows")
