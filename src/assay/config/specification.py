"""What a study file may say: its keys, their forms and their meaning. The JSON Schema and the docs are written from it.

Short forms are allowed where only one meaning is possible: a model is its name, a recipe its method, seeds a count.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from assay.adapt.parameters import whole_numbers
from assay.space import Axis, SearchSpec, Space, Strict, complete_grid


def _entry(value: Any) -> Any:
    return {"uri": value} if isinstance(value, str) else value


def _method(value: Any) -> Any:
    return {"method": value} if isinstance(value, str) else value


def _number_or(word: str) -> BeforeValidator:
    """Accepts a whole number or `word`, with one fault for both instead of one a branch of the union."""

    def check(value: Any) -> Any:
        if value == word or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise ValueError(f"write a whole number or {word!r}")

    return BeforeValidator(check)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _date_text(value: Any) -> Any:
    """YAML and TOML read a bare date as one; here dates are text."""
    return value.isoformat() if isinstance(value, datetime.date) else value


def _seed_list(value: Any) -> Any:
    return list(range(value)) if isinstance(value, int) and not isinstance(value, bool) else value


class SplitSpec(Strict):
    """How rows become training, validation and test rows; the same for all models."""

    scheme: Literal[
        "auto", "given", "stratified", "grouped", "time", "forward", "kfold", "leave_one_out", "bootstrap"
    ] = Field(
        default="auto",
        description="auto: as the data publish it, else grouped if groups are named, else stratified. forward: learn "
        "before the origin, be tested on some rows of that time and on all later ones.",
    )
    test: float = Field(default=0.2, gt=0, lt=1, description="Share of rows to test on.")
    valid: float = Field(default=0.2, ge=0, lt=1, description="Share of the other rows to choose settings on.")
    folds: int = Field(default=5, ge=2, description="Number of folds, for kfold.")
    origin: Annotated[str | None, BeforeValidator(_date_text)] = Field(
        default=None, description="For forward: the first moment to test on, a date; after half of the rows by default."
    )
    window: Annotated[str | None, BeforeValidator(_text)] = Field(
        default=None, description="For forward: month, week, 14d, 500 (rows)."
    )
    refit: Literal["never", "growing", "sliding"] = Field(
        default="never",
        description="For forward: fit anew at each window, on all earlier rows or on as many as at first.",
    )


class ModelSpec(Strict):
    """A model, by its name."""

    uri: str = Field(description="source:name, such as timm:resnet50.a1_in1k.")
    label: str | None = Field(default=None, description="What reports call it; the name itself by default.")
    prior: float | None = Field(default=None, description="A published score, as a free baseline.")
    trust: bool = Field(default=False, description="Load even if the weights are a pickle. Only for files you made.")


class SubtaskSpec(Strict):
    """How one data set becomes several subtasks."""

    by: Literal["class", "group", "time", "random"] = Field(description="What tells the subtasks apart.")
    n: int = Field(default=5, ge=2, description="Number of subtasks.")


class DataSpec(Strict):
    """A data set, by its name."""

    uri: str = Field(description="source:name, such as folder:photos/ or csv:log.csv?text=body&label=y.")
    label: str | None = Field(default=None, description="What reports call it; the name itself by default.")
    split: SplitSpec | None = Field(default=None, description="Overrides the study's split.")
    rows: int | None = Field(
        default=None, ge=2, description="A stratified sample of so many rows, the same for all models."
    )
    subtasks: SubtaskSpec | None = Field(default=None, description="Split the data set into subtasks.")
    classes: list[str] | None = Field(default=None, description="Keep only these classes.")


class RecipeSpec(BaseModel):
    """A way to adapt, with its parameters; `grid` and `space` are expanded into all combinations, or searched."""

    model_config = ConfigDict(extra="allow", frozen=True)
    method: str = Field(description="probe, head, knn, centroid, ridge, zeroshot, finetune, lora, compress, majority.")
    grid: dict[str, list[Any]] = Field(
        default_factory=dict[str, list[Any]], description="Parameter → values, at least one."
    )
    space: Space = Field(default_factory=dict, description="Parameter → choices or a range, with conditions.")

    @property
    def params(self) -> dict[str, Any]:
        """The parameters given, without grid and space."""
        return dict(self.model_extra or {})

    @property
    def axes(self) -> Space:
        """What it may take: a grid is a space of choices."""
        return {**{name: Axis(choices=values) for name, values in self.grid.items()}, **self.space}

    def expand(self, *, searched: bool = False) -> list[dict[str, Any]]:
        """Its parameter sets: every combination of grid and space over its fixed parameters.

        Args:
            searched: Only the fixed parameters, since the space is searched.

        Raises:
            UsageError: when the space has a range without points.
        """
        if searched:
            return [self.params]
        return [{**self.params, **more} for more in complete_grid(self.axes, whole_numbers(self.method))]


class BaselineSpec(Strict):
    """Which free baselines run beside the models."""

    majority: bool = True
    raw: bool = True
    untrained: bool = True


class FeatureSpec(Strict):
    """How features are made."""

    engine: str = Field(default="auto", description="auto measures; else torch, compiled, openvino, model.")
    precision: Literal["float32", "bfloat16"] = "float32"
    batch_size: Annotated[int | Literal["auto"], _number_or("auto")] = "auto"
    device: str = "auto"
    store: str | None = Field(
        default=None, description="A feature store shared between studies; the run folder by default."
    )


class StudySpec(Strict):
    """What is studied: models × data × recipes × draws × seeds."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: Literal[1] = Field(default=1, alias="schema", description="Version of this file's format.")
    name: str = Field(default="study", description="What reports call it.")
    models: list[Annotated[ModelSpec, BeforeValidator(_entry)]] = Field(min_length=1, description="Models to compare.")
    data: list[Annotated[DataSpec, BeforeValidator(_entry)]] = Field(
        min_length=1, description="Data sets to compare on."
    )
    recipes: list[Annotated[RecipeSpec, BeforeValidator(_method)]] = Field(
        default_factory=lambda: [RecipeSpec(method="probe")], min_length=1, description="Ways to adapt."
    )
    split: SplitSpec = Field(default_factory=SplitSpec, description="How rows are split.")
    draws: int = Field(default=1, ge=1, description="Number of draws of rows.")
    seeds: Annotated[list[int], BeforeValidator(_seed_list)] = Field(
        default=[0], min_length=1, description="A number, or a list."
    )
    budgets: list[Annotated[int | Literal["all"], _number_or("all")]] = Field(
        default=["all"], min_length=1, description="Labels a class; all for all rows."
    )
    metrics: list[str] = Field(
        default_factory=list[str], description="The first one ranks; the task's usual ones by default."
    )
    baselines: BaselineSpec = Field(default_factory=BaselineSpec, description="Free baselines.")
    features: FeatureSpec = Field(default_factory=FeatureSpec, description="How features are made.")
    energy: bool = Field(
        default=False, description="Measure the energy of every adaptation, through codecarbon (extra energy)."
    )
    search: SearchSpec | None = Field(default=None, description="Search the recipes' spaces; without it, all of them.")
    limit: int | None = Field(default=None, ge=2, description="Only so many rows of each data set: a smoke run.")
    seed: int = Field(default=0, ge=0, description="Seeds the draws of rows and the twins' weights.")
