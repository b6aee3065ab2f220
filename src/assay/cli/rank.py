"""`assay rank`: many models on one sample, with the transferability battery, intervals and ties."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.output import FailIf, Html, Json, Level, RngSeed, emit, note

if TYPE_CHECKING:
    from collections.abc import Mapping

Data = Annotated[
    str, typer.Option("--data", metavar="DATA", help="The data, such as folder:photos/ or sklearn:digits.")
]
Models = Annotated[
    list[str],
    typer.Option("--models", "--model", metavar="MODEL", help="A model; repeat it, or give several by commas."),
]
Metric = Annotated[str | None, typer.Option("--metric", help="The metric; accuracy, or R² for real targets.")]
Prior = Annotated[
    Path | None,
    typer.Option("--prior", metavar="TABLE", help="Published numbers: columns model and score, higher is better."),
]
Past = Annotated[
    Path | None, typer.Option("--past", metavar="TABLE", help="Earlier results: columns model, dataset and accuracy.")
]
Store = Annotated[Path | None, typer.Option("--store", metavar="FOLDER", help="Keep features here for later.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Engine = Annotated[str, typer.Option("--engine", help="auto, torch, compiled, openvino or model.")]
Offline = Annotated[bool, typer.Option("--offline", help="Reach no network.")]


def command(
    data: Data,
    models: Models,
    rows: Annotated[int, typer.Option("--rows", min=10, help="Rows of the sample, the same for all models.")] = 1000,
    score: Annotated[
        list[str] | None,
        typer.Option("--score", help="A transferability score to compute; all by default. Repeatable."),
    ] = None,
    metric: Metric = None,
    twins: Annotated[bool, typer.Option("--twins", help="Run each model's untrained twin as a baseline.")] = False,
    variants: Annotated[
        bool, typer.Option("--variants", help="Names that differ only in options (layer, pooling) are one model.")
    ] = False,
    prior: Prior = None,
    past: Past = None,
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
    """Rank models by leave-one-out score on one sample, with ties, regret and what is free."""
    from assay.run.selecting import Question, rank
    from assay.sources.data import load_data

    names = names_of(models)
    question = Question(
        models=names, data=load_data(data, offline=offline), metric=metric, twins=twins, level=level, rng_seed=rng_seed,
        priors=priors_of(prior, past), store=store, device=device, engine=engine, say=note,
    )  # fmt: skip
    emit(rank(question, rows=rows, scores=score, variants=variants), json=json, html=html, fail_if=fail_if)


def names_of(models: list[str]) -> list[str]:
    """Names given one by one or by commas."""
    return [name.strip() for entry in models for name in entry.split(",") if name.strip()]


def priors_of(prior: Path | None, past: Path | None) -> Mapping[str, Mapping[str, float]]:
    """Free rankings from the user's tables: a published score, and the mean rank on earlier data sets."""
    import numpy as np

    from assay.assess.selection.validation import static_ranks
    from assay.ledger.tables import column, read_table

    found: dict[str, dict[str, float]] = {}
    if prior is not None:
        frame = read_table(prior)
        names, values = column(frame, "model").astype(str), column(frame, "score").astype(float)
        found["published score"] = dict(zip(names.tolist(), values.tolist(), strict=True))
    if past is not None:
        frame = read_table(past)
        models, row = np.unique(column(frame, "model").astype(str).to_numpy(dtype=str), return_inverse=True)
        sets, at = np.unique(column(frame, "dataset").astype(str).to_numpy(dtype=str), return_inverse=True)
        table = np.full((len(models), len(sets) + 1), np.nan)
        table[row, at] = column(frame, "accuracy").astype(float).to_numpy()
        ranks = static_ranks(table, len(sets))
        found["static rank"] = {
            m: float(r) for m, r in zip(models.tolist(), ranks.tolist(), strict=True) if np.isfinite(r)
        }
    return found
