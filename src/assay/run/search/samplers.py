"""Optuna's samplers and pruners by the names that a study file gives them."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from assay.errors import MissingExtraError, UnknownNameError, UsageError
from assay.space import Named, SearchSpec

STATIC = ("grid", "random", "qmc")
"""Samplers that learn nothing from results, so that all configurations can be asked for at once."""

LEARNING_BATCH = 8
"""Configurations asked for at once where the sampler or the pruner learns."""


def load_optuna() -> Any:
    """The module, quiet.

    Raises:
        MissingExtraError: when it is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise MissingExtraError("tune", "a search over a space") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def make_sampler(named: Named, seed: int) -> Any:
    """The sampler; `grid` is a random one, since its configurations are put into the queue beforehand.

    Raises:
        UnknownNameError: no such sampler.
        UsageError: an option that it does not take.
    """
    if named.name == "grid":
        return load_optuna().samplers.RandomSampler(seed=seed)
    extra = {"constant_liar": True, "multivariate": True, "group": True} if named.name == "tpe" else {}
    return _make("sampler", named, {"seed": seed, **extra})


def make_pruner(named: Named | None) -> Any:
    """The pruner; without one nothing is pruned.

    Raises:
        UnknownNameError: no such pruner.
        UsageError: an option that it does not take.
    """
    return load_optuna().pruners.NopPruner() if named is None else _make("pruner", named, {})


def batch_size(search: SearchSpec) -> int:
    """Configurations to ask for at once."""
    learns = search.sampler.name not in STATIC or search.pruner is not None
    return search.together or (LEARNING_BATCH if learns else search.trials)


def _make(kind: str, named: Named, extra: dict[str, Any]) -> Any:
    module = getattr(load_optuna(), f"{kind}s")
    suffix = kind.capitalize()
    classes = {
        _short(name.removesuffix(suffix)): getattr(module, name) for name in dir(module) if name.endswith(suffix)
    }
    classes.pop("base", None)
    made = classes.get(_short(named.name.removesuffix(suffix)))
    if made is None:
        raise UnknownNameError(kind, named.name, sorted(classes), where="search")
    known = inspect.signature(made).parameters
    options = {name: value for name, value in extra.items() if name in known} | named.options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls some of its classes and options experimental
        try:
            return made(**options)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{kind} {named.name!r}: {error}; it takes {', '.join(known)}") from error


def _short(name: str) -> str:
    return name.replace("_", "").casefold()
