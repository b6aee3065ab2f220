"""The calibrated combination: what past studies and numbers measured now say of the score that tuning would give.

Past studies are a table with one row a model and data set. Scores measured before tuning (leave-one-out accuracy, a
transferability score) join under their names where the table has them too. Each past data set is predicted from the
others, which shows how wide an interval must be, and whether the prediction is better than the static rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.assess.selection.experience import FEWEST_DATASETS, Experience
from assay.assess.selection.validation import over_datasets, static_ranks, top_regret
from assay.errors import DataError, NothingToAssessError, UnknownNameError
from assay.estimate import Estimate
from assay.finding import Finding

Floats = NDArray[np.float64]
DRAWS = 1000
FEWEST_MODELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Scores reached on past data sets, and what was measured on them beforehand."""

    models: tuple[str, ...]
    datasets: tuple[str, ...]
    scores: Floats
    """(m, t), NaN where not run."""
    measured: Mapping[str, Floats]
    """Name of a score → (m, t), NaN where not measured."""

    @classmethod
    def read(cls, table: pd.DataFrame, *, without: str = "") -> Past:
        """From rows with `model`, `dataset`, `accuracy` and numeric columns of scores; the median of repeats.

        Args:
            table: The rows.
            without: A data set to leave out: the one that is judged must not be its own past.

        Raises:
            UnknownNameError: for a column that is not there.
            DataError: for an accuracy that is no number.
        """
        where = str(table.attrs.get("source", "the table of past results"))
        for name in ("model", "dataset", "accuracy"):
            if name not in table.columns:
                raise UnknownNameError("column", name, [str(label) for label in table.columns], where=where)
        frame = table[table["dataset"].astype(str) != without].copy()
        try:
            frame["accuracy"] = frame["accuracy"].astype(float)
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: accuracy holds what is no number: {error}") from error
        place = list(zip(frame["model"].astype(str).tolist(), frame["dataset"].astype(str).tolist(), strict=True))
        models, datasets = sorted({model for model, _ in place}), sorted({dataset for _, dataset in place})

        def wide(name: str) -> Floats:
            out = np.full((len(models), len(datasets)), np.nan)
            cells: dict[tuple[str, str], list[float]] = {}
            for key, value in zip(place, frame[name].tolist(), strict=True):
                if np.isfinite(value):
                    cells.setdefault(key, []).append(float(value))
            for (model, dataset), values in cells.items():
                out[models.index(model), datasets.index(dataset)] = np.median(values)
            return out

        numeric = [str(name) for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
        return cls(
            models=tuple(models), datasets=tuple(datasets), scores=wide("accuracy"),
            measured={name: wide(name) for name in numeric if name != "accuracy"},
        )  # fmt: skip

    def static(self) -> dict[str, float]:
        """Model → mean rank over the past data sets, 1 the best, for models that were run."""
        padded = np.column_stack([self.scores, np.full(len(self.models), np.nan)])
        ranks = static_ranks(padded, padded.shape[1] - 1)
        return {m: float(r) for m, r in zip(self.models, ranks.tolist(), strict=True) if np.isfinite(r)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """Predictions for the models at hand, and how the same prediction did on past data sets."""

    predicted: Mapping[str, Estimate]
    """Model → the score that tuning would give."""
    check: Sequence[Mapping[str, Any]]
    """One row a past data set that was left out: share of scores within the interval, errors, regrets."""
    estimates: tuple[Estimate, ...]
    """Coverage, error, and regret saved against the static rank, over the data sets left out."""
    columns: tuple[str, ...]
    """Measured scores that joined."""
    unseen: tuple[str, ...]
    """Models without any past result."""


def combine(
    past: Past, measured: Mapping[str, Mapping[str, float]], *, bounds: tuple[float, float], level: float,
    rng: np.random.Generator,
) -> Combination:  # fmt: skip
    """Predict the tuned score of each model, with an interval that held on past data sets left out in turn.

    Args:
        past: What was reached before.
        measured: Model → score → its number on the new data set; scores that the past lacks are left aside.
        bounds: Least and greatest score that there can be.
        level: Confidence level.
        rng: The source of randomness.

    Raises:
        NothingToAssessError: with fewer than four past data sets of four models, of which each is predicted in turn
            from at least three.

    Notes:
        An interval is the mean of the draws plus and minus c of their deviations. c is the `level` quantile of
        |error| / deviation over the models of all past data sets, each predicted from the others. The coverage stated
        for a data set uses the c of the other data sets.
    """
    keep = np.isfinite(past.scores).sum(axis=0) >= FEWEST_MODELS
    if keep.sum() <= FEWEST_DATASETS:
        raise NothingToAssessError(
            f"{int(keep.sum())} past data sets have {FEWEST_MODELS} models or more; {FEWEST_DATASETS + 1} are needed "
            "to predict scores and to check that on a data set left out"
        )
    names = [*past.models, *(model for model in measured if model not in past.models)]
    joined = tuple(sorted({s for row in measured.values() for s in row} & set(past.measured)))
    rows = len(names) - len(past.models)
    scores = np.vstack([past.scores[:, keep], np.full((rows, int(keep.sum())), np.nan)])
    extra = np.stack([np.vstack([past.measured[s][:, keep], np.full((rows, int(keep.sum())), np.nan)])
                      for s in joined], axis=2) if joined else None  # fmt: skip
    left_out = [_predict(scores, extra, at, bounds, rng) for at in range(scores.shape[1])]
    stretch = _stretch([z for z, _, _ in left_out], level)
    now = np.array([[measured.get(name, {}).get(s, np.nan) for s in joined] for name in names])
    draws = Experience.learn(scores, extra, bounds=bounds).draw(
        [], np.zeros(0), range(len(names)), extra=now if joined else None, draws=DRAWS, rng=rng
    )
    datasets = [name for name, kept in zip(past.datasets, keep, strict=True) if kept]
    check = [_checked(datasets[at], scores, at, left_out, level) for at in range(len(datasets))]
    return Combination(
        predicted={name: _estimate(draws[:, names.index(name)], stretch, bounds, level, len(datasets))
                   for name in measured},
        check=check, estimates=_estimates(check, level), columns=joined,
        unseen=tuple(name for name in measured if name not in past.models),
    )  # fmt: skip


def finding_of(found: Combination) -> Finding:
    """The prediction as a claim: who is expected to lead, and whether such a prediction beats the static rank."""
    leader, best = max(found.predicted.items(), key=lambda pair: pair[1].value or 0.0)
    coverage, _, saved = found.estimates
    verdict = "undetermined"
    if saved.low is not None and saved.high is not None:
        verdict = "yes" if saved.low > 0 else "no" if saved.high < 0 else "undetermined"
    beside = "" if saved.value is None else f", and following the prediction saved {saved} against the static rank"
    joined = f" and {', '.join(found.columns)}" if found.columns else ""
    return Finding(
        lens="selection", subjects=(leader,), estimates=(best, *found.estimates), verdict=verdict,
        claim=f"Going by {best.n} past data sets{joined}, {leader} is expected to reach {replace(best, unit='')}; on "
        f"past data sets left out, such intervals held {replace(coverage, unit='')} of the scores{beside}.",
        evidence=f"{best.n} past data sets", method="each predicted from the others",
    )  # fmt: skip


def _predict(scores: Floats, extra: Floats | None, at: int, bounds: tuple[float, float], rng: np.random.Generator,
             ) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """|error| / deviation, |error| and the prediction, for the models of one data set left out."""
    ran = np.flatnonzero(np.isfinite(scores[:, at]))
    others = None if extra is None else np.delete(extra, at, axis=1)
    learned = Experience.learn(np.delete(scores, at, axis=1), others, bounds=bounds)
    draws = learned.draw([], np.zeros(0), ran.tolist(), extra=None if extra is None else extra[:, at], draws=DRAWS,
                         rng=rng)  # fmt: skip
    error = np.abs(scores[ran, at] - draws.mean(axis=0))
    return error / np.maximum(draws.std(axis=0), 1e-9), error, draws.mean(axis=0)


def _stretch(parts: Sequence[Floats], level: float) -> float:
    """Deviations that the interval reaches on either side."""
    return float(np.quantile(np.concatenate(parts), level))


def _checked(name: str, scores: Floats, at: int, left_out: Sequence[tuple[Floats, Floats, Floats]], level: float,
             ) -> dict[str, Any]:  # fmt: skip
    z, error, predicted = left_out[at]
    stretch = _stretch([other for i, (other, _, _) in enumerate(left_out) if i != at], level)
    ran = np.flatnonzero(np.isfinite(scores[:, at]))
    static, truth = static_ranks(scores, at)[ran], scores[ran, at]
    known = np.isfinite(static)
    return {
        "dataset": name, "models": len(ran), "covered": float((z <= stretch).mean()), "error": float(error.mean()),
        "regret": top_regret(truth, predicted, 1),
        "static_regret": top_regret(truth[known], static[known], 1) + float(truth.max() - truth[known].max())
        if known.any() else None,
    }  # fmt: skip


def _estimates(check: Sequence[Mapping[str, Any]], level: float) -> tuple[Estimate, ...]:
    saved = [100 * (row["static_regret"] - row["regret"]) for row in check if row["static_regret"] is not None]
    covered = over_datasets("combination_coverage", [row["covered"] for row in check], level, unit="fraction")
    if covered.high is not None:
        covered = replace(covered, low=max(covered.low or 0.0, 0.0), high=min(covered.high, 1.0))
    return (
        covered,
        over_datasets("combination_error", [100 * row["error"] for row in check], level, unit="points"),
        over_datasets("combination_saved_against_static", saved, level, unit="points"),
    )


def _estimate(draws: Floats, stretch: float, bounds: tuple[float, float], level: float, datasets: int) -> Estimate:
    middle, reach = float(draws.mean()), stretch * float(draws.std())
    return Estimate(
        name="predicted", value=middle, low=max(middle - reach, bounds[0]), high=min(middle + reach, bounds[1]),
        level=level, n=datasets, unit="fraction", population="this data set",
        method="linear in standing on past data sets and measured scores; width from data sets left out",
    )  # fmt: skip
