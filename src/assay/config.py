"""From YAML, TOML, JSON or a dictionary to a study specification; strict.

Every fault is reported at once, each with its place in the file and the nearest right name. YAML is 1.2: `no` is a
string, `1e-3` a number, a repeated key an error. Aliases are refused: a study needs none, and they can blow up.
"""

from __future__ import annotations

import datetime
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from assay.errors import DataError, SpecError, UsageError, suggest
from assay.space import Axis, SearchSpec, Space, complete_grid, faults_of

MAX_BYTES = 1_000_000

Place = tuple[Any, ...]
"""Keys and positions that lead to a value."""
Fault = tuple[Place, str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, populate_by_name=True)


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


class SplitSpec(_Strict):
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


class ModelSpec(_Strict):
    """A model, by its name."""

    uri: str = Field(description="source:name, such as timm:resnet50.a1_in1k.")
    label: str | None = Field(default=None, description="What reports call it; the name itself by default.")
    prior: float | None = Field(default=None, description="A published score, as a free baseline.")
    trust: bool = Field(default=False, description="Load even if the weights are a pickle. Only for files you made.")


class DataSpec(_Strict):
    """A data set, by its name."""

    uri: str = Field(description="source:name, such as folder:photos/ or csv:log.csv?text=body&label=y.")
    label: str | None = Field(default=None, description="What reports call it; the name itself by default.")
    split: SplitSpec | None = Field(default=None, description="Overrides the study's split.")
    rows: int | None = Field(
        default=None, ge=2, description="A stratified sample of so many rows, the same for all models."
    )
    subtasks: SubtaskSpec | None = Field(default=None, description="Split the data set into subtasks.")
    classes: list[str] | None = Field(default=None, description="Keep only these classes.")


class SubtaskSpec(_Strict):
    """How one data set becomes several subtasks."""

    by: Literal["class", "group", "time", "random"] = Field(description="What tells the subtasks apart.")
    n: int = Field(default=5, ge=2, description="Number of subtasks.")


class RecipeSpec(BaseModel):
    """A way to adapt, with its parameters; `grid` and `space` are expanded into all combinations, or searched."""

    model_config = ConfigDict(extra="allow", frozen=True)
    method: str = Field(description="probe, head, knn, centroid, ridge, finetune, lora, compress, majority.")
    grid: dict[str, list[Any]] = Field(
        default_factory=dict[str, list[Any]], description="Parameter → values, at least one."
    )
    space: Space = Field(default_factory=dict, description="Parameter → choices or a range, with conditions.")

    @property
    def params(self) -> dict[str, Any]:
        """The parameters given, without grid and space."""
        return dict(self.model_extra or {})


class BaselineSpec(_Strict):
    """Which free baselines run beside the models."""

    majority: bool = True
    raw: bool = True
    untrained: bool = True


class FeatureSpec(_Strict):
    """How features are made."""

    engine: str = Field(default="auto", description="auto measures; else torch, compiled, openvino, model.")
    precision: Literal["float32", "bfloat16"] = "float32"
    batch_size: Annotated[int | Literal["auto"], _number_or("auto")] = "auto"
    device: str = "auto"
    store: str | None = Field(
        default=None, description="A feature store shared between studies; the run folder by default."
    )


class StudySpec(_Strict):
    """What is studied: models × data × recipes × draws × seeds."""

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
    search: SearchSpec | None = Field(default=None, description="Search the recipes' spaces; without it, all of them.")
    limit: int | None = Field(default=None, ge=2, description="Only so many rows of each data set: a smoke run.")
    seed: int = Field(default=0, ge=0, description="Seeds the draws of rows and the twins' weights.")


DataSpec.model_rebuild()


def load_study(source: str | Path | Mapping[str, Any], *, overrides: Mapping[str, Any] | None = None) -> StudySpec:
    """The study that a file or a dictionary describes.

    Args:
        source: Path of a YAML, TOML or JSON file, or the dictionary itself.
        overrides: Top-level keys that win over the file.

    Raises:
        SpecError: all faults at once, each with its place.
        DataError: when the file cannot be read.
    """
    name, tree, places = _read(source)
    tree = {**tree, **{key: value for key, value in (overrides or {}).items() if value is not None}}
    try:
        spec = StudySpec.model_validate(tree)
    except ValidationError as error:
        faults = [_fault(item) for item in error.errors()]
        raise _spec_error(name, [*faults, *_check_the_rest(tree, faults)], places) from error
    faults = _check_names(spec)
    if faults:
        raise _spec_error(name, faults, places)
    return spec


