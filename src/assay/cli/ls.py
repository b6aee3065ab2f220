"""`assay ls [PATH]`: the runs below a folder, or what one run holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Json


def command(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="A run folder, or a folder that holds some.")] = Path(),
    json: Json = False,
) -> None:
    """Show the runs below a folder, or the trials that a run holds."""
    from assay.cli.output import print_rows
    from assay.ledger import is_run, open_run
    from assay.run.listing import list_runs, list_trials

    if is_run(path):
        print_rows("trials", list_trials(open_run(path)), schema="ls", json=json)
    else:
        print_rows("runs", list_runs(path), schema="ls", json=json)
