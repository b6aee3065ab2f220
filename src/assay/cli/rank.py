"""`assay rank`: many models on one sample, with the transferability battery, intervals and ties."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.choosing import Choosing, Data, Models
from assay.cli.options import Reporting


def command(
    data: Data,
    models: Models,
    rows: Annotated[int, typer.Option("--rows", min=10, help="Rows of the sample, the same for all models.")] = 1000,
    score: Annotated[
        list[str] | None,
        typer.Option("--score", help="A transferability score to compute; all by default. Repeatable."),
    ] = None,
    twins: Annotated[bool, typer.Option("--twins", help="Run each model's untrained twin as a baseline.")] = False,
    variants: Annotated[
        bool, typer.Option("--variants", help="Names that differ only in options (layer, pooling) are one model.")
    ] = False,
    *,
    choosing: Choosing,
    reporting: Reporting,
) -> None:
    """Rank models by leave-one-out score on one sample, with ties, regret and what is free."""
    from assay.run.selecting import rank

    question = choosing.question(data, models, reporting, twins=twins)
    reporting.tell(rank(question, rows=rows, scores=score, variants=variants))