def _spec_error(name: str, faults: Sequence[Fault], places: Mapping[Place, int]) -> SpecError:
    """All faults, in the order of their lines."""
    ordered = sorted(faults, key=lambda fault: _line(fault[0], places) or 0)
    return SpecError(name, [(_place(path, places), message) for path, message in ordered])


def _check_the_rest(tree: Mapping[str, Any], faults: Sequence[Fault]) -> list[Fault]:
    """Unknown names under the top-level keys that have the right form, where others have not."""
    wrong = {path[0] for path, _ in faults if path}
    rest = {"models": ["py:module:factory"], "data": ["py:module:function"]}
    rest |= {key: value for key, value in tree.items() if key not in wrong}
    try:
        return _check_names(StudySpec.model_validate(rest))
    except ValidationError:
        return []


def study_schema() -> dict[str, Any]:
    """JSON Schema of a study file, for editors."""
    return StudySpec.model_json_schema(by_alias=True)


def _check_names(spec: StudySpec) -> list[Fault]:
    """Faults that only the registries can see: unknown recipes, parameters, metrics, sources."""
    from assay.adapt.parameters import resolve
    from assay.builtin import DATA_SOURCES, ENGINES, MODEL_SOURCES
    from assay.metrics import METRICS
    from assay.spec import DataRef, ModelRef

    faults: list[Fault] = []

    def collect(path: Place, act: Any) -> None:
        try:
            act()
        except UsageError as error:
            faults.append((path, str(error)))

    for i, model in enumerate(spec.models):
        collect(("models", i), lambda uri=model.uri: MODEL_SOURCES.require(ModelRef.parse(uri).source))
    for i, data in enumerate(spec.data):
        collect(("data", i), lambda uri=data.uri: DATA_SOURCES.require(DataRef.parse(uri).source))
    for i, recipe in enumerate(spec.recipes):
        before = len(faults)
        faults += [(("recipes", i, "space", name), message) for name, message in _space_faults(spec, recipe)]
        collect(("recipes", i), lambda recipe=recipe: expand_grid(recipe, searched=spec.search is not None))
        if len(faults) > before:
            continue
        for params in expand_grid(recipe, searched=spec.search is not None):
            before = len(faults)
            collect(("recipes", i), lambda method=recipe.method, params=params: resolve(method, params))
            if len(faults) > before:
                break
    for i, metric in enumerate(spec.metrics):
        collect(("metrics", i), lambda metric=metric: METRICS[metric])
    if spec.features.engine != "auto":
        collect(("features", "engine"), lambda: ENGINES.require(spec.features.engine))
    for kind, entries in (("models", spec.models), ("data", spec.data)):
        labels = [entry.label or entry.uri for entry in entries]
        faults += [
            ((kind, i), f"{label!r} stands there twice") for i, label in enumerate(labels) if label in labels[:i]
        ]
    return faults


def expand_grid(recipe: RecipeSpec, *, searched: bool = False) -> list[dict[str, Any]]:
    """The parameter sets of a recipe: every combination of grid and space over its fixed parameters.

    Args:
        recipe: The recipe.
        searched: Only the fixed parameters, since the space is searched.

    Raises:
        UsageError: when the space has a range without points.
    """
    if searched:
        return [recipe.params]
    return [{**recipe.params, **more} for more in complete_grid(space_of(recipe), whole_numbers(recipe.method))]


def space_of(recipe: RecipeSpec) -> Space:
    """The space of a recipe; a grid is a space of choices."""
    return {**{name: Axis(choices=values) for name, values in recipe.grid.items()}, **recipe.space}


def whole_numbers(method: str) -> list[str]:
    """The parameters of a recipe that are counts."""
    from assay.builtin import ADAPTERS

    table: Mapping[str, Any] = getattr(ADAPTERS[method], "parameters", {})
    return [name for name, parameter in table.items() if parameter.kind == "integer"]


