"""`assay run STUDY`: do what is missing of a study, then say what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.output import FailIf, Html, Json, Level, RngSeed, note


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
    offline: Annotated[bool, typer.Option("--offline", help="Reach no network; use what is on this machine.")] = False,
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="URL", help="A SQLAlchemy URL instead of SQLite.")
    ] = None,
    keep_failed: Annotated[bool, typer.Option("--keep-failed", help="Do not try failed trials again.")] = False,
    json: Json = False,
    html: Html = None,
    level: Level = 0.95,
    rng_seed: RngSeed = 0,
    fail_if: FailIf = None,
) -> int:
    """Run a study and report it. The same command again resumes."""
    from assay.study import Study

    made = Study.from_file(study, limit=limit)
    folder = run or (study if study.is_dir() else Path("runs") / _folder_name(made.spec.name))
    result = made.run(folder, offline=offline, device=device, retry_failed=not keep_failed, ledger=ledger)
    return finish(result, json=json, html=html, level=level, rng_seed=rng_seed, fail_if=fail_if)


def finish(
    result: object, *, json: bool, html: Path | None, level: float, rng_seed: int, fail_if: list[str] | None
) -> int:
    """Print what was found, write the report, judge the gates; the exit status."""
    from assay.cli.output import emit
    from assay.study import Run

    assert isinstance(result, Run)
    tally = result.tally
    if tally is not None:
        note(f"{tally.done} trials run, {tally.reused} already there, {tally.failed} failed, {tally.seconds:.1f} s")
        for error in tally.errors:
            note(f"failed: {error}")
    assessments = result.assess(level=level, rng_seed=rng_seed)
    page = result.report(html, assessments=assessments)
    for assessment in assessments:
        if assessment.lens == "selection":
            emit(assessment, json=json, html=None, fail_if=fail_if)
    note(f"report: {page}")
    return 3 if tally is not None and tally.failed else 0


def _folder_name(name: str) -> str:
    """A folder's name made of a study's: letters, digits, dash and underscore only."""
    kept = "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "-_" else "-" for letter in name)
    return kept.strip("-")[:60] or "study"
