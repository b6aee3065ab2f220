"""`rank` and `select`: which of many models to build on, for a part of what running them all would cost.

`rank` looks at every model on one sample. `select` races them on a growing sample and stops when the regret that is
left is small or the budget is spent. What is concluded from the numbers is `assay.assess.selection`'s business.
"""

from __future__ import annotations

import math
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assay.assess.selection.candidates import Candidate
from assay.assess.selection.combination import Past, combine, finding_of
from assay.assess.selection.lens import selection
from assay.assess.selection.nesting import choose_variants
from assay.assess.selection.racing import Stage, hold_stage, schedule
from assay.assess.selection.scale import scale_of
from assay.assess.selection.tables import ranking_rows
from assay.contracts import Model
from assay.dataset import Dataset
from assay.errors import AssayError, NothingToAssessError, UsageError
from assay.estimate import Estimate, show_number
from assay.finding import Assessment
from assay.metrics import METRICS
from assay.rng import stream
from assay.run.contenders import (
    Bench,
    Contender,
    Loader,
    Sample,
    Say,
    background_of,
    draw_sample,
    free_baselines,
    notes_on_classes,
    notes_on_heads,
    with_pool_scores,
)
from assay.run.finals import Final, hold_finals
from assay.run.generalising import Carried, carry
from assay.spec import ModelRef

_BUDGET = re.compile(r"^\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>s|m|min|h|trials?|money)?\s*$")
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
RESERVE = 1.5
"""A stage is begun only when its expected seconds, times this, still fit the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent; None where there is no limit."""

    seconds: float | None = None
    trials: int | None = None
    """A trial is one model on one sample."""

    @classmethod
    def parse(cls, text: str, *, per_hour: float | None = None) -> Budget:
        """The budget that a user typed: `90s`, `10m`, `2h`, `12 trials`, or `2.50 money` with the price of an hour.

        Raises:
            UsageError: for anything else.
        """
        match = _BUDGET.match(text)
        if match is None or match["unit"] is None:
            raise UsageError(
                "a budget is a time such as 10m, 90s or 2h, a number such as '12 trials', or money, '2.50 money' "
                f"with --per-hour; got {text!r}"
            )
        number, unit = float(match["number"]), match["unit"]
        if unit in _SECONDS:
            return cls(seconds=number * _SECONDS[unit])
        if unit == "money":
            if not per_hour:
                raise UsageError("a budget in money needs the price of an hour: --per-hour 3.20")
            return cls(seconds=3600 * number / per_hour)
        return cls(trials=int(number))


def _silent(text: str) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: which models, which data, and how to judge."""

    models: Sequence[str]
    """Names as users type them."""
    data: Dataset
    """The data; a name, as users type it, is loaded at once."""
    metric: str | None = None
    """None for accuracy, or R² for real targets."""
    twins: bool = False
    """Whether each model's untrained twin is run as a baseline."""
    priors: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    """Free rankings by name: model → number, higher is better. The first decides who is looked at first."""
    past: Past | None = None
    """Scores reached on other data sets, for the calibrated combination."""
    generalise: bool = False
    """Whether the leader is scored on rows it did not learn from, with calibration and abstention."""
    shifted: Dataset | None = None
    """Data of the same classes from elsewhere; the leader is scored on them too."""
    probes: bool = False
    """Whether the leader's test items and learned labels are spoilt to see what that costs."""
    level: float = 0.95
    rng_seed: int = 0
    load: Loader | None = None
    """How a name becomes a model; None for `assay.sources.models.load_model`."""
    store: Path | None = None
    """Folder that keeps features; None for one that is thrown away."""
    device: str = "auto"
    engine: str = "auto"
    say: Say = _silent
    """Told what goes on."""

    def __post_init__(self) -> None:
        if isinstance(self.data, str):
            from assay.sources.data import load_data

            object.__setattr__(self, "data", load_data(self.data))

    @property
    def measure(self) -> str:
        """The metric."""
        return self.metric or ("accuracy" if self.data.task.is_classification else "r2")


