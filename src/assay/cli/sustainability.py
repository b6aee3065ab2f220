"""`assay sustainability SOURCE`: will this conclusion hold on other tasks, on these again, and later?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import Reporting

if TYPE_CHECKING:
    from assay.finding import Assessment

Text = str | None
Names = list[str] | None
Number = float | None


def _option(flag: str, words: str, **more: Any) -> Any:
    return typer.Option(flag, help=words, show_default=False, **more)


def command(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A run folder, a table, or another tool's results.")],
    model: Annotated[Text, _option("--model", "Long table: column of models.")] = None,
    task: Annotated[Text, _option("--task", "Long table: column of tasks.")] = None,
    score: Annotated[Text, _option("--score", "Long table: column of scores.")] = None,
    seed: Annotated[Text, _option("--seed", "Long table: column that tells repeated runs apart.")] = None,
    item: Annotated[Text, _option("--item", "Long table: column of test items.")] = None,
    n: Annotated[Text, _option("--n", "Long table: column of test sizes.")] = None,
    error: Annotated[Text, _option("--error", "Long table: column of standard errors.")] = None,
    time: Annotated[Text, _option("--time", "Long table: column that tells versions apart.")] = None,
    index: Annotated[Text, _option("--index", "Wide table: column of models.")] = None,
    lower: Annotated[Names, _option("--lower", "A task on which lower is better. Repeatable.", metavar="TASK")] = None,
    only: Annotated[Names, _option("--only", "Use this task. Repeatable.", metavar="TASK")] = None,
    drop: Annotated[Names, _option("--drop", "Leave this task out. Repeatable.", metavar="TASK")] = None,
    metric: Annotated[Text, _option("--metric", "Which metric, where the table has several.")] = None,
    fingerprint: Annotated[Names, _option("--fingerprint", "Long table: a further column that must be equal for scores "
                                          "to be comparable. Repeatable.", metavar="COLUMN")] = None,
    two_metrics: Annotated[str, typer.Option("--two-metrics", help="What a cell a/b stands for: mean, first, second "
                                             "or refuse.")] = "mean",
    as_is: Annotated[bool, typer.Option("--as-is", help="Take scores as they are, even where percent and fractions "
                                        "seem mixed.")] = False,
    standardise: Annotated[bool, typer.Option("--standardise", help="Give every task the same spread first.")] = False,
    against: Annotated[Path | None, _option("--against", "Another source of the same table, to compare with.",
                                            metavar="FILE")] = None,
    delta: Annotated[Number, _option("--delta", "The difference between two models that matters.")] = None,
    power: Annotated[float, typer.Option("--power", help="The chance with which it should be found.")] = 0.8,
    top: Annotated[int | None, _option("--top", "How many of the best models are chosen among.", min=2)] = None,
    tau: Annotated[int, typer.Option("--tau", min=1, help="Also say which models may be among the TAU best.")] = 1,
    cost_task: Annotated[Number, _option("--cost-task", "Cost of a further task, before its runs.")] = None,
    cost_run: Annotated[Number, _option("--cost-run", "Cost of one run of one model on one task.")] = None,
    cost_item: Annotated[Number, _option("--cost-item", "Cost of one item for one model.")] = None,
    *,
    reporting: Reporting,
) -> None:  # fmt: skip
    """Say whether a ranking holds on other tasks, on these again, and over time."""
    from assay.errors import UsageError

    if two_metrics not in ("mean", "first", "second", "refuse"):
        raise UsageError(f"--two-metrics is mean, first, second or refuse; got {two_metrics!r}")
    options: dict[str, Any] = {
        "model": model, "task": task, "score": score, "seed": seed, "item": item, "n": n, "error": error, "time": time,
        "index": index, "lower": lower, "only": only, "drop": drop, "metric": metric, "fingerprint": fingerprint,
        "two_metrics": two_metrics, "as_is": as_is, "standardise": standardise, "delta": delta, "power": power,
        "top": top, "tau": tau, "cost_task": cost_task, "cost_run": cost_run, "cost_item": cost_item,
    }  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    reporting.tell(_assess(source, against, given, reporting))


def _assess(source: Path, against: Path | None, given: dict[str, Any], reporting: Reporting) -> Assessment:
    from assay.assess.sustainability import sustainability
    from assay.ledger import is_run, open_run
    from assay.ledger.readers.results import read_results
    from assay.rng import stream

    if is_run(source):
        from assay.ledger.views import task_table

        table = task_table(open_run(source), given.get("metric"))
    else:
        table = read_results(source)
    other = None if against is None else read_results(against)
    return sustainability(
        table, against=other, level=reporting.level, rng=stream(reporting.rng_seed, "sustainability"),
        **{**table.attrs.get("options", {}), **given},
    )  # fmt: skip
