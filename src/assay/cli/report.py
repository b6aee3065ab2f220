"""`assay report RUN`: the report page of a run, with the same numbers as JSON and CSV.

A JSON document that a lens printed stands in for a run as well: the page is then drawn from its numbers alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Html, Json, Level, RngSeed
from assay.cli.output import note


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a JSON document that a lens printed.")],
    json: Json = False,
    html: Html = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="DIR", help="Write every table as a CSV file.")] = None,
    level: Level = 0.95,
    rng_seed: RngSeed = 0,
) -> None:
    """Write the report of a run: a page that opens offline, and the same numbers as JSON and CSV."""
    from assay.cli.output import print_document
    from assay.report.documents import read_json, to_document, write_csv
    from assay.report.page import write_report

    if run.is_file():
        (assessments, summary), page = read_json(run), html or run.with_suffix(".html")
        write_report(assessments, page, run=summary)
    else:
        from assay.study import Run

        found = Run.open(run)
        page = found.report(html, level=level, rng_seed=rng_seed)
        assessments = found.assess(level=level, rng_seed=rng_seed) if json or csv else []
    if csv:
        note(f"tables: {len(write_csv(assessments, csv))} files in {csv}")
    if json:
        print_document(to_document(assessments))
    note(f"report: {page}")
