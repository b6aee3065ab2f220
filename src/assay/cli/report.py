"""`assay report RUN`: the report page of a run, with the same numbers as JSON and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.output import Html, Json, Level, RngSeed, note


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    json: Json = False,
    html: Html = None,
    level: Level = 0.95,
    rng_seed: RngSeed = 0,
) -> None:
    """Write the report of a run: a page that opens offline, and the same numbers as JSON and CSV."""
    from assay.cli.output import print_document
    from assay.study import Run

    found = Run.open(run)
    page = found.report(html, level=level, rng_seed=rng_seed)
    if json:
        assessments = found.assess(level=level, rng_seed=rng_seed)
        print_document({"schema": "assay/report/1", "assessments": [item.to_dict() for item in assessments]})
    note(f"report: {page}")
