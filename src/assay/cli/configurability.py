"""`assay configurability SOURCE`: what tuning buys, which settings matter, and what is safe to leave alone."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.options import Reporting


def command(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A run folder, a table, an Optuna storage URL, or a Ray Tune folder."),
    ],
    score: Annotated[str | None, typer.Option("--score", help="Column of scores.")] = None,
    config: Annotated[
        list[str] | None,
        typer.Option("--config", help="Column of a parameter; all other columns otherwise. Repeatable."),
    ] = None,
    group: Annotated[str | None, typer.Option("--group", help="Column that tells data sets apart.")] = None,
    seed: Annotated[str | None, typer.Option("--seed", help="Column of repeats.")] = None,
    cost: Annotated[str | None, typer.Option("--cost", help="Column of seconds.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Column that says how a run ended.")] = None,
    study: Annotated[str | None, typer.Option("--study", help="The study in an Optuna storage.")] = None,
    lower: Annotated[bool, typer.Option("--lower", help="A lower score is better.")] = False,
    default: Annotated[
        list[str] | None, typer.Option("--default", metavar="NAME=VALUE", help="A parameter's default. Repeatable.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option("--tolerance", min=0, help="How much worse than the best is still good.")
    ] = None,
    stop_below: Annotated[
        float,
        typer.Option("--stop-below", min=0, max=1, help="Chance of another default that ends a search."),
    ] = 0.05,
    *,
    reporting: Reporting,
) -> None:
    """Say what tuning buys on anyone's runs: importance, tunability, budgets, safe settings, a default."""
    from assay.assess.configurability import configurability
    from assay.ledger.searches import SearchColumns, read_search

    columns = SearchColumns(
        score=score, config=config, group=group, seed=seed, cost=cost, status=status, study=study, lower=lower
    )
    trials = read_search(source, columns)
    found = configurability(
        trials, tolerance=tolerance, default=_defaults(default, trials.names), stop_below=stop_below,
        level=reporting.level, rng_seed=reporting.rng_seed, source=source.split("@")[-1],
    )  # fmt: skip
    reporting.tell(found)


def _defaults(given: list[str] | None, names: tuple[str, ...]) -> dict[str, object] | None:
    """NAME=VALUE pairs as a configuration; values are numbers where they look like numbers."""
    from assay.errors import UnknownNameError, UsageError

    if not given:
        return None
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--default is NAME=VALUE, such as lr=0.01; got {text!r}")
        if name not in names:
            raise UnknownNameError("parameter", name, names, where="--default")
        found[name] = _value(value)
    missing = [name for name in names if name not in found]
    if missing:
        raise UsageError(f"--default must name every parameter that varies; missing: {', '.join(missing)}")
    return found


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
