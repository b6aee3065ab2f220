"""`assay check PATH`: read a study or a run without running anything, and say what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Json


def command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A study file or a run folder.")],
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of study files and exit.")] = False,
    json: Json = False,
) -> int:
    """Check a study file (keys, names, parameters), or every stored file of a run (checksums). Runs nothing."""
    from assay.cli.output import note, print_document, print_rows
    from assay.ledger import is_run, open_run

    if schema:
        from assay.config.reading import study_schema

        print_document(study_schema())
        return 0
    if is_run(path):
        from assay.run.verify import verify_run

        rows = verify_run(open_run(path))
        print_rows("files", rows, schema="check", json=json)
        return 0 if all(row["state"] == "ok" for row in rows) else 5
    from assay.config.reading import load_study

    spec = load_study(path)
    counts = {"models": len(spec.models), "data": len(spec.data), "recipes": len(spec.recipes)}
    if json:
        print_document({"schema": "assay/check/1", "file": str(path), "state": "ok", **counts})
    else:
        note(f"{path} is a study of {counts['models']} models, {counts['data']} data sets, {counts['recipes']} recipes")
    return 0
