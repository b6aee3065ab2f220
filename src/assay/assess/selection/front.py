"""The selection lens on a table of per-item results, from any tool."""

from __future__ import annotations

import pandas as pd

from assay.assess.selection.candidates import Background
from assay.assess.selection.lens import selection as judge_candidates
from assay.assess.selection.reading import Columns, read_results
from assay.finding import Assessment
from assay.rng import stream


def selection(
    results: pd.DataFrame, columns: Columns | None = None, *, metric: str | None = None, task: str = "the task",
    level: float = 0.95, rng_seed: int = 0,
) -> Assessment:  # fmt: skip
    """Which model to build on, from what each model said of each item.

    Use it where predictions exist already; `Study` makes them, and `rank` and `select` do with less.

    Args:
        results: One row a model and item, models on the same items.
        columns: The names of the columns; `model`, `item`, `target` and `prediction` by default.
        metric: What ranks; accuracy, or R² for numbers, by default.
        task: What the task is called.
        level: Confidence level of the intervals.
        rng_seed: Seeds the resampling of items.

    Returns:
        Assessment with tables `ranking`, `pairs`, `baselines` and `per_class`, where there is something in them.

    Raises:
        UnknownNameError: for a column or metric that is not there.
        DataError: for an item that a model has twice, or whose target differs between models.
        NothingToAssessError: when no model can be scored.

    Example:
        >>> import pandas as pd
        >>> rows = [(model, i, i % 2, said) for model, wrong in (("a", 9), ("b", 3)) for i in range(60)
        ...         for said in [i % 2 if i % wrong else 1 - i % 2]]
        >>> table = pd.DataFrame(rows, columns=["model", "item", "target", "prediction"])
        >>> selection(table, level=0.9).tables["ranking"][0]["model"]
        'a'
    """
    reading = read_results(results, columns or Columns(prediction="prediction"), metric=metric)
    return judge_candidates(
        reading.candidates, metric=reading.metric, level=level, task=task,
        background=Background(classes=reading.classes, failures=reading.failures),
        groups=reading.groups, rng=stream(rng_seed, "selection", task),
    )  # fmt: skip
