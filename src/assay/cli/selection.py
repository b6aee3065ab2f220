"""`assay selection SOURCE`: which model to build on, from a run folder or anyone's per-item results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import Reporting

if TYPE_CHECKING:
    from assay.finding import Assessment

Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="A run folder, or a table: one row a model and item.")]
Prediction = Annotated[str | None, typer.Option("--prediction", help="Table: column of predicted classes or numbers.")]
Scores = Annotated[
    list[str] | None, typer.Option("--score", help="Table: column of probabilities; repeat it, one column a class.")
]
Draw = Annotated[str | None, typer.Option("--draw", help="Table: column of draws of training rows.")]
Seed = Annotated[str | None, typer.Option("--seed", help="Table: column of training seeds.")]
Group = Annotated[str | None, typer.Option("--group", help="Table: column of groups of items that belong together.")]


def command(
    source: Source,
    model: Annotated[str, typer.Option("--model", help="Table: column of models.")] = "model",
    item: Annotated[str, typer.Option("--item", help="Table: column of items.")] = "item",
    target: Annotated[str, typer.Option("--target", help="Table: column of right answers.")] = "target",
    prediction: Prediction = None,
    score: Scores = None,
    draw: Draw = None,
    seed: Seed = None,
    group: Group = None,
    data: Annotated[str | None, typer.Option("--data", help="Run: the data set, by its label.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="The metric; a run's first one, or accuracy.")] = None,
    *,
    reporting: Reporting,
) -> None:
    """Rank models on the same items, and say which can't be told apart."""
    from assay.assess.selection.front import selection
    from assay.assess.selection.reading import Columns
    from assay.ledger import is_run
    from assay.ledger.tables import read_table

    if is_run(source):
        reporting.tell(_of_run(source, data, metric, reporting))
        return
    columns = Columns(
        model=model, item=item, target=target, prediction=prediction, score=tuple(score or ()), draw=draw, seed=seed,
        group=group,
    )  # fmt: skip
    found = selection(read_table(source), columns, metric=metric, task=source.stem, level=reporting.level,
                      rng_seed=reporting.rng_seed)  # fmt: skip
    reporting.tell(found)


def _of_run(source: Path, data: str | None, metric: str | None, reporting: Reporting) -> Assessment:
    from assay.errors import UnknownNameError, UsageError
    from assay.ledger import open_run
    from assay.run.lenses import select_models

    every = select_models(open_run(source), level=reporting.level, rng_seed=reporting.rng_seed, metric=metric)
    found = {str(assessment.inputs["task"]): assessment for assessment in every}
    if data is not None:
        if data not in found:
            raise UnknownNameError("data set", data, found, where=str(source))
        return found[data]
    if len(found) > 1:
        raise UsageError(f"{source} holds several data sets ({', '.join(found)}); name one with --data")
    return next(iter(found.values()))
