"""`assay durability LOG|RUN`: how long a model lasts, how fast it fades, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from assay.cli.options import Reporting
from assay.cli.output import note

Direction = Literal["x-y", "y-x"]
Unit = Literal["year", "s", "ms", "us", "ns", "D", "order"]
Task = Literal["classification", "regression"]

_COLUMNS = "Columns of the log"
_TIMES = "How times are read"
_WATCH = "Watching"


def command(
    log: Annotated[Path, typer.Argument(help="A table with one row a prediction, or a run folder.")],
    time: Annotated[str | None, typer.Option(help="Column of times.", rich_help_panel=_COLUMNS)] = None,
    target: Annotated[
        str | None, typer.Option(help="Column of true labels; empty where late.", rich_help_panel=_COLUMNS)
    ] = None,
    prediction: Annotated[str | None, typer.Option(help="Column of predictions.", rich_help_panel=_COLUMNS)] = None,
    proba: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of probabilities: one, or one a class as CLASS=COL. Repeatable.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            help="Columns of features, comma-separated, or a file (.npy or a table) with the same rows. Repeatable.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Column that marks train, validation and test rows.", rich_help_panel=_COLUMNS)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Column of groups, each with a curve.", rich_help_panel=_COLUMNS)
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Column of texts, to find words that carry the loss.", rich_help_panel=_COLUMNS)
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="Column that names each row.", rich_help_panel=_COLUMNS)
    ] = None,
    task: Annotated[Task | None, typer.Option(help="What is predicted; told from the target by default.")] = None,
    window: Annotated[
        str | None, typer.Option(help="month, week, quarter, year, day, 14d, 6h, 500 (rows), or a column.")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="Where the stream starts: a date, or a position in plain order.")
    ] = None,
    floor: Annotated[float | None, typer.Option(help="The score that must not be passed.")] = None,
    metric: Annotated[str | None, typer.Option(help="Metric of the curve.")] = None,
    direction: Annotated[
        Direction | None, typer.Option(help="x-y: inputs give rise to labels; y-x: labels give rise to inputs.")
    ] = None,
    against: Annotated[
        str, typer.Option(help="What the source is compared with: later (all windows), latest, or a window.")
    ] = "later",
    time_unit: Annotated[
        Unit | None, typer.Option(help="What numbers in the time column mean.", rich_help_panel=_TIMES)
    ] = None,
    day_first: Annotated[
        bool | None,
        typer.Option("--day-first/--month-first", help="Whether 03/04/2016 is in April.", rich_help_panel=_TIMES),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Zone of times that name none, such as Europe/Vienna.", rich_help_panel=_TIMES)
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Only ask whether the error has risen, as often as you like.", rich_help_panel=_WATCH
        ),
    ] = False,
    data: Annotated[
        str | None, typer.Option(help="Run: the data set, by its label; the first dated one by default.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Run: the model, as table `models` names it; the leading one by default.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Where --watch keeps its state; LOG.watch.json by default.", rich_help_panel=_WATCH),
    ] = None,
    *,
    reporting: Reporting,
) -> None:
    """How long a model lasts, how fast it fades, and why: from a log of its predictions or a study of dated data."""
    from assay.assess.durability import Columns, Question, assess, read_log
    from assay.ledger import is_run

    question = Question(window=window, origin=origin, floor=floor, metric=metric, direction=direction, against=against,
                        level=reporting.level, rng_seed=reporting.rng_seed)  # fmt: skip
    if is_run(log):
        for name, given in {"--time": time, "--target": target, "--prediction": prediction, "--proba": proba,
                            "--features": features, "--split": split, "--watch": watch or None}.items():  # fmt: skip
            _refuse_for_run(name, given, log)
        reporting.tell(_of_run(log, question, data, model))
        return
    columns_of_features, table = _features(features or [])
    if time is None or target is None:
        from assay.errors import UsageError

        raise UsageError("a log needs --time COL and --target COL")
    columns = Columns(
        time=time, target=target, prediction=prediction, proba=tuple(proba or ()), features=columns_of_features,
        split=split, group=group, text=text, id=id_, task=task, time_unit=time_unit, day_first=day_first,
        time_zone=time_zone,
    )  # fmt: skip
    found = read_log(_table(log), columns, features=table)
    if watch:
        assessment = _watch(found, question, state or log.with_name(log.name + ".watch.json"))
    else:
        assessment = assess(found, question)
    reporting.tell(assessment)


def _refuse_for_run(name: str, given: Any, run: Path) -> None:
    if given is not None:
        from assay.errors import UsageError

        raise UsageError(f"{name} belongs to a log, and {run} is a run folder, which knows its own columns")


def _of_run(run: Path, question: Any, data: str | None, model: str | None) -> Any:
    from assay.ledger import open_run
    from assay.run.lasting import lasting_models

    return lasting_models(open_run(run), question, data=data, model=model)[0]


def _table(path: Path) -> Any:
    from assay.ledger.tables import read_table

    return read_table(path)


def _features(given: list[str]) -> tuple[tuple[str, ...], Any]:
    """Names of columns, and the table of a file where one is named."""
    from assay.errors import UsageError

    files = [Path(name) for name in given if Path(name).is_file()]
    if not files:
        return tuple(column.strip() for name in given for column in name.split(",") if column.strip()), None
    if len(given) > 1:
        raise UsageError("features come from one file or from columns, not both")
    if files[0].suffix == ".npy":
        import numpy as np

        return (), np.load(files[0], allow_pickle=False)
    return (), _table(files[0])


def _watch(log: Any, question: Any, path: Path) -> Any:
    """One call of --watch; the state is written whole or not at all, before a gate can end the command."""
    from assay.assess.durability import WatchState, watch_log

    state = WatchState.from_json(path.read_text(encoding="utf-8")) if path.exists() else None
    assessment, new = watch_log(log, question, state=state)
    part = path.with_name(path.name + ".part")
    part.write_text(new.to_json(), encoding="utf-8")
    part.replace(path)
    note(f"state: {path}")
    return assessment
