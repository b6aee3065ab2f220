"""`assay validate-scores TABLE`: whether transferability scores rank models as their accuracy does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Reporting


def command(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A table: one row a model and data set.")],
    model: Annotated[str, typer.Option("--model", help="Column of models.")] = "model",
    dataset: Annotated[str, typer.Option("--dataset", help="Column of data sets.")] = "dataset",
    score: Annotated[
        list[str] | None, typer.Option("--score", help="Column of a score, higher is better. Repeatable.")
    ] = None,
    function: Annotated[
        list[str] | None,
        typer.Option(
            "--function",
            metavar="py:MODULE:NAME",
            help="A score of your own: called with the rows of one data set, it gives a number a row. Repeatable.",
        ),
    ] = None,
    accuracy: Annotated[str, typer.Option("--accuracy", help="Column of what was really reached.")] = "accuracy",
    *,
    reporting: Reporting,
) -> None:
    """Judge scores by weighted Kendall and top-k regret, against chance and the static rank."""
    from assay.assess.selection.validation import ScoreColumns, validate_scores
    from assay.ledger.tables import read_table
    from assay.rng import stream
    from assay.sources.models.module import own_callable

    functions = {name: own_callable(name.removeprefix("py:")) for name in function or ()}
    named = tuple(score or (() if functions else ("score",)))
    columns = ScoreColumns(model=model, dataset=dataset, scores=named, accuracy=accuracy)
    found = validate_scores(read_table(table), columns, functions=functions, level=reporting.level,
                            rng=stream(reporting.rng_seed, "validate-scores"))  # fmt: skip
    reporting.tell(found)
