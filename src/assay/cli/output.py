"""What every command does with an assessment: JSON on standard output, words for people, an HTML page, a gate.

Standard output carries the answer; progress and notes go to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any

from assay.estimate import Estimate
from assay.finding import Assessment

PLAIN_WIDTH = 150


def note(text: str) -> None:
    """Say something to the person on standard error."""
    print(text, file=sys.stderr)  # noqa: T201


def emit(
    assessment: Assessment, *, json: bool, html: Path | None, fail_if: Sequence[str] | None = None,
) -> None:  # fmt: skip
    """Print an assessment, write its page if asked, then judge the gates.

    Raises:
        GateError: when a gate does not hold; everything has been printed and written by then.
    """
    if json:
        print(assessment.to_json())  # noqa: T201
    else:
        _print_words(assessment)
    if html is not None:
        from assay.report.page import write_report

        write_report([assessment], html)
        note(f"report: {html}")
    if fail_if:
        from assay.cli.gates import judge

        judge(assessment, fail_if)


def print_document(document: Mapping[str, Any]) -> None:
    """Print one JSON document on standard output."""
    print(dumps(document, ensure_ascii=False, allow_nan=False, indent=2))  # noqa: T201


def print_rows(title: str, rows: Sequence[Mapping[str, Any]], *, schema: str, json: bool) -> None:
    """Print plain rows: one JSON document, or a table for people."""
    if json:
        from assay.finding import plain

        print_document({"schema": f"assay/{schema}/1", title: [plain(row) for row in rows]})
        return
    if rows:
        _console().print(_table(title, rows, limit=200))
    else:
        note(f"no {title}")


def _console() -> Any:
    """A console on standard output; as wide as the terminal, or wide enough for tables where there is none."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def _print_words(assessment: Assessment) -> None:
    """The verdict, the claims, the lens's first table, and where the rest of the numbers is."""
    from rich.markup import escape

    console = _console()
    console.print(f"[bold]{escape(assessment.verdict)}[/bold]")
    for finding in assessment.findings:
        console.print(f"• {escape(finding.claim)}")
    filled = {name: rows for name, rows in assessment.tables.items() if rows}
    for name, rows in list(filled.items())[:1]:
        console.print()
        console.print(_table(name, rows))
    told = " ".join(finding.claim for finding in assessment.findings)
    for estimate in assessment.estimates:
        if str(estimate) not in told:
            console.print(f"{_words(estimate.name)}: {escape(str(estimate))}")
    for caveat in assessment.caveats:
        console.print(f"Note: {escape(caveat)}")
    others = ", ".join(f"{_words(name)} ({len(rows):,})" for name, rows in list(filled.items())[1:])
    if others:
        console.print(f"More tables in --json, --html and the report: {others}")


def _table(name: str, rows: Sequence[Mapping[str, Any]], limit: int = 20) -> object:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    columns = [key for key in rows[0] if not any(isinstance(row.get(key), Mapping) for row in rows)]
    table = Table(title=_words(name), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(_words(str(column)))
    reasons: list[str] = []
    for row in rows[:limit]:
        table.add_row(*(escape(_cell(row.get(column), reasons)) for column in columns))
    notes = [f"{i + 1} {reason}" for i, reason in enumerate(reasons)]
    if len(rows) > limit:
        notes.append(f"{len(rows) - limit} more rows in --json and in the report")
    if notes:
        table.caption, table.caption_justify = escape("\n".join(notes)), "left"
    return table


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: object, reasons: list[str]) -> str:
    """A cell for people; an unknown is marked, and its reason kept for the foot of the table."""
    from assay.estimate import show_number

    if value is None:
        return "–"
    if isinstance(value, Estimate):
        if value.value is None:
            reason = value.reason or ""
            if reason not in reasons:
                reasons.append(reason)
            return f"unknown ({reasons.index(reason) + 1})"
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return show_number(value)
    if isinstance(value, (list, tuple)):
        return " × ".join(str(item) for item in value)
    return str(value)
