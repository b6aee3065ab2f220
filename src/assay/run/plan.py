"""From a study to its trials: pure, and cheap enough to do before every run.

The order is that of the study file. Baselines are trials like any other, told apart by their role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from assay.adapt.parameters import resolve
from assay.config.specification import DataSpec, SplitSpec, StudySpec
from assay.dataset import Dataset, Task
from assay.errors import UsageError
from assay.sources.data.forward import Forward, usual_origin
from assay.spec import DataSlice, ModelRef, Recipe, TrialSpec

Role = Literal["model", "twin", "raw", "majority"]

RAW = ModelRef(source="baseline", name="raw-features", revision="1")
MAJORITY = ModelRef(source="baseline", name="majority", revision="1")

_USUAL_METRICS = {
    "binary": ("accuracy", "balanced_accuracy", "f1_macro", "auroc", "log_loss", "brier", "calibration_error"),
    "multiclass": ("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "calibration_error"),
    "multilabel": ("f1_macro", "f1_micro", "average_precision"),
    "regression": ("r2", "mae", "rmse", "spearman"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPart:
    """One data set of the study, or one subtask of it, ready to be split."""

    dataset: Dataset
    """The rows that take part."""
    label: str
    """What reports call it."""
    split: SplitSpec
    """How its rows are split."""
    subtask: str | None = None
    """The name of the subtask; None for a whole data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTrial:
    """A trial, and what it is for."""

    spec: TrialSpec
    role: Role
    part: TaskPart

    @property
    def columns(self) -> dict[str, Any]:
        """Further columns of the ledger's row."""
        return {"subtask": self.part.subtask}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A model of the study, or a baseline, as the plan needs to know it."""

    ref: ModelRef
    """Resolved."""
    role: Role
    modality: str | None = None
    """What it reads; None where that is unknown or of no matter, and then it takes part everywhere."""


def expand(study: StudySpec, parts: Sequence[TaskPart], contenders: Sequence[Contender]) -> list[PlannedTrial]:
    """All trials of a study over resolved data sets and models; a model meets the data of its own modality.

    A study that searches gets the trials of its models later, from `assay.run.search`.

    Raises:
        UsageError: when a model and the data have nothing in common.
    """
    present = {part.dataset.modality for part in parts}
    for contender in contenders:
        if contender.modality is not None and contender.modality not in present:
            raise UsageError(
                f"{contender.ref.uri} reads {contender.modality}, and the data are {' and '.join(sorted(present))}; "
                "name data that it can read, or leave it out"
            )
    planned: list[PlannedTrial] = []
    for part in parts:
        recipes = [resolve(recipe.method, params) for recipe in study.recipes
                   for params in recipe.expand(searched=study.search is not None)]  # fmt: skip
        frozen = [recipe for recipe in recipes if needs_features(recipe) and needs_labels(recipe)]
        yardstick = frozen or [resolve("ridge" if part.dataset.task.kind == "regression" else "probe", {})]
        unlabelled = [recipe for recipe in recipes if not needs_labels(recipe)]
        chosen: dict[Role, list[Recipe]] = {
            "model": recipes, "twin": [*yardstick, *unlabelled], "raw": yardstick,
            "majority": [resolve("majority", {})],
        }  # fmt: skip
        for contender in [*contenders, *_baselines(study)]:
            if study.search is not None and contender.role == "model":
                continue
            if contender.modality in (None, part.dataset.modality):
                planned += trials_of(study, part, contender.ref, contender.role, chosen[contender.role])
    return planned


def needs_features(recipe: Recipe) -> bool:
    """Whether a recipe works on frozen features."""
    from assay.builtin import ADAPTERS

    return ADAPTERS[recipe.method].needs in ("features", "words")


def needs_labels(recipe: Recipe) -> bool:
    """Whether a recipe learns from labelled rows; one that does not is run at budget 0, once a draw."""
    from assay.builtin import ADAPTERS

    return ADAPTERS[recipe.method].needs != "words"


def metrics_for(study: StudySpec, task: Task) -> tuple[str, ...]:
    """The metrics of a task: those the study names that have a meaning there, else the task's usual ones."""
    from assay.metrics import METRICS

    named = tuple(name for name in study.metrics if task.kind in METRICS[name].kinds)
    return named or _USUAL_METRICS[task.kind]


