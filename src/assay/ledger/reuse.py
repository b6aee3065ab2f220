"""A run as the reusability lens reads it: each model on each target, its label curve, its twin, its costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.reusability.budgets import over_draws
from assay.assess.reusability.records import BudgetScore, Candidate, Complexity, Moment, Similarity, Training
from assay.assess.selection.candidates import Candidate as Contender
from assay.assess.selection.candidates import Run, align
from assay.assess.selection.replicates import replicate
from assay.errors import AssayError, NothingToAssessError
from assay.estimate import Estimate
from assay.ledger.rows import TrialRow, recipe_labels
from assay.ledger.run_folder import RunFolder
from assay.ledger.views import data_labels, fullest, shown_models
from assay.metrics import METRICS
from assay.rng import stream

REPLICATES = 2000
_CHOSEN_BY = {"binary": "accuracy", "multiclass": "accuracy", "multilabel": "f1_micro", "regression": "r2"}
"""What recipes choose by on validation rows, and so what the scores of their epochs are."""
_LINEAR = ("probe", "ridge", "finetune", "lora")

Similarities = Mapping[tuple[str, str], Sequence[Similarity]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One data set of a run."""

    uri: str
    label: str
    record: Mapping[str, Any]
    metric: str

    @property
    def sign(self) -> float:
        return 1.0 if METRICS[self.metric].higher_is_better else -1.0

    @property
    def rows_a_class(self) -> int:
        """What all training rows are as a label budget."""
        return max(1, round(self.record["train"] / max(len(self.record["classes"]), 1)))


def reuse_candidates(
    folder: RunFolder, *, level: float, rng_seed: int, similarities: Similarities | None = None
) -> tuple[list[Candidate], str]:
    """(candidates, what their scores are) of a run; scores of which lower is better are negated.

    Args:
        folder: The run.
        level: Of the intervals.
        rng_seed: Seeds their resamples.
        similarities: (model's label, target's label) → what was measured between a source and the target.

    Raises:
        NothingToAssessError: when no trial of a model has succeeded.
    """
    rows = [row for row in folder.trials() if row.status == "ok"]
    records = folder.ledger.get("data")
    found: list[Candidate] = []
    metrics: dict[str, float] = {}
    for uri, label in data_labels(folder).items():
        target = _Target(uri=uri, label=label, record=records[uri], metric=str(records[uri]["metrics"][0]))
        mine = [row for row in rows if row.data == uri]
        made = _of_target(folder, target, mine, rows, level, rng_seed)
        found += [_near(candidate, model, target, similarities or {}) for candidate, model in made]
        if made:
            metrics[target.metric] = target.sign
    if not found:
        raise NothingToAssessError(f"{folder.paths.root} holds no trial of a model that has succeeded")
    words = [name if sign > 0 else f"{name}, negated" for name, sign in metrics.items()]
    return found, " or ".join(words)


def _near(candidate: Candidate, label: str, target: _Target, similarities: Similarities) -> Candidate:
    return replace(candidate, similarities=similarities.get((label, target.label), ()))


def _of_target(
    folder: RunFolder, target: _Target, rows: Sequence[TrialRow], every: Sequence[TrialRow], level: float, rng_seed: int
) -> list[tuple[Candidate, str]]:
    """The candidates of one target, each with its model's label."""
    shown, recipes = shown_models(folder), recipe_labels(every)
    several = len({recipes[row.key] for row in every if row.role == "model"}) > 1
    groups: dict[tuple[str, str], list[TrialRow]] = {}
    for row in rows:
        if row.role == "model":
            groups.setdefault((row.model, recipes[row.key]), []).append(row)
    names = {key: f"{shown[key[0]]['label']} ({key[1]})" if several else str(shown[key[0]]["label"]) for key in groups}
    replicates = _replicates(folder, target, {names[key]: fullest(mine) for key, mine in groups.items()}, rng_seed)
    free = [row for row in fullest(rows) if row.role in ("raw", "majority")]
    found: list[tuple[Candidate, str]] = []
    for (model, recipe), mine in groups.items():
        name, label, full = names[model, recipe], str(shown[model]["label"]), fullest(mine)
        # A twin that was adapted in another way would tell of that way, not of pretraining.
        twins = [row for row in rows if row.role == "twin" and shown[row.model].get("twin_of") == label
                 and recipes[row.key] == recipe]  # fmt: skip
        candidate = Candidate(
            model=name, target=target.label, replicates=replicates.get(name),
            performance=_performance(full, target, replicates.get(name), level), seconds=_mean_seconds(full, level),
            feature_seconds=_feature_seconds(full), complexity=_complexity(folder, model, shown[model], target, full),
            curve=_curve(mine, target), twin_curve=_curve(twins, target),
            trainings=[training for row in full if (training := _training(folder, row, target)) is not None],
            baselines=_mean_scores(free, target),
        )  # fmt: skip
        found.append((candidate, label))
    return found


def _replicates(
    folder: RunFolder, target: _Target, groups: Mapping[str, Sequence[TrialRow]], rng_seed: int
) -> dict[str, NDArray[np.float64]]:
    """Name → (b,) scores on other items and other draws, paired over all names; empty where they cannot be paired."""
    contenders: list[Contender] = []
    for name, rows in groups.items():
        found = [(row, folder.predictions(row.key)) for row in rows]
        runs = [Run(predictions=said, draw=row.draw, seed=row.seed) for row, said in found if said is not None]
        contenders.append(Contender(model=name, runs=runs))
    low, high = METRICS[target.metric].range
    try:
        drawn = replicate(
            align(contenders), target.metric, sign=target.sign, bounded=bool(np.isfinite([low, high]).all()),
            resamples=REPLICATES, rng=stream(rng_seed, "performance", target.uri),
        )  # fmt: skip
    except AssayError:
        return {}
    return {name: drawn.values[:, i] for i, name in enumerate(drawn.names)}


