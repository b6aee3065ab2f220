"""`assay doctor`: what this machine has, what is missing, and the command that brings it."""

from __future__ import annotations

from assay.cli.options import Json


def command(json: Json = False) -> int:
    """Show versions, extras, memory, disk and devices of this machine, and what to install for the rest."""
    from assay.cli.output import print_rows
    from assay.run.doctor import examine

    rows = examine()
    print_rows("checks", rows, schema="doctor", json=json)
    return 0 if all(row["state"] != "bad" for row in rows) else 5
