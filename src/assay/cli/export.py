"""`assay export RUN MODEL`: the adapted model as a folder that can be moved and served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Json
from assay.cli.output import note


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the run, as the report names it.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The folder to write; RUN/export by default.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Which data set's adaptation, where there are several.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Which recipe; the best on validation rows otherwise.")
    ] = None,
    onnx: Annotated[bool, typer.Option(help="Write ONNX too where the network exports.")] = True,
    json: Json = False,
) -> None:
    """Write an adapted model with its labels and preprocessing; assay.load(DIR).predict(items) serves it."""
    from assay.cli.output import print_document
    from assay.ledger import open_run
    from assay.run.export import export

    target = out or run / "export"
    card = export(open_run(run), model, target, data=data, recipe=recipe, onnx=onnx)
    if json:
        print_document({"schema": "assay/export/1", "path": str(target), **card})
    note(f"exported {card['model']} to {target}; ONNX: {card['onnx']}")
    note(f'serve it with: import assay; assay.load("{target}").predict(items)')
