"""The command line: one short file a command, one table that names them, one place that turns errors into words.

A command's file imports only typer at the top; whatever is heavy is imported inside the function, so that
`assay --help` stays fast.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit status."""
    from assay.cli.app import run

    raise SystemExit(run())