def _performance(
    rows: Sequence[TrialRow], target: _Target, replicates: NDArray[np.float64] | None, level: float
) -> Estimate:
    """The score, meaned over draws and seeds, with an interval over items and draws."""
    scores = [target.sign * row.scores["test"][target.metric] for row in rows if target.metric in row.scores["test"]]
    if not scores:
        return Estimate.unknown("performance", f"{target.metric} has no value for its predictions")
    if replicates is None:
        return over_draws(np.array(scores), "performance", level)
    value, draws = float(np.mean(scores)), len({row.draw for row in rows})
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    others = "other draws of labelled rows" if draws > 1 else "the same labelled rows"
    return Estimate(
        name="performance", value=value, low=min(value, float(low)), high=max(value, float(high)), level=level,
        n=draws, method="items resampled, and t over draws" if draws > 1 else "items resampled",
        population=f"other items and {others}",
    )  # fmt: skip


def _mean_seconds(rows: Sequence[TrialRow], level: float) -> Estimate:
    seconds = np.array([row.seconds for row in rows if row.seconds is not None])
    if not len(seconds):
        return Estimate.unknown("adaptation_time", "it was not measured", unit="seconds")
    found = over_draws(seconds, "adaptation_time", level)
    low = None if found.low is None else max(0.0, found.low)
    return replace(found, low=low, unit="seconds", population="the same work on this machine")


def _feature_seconds(rows: Sequence[TrialRow]) -> Estimate:
    seconds = [row.feature_seconds for row in rows if row.feature_seconds is not None]
    if not seconds:
        return Estimate.unknown("feature_time", "the recipe reads no stored features", unit="seconds")
    if max(seconds) == 0:
        return Estimate.unknown("feature_time", "the features were in the store before this run", unit="seconds")
    return Estimate(name="feature_time", value=max(seconds), unit="seconds", method="measured once")


def _complexity(
    folder: RunFolder, model: str, info: Mapping[str, Any], target: _Target, rows: Sequence[TrialRow]
) -> Complexity:
    """What the source states, what the recipe trained, and what was measured on this target's items."""
    facts: dict[str, Any] = {name: info.get(name) for name in ("parameters", "flops", "activations", "width",
                                                               "size_bytes")}  # fmt: skip
    head = (int(info.get("width") or 0) + 1) * max(len(target.record["classes"]), 1)
    trained = max((int(row.provenance.get("chosen", {}).get("trained_parameters", 0)) for row in rows), default=0)
    if rows[0].per_class == 0:
        facts["trained_parameters"] = 0
    if rows[0].method in _LINEAR:
        facts["trained_parameters"] = trained + head
    for name, value in folder.ledger.get("speed").get(f"{model}|{target.uri}", {}).items():
        facts[name] = Estimate.from_dict(value) if isinstance(value, dict) else value
    return Complexity(**facts)


def _curve(rows: Sequence[TrialRow], target: _Target) -> list[BudgetScore]:
    """One point a budget and draw, meaned over seeds."""
    found: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        value = row.scores["test"].get(target.metric)
        if value is not None:
            budget = target.rows_a_class if row.per_class is None else row.per_class
            found.setdefault((budget, row.draw), []).append(target.sign * value)
    return [
        BudgetScore(budget=budget, draw=draw, score=float(np.mean(values))) for (budget, draw), values in found.items()
    ]


def _training(folder: RunFolder, row: TrialRow, target: _Target) -> Training | None:
    """The moments of one training: its epochs, or the one at which a head was solved.

    Where memory was watched over the whole training only, its peak is what each moment had at most; energy of the whole
    is shared by time.
    """
    moments: list[Moment] = []
    seconds, steps, joules, peak = 0.0, 0, 0.0, 0
    for epoch in row.history:
        seconds += float(epoch["seconds"])
        steps += int(epoch.get("steps", 0))
        joules += float(epoch.get("joules", 0.0))
        peak = max(peak, int(epoch.get("peak_bytes", 0)))
        if epoch.get("valid_score") is not None:
            moments.append(
                Moment(seconds=seconds, epochs=len(moments) + 1, score=float(epoch["valid_score"]), steps=steps or None,
                       joules=joules or _part_of(row, seconds), peak_bytes=peak or row.peak_bytes)
            )  # fmt: skip
    if not moments and row.seconds is not None:
        said = folder.predictions(row.key, "valid")
        if said is None or not len(said.ids):
            return None
        chosen_by = METRICS[_CHOSEN_BY[str(target.record["task"])]]
        score = chosen_by(said.target, said.labels(), said.score)
        moments = [
            Moment(seconds=row.seconds, epochs=1, score=score, joules=row.joules, peak_bytes=row.peak_bytes)
        ]  # fmt: skip
    return Training(moments=moments) if moments else None


def _part_of(row: TrialRow, seconds: float) -> float | None:
    """The energy of a training's first seconds, in proportion; None where it was not measured."""
    return row.joules * min(seconds / row.seconds, 1.0) if row.joules is not None and row.seconds else None


def _mean_scores(rows: Sequence[TrialRow], target: _Target) -> dict[str, float]:
    """Baseline → its score, meaned over draws."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        if target.metric in row.scores["test"]:
            scores.setdefault(row.model, []).append(target.sign * row.scores["test"][target.metric])
    return {name: float(np.mean(found)) for name, found in scores.items()}
