"""`assay reusability RUN`: how far each model carries to each target, and what carrying costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.output import FailIf, Html, Json, Level, RngSeed

SourceData = Annotated[
    list[str] | None,
    typer.Option("--source-data", metavar="DATA", help="Data that the models come from, to measure how near they are."),
]
Limits = Annotated[
    list[str] | None,
    typer.Option("--limit", metavar="NAME=NUMBER", help="A constraint, such as parameters=50e6 or milliseconds=20."),
]


def command(
    source: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    source_data: SourceData = None,
    limit: Limits = None,
    json: Json = False,
    html: Html = None,
    level: Level = 0.95,
    rng_seed: RngSeed = 0,
    fail_if: FailIf = None,
) -> None:
    """Say how far models carry: gain over the untrained twin, labels saved, cost, and who wins under which weights."""
    from assay.cli.output import emit
    from assay.ledger import open_run
    from assay.run.reuse import assess_reuse

    found = assess_reuse(
        open_run(source), source_data=source_data or (), constraints=_limits(limit), level=level, rng_seed=rng_seed
    )
    emit(found, json=json, html=html, fail_if=fail_if)


def _limits(given: list[str] | None) -> dict[str, float]:
    from assay.errors import UsageError

    found: dict[str, float] = {}
    for text in given or ():
        name, _, number = text.partition("=")
        try:
            found[name] = float(number)
        except ValueError as error:
            raise UsageError(f"--limit is NAME=NUMBER, such as parameters=50e6; got {text!r}") from error
    return found
