"""Runner: does the work of a plan, a group of trials at a time, and commits each group.

Requirements that shaped it:
- features once: a group needs its model only where features are missing or the network itself is trained;
- nothing lost: a group is leased, solved, committed; a killed run repeats at most the group it was in;
- a failure is a row: whatever goes wrong in a group becomes the outcome of its trials, and the next group starts;
- two runners on one run folder share the work; a group that another one holds is waited for at the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from assay.builtin import ADAPTERS
from assay.config.specification import StudySpec
from assay.contracts import Adapted, AdaptJob
from assay.errors import AssayError, StoreError, UsageError
from assay.ledger import RunFolder
from assay.outcome import Outcome
from assay.run.environment import environment, environment_key
from assay.run.measured import run_measured
from assay.run.models import StudyModel
from assay.run.plan import PlannedTrial, TaskPart, metrics_for, needs_features
from assay.run.progress import Progress
from assay.run.states import save_state
from assay.run.trial import failed, outcome_of
from assay.sources.data.draws import draw
from assay.sources.data.forward import Forward
from assay.sources.data.parts import Split
from assay.store.features import FeatureStore

Watch = Callable[[Mapping[str, float]], None]
"""Called with an epoch's line of history; raises PrunedError to end the trial."""

WAIT_SECONDS = 1.0
RENEW_SECONDS = 20.0


@dataclass(slots=True, kw_only=True)
class RunTally:
    """What a run did."""

    done: int = 0
    """Trials that this run finished."""
    failed: int = 0
    """Trials of the plan that have failed, now or before."""
    reused: int = 0
    """Trials that were already there."""
    seconds: float = 0.0
    """Wall-clock time."""
    errors: list[str] = field(default_factory=list[str])
    """The distinct errors, first seen first."""

    def add(self, other: RunTally) -> None:
        """What a further run did."""
        self.done, self.failed, self.reused = (
            self.done + other.done, self.failed + other.failed, self.reused + other.reused
        )  # fmt: skip
        self.seconds += other.seconds
        self.errors += [error for error in other.errors if error not in self.errors]


