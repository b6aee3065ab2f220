"""`assay select`: race many models on a growing sample until the regret is small or the budget spent."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.output import FailIf, Html, Json, Level, RngSeed, emit
from assay.cli.rank import (
    Data,
    Device,
    Engine,
    Generalise,
    Metric,
    Models,
    Offline,
    PastResults,
    Prior,
    Probes,
    Shifted,
    Store,
    question_of,
)


def command(
    data: Data,
    models: Models,
    budget: Annotated[str, typer.Option("--budget", help="What may be spent: 10m, 2h, '12 trials' or '2.50 money'.")],
    regret: Annotated[
        float, typer.Option("--regret", min=0.0, help="Expected regret that may remain, in points.")
    ] = 1.0,
    per_hour: Annotated[
        float | None, typer.Option("--per-hour", help="Price of an hour, for a budget in money.")
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", min=10, help="Most rows to use.")] = None,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Fine-tune those who are left for a few epochs, by successive halving.")
    ] = False,
    metric: Metric = None,
    prior: Prior = None,
    past: PastResults = None,
    generalise: Generalise = False,
    shifted: Shifted = None,
    probes: Probes = False,
    store: Store = None,
    device: Device = "auto",
    engine: Engine = "auto",
    offline: Offline = False,
    json: Json = False,
    html: Html = None,
    level: Level = 0.95,
    rng_seed: RngSeed = 0,
    fail_if: FailIf = None,
) -> None:
    """Find a model to build on for a part of what running them all would cost."""
    from assay.run.selecting import Budget, select
    from assay.sources.data import load_data

    limit = Budget.parse(budget, per_hour=per_hour)
    question = question_of(
        models, load_data(data, offline=offline), prior, past, metric=metric, level=level, rng_seed=rng_seed,
        store=store, device=device, engine=engine, generalise=generalise, probes=probes,
        shifted=None if shifted is None else load_data(shifted, offline=offline),
    )  # fmt: skip
    emit(
        select(question, budget=limit, regret=regret, rows=rows, finetune=finetune),
        json=json,
        html=html,
        fail_if=fail_if,
    )
