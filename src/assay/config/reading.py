"""From YAML, TOML, JSON or a dictionary to a study's specification; every fault at once, each with its place."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assay.builtin import ADAPTERS
from assay.config.faults import Fault, fault_of, spec_error
from assay.config.files import read_tree
from assay.config.names import name_faults
from assay.config.specification import RecipeSpec, StudySpec


def load_study(
    source: str | Path | Mapping[str, Any], *, overrides: Mapping[str, Any] | None = None, loaded: Container[str] = ()
) -> StudySpec:
    """The study that a file or a dictionary describes.

    Args:
        source: Path of a YAML, TOML or JSON file or of a run folder, or the dictionary itself.
        overrides: Top-level keys that win over the file.
        loaded: Names of models and data that are in memory already.

    Raises:
        SpecError: all faults at once, each with its place.
        DataError: when the file cannot be read.
    """
    name, tree, places = read_tree(source)
    tree = {**tree, **{key: value for key, value in (overrides or {}).items() if value is not None}}
    try:
        spec = StudySpec.model_validate(tree)
    except ValidationError as error:
        faults = [fault_of(item) for item in error.errors()]
        raise spec_error(name, [*faults, *_check_the_rest(tree, faults)], places) from error
    faults = name_faults(spec, loaded)
    if faults:
        raise spec_error(name, faults, places)
    return _with_energy(spec) if spec.energy else spec


def _with_energy(spec: StudySpec) -> StudySpec:
    """The study with energy asked for in every recipe that measures it epoch by epoch."""
    recipes = [
        RecipeSpec.model_validate({"energy": True, **recipe.model_dump()})
        if "energy" in ADAPTERS[recipe.method].defaults
        else recipe
        for recipe in spec.recipes
    ]
    return spec.model_copy(update={"recipes": recipes})


def _check_the_rest(tree: Mapping[str, Any], faults: Sequence[Fault]) -> list[Fault]:
    """Unknown names under the top-level keys that have the right form, where others have not."""
    wrong = {path[0] for path, _ in faults if path}
    rest = {"models": ["py:module:factory"], "data": ["py:module:function"]}
    rest |= {key: value for key, value in tree.items() if key not in wrong}
    try:
        return name_faults(StudySpec.model_validate(rest))
    except ValidationError:
        return []


def study_schema() -> dict[str, Any]:
    """JSON Schema of a study file, for editors."""
    return StudySpec.model_json_schema(by_alias=True)
