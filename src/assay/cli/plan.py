"""`assay plan STUDY`: the trials, and what they would cost, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Json, Offline


def command(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study file (YAML, TOML or JSON), or a run folder.")],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="A run folder: what is there is not counted.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=2, help="Only so many rows of each data set.")] = None,
    offline: Offline = False,
    trials: Annotated[bool, typer.Option("--trials", help="List every trial.")] = False,
    json: Json = False,
) -> None:
    """Show the trials of a study, and an estimate of time, memory and disk from a few measured batches."""
    from assay.cli.output import emit
    from assay.planning import estimate_study
    from assay.study import Study

    emit(
        estimate_study(Study.from_file(study, limit=limit), run, offline=offline, list_trials=trials),
        json=json,
        html=None,
    )
