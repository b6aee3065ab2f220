"""The table of commands, and the one place that turns an error into words and an exit status.

Exit status: 0 done; 1 a stated gate failed; 2 bad usage, spec or input; 3 part of the work failed and the rest is
saved; 4 nothing to assess; 5 the environment; 70 a fault of Assay; 130 interrupted, resumable.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Annotated

import typer

from assay import __version__
from assay.cli.options import spread
from assay.errors import AssayError, MissingExtraError

# name → (module, panel of the help page). The function is always called `command`.
COMMANDS = {
    "demo": "Start here",
    "run": "Study",
    "plan": "Study",
    "status": "Study",
    "ls": "Study",
    "report": "Study",
    "check": "Study",
    "export": "Study",
    "rank": "Choose a model",
    "select": "Choose a model",
    "similarity": "Choose a model",
    "validate-scores": "Choose a model",
    "selection": "Lenses",
    "reusability": "Lenses",
    "configurability": "Lenses",
    "durability": "Lenses",
    "sustainability": "Lenses",
    "doctor": "This machine",
}

app = typer.Typer(
    name="assay",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which pretrained model to build on, how far it carries, what tuning buys, how long it lasts, and how sure "
    "that is.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"assay {__version__}")
        raise typer.Exit


@app.callback()
def entry(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options that come before the command."""


def _register() -> None:
    for name, panel in COMMANDS.items():
        module = f"assay.cli.{name.replace('-', '_')}"
        if importlib.util.find_spec(module) is None:
            continue
        function = importlib.import_module(module).command
        app.command(name, rich_help_panel=panel)(spread(function))


def run(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status and prints errors, in words, on standard error."""
    _register()
    try:
        result = app(args=arguments, standalone_mode=False)
    except AssayError as error:
        print(f"assay: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_status
    except KeyboardInterrupt:
        print("assay: interrupted; the same command again resumes", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        return 0
    except typer.Abort:
        return 130
    except ModuleNotFoundError as error:
        return _missing(error)
    except Exception as error:
        return _usage_or_fault(error)
    return result if isinstance(result, int) else 0


def _missing(error: ModuleNotFoundError) -> int:
    """A package that an extra brings is not there: say which extra; any other module is a fault of Assay."""
    from assay.run.doctor import extra_of

    extra = extra_of(error.name or "")
    if extra is None:
        raise error
    told = MissingExtraError(extra, f"this ({error.name})")
    print(f"assay: {told}", file=sys.stderr)  # noqa: T201
    return told.exit_status


def _usage_or_fault(error: Exception) -> int:
    """Click's own usage errors keep their words; anything else is a fault of Assay and shows its traceback."""
    show, status = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(status, int):
        show()
        return status
    raise error
