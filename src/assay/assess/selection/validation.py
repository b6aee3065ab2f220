"""Is a transferability score any good? Any table of (model, data set, score, accuracy) is judged.

A score is held against a random ranking and against the static rank: the mean rank that each model has on the other
data sets, which needs no target data at all. A score that does not beat that is labelled so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata, t, weightedtau

from assay.errors import DataError, NothingToAssessError, UnknownNameError, UsageError
from assay.estimate import Estimate
from assay.finding import Assessment, Figure, Finding

Floats = NDArray[np.float64]
FEWEST_MODELS = 4
PERMUTATIONS = 1000
RESAMPLES = 1000
Function = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreColumns:
    """Which column of the table holds what."""

    model: str = "model"
    dataset: str = "dataset"
    scores: Sequence[str] = ("score",)
    """One or more scores, higher is better."""
    accuracy: str = "accuracy"
    """What fine-tuning or probing really gave; a share, or in points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One data set: the models that have both numbers, and where they stand elsewhere."""

    name: str
    accuracy: Floats
    score: Floats
    static: Floats | None


def validate_scores(
    table: pd.DataFrame, columns: ScoreColumns | None = None, *, functions: Mapping[str, Function] | None = None,
    top: Sequence[int] = (1, 3), level: float = 0.95, rng: np.random.Generator,
) -> Assessment:  # fmt: skip
    """Whether scores rank models as their accuracy does, data set by data set and over data sets.

    Args:
        table: One row a model and data set; repeated rows count by their median.
        columns: The names of the columns.
        functions: Scores of one's own by name: each is called with the rows of one data set and gives a number a row.
        top: The k of top-k regret: what is lost when the best of the k models with the highest score is taken.
        level: Confidence level.
        rng: The source of randomness.

    Raises:
        UnknownNameError: for a column that is not there.
        DataError: for a number that is none.
        NothingToAssessError: when no data set has four models with both numbers.
        UsageError: when a function fails, or does not give a number a row.
    """
    columns = columns or ScoreColumns()
    for name, function in (functions or {}).items():
        table = _with_function(table, columns.dataset, name, function)
        columns = replace(columns, scores=(*columns.scores, name))
    cells = _cells(table, columns)
    rows: list[dict[str, Any]] = []
    for score in columns.scores:
        rows += [_row(score, task, top, cells.factor, level, rng) for task in _tasks(cells, score)]
    if not rows:
        raise NothingToAssessError(
            f"no data set has {FEWEST_MODELS} models with both a score and an accuracy; a ranking needs that many"
        )
    summary = [_summary(score, [row for row in rows if row["score"] == score], top, level) for score in columns.scores]
    return Assessment(
        lens="validate-scores", question="Do these scores rank models as their accuracy does?",
        verdict=" ".join(_sentence(row) for row in summary), findings=tuple(_finding(row) for row in summary),
        estimates=_headline(summary), tables={"scores": summary, "datasets": rows}, figures=_figures(rows, summary),
        inputs={"rows": int(np.isfinite(cells.accuracy).sum()), "datasets": len({row["dataset"] for row in rows}),
                "models": len(cells.accuracy), "level": level},
        caveats=_caveats(rows),
    )  # fmt: skip


def _with_function(table: pd.DataFrame, dataset: str, name: str, function: Function) -> pd.DataFrame:
    """The table with a column of the function's scores."""
    if dataset not in table.columns:
        raise UnknownNameError("column", dataset, [str(label) for label in table.columns])
    values = np.full(len(table), np.nan)
    keys = table[dataset].astype(str).to_numpy(dtype=np.str_)
    for key in np.unique(keys):
        at = np.flatnonzero(keys == key)
        try:
            values[at] = np.asarray(function(table.iloc[at]), dtype=np.float64).reshape(len(at))
        except Exception as error:
            raise UsageError(
                f"the score {name} failed on the {len(at)} rows of {key}: {type(error).__name__}: {error}; it is "
                "called with the rows of one data set and gives one number a row, higher is better"
            ) from error
    return table.assign(**{name: values})


