"""`assay selection SOURCE`: which model to build on, from a run folder or anyone's per-item results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.output import FailIf, Html, Json, Level, RngSeed, emit

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
    json: Json = False,
    html: Html = None,
    level: Level = 0.95,
    rng_seed: RngSeed = 0,
    fail_if: FailIf = None,
) -> None:
    """Rank models on the same items, and say which can't be told apart."""
    from assay.assess.selection.front import selection
    from assay.assess.selection.reading import Columns
    from assay.ledger import is_run
    from assay.ledger.tables import read_table

    if is_run(source):
        emit(_of_run(source, data, metric, level, rng_seed), json=json, html=html, fail_if=fail_if)
        return
    columns = Columns(
        model=model, item=item, target=target, prediction=prediction, score=tuple(score or ()), draw=draw, seed=seed,
        group=group,
    )  # fmt: skip
    found = selection(read_table(source), columns, metric=metric, task=source.stem, level=level, rng_seed=rng_seed)
    emit(found, json=json, html=html, fail_if=fail_if)


def _of_run(source: Path, data: str | None, metric: str | None, level: float, rng_seed: int) -> Assessment:
    from assay.errors import UnknownNameError, UsageError
    from assay.ledger import open_run
    from assay.run.lenses import select_models

    found = {str(a.inputs["task"]): a for a in select_models(open_run(source), level=level, rng_seed=rng_seed,
                                                              metric=metric)}  # fmt: skip
    if data is not None:
        if data not in found:
            raise UnknownNameError("data set", data, found, where=str(source))
        return found[data]
    if len(found) > 1:
        raise UsageError(f"{source} holds several data sets ({', '.join(found)}); name one with --data")
    return next(iter(found.values()))
