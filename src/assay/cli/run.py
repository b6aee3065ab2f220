"""`assay run STUDY`: do what is missing of a study, then say what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Offline, Reporting
from assay.cli.output import emit, note


def command(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="A study file (YAML, TOML or JSON), or a run folder to go on with.")
    ],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="The run folder; runs/NAME by default.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda.")] = "auto",
    limit: Annotated[
        int | None, typer.Option("--limit", min=2, help="Only so many rows of each data set: a smoke run.")
    ] = None,
    offline: Offline = False,
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="URL", help="A SQLAlchemy URL instead of SQLite.")
    ] = None,
    keep_failed: Annotated[bool, typer.Option("--keep-failed", help="Do not try failed trials again.")] = False,
    *,
    reporting: Reporting,
) -> int:
    """Run a study and report it. The same command again resumes."""
    from assay.study import Study

    made = Study.from_file(study, limit=limit)
    folder = run or (study if study.is_dir() else Path("runs") / _folder_name(made.spec.name))
    result = made.run(folder, offline=offline, device=device, retry_failed=not keep_failed, ledger=ledger)
    return finish(result, reporting)


def finish(result: object, reporting: Reporting) -> int:
    """Print what was found, write the report, judge the gates; the exit status."""
    from assay.study import Run

    assert isinstance(result, Run)
    tally = result.tally
    if tally is not None:
        note(f"{tally.done} trials run, {tally.reused} already there, {tally.failed} failed, {tally.seconds:.1f} s")
        for error in tally.errors:
            note(f"failed: {error}")
    assessments = result.assess(level=reporting.level, rng_seed=reporting.rng_seed)
    page = result.report(reporting.html, assessments=assessments)
    for assessment in assessments:
        if assessment.lens == "selection":
            emit(assessment, json=reporting.json, html=None, fail_if=reporting.fail_if)
    note(f"report: {page}")
    return 3 if tally is not None and tally.failed else 0


def _folder_name(name: str) -> str:
    """A folder's name made of a study's: letters, digits, dash and underscore only."""
    kept = "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "-_" else "-" for letter in name)
    return kept.strip("-")[:60] or "study"
