"""Study: the composition root. It joins sources, features, recipes, ledger, lenses and report, and nothing else does.

A study is the same in Python and in a file: `Study(models=[...], data=[...])` takes the keys of a study file, and
besides names it takes loaded models and data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.config.reading import load_study
from assay.config.specification import DataSpec
from assay.contracts import Model
from assay.dataset import Dataset
from assay.errors import AssayError, UsageError
from assay.finding import Assessment
from assay.ledger import RunFolder, make_run, open_run
from assay.run.models import StudyModel, resolve_models
from assay.run.plan import Contender, PlannedTrial, Role, TaskPart, expand, task_parts
from assay.run.progress import Progress
from assay.run.runner import Runner, RunTally, Watch
from assay.run.search.engine import Act, Search
from assay.spec import DataRef, ModelRef


class Study:
    """What is studied; `run` does the work, `plan` tells beforehand what it would be.

    Args:
        models: Names as users type them, mappings with further keys, or loaded models.
        data: Names, mappings, or loaded data sets.
        **keys: The other keys of a study file: `recipes`, `draws`, `seeds`, `metrics`, `budgets`, `split`, `baselines`.

    Raises:
        SpecError: all faults at once.

    Example:
        >>> study = Study(models=["py:assay.testing.models:tiny"], data=["sklearn:digits"], recipes=["probe"])
        >>> study.spec.draws
        1
    """

    def __init__(self, *, models: Sequence[Any], data: Sequence[Any], **keys: Any) -> None:
        self._models: dict[str, Model] = {}
        self._data: dict[str, Dataset] = {}
        tree = {
            "models": [self._named_model(model) for model in models],
            "data": [self._named_data(dataset) for dataset in data],
            **keys,
        }
        self.spec = load_study(tree, loaded={*self._models, *self._data})

    @classmethod
    def from_file(cls, path: str | Path, **overrides: Any) -> Study:
        """The study that a YAML, TOML or JSON file describes, or a run folder keeps; `overrides` win over its keys."""
        study = cls.__new__(cls)
        study._models, study._data = {}, {}
        study.spec = load_study(path, overrides=overrides)
        return study

    def run(self, path: str | Path, *, offline: bool = False, device: str = "auto", retry_failed: bool = True,
            ledger: str | None = None, quiet: bool | None = None) -> Run:  # fmt: skip
        """Run what is missing of the study in a run folder; the same call again resumes.

        Args:
            path: The run folder; made if it is new.
            offline: Reach no network.
            device: `auto`, `cpu`, `cuda`.
            retry_failed: Try failed trials once more.
            ledger: A SQLAlchemy URL instead of the SQLite file in the folder.
            quiet: No progress; by default quiet unless standard error is a terminal.

        Raises:
            UsageError: for bad names or a folder that holds something else; nothing has run by then.
            StoreError: when the folder cannot be written; what was finished is saved.
        """
        folder = make_run(path, ledger_url=ledger)
        with Progress(quiet=quiet) as progress:
            parts, models, trials = self.prepare(folder, offline=offline, progress=progress)
            runner = Runner(
                folder=folder, study=self.spec, models={model.ref.uri: model for model in models},
                store=folder.feature_store(self.spec.features.store), progress=progress, device=device,
            )  # fmt: skip
            tally, keys = RunTally(), dict[str, None]()

            def act(wanted: Sequence[PlannedTrial], watches: Mapping[str, Watch]) -> None:
                more = list({trial.spec.key: trial for trial in wanted}.values())
                folder.ledger.plan([(t.spec, t.role, t.columns) for t in more], smoke=self.spec.limit is not None)
                keys.update(dict.fromkeys(t.spec.key for t in more))
                folder.write_study(self.spec.model_dump(by_alias=True), list(keys))
                runner.watches = watches
                tally.add(runner.run(more, retry_failed=retry_failed))

            act(trials, {})
            if self.spec.search is not None:
                self._search(folder, parts, models, act)
        return Run(folder, tally)

    def _search(self, folder: RunFolder, parts: Sequence[TaskPart], models: Sequence[StudyModel],
                act: Act) -> None:  # fmt: skip
        """Search the spaces of the recipes on every data set, with the models that can read it."""
        assert self.spec.search is not None
        named = {entry.uri for entry in self.spec.models}
        for part in parts:
            mine = [model for model in models if model.ref.uri in named
                    and model.info.get("modality") in (None, part.dataset.modality)]  # fmt: skip
            Search(self.spec, self.spec.search, part, mine, folder, act).run()

    def prepare(
        self, folder: RunFolder, *, offline: bool, progress: Progress
    ) -> tuple[list[TaskPart], list[StudyModel], list[PlannedTrial]]:
        """Load the data, pin the models, expand the trials."""
        from assay.run.describe import describe_part

        parts: list[TaskPart] = []
        for entry in self.spec.data:
            progress.stage(f"reading {entry.label or entry.uri}")
            dataset = self._load_data(entry, offline)
            folder.data[dataset.ref.uri] = dataset
            parts += task_parts(entry, dataset, self.spec)
        known = folder.ledger.get("data")
        for part in parts:
            described = describe_part(part, self.spec, known=known.get(part.dataset.ref.uri))
            folder.ledger.put("data", part.dataset.ref.uri, described)
        progress.stage("resolving the models", len(self.spec.models))
        models = self._study_models(offline)
        resolve_models([model for model, _ in models], folder.ledger)
        self._show_models(folder, models)
        contenders = [Contender(ref=m.ref, role=role, modality=m.info.get("modality")) for m, role in models]
        trials = expand(self.spec, parts, contenders)
        return parts, [model for model, _ in models], trials

    def _study_models(self, offline: bool) -> list[tuple[StudyModel, Role]]:
        found: list[tuple[StudyModel, Role]] = []
        for entry in self.spec.models:
            ref = ModelRef.parse(entry.uri)
            label = entry.label or entry.uri
            model = StudyModel(ref=ref, label=label, trust=entry.trust, seed=self.spec.seed, offline=offline)
            if entry.uri in self._models:
                model.hold(self._models[entry.uri])
            found.append((model, "model"))
            twin_named = any(other.uri == f"random:{entry.uri}" for other in self.spec.models)
            if self.spec.baselines.untrained and not (ref.untrained or twin_named or entry.uri in self._models):
                twin = replace(model, ref=replace(ref, untrained=True), label=f"{label}, untrained")
                found.append((twin, "twin"))
        return found

    def _show_models(self, folder: RunFolder, models: Sequence[tuple[StudyModel, Role]]) -> None:
        """Keep what reports tell of each model, by its uri."""
        specs = {entry.uri: entry for entry in self.spec.models}
        for model, role in models:
            named = specs[replace(model.ref, untrained=False).uri if role == "twin" else model.ref.uri]
            folder.ledger.put(
                "shown-model", model.ref.uri,
                {
                    "label": model.label, "role": role, "revision": model.ref.revision, **model.info,
                    "prior": named.prior if role == "model" else None,
                    "twin_of": (named.label or named.uri) if role == "twin" else "",
                    "error": None if model.error is None else str(model.error),
                },
            )  # fmt: skip

    def _load_data(self, entry: DataSpec, offline: bool) -> Dataset:
        from assay.sources.data import load_data

        if entry.uri in self._data:
            return self._data[entry.uri]
        return load_data(DataRef.parse(entry.uri), offline=offline)

    def _named_model(self, model: Any) -> Any:
        if isinstance(model, (str, Mapping)):
            return model
        if isinstance(model, Model):
            self._models[model.ref.uri] = model
            return model.ref.uri
        raise UsageError(f"a model is a name, a mapping or a loaded model; got {type(model).__name__}")

    def _named_data(self, dataset: Any) -> Any:
        if isinstance(dataset, (str, Mapping)):
            return dataset
        if isinstance(dataset, Dataset):
            self._data[dataset.ref.uri] = dataset
            return dataset.ref.uri
        raise UsageError(f"data are a name, a mapping or a loaded Dataset; got {type(dataset).__name__}")


class Run:
    """A run folder with its results: ask it through a lens, or write its report."""

    def __init__(self, folder: RunFolder, tally: RunTally | None = None) -> None:
        self.folder = folder
        self.tally = tally

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """The run in a folder."""
        return cls(open_run(path))

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.paths.root

    def selection(self, *, level: float = 0.95, rng_seed: int = 0, metric: str | None = None) -> list[Assessment]:
        """Which model to build on: one assessment a data set."""
        from assay.run.lenses import select_models

        return select_models(self.folder, level=level, rng_seed=rng_seed, metric=metric)

    def reusability(self, *, level: float = 0.95, rng_seed: int = 0, **options: Any) -> Assessment:
        """How far the models carry, and what that costs; `options` as for `assay.run.reuse.assess_reuse`."""
        from assay.run.reuse import assess_reuse

        return assess_reuse(self.folder, level=level, rng_seed=rng_seed, **options)

    def assess(self, *, level: float = 0.95, rng_seed: int = 0) -> list[Assessment]:
        """What every lens can say of this run; a lens that has nothing to say is left out."""
        from assay.run.lenses import LENSES

        found = self.selection(level=level, rng_seed=rng_seed)
        for lens in LENSES:
            found += _or_nothing(lambda lens=lens: lens(self.folder, level=level, rng_seed=rng_seed))
        return found

    def report(self, path: str | Path | None = None, *, assessments: Sequence[Assessment] | None = None,
               level: float = 0.95, rng_seed: int = 0) -> Path:  # fmt: skip
        """Write the report page, and beside it the same numbers as JSON and CSV; returns the page's path."""
        from assay.report.documents import write_csv, write_json
        from assay.report.page import write_report
        from assay.run.describe import summarize

        page = Path(path) if path is not None else self.folder.paths.report
        assessments = assessments or self.assess(level=level, rng_seed=rng_seed)
        summary = summarize(self.folder, assessments)
        write_report(assessments, page, run=summary)
        if path is None:
            write_json(assessments, self.folder.paths.assessments, run=summary)
            write_csv(assessments, self.folder.paths.tables)
        return page

    def _repr_html_(self) -> str:
        from assay.report.notebook import notebook_html

        return "".join(notebook_html(assessment) for assessment in self.selection())


def _or_nothing(act: Callable[[], list[Assessment]]) -> list[Assessment]:
    try:
        return act()
    except AssayError:
        return []