def _space_faults(spec: StudySpec, recipe: RecipeSpec) -> list[tuple[str, str]]:
    """(axis, message): conditions without an earlier axis, and values that the recipe does not take."""
    from assay.adapt.parameters import resolve

    faults = faults_of(space_of(recipe))
    for name, axis in recipe.space.items():
        for value in axis.choices if axis.choices is not None else (axis.low, axis.high):
            try:
                resolve(recipe.method, {**recipe.params, name: value})
            except UsageError as error:
                faults.append((name, str(error)))
                break
    if spec.search is not None and spec.search.sampler.name == "grid" and not faults:
        try:
            complete_grid(space_of(recipe), whole_numbers(recipe.method))
        except UsageError as error:
            faults.append((next(iter(recipe.space)), str(error)))
    return faults


def _read(source: str | Path | Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[Place, int]]:
    """Name, tree, and the line of each path (empty where the format gives none)."""
    if isinstance(source, Mapping):
        return "study", dict(source), {}
    path = Path(source)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise DataError(f"{path} has {len(raw):,} bytes; a study file has at most {MAX_BYTES:,}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: byte {error.start} is {raw[error.start]:#04x}") from error
    tree, places = _parse(path, text)
    if not isinstance(tree, dict):
        raise SpecError(str(path), [("", "a study file is a table of keys such as models, data and recipes")])
    return str(path), tree, places


def _parse(path: Path, text: str) -> tuple[Any, dict[Place, int]]:
    if path.suffix == ".json":
        try:
            return json.loads(text), {}
        except json.JSONDecodeError as error:
            raise SpecError(str(path), [(f"line {error.lineno}", error.msg)]) from error
    if path.suffix == ".toml":
        try:
            return tomllib.loads(text), {}
        except tomllib.TOMLDecodeError as error:
            raise SpecError(str(path), [("", str(error))]) from error
    return _parse_yaml(path, text)


def _parse_yaml(path: Path, text: str) -> tuple[Any, dict[Place, int]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.nodes import Node

    yaml = YAML(typ="safe", pure=True)
    try:
        for event in yaml.parse(io.StringIO(text)):
            if type(event).__name__ == "AliasEvent":
                line = event.start_mark.line + 1
                raise SpecError(str(path), [(f"line {line}", "aliases (*name) are not used in a study; write it out")])
        root: Node | None = YAML(typ="safe", pure=True).compose(io.StringIO(text))
        tree = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        raise SpecError(str(path), [(f"line {line}", str(error.problem))]) from error
    except (YAMLError, ValueError) as error:
        raise SpecError(str(path), [("", f"not YAML: {error}")]) from error
    places: dict[Place, int] = {}
    if root is not None:
        _note_lines(root, (), places)
    return tree, places


def _note_lines(node: Any, path: Place, places: dict[Place, int]) -> None:
    places.setdefault(path, node.start_mark.line + 1)
    if node.id == "mapping":
        for key, value in node.value:
            places[(*path, key.value)] = key.start_mark.line + 1
            _note_lines(value, (*path, key.value), places)
    elif node.id == "sequence":
        for i, value in enumerate(node.value):
            _note_lines(value, (*path, i), places)


def _fault(error: Any) -> Fault:
    path = tuple(error["loc"])
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return path, f"unknown key {path[-1]!r}{suggest(str(path[-1]), _siblings(path))}"
    if kind == "missing":
        return path[:-1], f"the key {path[-1]!r} is missing"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = "" if isinstance(given, (Mapping, list)) else f", got {given!r}"
    return path, f"{message}{shown}"


def _siblings(path: Sequence[Any]) -> list[str]:
    """The keys that are allowed beside the last one of `path`."""
    model: Any = StudySpec
    for part in path[:-1]:
        if isinstance(part, int):
            continue
        field = getattr(model, "model_fields", {}).get(part)
        nested = _nested(field.annotation) if field is not None else None
        model = nested or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _nested(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _nested(part)
        if found is not None:
            return found
    return None


def _line(path: Place, places: Mapping[Place, int]) -> int | None:
    """The line of the innermost part of `path` that the file has; None where the format gives no lines."""
    return next((places[path[:k]] for k in range(len(path), -1, -1) if path[:k] in places), None)


def _place(path: Place, places: Mapping[Place, int]) -> str:
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    line = _line(path, places)
    if line is None:
        return shown
    return f"line {line}, {shown}" if shown else f"line {line}"