def rank(question: Question, *, rows: int = 1000, scores: Sequence[str] | None = None,
         variants: bool = False) -> Assessment:  # fmt: skip
    """Every model on one sample: leave-one-out score with interval, the battery, ties, and what is free.

    Args:
        question: Models, data, and how to judge.
        rows: Rows of the sample.
        scores: Transferability scores to compute; None for all of them.
        variants: Whether names that differ only in their options (layer, pooling) are one model, whose best variant is
            chosen on other rows than those that score it.

    Raises:
        NothingToAssessError: when no model could be run.
    """
    start = time.perf_counter()
    with _folder(question) as folder:
        sample, bench, contenders = _prepare(question, folder)
        rows = min(rows, len(sample.order))
        thin = notes_on_classes(sample, rows)
        found: list[Candidate] = []
        for contender in contenders:
            rng = stream(question.rng_seed, "battery", contender.name)
            candidate = bench.score(contender, rows, scores=scores, rng=rng)
            contender.model = None
            if candidate is not None:
                found.append(candidate)
        pool = _without_twins(with_pool_scores(contenders, found))
        baselines, notes = free_baselines(sample, rows)
        carried = _carried(question, bench, contenders, pool, rows)
        twins = [replace(c, twin_of=c.model.removesuffix(", untrained")) for c in found if _is_twin(c)]
        notes += [*thin, *notes_on_heads(contenders)]
        background = background_of(sample, [*baselines, *twins], notes, contenders, question.priors)
    if not pool:
        raise NothingToAssessError("no model could be run" + _first_error(contenders))
    if variants:
        pool = choose_variants(pool, metric=question.measure)
    judged = selection(
        pool, metric=question.measure, background=background, level=question.level, task=question.data.ref.uri,
        rng=stream(question.rng_seed, "rank"),
    )  # fmt: skip
    judged = _with_carried(_with_past(judged, question), carried)
    return replace(
        judged, lens="rank", estimates=_with_cost(judged, contenders, sample),
        caveats=(*judged.caveats, "Scores are of a ridge head on frozen features; fine-tuning can change the order."),
        cost={"seconds": time.perf_counter() - start, "ledger": [_account(c) for c in contenders]},
    )  # fmt: skip


def select(question: Question, *, budget: Budget, regret: float = 1.0, rows: int | None = None,
           finetune: bool = False) -> Assessment:  # fmt: skip
    """Race the models on a growing sample until the regret that is left is small or the budget is spent.

    Args:
        question: Models, data, and how to judge.
        budget: What may be spent.
        regret: Expected regret that may remain, in points (or the metric's own unit).
        rows: Most rows; None for all training rows.
        finetune: Whether those who are left are fine-tuned for a few epochs at the end, by successive halving.

    Raises:
        NothingToAssessError: when no model could be run.
    """
    start = time.perf_counter()
    with _folder(question) as folder:
        sample, bench, contenders = _prepare(replace(question, twins=False), folder)
        most = min(rows or len(sample.order), len(sample.order))
        notes_on_classes(sample, most)
        race = _Race(question, sample, bench, contenders, budget, regret)
        race.run(schedule(most, sample.classes))
        if not race.stages:
            raise NothingToAssessError("no model could be run within the budget" + _first_error(contenders))
        last = race.stages[-1]
        tuned = race.finals(last) if finetune else []
        carried = _carried(question, bench, contenders, race.field, last.rows)
        baselines, notes = free_baselines(sample, last.rows)
        notes += notes_on_classes(sample, last.rows)
    notes += [f"{c.name}: {note}." for c in contenders for note in c.notes]
    background = background_of(sample, baselines, notes, contenders, question.priors)
    judged = selection(
        [*race.field, *(final.candidate for final in tuned)], regime="frozen", metric=question.measure,
        background=background, level=question.level, task=question.data.ref.uri,
        rng=stream(question.rng_seed, "select"),
    )  # fmt: skip
    judged = race.with_dropped(judged)
    if finetune:
        judged = replace(judged, tables={**judged.tables, "finals": [_final_row(final, judged) for final in tuned]})
    judged = _with_carried(judged, carried)
    return replace(
        judged, lens="select", verdict=f"{judged.verdict} {race.ending()}",
        estimates=_with_cost(judged, contenders, sample),
        cost={"seconds": time.perf_counter() - start, "ledger": [_account(c) for c in contenders]},
    )  # fmt: skip


