"""Groups of options that several commands take: a command names the group as one argument and gets it as one value.

A group is a dataclass whose fields are options as Typer reads them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from assay.cli.output import emit
from assay.finding import Assessment

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a self-contained HTML report.")]
Level = Annotated[float, typer.Option("--level", min=0.5, max=0.999, help="Confidence level of the intervals.")]
RngSeed = Annotated[int, typer.Option("--rng-seed", min=0, help="Seed of every random number of the assessment.")]
FailIf = Annotated[
    list[str] | None,
    typer.Option("--fail-if", metavar="GATE", help="Exit 1 when this holds, such as 'drop > 3 points'. Repeatable."),
]
Store = Annotated[Path | None, typer.Option("--store", metavar="FOLDER", help="Keep features here for later.")]
Offline = Annotated[bool, typer.Option("--offline", help="Reach no network; use what is on this machine.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """How an assessment is made and told: options of every command that assesses."""

    json: Json = False
    html: Html = None
    level: Level = 0.95
    rng_seed: RngSeed = 0
    fail_if: FailIf = None

    def tell(self, assessment: Assessment) -> None:
        """Print the assessment, write its page if asked, then judge the gates.

        Raises:
            GateError: when a gate does not hold; everything has been printed and written by then.
        """
        emit(assessment, json=self.json, html=self.html, fail_if=self.fail_if)


def spread(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with each group of options spread into its options, for Typer."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += _options_of(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY))

    @wraps(command)
    def run(**given: Any) -> Any:
        made = {name: group(**{field.name: given.pop(field.name) for field in fields(group)})
                for name, group in groups.items()}  # fmt: skip
        return command(**made, **given)

    run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, annotation=hints[field.name],
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
        )
        for field in fields(group)
    ]  # fmt: skip
