"""`py:package.module:function`: data that a function of yours makes.

The function returns a Dataset, a pair (items, targets), or a data frame. What stands after `?` is passed to it as
keywords where it takes them; with a data frame the rest names columns, as for `csv:`.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from assay.dataset import Dataset
from assay.errors import DataError, UsageError, suggest
from assay.sources.data.arrays import from_arrays
from assay.sources.data.frames import Bad, from_columns
from assay.sources.data.options import Options, check_known, chosen, split_name
from assay.sources.data.table import COLUMN_OPTIONS, columns_of
from assay.spec import DataRef


def load(ref: DataRef, *, offline: bool = False) -> Dataset:  # noqa: ARG001 - what the function does is its own
    """The data set that the function makes.

    Raises:
        UsageError: for a name that is no `module:function`, or one that cannot be imported.
        UnknownNameError: for an option nobody takes.
        DataError: for anything else than data in return.
    """
    name, options = split_name(ref.name)
    function = _function(name)
    taken, rest = _keywords(function, options)
    made = function(**taken)
    if isinstance(made, Dataset):
        check_known(rest, taken, ref.uri)
        return replace(made, ref=replace(made.ref, source=ref.source, name=ref.name))
    if hasattr(made, "columns") and hasattr(made, "iloc"):
        check_known(rest, (*COLUMN_OPTIONS, *taken), ref.uri)
        bad = cast(Bad, chosen(rest, "bad", ("fail", "skip")))
        return from_columns(ref, made, columns_of(rest), where=ref.uri, root=Path.cwd(), bad=bad)
    check_known(rest, taken, ref.uri)
    if isinstance(made, tuple) and len(cast("tuple[Any, ...]", made)) == 2:
        items, targets = cast("tuple[Any, Any]", made)
        return from_arrays(items, targets, name=name, ref=ref)
    raise DataError(
        f"{ref.uri}: a Dataset, a pair (items, targets) or a data frame is needed; the function returned "
        f"{type(made).__name__}"
    )


def _function(name: str) -> Any:
    module_name, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise UsageError(f"py:{name}: data from Python are written py:package.module:function")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise UsageError(f"py:{name}: there is no module {error.name!r} beside the study or installed") from error
        raise UsageError(f"py:{name}: the module imports {error.name!r}, which is not installed") from error
    function = getattr(module, attribute, None)
    if function is None:
        there = [word for word in vars(module) if not word.startswith("_")]
        raise UsageError(f"py:{name}: module {module_name} has no {attribute!r}{suggest(attribute, there)}")
    if not callable(function):
        raise UsageError(f"py:{name}: {attribute} is no function")
    return function


def _keywords(function: Any, options: Options) -> tuple[dict[str, Any], Options]:
    """The options that the function takes, as its own types where its defaults tell them; and the others."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        parameters = {}
    taken: dict[str, Any] = {}
    for key, values in options.items():
        if key in parameters:
            if len(values) > 1:
                raise UsageError(f"option {key!r} is given {len(values)} times; it takes one value")
            taken[key] = typed(values[0], parameters[key].default)
    return taken, {key: values for key, values in options.items() if key not in taken}


def typed(text: str, like: Any) -> Any:
    """The text as a value of the type of a default: a number, a boolean, several numbers, or text.

    Raises:
        UsageError: where the text is no such value.
    """
    try:
        if isinstance(like, bool):
            return {"true": True, "false": False, "1": True, "0": False}[text.casefold()]
        if isinstance(like, (int, float)):
            return type(like)(text)
        if isinstance(like, tuple):
            return tuple(int(part) for part in text.split(","))
    except (KeyError, ValueError):
        raise UsageError(f"{text!r} is no value like {like!r}") from None
    return text
