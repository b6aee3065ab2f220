"""From a trial of Optuna to a configuration: which model, which recipe, which parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.adapt.parameters import resolve, whole_numbers
from assay.config.specification import RecipeSpec
from assay.errors import UsageError
from assay.run.models import StudyModel
from assay.space import Axis, complete_grid
from assay.spec import Recipe


@dataclass(frozen=True, slots=True)
class Configurations:
    """Models × recipes × their spaces; a name stands before a parameter where several recipes have one."""

    models: Sequence[StudyModel]
    recipes: Sequence[RecipeSpec]

    def read(self, trial: Any) -> tuple[StudyModel, Recipe]:
        """The configuration that an Optuna trial suggests.

        Raises:
            UsageError: when the storage holds this study with another space.
        """
        try:
            model = self._pick(trial, "model", self._model_names(), self.models)
            recipe = self._pick(trial, "recipe", self._recipe_names(), self.recipes)
            chosen: dict[str, Any] = {}
            whole = whole_numbers(recipe.method)
            for name, axis in recipe.axes.items():
                if axis.counts(chosen):
                    chosen[name] = _suggest(trial, self._prefix(recipe) + name, axis, name in whole)
        except ValueError as error:
            raise UsageError(
                f"the Optuna storage holds this study with another space ({error}); name another storage, or take "
                "another run folder"
            ) from error
        return model, resolve(recipe.method, {**recipe.params, **chosen})

    def grid(self) -> list[dict[str, Any]]:
        """Every configuration, as the parameters of an Optuna trial."""
        found: list[dict[str, Any]] = []
        for model in self._model_names():
            for name, recipe in zip(self._recipe_names(), self.recipes, strict=True):
                outer: dict[str, Any] = {"model": model} if len(self.models) > 1 else {}
                if len(self.recipes) > 1:
                    outer["recipe"] = name
                for chosen in complete_grid(recipe.axes, whole_numbers(recipe.method)):
                    found.append({**outer, **{self._prefix(recipe) + key: _storable(v) for key, v in chosen.items()}})
        return found

    def _pick(self, trial: Any, what: str, names: list[str], values: Sequence[Any]) -> Any:
        if len(values) == 1:
            return values[0]
        return values[names.index(trial.suggest_categorical(what, names))]

    def _model_names(self) -> list[str]:
        return [model.label for model in self.models]

    def _recipe_names(self) -> list[str]:
        methods = [recipe.method for recipe in self.recipes]
        return [m if methods.count(m) == 1 else f"{m} {i + 1}" for i, m in enumerate(methods)]

    def _prefix(self, recipe: RecipeSpec) -> str:
        return f"{self._recipe_names()[self.recipes.index(recipe)]}." if len(self.recipes) > 1 else ""


def _suggest(trial: Any, name: str, axis: Axis, whole: bool) -> Any:
    if axis.choices is not None:
        stored = [_storable(value) for value in axis.choices]
        return axis.choices[stored.index(trial.suggest_categorical(name, stored))]
    if axis.points is not None:
        return trial.suggest_categorical(name, axis.values(whole=whole))
    if whole:
        assert axis.low is not None
        assert axis.high is not None
        return trial.suggest_int(name, round(axis.low), round(axis.high), log=axis.log)
    return trial.suggest_float(name, axis.low, axis.high, log=axis.log)


def _storable(value: Any) -> Any:
    """A choice as Optuna stores it: lists and the like as text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