class _Race:
    """The stages of one race, held one after the other."""

    def __init__(self, question: Question, sample: Sample, bench: Bench, contenders: list[Contender], budget: Budget,
                 regret: float) -> None:  # fmt: skip
        self.question, self.sample, self.bench = question, sample, bench
        self.contenders, self.budget, self.regret = contenders, budget, regret
        self.stages: list[Stage] = []
        self.field: list[Candidate] = []
        self.trials = 0
        self.why = "all rows are used"

    def run(self, sizes: Sequence[int]) -> None:
        """Hold stages until one settles it, the rows end or the budget does."""
        left = list(self.contenders)
        for number, rows in enumerate(sizes):
            if number and not self._pays(left, rows):
                self.why = "the budget is spent"
                return
            found = self._scores(left, rows)
            if not found:
                return
            stage = hold_stage(
                found, metric=self.question.measure, regret=self.regret, stages=len(sizes), level=self.question.level,
                rng=stream(self.question.rng_seed, "stage", number),
            )  # fmt: skip
            self.stages.append(stage)
            self.field = [c for c in found if c.model in stage.kept]
            for contender in left:
                if contender.name not in stage.kept:
                    contender.model = None
            left = [c for c in left if c.name in stage.kept]
            if stage.done:
                self.why = "one model is left" if len(left) == 1 else "the expected regret is small enough"
                return

    def _scores(self, left: Sequence[Contender], rows: int) -> list[Candidate]:
        found: list[Candidate] = []
        for contender in left:
            if self.budget.trials is not None and self.trials >= self.budget.trials:
                contender.error = contender.error or f"not reached: the budget of {self.budget.trials} trials was spent"
                continue
            if not self.stages and self.budget.seconds is not None and self._spent() > self.budget.seconds:
                contender.error = "not reached: the budget was spent before its features could be had"
                continue
            self.trials += 1
            candidate = self.bench.score(contender, rows, scores=(), rng=stream(self.question.rng_seed, "race"))
            if candidate is not None:
                found.append(candidate)
        return found

    def _spent(self) -> float:
        return sum(contender.seconds for contender in self.contenders)

    def _pays(self, left: Sequence[Contender], rows: int) -> bool:
        """Whether the next stage fits what is left of the budget, judged by what each item has cost so far."""
        if self.budget.trials is not None and self.trials + len(left) > self.budget.trials:
            return False
        if self.budget.seconds is None:
            return True
        expected = sum(_per_item(c) * max(0, rows - self.stages[-1].rows) for c in left)
        return self._spent() + RESERVE * expected <= self.budget.seconds

    def with_dropped(self, judged: Assessment) -> Assessment:
        """The ranking with those who were dropped on the way, below those who were not."""
        rows: list[Any] = list(judged.tables["ranking"])
        group = max(row["group"] for row in rows)
        events: list[dict[str, Any]] = []
        for stage in reversed(self.stages):
            below = [row for row in ranking_rows(stage.judged) if row["model"] in stage.dropped]
            group += 1 if below else 0
            for row in below:
                rows.append({**row, "rank": len(rows) + 1, "rank_low": row["rank_low"], "group": group})
        total = len(rows)
        rows = [{**row, "rank_high": total} if row["model"] in self._dropped() else row for row in rows]
        for stage in self.stages:
            events += [{"model": name, "rows": stage.rows, "reason": why} for name, why in stage.dropped.items()]
        return replace(judged, tables={**judged.tables, "ranking": rows, "dropped": events, "stages": self._table()})

    def finals(self, last: Stage) -> list[Final]:
        """Short fine-tuning of those who are left."""
        left = [c for c in self.contenders if c.name in last.kept]

        def pays() -> bool:
            within_trials = self.budget.trials is None or self.trials < self.budget.trials
            self.trials += 1
            return within_trials and (self.budget.seconds is None or self._spent() < self.budget.seconds)

        return hold_finals(left, self.sample, last.rows, metric=self.question.measure, pays=pays,
                           seed=self.question.rng_seed, device=self.question.device)  # fmt: skip

    def _dropped(self) -> set[str]:
        return {name for stage in self.stages for name in stage.dropped}

    def _table(self) -> list[dict[str, Any]]:
        return [
            {
                "rows": stage.rows, "models": len(stage.judged.ranked), "dropped": len(stage.dropped),
                "leader": stage.judged.ranked[0].model, "expected_regret": stage.judged.regret[0],
            }
            for stage in self.stages
        ]  # fmt: skip

    def ending(self) -> str:
        """Why the race ended, and what more would buy."""
        last = self.stages[-1]
        told = f"The race ended at {last.rows:,} rows because {self.why}"
        expected = last.judged.regret[0]
        if self.why != "the budget is spent" or expected.value is None or expected.value <= 0:
            return f"{told}."
        unit = scale_of(self.question.measure).unit
        rows = last.rows * (expected.value / max(self.regret, 1e-9)) ** 2
        seconds = sum(_per_item(c) for c in self.contenders if c.name in last.kept) * max(0.0, rows - last.rows)
        return (
            f"{told}; an expected regret of {show_number(expected.value)} {unit} is left, and about {round(rows):,} "
            f"rows ({show_number(seconds)} more seconds) would bring it to {self.regret:g}."
        )


