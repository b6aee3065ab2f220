"""`assay select`: race many models on a growing sample until the regret is small or the budget spent."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.choosing import Choosing, Data, Models
from assay.cli.options import Reporting


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
    *,
    choosing: Choosing,
    reporting: Reporting,
) -> None:
    """Find a model to build on for a part of what running them all would cost."""
    from assay.run.question import Budget
    from assay.run.selecting import select

    limit = Budget.parse(budget, per_hour=per_hour)
    question = choosing.question(data, models, reporting)
    reporting.tell(select(question, budget=limit, regret=regret, rows=rows, finetune=finetune))