@dataclass(slots=True)
class Runner:
    """Runs a plan in a run folder."""

    folder: RunFolder
    study: StudySpec
    models: Mapping[str, StudyModel]
    """By the uri of their resolved reference."""
    store: FeatureStore
    progress: Progress
    device: str = "auto"
    watches: Mapping[str, Watch] = field(default_factory=dict[str, Watch])
    """Trial key → what is called with each of its epochs."""

    def run(self, plan: Sequence[PlannedTrial], *, retry_failed: bool = True) -> RunTally:
        """Do what is missing of the plan; the ledger holds every outcome when this returns."""
        start, tally = time.perf_counter(), RunTally()
        record = environment()
        env = environment_key(record)
        self.folder.ledger.put("environment", env, record)
        statuses = self.folder.ledger.statuses()
        tally.reused = sum(statuses.get(trial.spec.key) == "ok" for trial in plan)
        open_trials = [trial for trial in plan if statuses.get(trial.spec.key) != "ok"]
        with self._renewing():
            while open_trials:
                for group in _groups(open_trials):
                    self._do(group, env, tally, retry_failed=retry_failed)
                    self.progress.trials(tally.done + tally.reused, len(plan))
                # Failed trials are retried once a run; what another runner holds is waited for.
                retry_failed = False
                statuses = self.folder.ledger.statuses()
                open_trials = [trial for trial in open_trials if statuses.get(trial.spec.key) in ("planned", "leased")]
                if open_trials:
                    time.sleep(WAIT_SECONDS)
        final = self.folder.ledger.statuses()
        tally.failed = sum(final.get(trial.spec.key) == "failed" for trial in plan)
        tally.seconds = time.perf_counter() - start
        return tally

    def _do(self, group: Sequence[PlannedTrial], env: str, tally: RunTally, *, retry_failed: bool) -> None:
        fences = self.folder.ledger.lease([trial.spec.key for trial in group], retry_failed=retry_failed)
        mine = [trial for trial in group if trial.spec.key in fences]
        if not mine:
            return
        feature_seconds: float | None = None
        try:
            outcomes, feature_seconds = self._outcomes(mine)
        except (StoreError, UsageError):
            self.folder.ledger.release()
            raise
        except Exception as error:
            outcomes = [failed(trial.spec.key, error, provenance={}) for trial in mine]
        except BaseException:
            self.folder.ledger.release()
            raise
        self.folder.ledger.commit(outcomes, fences, environment=env, feature_seconds=feature_seconds)
        tally.done += len(outcomes)
        for outcome in outcomes:
            if outcome.error is not None and outcome.error not in tally.errors:
                tally.errors.append(outcome.error)

    def _outcomes(self, group: Sequence[PlannedTrial]) -> tuple[list[Outcome], float | None]:
        """The outcomes of trials that share model, data and method."""
        first = group[0]
        part, adapter = first.part, ADAPTERS[first.spec.recipe.method]
        model = self.models.get(first.spec.model.uri)
        if model is not None and model.error is not None:
            raise model.error
        name = model.label if model is not None else first.spec.model.name
        features: np.ndarray | None = None
        provenance: dict[str, Any] = {}
        if model is not None and needs_features(first.spec.recipe):
            features, provenance = self._features(model, part, name)
        if model is not None and first.role == "model":
            self._speed(model, part)
        self.progress.stage(f"{name} · {part.label} · {first.spec.recipe.method}", len(group))
        loaded = model if adapter.needs in ("network", "words") else None
        jobs = [self._job(trial, features, loaded) for trial in group]
        adapted: list[Adapted] = []
        if first.role == "raw":
            adapted = [self._on_raw_features(job, part, adapter) for job in jobs]
        else:
            adapted = run_measured(adapter, jobs, energy=self.study.energy)
        if model is not None and adapter.needs == "words":
            model.unload()
        metrics = metrics_for(self.study, part.dataset.task)
        outcomes: list[Outcome] = []
        for trial, job, result in zip(group, jobs, adapted, strict=True):
            outcomes.append(outcome_of(job, result, dataset=part.dataset, metrics=metrics, provenance=provenance))
            if trial.role == "model" and result.state and trial.spec.seed == self.study.seeds[0]:
                save_state(self.folder.paths, trial.spec.key, result.state)
        return outcomes, provenance.get("feature_seconds")

    def _features(self, model: StudyModel, part: TaskPart, name: str) -> tuple[np.ndarray, dict[str, Any]]:
        """(n, d) features of all rows of a part, from the store where they are there."""
        from assay.features.extract import extract

        settings = self.study.features
        self.progress.stage(f"{name} · {part.label} · features", len(part.dataset))
        found = extract(
            model.load(), part.dataset, np.arange(len(part.dataset)), store=self.store, engine=settings.engine,
            precision=settings.precision, batch_size=settings.batch_size, device=self.device,
            progress=self.progress.items,
        )  # fmt: skip
        model.unload()
        key = f"{model.ref.uri}|{part.dataset.ref.uri}|{found.key}"
        known = self.folder.ledger.get("features").get(key)
        record = known or {
            "model": model.ref.uri, "data": part.dataset.ref.uri, "key": found.key, "rows": len(part.dataset),
            "seconds": found.seconds, "computed": found.computed, **found.choice,
        }  # fmt: skip
        if known is None or found.computed:
            record = {**record, "seconds": (known or {}).get("seconds", 0.0) + found.seconds}
            self.folder.ledger.put("features", key, record)
        provenance = {"features": found.key, "feature_seconds": record["seconds"], "engine": found.choice}
        return found.x(np.arange(len(part.dataset))), provenance

    def _speed(self, model: StudyModel, part: TaskPart) -> None:
        """Measure once how fast the model is on the items of a part; a model that fails on them stays unmeasured."""
        from assay.features.speed import measure_speed

        key = f"{model.ref.uri}|{part.dataset.ref.uri}"
        if key in self.folder.ledger.get("speed"):
            return
        self.progress.stage(f"{model.label} · {part.label} · speed")
        try:
            self.folder.ledger.put("speed", key, measure_speed(model.load(), part.dataset).record())
        except AssayError:
            return
        finally:
            model.unload()

    def _job(self, trial: PlannedTrial, features: np.ndarray | None, model: StudyModel | None) -> AdaptJob:
        dataset = trial.part.dataset
        rows = split_rows(trial.part, trial.spec.draw, self.study, trial.spec.train.per_class)
        return AdaptJob(
            spec=trial.spec, task=dataset.task, targets=dataset.targets, train=rows.train, valid=rows.valid,
            test=rows.test, features=features, model=None if model is None else model.load(),
            dataset=None if model is None else dataset, device=self.device,
            on_epoch=self.watches.get(trial.spec.key),
        )  # fmt: skip

    def _on_raw_features(self, job: AdaptJob, part: TaskPart, adapter: Any) -> Adapted:
        """Raw features are fitted on the training rows, so each draw has its own."""
        from dataclasses import replace

        from assay.adapt.raw import raw_features

        x = raw_features(part.dataset, job.train, np.arange(len(part.dataset)))
        return run_measured(adapter, [replace(job, features=x)], energy=self.study.energy)[0]

    @contextmanager
    def _renewing(self) -> Generator[None]:
        """Keep the leases of this worker alive from a thread of their own."""
        stop = threading.Event()

        def renew() -> None:
            while not stop.wait(RENEW_SECONDS):
                try:
                    self.folder.ledger.renew()
                except AssayError:
                    continue

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=5.0)


def split_rows(part: TaskPart, number: int, study: StudySpec, per_class: int | None) -> Split:
    """The rows of one draw of one part; the same for all models."""
    split = part.split
    assert split.scheme != "auto"
    return draw(
        part.dataset, scheme=split.scheme, draw=number, seed=study.seed, test_size=split.test, valid_size=split.valid,
        folds=split.folds, per_class=per_class,
        forward=Forward(origin=split.origin, window=split.window, refit=split.refit),
    )  # fmt: skip


def _groups(plan: Sequence[PlannedTrial]) -> Iterator[list[PlannedTrial]]:
    """Trials that share model, data and method, in the order of the plan; network training goes one by one."""

    def shared(trial: PlannedTrial) -> tuple[str, str, str, str]:
        alone = "" if trial.role in ("raw", "majority") or needs_features(trial.spec.recipe) else trial.spec.key
        return trial.spec.model.uri, trial.spec.train.data.uri, trial.spec.recipe.method, alone

    ordered = sorted(plan, key=shared)
    position = {trial.spec.key: i for i, trial in enumerate(plan)}
    groups = [list(group) for _, group in groupby(ordered, key=shared)]
    for group in groups:
        group.sort(key=lambda trial: position[trial.spec.key])
    yield from sorted(groups, key=lambda group: position[group[0].spec.key])
