"""`rank` and `select`: which of many models to build on, for a part of what running them all would cost.

`rank` looks at every model on one sample. `select` races them on a growing sample and stops when the regret that is
left is small or the budget is spent. What is concluded from the numbers is `assay.assess.selection`'s business.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.assess.selection.candidates import Candidate
from assay.assess.selection.combination import combine, finding_of
from assay.assess.selection.lens import selection
from assay.assess.selection.nesting import choose_variants
from assay.assess.selection.racing import schedule
from assay.assess.selection.scale import scale_of
from assay.contracts import Model
from assay.errors import AssayError, NothingToAssessError, UsageError
from assay.finding import Assessment
from assay.metrics import METRICS
from assay.rng import stream
from assay.run.account import account, first_error, with_cost
from assay.run.contenders import (
    Bench,
    Contender,
    background_of,
    free_baselines,
    notes_on_heads,
    with_pool_scores,
)
from assay.run.finals import Final
from assay.run.generalising import Carried, carry
from assay.run.question import Budget, Question
from assay.run.race import Race
from assay.run.sample import Sample, draw_sample, notes_on_classes
from assay.spec import ModelRef


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
    with _store(question) as folder:
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
        raise NothingToAssessError("no model could be run" + first_error(contenders))
    if variants:
        pool = choose_variants(pool, metric=question.measure)
    judged = selection(
        pool, metric=question.measure, background=background, level=question.level, task=question.data.ref.uri,
        rng=stream(question.rng_seed, "rank"),
    )  # fmt: skip
    judged = _with_carried(_with_past(judged, question), carried)
    return replace(
        judged, lens="rank", estimates=with_cost(judged, contenders, sample),
        caveats=(*judged.caveats, "Scores are of a ridge head on frozen features; fine-tuning can change the order."),
        cost={"seconds": time.perf_counter() - start, "ledger": [account(c) for c in contenders]},
    )  # fmt: skip


def select(question: Question, *, budget: Budget, regret: float = 1.0, rows: int | None = None,
           finetune: bool = False) -> Assessment:  # fmt: skip
    """Race the models on a growing sample until the regret that is left is small or the budget is spent.

    No transferability score is computed on the way, so that `battery` stays empty in the ranking; `rank` computes them.

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
    with _store(question) as folder:
        sample, bench, contenders = _prepare(replace(question, twins=False), folder)
        most = min(rows or len(sample.order), len(sample.order))
        notes_on_classes(sample, most)
        race = Race(question, sample, bench, contenders, budget, regret)
        race.run(schedule(most, sample.classes))
        if not race.stages:
            raise NothingToAssessError("no model could be run within the budget" + first_error(contenders))
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
        judged = replace(judged, tables={**judged.tables, "finals": [_final_row(final, question) for final in tuned]})
    judged = _with_carried(judged, carried)
    return replace(
        judged, lens="select", verdict=f"{judged.verdict} {race.ending()}",
        estimates=with_cost(judged, contenders, sample),
        cost={"seconds": time.perf_counter() - start, "ledger": [account(c) for c in contenders]},
    )  # fmt: skip


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


@contextmanager
def _store(question: Question) -> Generator[Path, None, None]:
    """The folder of the feature store: the one that was named, or one that is thrown away."""
    if question.store is not None:
        question.store.mkdir(parents=True, exist_ok=True)
        yield question.store
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _load(ref: ModelRef) -> Model:
    from assay.sources.models import load_model

    return load_model(ref)


def _final_row(final: Final, question: Question) -> dict[str, Any]:
    return {"model": final.candidate.model, "rung": final.rung, "score": scale_of(question.measure).sign * final.score,
            "seconds": final.candidate.cost.seconds}  # fmt: skip


def _is_twin(candidate: Candidate) -> bool:
    return candidate.model.endswith(", untrained")


def _without_twins(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if not _is_twin(candidate)]
