"""Checks that only the registries can make: unknown recipes, values, metrics, sources; labels given twice."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

from assay.adapt.parameters import resolve
from assay.builtin import ADAPTERS, DATA_SOURCES, ENGINES, MODEL_SOURCES
from assay.config.faults import Fault, Place
from assay.config.specification import DataSpec, ModelSpec, RecipeSpec, StudySpec
from assay.errors import UsageError
from assay.space import Axis, SearchSpec, faults_of
from assay.spec import DataRef, ModelRef

IN_MEMORY = ("arrays", "frame")
"""Sources of data that a program has loaded; a file cannot name them."""


def name_faults(spec: StudySpec, loaded: Container[str] = ()) -> list[Fault]:
    """All faults of a study whose form is right; `loaded` are the names of models and data that are in memory."""
    from assay.metrics import METRICS  # brings scikit-learn and SciPy, which the door does not pay for

    faults: list[Fault] = []
    for i, model in enumerate(spec.models):
        if model.uri not in loaded:
            faults += _tried(("models", i), lambda uri=model.uri: MODEL_SOURCES.require(ModelRef.parse(uri).source))
    for i, data in enumerate(spec.data):
        if data.uri not in loaded:
            faults += _tried(("data", i), lambda uri=data.uri: _require_data(uri))
    for i, recipe in enumerate(spec.recipes):
        faults += _recipe_faults(("recipes", i), recipe, spec.search)
    faults += [
        (("budgets", i), "budgets count from 1; a recipe that learns from no labels, such as zeroshot, needs no entry")
        for i, budget in enumerate(spec.budgets)
        if budget != "all" and budget < 1
    ]
    for i, metric in enumerate(spec.metrics):
        faults += _tried(("metrics", i), lambda metric=metric: METRICS[metric])
    if spec.features.engine != "auto":
        faults += _tried(("features", "engine"), lambda: ENGINES.require(spec.features.engine))
    return [*faults, *_repeated("models", spec.models), *_repeated("data", spec.data)]


def _require_data(uri: str) -> None:
    source = DataRef.parse(uri).source
    if source in IN_MEMORY:
        raise UsageError(f"{uri} was in the memory of a program; give it to Study there, or name a file of its rows")
    DATA_SOURCES.require(source)


def _tried(place: Place, act: Callable[[], Any]) -> list[Fault]:
    try:
        act()
    except UsageError as error:
        return [(place, str(error))]
    return []


def _repeated(key: str, entries: Sequence[ModelSpec | DataSpec]) -> list[Fault]:
    labels = [entry.label or entry.uri for entry in entries]
    return [((key, i), f"{label!r} stands there twice") for i, label in enumerate(labels) if label in labels[:i]]


def _recipe_faults(place: Place, recipe: RecipeSpec, search: SearchSpec | None) -> list[Fault]:
    """Faults of its space, else the first set of parameters that it does not take."""
    faults = [((*place, "space", axis), message) for axis, message in _space_faults(recipe, search)]

    def resolve_all() -> None:
        combinations = recipe.expand(searched=search is not None)
        for params in combinations if not faults else ():
            resolve(recipe.method, params)
        if search is not None and ADAPTERS[recipe.method].needs == "words":
            raise UsageError(
                f"{recipe.method} learns from no labels, and a search chooses by labelled validation rows; study it "
                "without search"
            )

    return [*faults, *_tried(place, resolve_all)]


def _space_faults(recipe: RecipeSpec, search: SearchSpec | None) -> list[tuple[str, str]]:
    """(axis, message): conditions without an earlier axis, and values that the recipe does not take."""
    faults = faults_of(recipe.axes)
    for name, axis in recipe.space.items():
        faults += [
            (name, message) for _, message in _tried((), lambda name=name, axis=axis: _take_all(recipe, name, axis))
        ]
    if search is not None and search.sampler.name == "grid" and not faults:
        faults += [(next(iter(recipe.space)), message) for _, message in _tried((), recipe.expand)]
    return faults


def _take_all(recipe: RecipeSpec, name: str, axis: Axis) -> None:
    for value in axis.choices if axis.choices is not None else (axis.low, axis.high):
        resolve(recipe.method, {**recipe.params, name: value})