def task_parts(spec: DataSpec, dataset: Dataset, study: StudySpec) -> list[TaskPart]:
    """A loaded data set as the parts that the study asks for: sampled, restricted to classes, split into subtasks."""
    from assay.run.subtasks import sample, split_into_subtasks

    label, split = spec.label or spec.uri, _settled(spec.split or study.split, dataset)
    if spec.classes:
        dataset = dataset.with_classes(spec.classes)
    for rows, name in ((spec.rows, "sample"), (study.limit, "smoke")):
        if rows is not None and rows < len(dataset):
            kept = sample(dataset, rows, seed=study.seed)
            dataset = dataset.take(kept, part=f"{name}={rows}")
    whole = TaskPart(dataset=dataset, label=label, split=split)
    if spec.subtasks is None:
        return [whole]
    return [
        replace(whole, dataset=piece, subtask=name, label=f"{label} · {name}")
        for name, piece in split_into_subtasks(dataset, spec.subtasks.by, spec.subtasks.n, seed=study.seed)
    ]


def split_text(split: SplitSpec, study: StudySpec) -> str:
    """The split as the ledger's row tells it; part of the trial's key."""
    fields: Mapping[str, Any] = {"test": split.test, "valid": split.valid, "seed": study.seed}
    if split.scheme == "kfold":
        fields = {"folds": split.folds, "valid": split.valid, "seed": study.seed}
    if split.scheme == "forward":
        fields = {**fields, "origin": split.origin, "window": split.window, "refit": split.refit}
    return f"{split.scheme}({', '.join(f'{name}={value}' for name, value in fields.items())})"


def draws_of(split: SplitSpec, study: StudySpec, dataset: Dataset) -> int:
    """How many draws a split scheme makes of a data set."""
    if split.scheme == "kfold":
        return split.folds * study.draws
    if split.scheme == "leave_one_out":
        return len(dataset) if dataset.groups is None else len(set(dataset.groups.tolist()))
    if split.scheme == "forward":
        return forward_draws(split, study, dataset)
    return study.draws


def forward_draws(split: SplitSpec, study: StudySpec, dataset: Dataset) -> int:
    """One model, or one for each window where it is fitted anew.

    Raises:
        UsageError: further draws of rows, which a stream does not have.
    """
    from assay.sources.data.draws import Draws

    if study.draws > 1:
        raise UsageError("scheme: forward has one draw, or one a window with refit; leave out draws, or choose seeds")
    plan = Forward(origin=split.origin, window=split.window, refit=split.refit)
    return Draws(scheme="forward", forward=plan).count(dataset) or 1


def _settled(split: SplitSpec, dataset: Dataset) -> SplitSpec:
    """The split with `auto` decided: as the data publish it, else grouped where groups are named, else stratified.

    `forward` gets its origin, so that a run says from when on it tested.
    """
    if split.scheme == "forward" and split.origin is None and dataset.times is not None:
        return split.model_copy(update={"origin": usual_origin(dataset.times)})
    if split.scheme != "auto":
        return split
    published = set() if dataset.splits is None else set(dataset.splits.tolist())
    if {"train", "test"} <= published:
        return split.model_copy(update={"scheme": "given"})
    return split.model_copy(update={"scheme": "stratified" if dataset.groups is None else "grouped"})


def _baselines(study: StudySpec) -> list[Contender]:
    raw = [Contender(ref=RAW, role="raw")] if study.baselines.raw else []
    return raw + ([Contender(ref=MAJORITY, role="majority")] if study.baselines.majority else [])


def trials_of(
    study: StudySpec, part: TaskPart, model: ModelRef, role: Role, recipes: Sequence[Recipe]
) -> list[PlannedTrial]:
    """The trials of one model on one part: every recipe, label budget, draw and seed, in that order.

    A recipe that learns from no labels has one budget, 0, and one seed, and is not fitted anew in later windows.
    """
    text = split_text(part.split, study)
    test = DataSlice(data=part.dataset.ref, split=text)
    budgets = [None if budget == "all" else int(budget) for budget in study.budgets]

    def seeds(recipe: Recipe) -> Sequence[int]:
        return study.seeds if role in ("model", "twin") and needs_labels(recipe) else study.seeds[:1]

    def draws(recipe: Recipe) -> int:
        once = part.split.scheme == "forward" and not (role == "model" and needs_labels(recipe))
        return 1 if once else draws_of(part.split, study, part.dataset)

    return [
        PlannedTrial(
            spec=TrialSpec(
                model=model, train=DataSlice(data=part.dataset.ref, split=text, per_class=budget), test=test,
                recipe=recipe, draw=draw, seed=seed,
            ),
            role=role, part=part,
        )
        for recipe in recipes
        for budget in (budgets if needs_labels(recipe) else [0])
        for draw in range(draws(recipe))
        for seed in seeds(recipe)
    ]  # fmt: skip
