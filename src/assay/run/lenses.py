"""A run seen through each lens: from the ledger's rows to assessments."""

from __future__ import annotations

from collections.abc import Callable

from assay.assess.selection import selection
from assay.errors import NothingToAssessError
from assay.finding import Assessment
from assay.ledger import RunFolder
from assay.ledger.views import candidates_of, data_labels, task_table
from assay.rng import stream

LEAST_CONFIGURATIONS = 8

RunLens = Callable[..., list[Assessment]]


def select_models(folder: RunFolder, *, level: float, rng_seed: int, metric: str | None = None) -> list[Assessment]:
    """Which model to build on, one assessment a data set.

    Raises:
        NothingToAssessError: when no trial of a model has succeeded on any data set.
    """
    found: list[Assessment] = []
    errors: list[NothingToAssessError] = []
    for data, label in data_labels(folder).items():
        try:
            candidates, background = candidates_of(folder, data)
        except NothingToAssessError as error:
            errors.append(error)
            continue
        found.append(
            selection(
                candidates, metric=metric or _headline_metric(folder, data), background=background, task=label,
                level=level, rng=stream(rng_seed, "selection", label),
            )
        )  # fmt: skip
    if not found:
        raise errors[0] if errors else NothingToAssessError(f"{folder.paths.root} holds no trials of its data sets")
    return found


def sustain(folder: RunFolder, *, level: float, rng_seed: int) -> list[Assessment]:
    """Whether the ranking holds on other tasks; needs a model that was run on two tasks.

    Raises:
        NothingToAssessError: without one.
    """
    from assay.assess.sustainability import sustainability

    table = task_table(folder)
    if max(len(set(of_model["task"])) for _, of_model in table.groupby("model")) < 2:
        raise NothingToAssessError("no model was run on two tasks, so nothing is known of other tasks")
    return [sustainability(table, level=level, rng=stream(rng_seed, "sustainability"), **table.attrs["options"])]


def _headline_metric(folder: RunFolder, data: str) -> str:
    return str(folder.ledger.get("data")[data]["metrics"][0])


def reuse(folder: RunFolder, *, level: float, rng_seed: int) -> list[Assessment]:
    """How far the models carry, and what that costs."""
    from assay.run.reuse import assess_reuse

    return [assess_reuse(folder, level=level, rng_seed=rng_seed)]


def configure(folder: RunFolder, *, level: float, rng_seed: int) -> list[Assessment]:
    """What tuning bought in this run; needs at least eight configurations.

    Raises:
        NothingToAssessError: with fewer.
    """
    from assay.assess.configurability import configurability
    from assay.ledger.searches import trials_of_run

    trials = trials_of_run(folder)
    if len(trials.units().scores) < LEAST_CONFIGURATIONS:
        raise NothingToAssessError("too few configurations to say what tuning buys")
    return [configurability(trials, level=level, rng_seed=rng_seed, source=folder.name)]


def last(folder: RunFolder, *, level: float, rng_seed: int) -> list[Assessment]:
    """How long the models last, on data with times that were learned from the past.

    Raises:
        NothingToAssessError: without such data.
    """
    from assay.assess.durability import Question
    from assay.run.lasting import lasting_models

    return lasting_models(folder, Question(level=level, rng_seed=rng_seed))


LENSES: tuple[RunLens, ...] = (reuse, configure, last, sustain)