def _carried(question: Question, bench: Bench, contenders: Sequence[Contender], pool: Sequence[Candidate], rows: int,
             ) -> Carried | None:  # fmt: skip
    """How the leader's score carries to other rows, if that was asked for; what went wrong is a note."""
    if not pool or not (question.generalise or question.probes or question.shifted is not None):
        return None
    scale = scale_of(question.measure)
    leader = max(pool, key=lambda c: scale.sign * METRICS[scale.metric](
        c.runs[0].predictions.target, c.runs[0].predictions.label, c.runs[0].predictions.score))  # fmt: skip
    contender = next(c for c in contenders if c.name == leader.model)
    try:
        return carry(contender, bench, rows, metric=question.measure, shifted=question.shifted, probes=question.probes,
                     level=question.level, rng=stream(question.rng_seed, "generalising"))  # fmt: skip
    except (AssayError, OSError) as error:
        if isinstance(error, UsageError):
            raise
        return Carried(tables={}, figures=(), notes=(f"How the leader's score carries is not known: {error}.",))


def _with_carried(judged: Assessment, carried: Carried | None) -> Assessment:
    if carried is None:
        return judged
    return replace(
        judged, tables={**judged.tables, **carried.tables}, figures=(*judged.figures, *carried.figures),
        caveats=(*judged.caveats, *carried.notes),
    )  # fmt: skip


def _with_past(judged: Assessment, question: Question) -> Assessment:
    """The ranking with what past studies and the scores measured now say of the score that tuning would give."""
    if question.past is None:
        return judged
    measured: dict[str, dict[str, float]] = {}
    for row in judged.tables["ranking"]:
        own = {name: value for name, value in row["battery"].items() if isinstance(value, float)}
        measured[row["model"]] = {"ridge_loo": row["score"].value, **own}
    bounds = (0.0, 1.0) if scale_of(question.measure).bounded else (-math.inf, math.inf)
    try:
        found = combine(question.past, measured, bounds=bounds, level=question.level,
                        rng=stream(question.rng_seed, "combination"))  # fmt: skip
    except NothingToAssessError as error:
        return replace(judged, caveats=(*judged.caveats, f"Past results gave a static rank only: {error}."))
    order = sorted(found.predicted, key=lambda name: -(found.predicted[name].value or 0.0))
    rows = [{"model": name, "predicted": found.predicted[name]} for name in order]
    notes = [f"{name} was run on no past data set; what is predicted for it rests on what was measured here."
             for name in found.unseen]  # fmt: skip
    return replace(
        judged, tables={**judged.tables, "predicted": rows, "past_check": list(found.check)},
        findings=(*judged.findings, finding_of(found)), estimates=(*judged.estimates, *found.estimates),
        caveats=(*judged.caveats, *notes),
    )  # fmt: skip


