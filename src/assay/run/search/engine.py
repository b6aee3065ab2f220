"""The engine of a search: ask Optuna for configurations, run them as trials of the ledger, tell it their scores.

Requirements that shaped it:
- the ledger stays the truth: a configuration's score is read from the rows of its trials, so that a killed search runs
  nothing twice, and a configuration that two samplers name is run once;
- configurations asked for together run together, so that heads on the same features train as one batch;
- only validation scores reach Optuna; test scores wait in the ledger for the lenses;
- a failure is told as a failure with its reason; pruning is told as pruning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.config.specification import StudySpec
from assay.errors import PrunedError, StoreError, UsageError
from assay.ledger import RunFolder
from assay.ledger.readers.searches import open_storage
from assay.ledger.rows import TrialRow
from assay.metrics import METRICS
from assay.run.models import StudyModel
from assay.run.plan import PlannedTrial, TaskPart, metrics_for, trials_of
from assay.run.runner import Watch
from assay.run.search.configurations import Configurations
from assay.run.search.repeats import contenders, needed_repeats, pooled_spread
from assay.run.search.samplers import batch_size, load_optuna, make_pruner, make_sampler
from assay.space import SearchSpec

Act = Callable[[Sequence[PlannedTrial], Mapping[str, Watch]], None]
"""Runs trials, some of them watched; the ledger holds every outcome when it returns."""


@dataclass(slots=True)
class Asked:
    """A configuration that is being tried."""

    trial: Any
    """Optuna's."""
    planned: list[PlannedTrial]
    """Its repeats, in order."""
    scores: list[float] = field(default_factory=list[float])
    """Validation scores of the repeats that have run."""
    reason: str = ""
    """Why it failed."""
    pruned: bool = False
    told: bool = False
    """Whether Optuna has heard of it."""

    epochs: int = 0
    """Epochs that were reported to a pruner."""

    @property
    def open(self) -> bool:
        """Whether further repeats make sense."""
        return not self.pruned and not self.reason

    def watch(self, sign: float) -> Watch:
        """Reports the epochs of the first repeat to the pruner; `sign` turns higher is better into its direction."""

        def report(epoch: Mapping[str, float]) -> None:
            if "valid_score" not in epoch:
                return
            self.epochs += 1
            self.trial.report(sign * epoch["valid_score"], self.epochs)
            if self.trial.should_prune():
                raise PrunedError(
                    f"pruned after epoch {self.epochs}: {epoch['valid_score']:.4g} on the validation rows"
                )

        return report


