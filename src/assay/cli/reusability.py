"""`assay reusability SOURCE`: how far each model carries to each target, and what carrying costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import Reporting

if TYPE_CHECKING:
    from assay.finding import Assessment

Names = list[str] | None
Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE", help="A run folder; a table with one row a training; or names of models, whose "
                   "complexity is then told before anything is downloaded."),
]  # fmt: skip


def _option(flag: str, words: str, **more: Any) -> Any:
    return typer.Option(flag, help=words, show_default=False, **more)


def command(
    source: Sources,
    source_data: Annotated[Names, _option("--source-data", "Run: data that the models come from, to measure how near "
                                          "they are. Repeatable.", metavar="DATA")] = None,
    source_statistics: Annotated[list[Path] | None, _option(
        "--source-statistics", "Run: feature statistics of a source, by `assay similarity --save-statistics`, in place "
        "of its data. Repeatable.", metavar="FILE")] = None,
    target: Annotated[Names, _option("--target", "Run: data to look at, all unless named; repeatable. Table: the "
                                     "column of targets.", metavar="NAME")] = None,
    model: Annotated[str, typer.Option("--model", help="Table: column of models.")] = "model",
    score: Annotated[str, typer.Option("--score", help="Table: column of scores.")] = "score",
    budget: Annotated[str, typer.Option("--budget", help="Table: column of labelled rows a class.")] = "budget",
    draw: Annotated[str, typer.Option("--draw", help="Table: column of draws of rows.")] = "draw",
    role: Annotated[str, typer.Option("--role", help="Table: column that says model, twin or baseline.")] = "role",
    seconds: Annotated[str, typer.Option("--seconds", help="Table: column of seconds of adaptation.")] = "seconds",
    error: Annotated[str, typer.Option("--error", help="Table: column of standard errors.")] = "error",
    lower: Annotated[bool, typer.Option("--lower", help="Table: a lower score is better.")] = False,
    limit: Annotated[Names, _option("--limit", "A constraint that comes before any choice, such as 'latency<20ms', "
                                    "'parameters<50M' or 'tuning<5min'. Repeatable.", metavar="LIMIT")] = None,
    reach: Annotated[list[float] | None, _option("--reach", "A score whose time of adaptation is asked for, besides "
                                                 "90, 95 and 99 % of the best. Repeatable.", metavar="SCORE")] = None,
    weigh: Annotated[Names, _option("--weigh", "An indicator to weigh; performance, adaptation_seconds and one of "
                                    "complexity unless named. Repeatable.", metavar="INDICATOR")] = None,
    *,
    reporting: Reporting,
) -> None:  # fmt: skip
    """Say how far models carry: gain over the untrained twin, labels saved, cost, and who wins under which weights."""
    from assay.assess.reusability import Columns

    columns = Columns(model=model, target=(target or ["target"])[0], score=score, budget=budget, draw=draw, role=role,
                      seconds=seconds, error=error, lower=lower)  # fmt: skip
    options: dict[str, Any] = {"constraints": limit or (), "reach": reach or (), "indicators": weigh or (),
                               "level": reporting.level, "rng_seed": reporting.rng_seed}  # fmt: skip
    near: dict[str, Any] = {"source_data": source_data or (), "source_statistics": source_statistics or (),
                            "targets": target or ()}  # fmt: skip
    reporting.tell(_assess(source, near, columns, options))


def _assess(sources: list[str], near: dict[str, Any], columns: Any, options: dict[str, Any]) -> Assessment:
    from assay.assess.reusability import reusability
    from assay.errors import UsageError
    from assay.ledger import is_run, open_run
    from assay.ledger.tables import read_table
    from assay.run.outline import names_a_model, outline

    path = Path(sources[0])
    if all(names_a_model(source) for source in sources) and not path.exists():
        return outline(sources, constraints=options["constraints"])
    if len(sources) > 1:
        raise UsageError(f"one run folder or table at a time, or names of models only; got {', '.join(sources)}")
    if is_run(path):
        from assay.run.reuse import assess_reuse

        return assess_reuse(open_run(path), **near, **options)
    if near["source_data"] or near["source_statistics"]:
        raise UsageError("--source-data needs the models themselves, and so a run folder; a table has distances in a "
                         "column named distance")  # fmt: skip
    return reusability(read_table(path), columns=columns, metric=columns.score, **options)
