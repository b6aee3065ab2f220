"""`assay status RUN`: how far a run is, and what failed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Json


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    json: Json = False,
) -> int:
    """Show how many trials of a run are done, at work, open or failed, and why. Exits 3 while some are not done."""
    from assay.cli.output import print_rows
    from assay.ledger import open_run
    from assay.run.listing import status_rows

    rows = status_rows(open_run(run))
    print_rows("status", rows, schema="status", json=json)
    return 0 if all(row["status"] in ("ok", "skipped") for row in rows) else 3