class Search:
    """The search on one data set."""

    def __init__(self, study: StudySpec, search: SearchSpec, part: TaskPart, models: Sequence[StudyModel],
                 folder: RunFolder, act: Act) -> None:  # fmt: skip
        self.study, self.search, self.part, self.folder, self.act = study, search, part, folder, act
        if part.split.valid == 0 or len(study.budgets) > 1:
            raise UsageError("a search needs validation rows and one label budget; set split.valid above zero and name "
                             "one entry under budgets")  # fmt: skip
        if search.repeats is not None and study.draws * len(study.seeds) < 2:
            raise UsageError("repeats are chosen among the draws and seeds of the study, and it has one of each; "
                             "name more under seeds")  # fmt: skip
        self.metric = metrics_for(study, part.dataset.task)[0]
        self.sign = 1.0 if METRICS[self.metric].higher_is_better else -1.0
        self.space = Configurations(models, study.recipes)
        self.optuna = self._open()

    def run(self) -> None:
        """Ask, run and tell until enough configurations are done; then repeat those that may be the best."""
        done = [self._finished(found) for found in self._trials() if found.state.is_finished()]
        for batch in self._batches(len(done)):
            self._repeat(batch, self._first())
            for asked in batch:
                self._tell(asked)
            done += batch
        self._settle(done)

    def _batches(self, done: int) -> Iterator[list[Asked]]:
        """Configurations in the order of Optuna; those that an earlier call left unfinished come first."""
        open_trial, grid = load_optuna().trial.Trial, self.search.sampler.name == "grid"
        left = [self._asked(open_trial(self.optuna, found._trial_id)) for found in self._trials("RUNNING")]
        if left:
            yield left
        if grid and not self._trials():
            for params in self.space.grid():
                self.optuna.enqueue_trial(params)
        wanted = len(self._trials("WAITING")) if grid else self.search.trials - done - len(left)
        size = self.search.together or wanted if grid else batch_size(self.search)
        while wanted > 0:
            asked = [self._asked(self._ask()) for _ in range(min(size, wanted))]
            wanted -= len(asked)
            yield asked

    def _trials(self, state: str = "") -> list[Any]:
        found = self.optuna.get_trials(deepcopy=False)
        return [trial for trial in found if not state or trial.state.name == state]

    def _finished(self, found: Any) -> Asked:
        """A configuration that an earlier call finished, with its scores from the ledger."""
        asked = self._asked(load_optuna().trial.FixedTrial(found.params, number=found.number))
        asked.told, asked.pruned = True, found.state.name == "PRUNED"
        rows = {row.key: row for row in self.folder.ledger.rows()}
        known = [trial for trial in asked.planned if rows.get(trial.spec.key) is not None]
        self.act([trial for trial in known if rows[trial.spec.key].status in ("ok", "skipped")], {})
        self._read(asked, rows, len(known))
        return asked

    def _ask(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.optuna.ask()

    def _asked(self, trial: Any) -> Asked:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, recipe = self.space.read(trial)
        return Asked(trial=trial, planned=trials_of(self.study, self.part, model.ref, "model", [recipe]))

    def _first(self) -> int:
        """Repeats of every configuration."""
        most = self.study.draws * len(self.study.seeds)
        return most if self.search.repeats is None else min(self.search.repeats.least, most)

    def _repeat(self, batch: Sequence[Asked], until: int) -> None:
        """Run repeats of these configurations up to so many; one at a time where a pruner may step in."""
        pruning = self.search.pruner is not None
        for count in range(1, until + 1) if pruning else [until]:
            going = [asked for asked in batch if asked.open and len(asked.scores) < count]
            watched = [asked for asked in going if pruning and count == 1 and not asked.told]
            self.act(
                [trial for asked in going for trial in asked.planned[len(asked.scores) : count]],
                {asked.planned[0].spec.key: asked.watch(self.sign) for asked in watched},
            )
            rows = {row.key: row for row in self.folder.ledger.rows()}
            for asked in going:
                self._read(asked, rows, count)
            if pruning and count < until:
                for asked in going:
                    self._consider(asked)

    def _read(self, asked: Asked, rows: dict[str, TrialRow], count: int) -> None:
        for planned in asked.planned[len(asked.scores) : count]:
            row = rows[planned.spec.key]
            score = row.scores.get("valid", {}).get(self.metric)
            asked.pruned |= row.status == "skipped"
            if asked.pruned:
                return
            if row.status != "ok" or score is None:
                asked.reason = row.error or f"no {self.metric} on the validation rows"
                return
            asked.scores.append(score)

    def _consider(self, asked: Asked) -> None:
        """Report a recipe without epochs to the pruner, and stop where it says so."""
        if not asked.open or asked.told or asked.epochs:
            return
        asked.trial.report(float(np.mean(asked.scores)), len(asked.scores))
        asked.pruned = bool(asked.trial.should_prune())

    def _tell(self, asked: Asked) -> None:
        state = load_optuna().trial.TrialState
        asked.trial.set_user_attr(
            "trials", [planned.spec.key for planned in asked.planned[: max(1, len(asked.scores))]]
        )
        if asked.reason:
            asked.trial.set_user_attr("failed", asked.reason)
            self.optuna.tell(asked.trial, state=state.FAIL, skip_if_finished=True)
        elif asked.pruned:
            self.optuna.tell(asked.trial, state=state.PRUNED, skip_if_finished=True)
        else:
            self.optuna.tell(asked.trial, float(np.mean(asked.scores)), skip_if_finished=True)
        asked.told = True

    def _settle(self, done: Sequence[Asked]) -> None:
        """Repeat those that may be the best until a difference that matters would be seen, and keep what was found."""
        spec = self.search.repeats
        if spec is None:
            return
        most = min(spec.most or self.study.draws * len(self.study.seeds), self.study.draws * len(self.study.seeds))
        while True:
            scores = {i: [self.sign * s for s in asked.scores] for i, asked in enumerate(done) if asked.open}
            spread, freedom = pooled_spread(list(scores.values()))
            wanted = needed_repeats(spread, spec, most)
            left = contenders(scores, spec.level)
            short = [done[i] for i in left if len(scores[i]) < wanted]
            if len(left) < 2 or not short:
                break
            self._repeat(short, min(wanted, 2 * min(len(asked.scores) for asked in short)))
        found = {"spread": None if freedom == 0 else spread, "wanted": wanted}
        self.optuna.set_user_attr("repeats", {**found, "contenders": [done[i].trial.number for i in left]})

    def _open(self) -> Any:
        optuna = load_optuna()
        url = self.search.storage or f"sqlite:///{self.folder.paths.searches}"
        many = len(self.study.data) > 1 or self.part.subtask is not None
        name = f"{self.study.name} · {self.part.label}" if many else self.study.name
        try:
            return optuna.create_study(
                study_name=name, storage=open_storage(url), load_if_exists=True,
                sampler=make_sampler(self.search.sampler, self.study.seed), pruner=make_pruner(self.search.pruner),
                direction="maximize" if self.sign > 0 else "minimize",
            )  # fmt: skip
        except UsageError:
            raise
        except Exception as error:
            raise StoreError(f"the Optuna storage {url.split('@')[-1]} cannot be opened: {error}") from error