def _prepare(question: Question, folder: Path) -> tuple[Sample, Bench, list[Contender]]:
    if not question.models:
        raise UsageError("name at least one model with --models")
    if len(set(question.models)) < len(question.models):
        doubled = next(m for m in question.models if list(question.models).count(m) > 1)
        raise UsageError(f"{doubled} is named twice")
    sample = draw_sample(question.data, rng_seed=question.rng_seed)
    bench = Bench(
        sample, folder, question.load or _load, device=question.device, engine=question.engine, say=question.say
    )
    refs = [ModelRef.parse(name) for name in question.models]
    first = next(iter(question.priors.values()), {})
    refs.sort(key=lambda ref: -first.get(ref.uri, -math.inf))
    contenders = [Contender(ref=ref, name=ref.uri) for ref in refs]
    if question.twins:
        contenders += [Contender(ref=replace(ref, untrained=True), name=f"{ref.uri}, untrained")
                       for ref in refs if not ref.untrained]  # fmt: skip
    return sample, bench, contenders


def _load(ref: ModelRef) -> Model:
    from assay.sources.models import load_model

    return load_model(ref)


def _folder(question: Question) -> Any:
    """A context that gives the folder of the feature store."""
    if question.store is None:
        return _Temporary()
    question.store.mkdir(parents=True, exist_ok=True)
    return _Kept(question.store)


class _Temporary(tempfile.TemporaryDirectory[str]):
    def __enter__(self) -> Path:  # type: ignore[override]
        return Path(super().__enter__())


@dataclass(frozen=True, slots=True)
class _Kept:
    path: Path

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *details: object) -> None:
        return None


def _final_row(final: Final, judged: Assessment) -> dict[str, Any]:
    sign = 1.0 if scale_of(str(judged.inputs["metric"])).sign > 0 else -1.0
    return {"model": final.candidate.model, "rung": final.rung, "score": sign * final.score,
            "seconds": final.candidate.cost.seconds}  # fmt: skip


def _is_twin(candidate: Candidate) -> bool:
    return candidate.model.endswith(", untrained")


def _without_twins(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if not _is_twin(candidate)]


def _per_item(contender: Contender) -> float:
    return contender.feature_seconds / contender.computed if contender.computed else 0.0


def _with_cost(judged: Assessment, contenders: Sequence[Contender], sample: Sample) -> tuple[Estimate, ...]:
    """The headline numbers with `cost_fraction`: seconds spent over those of every model on every row."""
    ran = [c for c in contenders if not c.error and c.computed]
    full = sum(c.load_seconds + _per_item(c) * len(sample.order) for c in ran)
    if full > 0 and len(ran) == sum(not c.error for c in contenders):
        value = Estimate(
            name="cost_fraction", value=sum(c.seconds for c in contenders) / full, unit="fraction", n=len(ran),
            method="seconds spent, over seconds a row times all rows for every model", population="these models",
        )  # fmt: skip
    else:
        why = "features were stored already, so that what they cost is not known here"
        value = Estimate.unknown("cost_fraction", why, unit="fraction")
    return tuple(value if estimate.name == "cost_fraction" else estimate for estimate in judged.estimates)


def _account(contender: Contender) -> dict[str, Any]:
    """One row of the cost ledger."""
    return {
        "model": contender.name, "load_seconds": contender.load_seconds, "feature_seconds": contender.feature_seconds,
        "score_seconds": contender.score_seconds, "items": contender.computed, "error": contender.error or None,
    }  # fmt: skip


def _first_error(contenders: Sequence[Contender]) -> str:
    errors = [f"{c.name}: {c.error}" for c in contenders if c.error]
    return f"; the first error: {errors[0]}" if errors else ""