def static_ranks(accuracy: Floats, left_out: int) -> Floats:
    """(m,) mean rank (0 worst, 1 best) of each model over the other data sets; NaN where it was run nowhere else.

    Args:
        accuracy: (m, t) models × data sets, NaN where not run.
        left_out: The data set that the ranks are for; they do not see it.
    """
    others = np.delete(accuracy, left_out, axis=1)
    present = np.isfinite(others)
    ranks = (rankdata(others, axis=0, nan_policy="omit") - 0.5) / np.maximum(present.sum(axis=0), 1)
    count = present.sum(axis=1)
    return np.where(count > 0, np.where(present, ranks, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """The table as arrays, NaN where a cell is empty."""

    datasets: list[str]
    accuracy: Floats
    """(m, t)."""
    scores: Mapping[str, Floats]
    """Score → (m, t)."""
    factor: float
    """From the accuracy's unit to points."""


def _cells(table: pd.DataFrame, columns: ScoreColumns) -> _Cells:
    where = str(table.attrs.get("source", "the table"))
    for name in (columns.model, columns.dataset, columns.accuracy, *columns.scores):
        if name not in table.columns:
            raise UnknownNameError("column", name, [str(label) for label in table.columns], where=where)
    models, row = np.unique(table[columns.model].astype(str).to_numpy(dtype=np.str_), return_inverse=True)
    datasets, at = np.unique(table[columns.dataset].astype(str).to_numpy(dtype=np.str_), return_inverse=True)

    def wide(name: str) -> Floats:
        numbers = _numbers(table, name, where)
        cells: dict[tuple[int, int], list[float]] = {}
        for r, c, value in zip(row.tolist(), at.tolist(), numbers.tolist(), strict=True):
            if np.isfinite(value):
                cells.setdefault((r, c), []).append(value)
        out = np.full((len(models), len(datasets)), np.nan)
        for place, values in cells.items():
            out[place] = np.median(values)
        return out

    accuracy = wide(columns.accuracy)
    factor = 100.0 if np.nanmax(np.abs(accuracy), initial=0.0) <= 1.0 else 1.0
    return _Cells(
        datasets=datasets.tolist(),
        accuracy=accuracy,
        scores={name: wide(name) for name in columns.scores},
        factor=factor,
    )


def _numbers(table: pd.DataFrame, name: str, where: str) -> Floats:
    out: list[float] = []
    for at, cell in enumerate(table[name].tolist()):
        try:
            out.append(np.nan if cell is None else float(cell))
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}, record {at + 1}: {name} is {cell!r}, not a number") from error
    return np.array(out)


def _tasks(cells: _Cells, score: str) -> list[_Task]:
    found: list[_Task] = []
    for at, name in enumerate(cells.datasets):
        accuracy, scores = cells.accuracy[:, at], cells.scores[score][:, at]
        kept = np.isfinite(accuracy) & np.isfinite(scores)
        if kept.sum() < FEWEST_MODELS:
            continue
        static = static_ranks(cells.accuracy, at)[kept] if len(cells.datasets) > 1 else None
        usable = static is not None and bool(np.isfinite(static).all())
        found.append(_Task(name=name, accuracy=accuracy[kept], score=scores[kept], static=static if usable else None))
    return found


def tau_w(accuracy: Floats, score: Floats) -> float:
    """Weighted Kendall τ with hyperbolic weights, the mean over both orders; NaN when one of them is constant.

    References:
        Vigna (2015), A weighted correlation index for rankings with ties, section 3.
    """
    if np.ptp(accuracy) == 0 or np.ptp(score) == 0:
        return float("nan")
    return float(np.asarray(weightedtau(accuracy, score))[0])


def top_regret(accuracy: Floats, score: Floats, k: int) -> float:
    """Best accuracy less the best among the k highest scores; equal scores are drawn at random, and the mean given."""
    return float(accuracy.max() - _expected_best(accuracy, score, min(k, len(score))))


def _expected_best(accuracy: Floats, score: Floats, k: int) -> float:
    """Expected best accuracy among the k highest scores when ties are broken at random."""
    cut = np.sort(score)[::-1][k - 1]
    sure, tied = accuracy[score > cut], accuracy[score == cut]
    draws = k - len(sure)
    floor = float(sure.max()) if len(sure) else -np.inf
    ordered = np.sort(tied)[::-1]
    # The best of `draws` of the tied is the i-th largest with probability C(rest, draws − 1)/C(all, draws).
    chance, best, missed = 1.0, 0.0, len(ordered)
    for at, value in enumerate(ordered):
        hit = chance * draws / (missed - at) if missed - at > 0 else chance
        hit = min(hit, chance)
        best += hit * max(float(value), floor)
        chance -= hit
        if chance <= 1e-15:
            break
    return best


def _row(score: str, task: _Task, top: Sequence[int], factor: float, level: float, rng: np.random.Generator,
         ) -> dict[str, Any]:  # fmt: skip
    n = len(task.accuracy)
    tau = _tau(task, level)
    null = np.array([tau_w(task.accuracy, rng.permutation(task.score)) for _ in range(PERMUTATIONS)])
    chance = (
        None if tau.value is None or np.isnan(null).any() else float((1 + (null >= tau.value).sum()) / (1 + len(null)))
    )
    row: dict[str, Any] = {
        "score": score, "dataset": task.name, "models": n, "tau": tau, "p_random": chance,
        "static_tau": None if task.static is None or tau.value is None else tau_w(task.accuracy, task.static),
    }  # fmt: skip
    even = np.zeros(n)
    for k in top:
        row[f"regret_{k}"] = _regret(task, k, factor, level, rng)
        row[f"random_regret_{k}"] = top_regret(task.accuracy, even, k) * factor
        row[f"static_regret_{k}"] = None if task.static is None else top_regret(task.accuracy, task.static, k) * factor
    return row


def _tau(task: _Task, level: float) -> Estimate:
    """τ with a jackknife interval over models, on Fisher's scale."""
    n = len(task.accuracy)
    value = tau_w(task.accuracy, task.score)
    if np.isnan(value):
        return Estimate.unknown("tau", "all models have the same score or the same accuracy", n=n)
    clipped = float(np.clip(value, -0.999, 0.999))
    without = [tau_w(np.delete(task.accuracy, i), np.delete(task.score, i)) for i in range(n)]
    pseudo = n * np.arctanh(clipped) - (n - 1) * np.arctanh(np.clip(np.nan_to_num(without), -0.999, 0.999))
    reach = float(t.ppf(0.5 + level / 2, n - 1) * pseudo.std(ddof=1) / np.sqrt(n))
    low, high = np.tanh(np.arctanh(clipped) - reach), np.tanh(np.arctanh(clipped) + reach)
    return Estimate(
        name="tau", value=value, low=min(float(low), value), high=max(float(high), value), level=level, n=n,
        method="weighted Kendall, jackknife over models", population="other such models on this data set",
    )  # fmt: skip


def _regret(task: _Task, k: int, factor: float, level: float, rng: np.random.Generator) -> Estimate:
    n = len(task.accuracy)
    value = top_regret(task.accuracy, task.score, k) * factor
    picks = rng.integers(n, size=(RESAMPLES, n))
    drawn = [top_regret(task.accuracy[pick], task.score[pick], k) * factor for pick in picks]
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(
        name=f"regret_{k}", value=value, low=min(float(low), value), high=max(float(high), value), level=level, n=n,
        unit="points", method="bootstrap over models", population="other such models on this data set",
    )  # fmt: skip


def _summary(score: str, rows: Sequence[Mapping[str, Any]], top: Sequence[int], level: float) -> dict[str, Any]:
    taus = [row["tau"].value for row in rows if row["tau"].value is not None]
    against = [(row["tau"].value, row["static_tau"]) for row in rows
               if row["tau"].value is not None and row["static_tau"] is not None]  # fmt: skip
    out: dict[str, Any] = {
        "score": score, "datasets": len(rows), "tau": _within_one(over_datasets("tau", taus, level)),
        "tau_over_static": over_datasets("tau_over_static", [a - b for a, b in against], level),
    }  # fmt: skip
    for k in top:
        mine = [row[f"regret_{k}"].value for row in rows]
        static = [(row[f"static_regret_{k}"], row[f"regret_{k}"].value) for row in rows]
        out[f"regret_{k}"] = over_datasets(f"regret_{k}", mine, level, unit="points")
        out[f"saved_against_random_{k}"] = over_datasets(
            f"saved_against_random_{k}", [row[f"random_regret_{k}"] - own for row, own in zip(rows, mine, strict=True)],
            level, unit="points",
        )  # fmt: skip
        out[f"saved_against_static_{k}"] = over_datasets(
            f"saved_against_static_{k}", [a - b for a, b in static if a is not None], level, unit="points"
        )
    return out


def over_datasets(name: str, values: Sequence[float], level: float, *, unit: str = "") -> Estimate:
    """The mean over data sets with a t interval; without one below three data sets."""
    n = len(values)
    if n == 0:
        return Estimate.unknown(name, "no data set gives a value; the static rank needs a second data set", unit=unit)
    mean = float(np.mean(values))
    if n < 3:
        return Estimate(name=name, value=mean, n=n, unit=unit, method="mean; too few data sets for an interval",
                        population="these data sets")  # fmt: skip
    reach = float(t.ppf(0.5 + level / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return Estimate(name=name, value=mean, low=mean - reach, high=mean + reach, level=level, n=n, unit=unit,
                    method="t interval over data sets", population="other such data sets")  # fmt: skip


def _within_one(tau: Estimate) -> Estimate:
    if tau.low is None or tau.high is None:
        return tau
    return replace(tau, low=max(tau.low, -1.0), high=min(tau.high, 1.0))


def _sentence(row: Mapping[str, Any]) -> str:
    tau, gain = row["tau"], row["tau_over_static"]
    if tau.value is None:
        return f"{row['score']} gives no ranking: {tau.reason}."
    random = "better than chance" if tau.low is not None and tau.low > 0 else "not shown to be better than chance"
    if gain.value is None:
        beside = "there is no static rank to hold it against"
    elif gain.low is not None and gain.low > 0:
        beside = f"it beats the static rank, which needs no target data, by {gain}"
    elif gain.high is not None and gain.high < 0:
        beside = f"the static rank, which needs no target data, is better by {gain.scaled(-1, '')}"
    else:
        beside = f"it is not shown to beat the static rank, which needs no target data ({gain})"
    return f"{row['score']} ranks models {random} (weighted Kendall {tau}); {beside}."


def _finding(row: Mapping[str, Any]) -> Finding:
    gain = row["tau_over_static"]
    verdict = "undetermined"
    if gain.low is not None and gain.high is not None:
        verdict = "yes" if gain.low > 0 else "no" if gain.high < 0 else "undetermined"
    return Finding(
        lens="selection", claim=f"{row['score']} ranks models better than the static rank.", subjects=(row["score"],),
        estimates=tuple(value for value in row.values() if isinstance(value, Estimate)), verdict=verdict,
        evidence=f"{row['datasets']} data sets", method="paired over data sets",
    )  # fmt: skip


def _headline(summary: Sequence[Mapping[str, Any]]) -> tuple[Estimate, ...]:
    if len(summary) == 1:
        return tuple(value for value in summary[0].values() if isinstance(value, Estimate))
    return tuple(
        value.renamed(f"{row['score']}_{value.name}") for row in summary for value in row.values()
        if isinstance(value, Estimate)
    )  # fmt: skip


def _figures(rows: Sequence[Mapping[str, Any]], summary: Sequence[Mapping[str, Any]]) -> tuple[Figure, ...]:
    bars = [
        {"dataset": row["dataset"], "tau": row["tau"].value, "low": row["tau"].low, "high": row["tau"].high,
         "score": row["score"]}
        for row in rows if row["tau"].known
    ]  # fmt: skip
    means = [
        {"score": row["score"], "gain": row["tau_over_static"].value, "low": row["tau_over_static"].low,
         "high": row["tau_over_static"].high}
        for row in summary if row["tau_over_static"].known
    ]  # fmt: skip
    found = [
        Figure(name="tau", kind="intervals", title="How well the score ranks models, by data set", rows=bars, x="tau",
               y="dataset", low="low", high="high", colour="score", x_title="weighted Kendall",
               options={"rule": 0.0}, alt="An interval that holds zero is no better than a random ranking."),
    ]  # fmt: skip
    if means:
        found.append(
            Figure(name="over_static", kind="intervals", title="What the score adds to the static rank", rows=means,
                   x="gain", y="score", low="low", high="high", x_title="weighted Kendall, score less static rank",
                   options={"rule": 0.0}, alt="Below zero the static rank is the better one.")
        )  # fmt: skip
    return tuple(found)


def _caveats(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    notes = [f"A random ranking of {min(row['models'] for row in rows)} models often reaches a high correlation; "
             "p_random says how often."]  # fmt: skip
    if any(row["static_tau"] is None for row in rows):
        notes.append("On some data sets a model was run nowhere else, so there is no static rank to hold it against.")
    return tuple(notes)
