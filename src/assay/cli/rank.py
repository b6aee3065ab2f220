"""`assay rank`: many models on one sample, with the transferability battery, intervals and ties."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.output import FailIf, Html, Json, Level, RngSeed, emit, note

if TYPE_CHECKING:
    from assay.dataset import Dataset
    from assay.run.selecting import Question

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
PastResults = Annotated[
    Path | None,
    typer.Option(
        "--past",
        metavar="TABLE|FOLDER",
        help="Earlier results: a table with model, dataset, accuracy and any scores, or a folder of runs.",
    ),
]
Generalise = Annotated[
    bool, typer.Option("--generalise", help="Score the leader on rows it did not learn from, with calibration.")
]
Shifted = Annotated[
    str | None, typer.Option("--shifted", metavar="DATA", help="Data of the same classes from elsewhere.")
]
Probes = Annotated[
    bool, typer.Option("--probes", help="Spoil the leader's test items and labels to see what it costs.")
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
    """Rank models by leave-one-out score on one sample, with ties, regret and what is free."""
    from assay.run.selecting import rank
    from assay.sources.data import load_data

    question = question_of(
        models, load_data(data, offline=offline), prior, past, metric=metric, twins=twins, level=level,
        rng_seed=rng_seed, store=store, device=device, engine=engine, generalise=generalise, probes=probes,
        shifted=None if shifted is None else load_data(shifted, offline=offline),
    )  # fmt: skip
    emit(rank(question, rows=rows, scores=score, variants=variants), json=json, html=html, fail_if=fail_if)


def question_of(models: list[str], data: Dataset, prior: Path | None, past: Path | None, **rest: Any) -> Question:
    """The question, with what the user's tables say of the models beforehand."""
    from assay.assess.selection.combination import Past
    from assay.ledger.past import past_results
    from assay.ledger.tables import column, read_table
    from assay.run.selecting import Question

    known = None if past is None else Past.read(past_results(past), without=data.ref.uri)
    priors = {} if known is None else {"static rank": known.static()}
    if prior is not None:
        frame = read_table(prior)
        names, values = column(frame, "model").astype(str), column(frame, "score").astype(float)
        priors["published score"] = dict(zip(names.tolist(), values.tolist(), strict=True))
    return Question(models=names_of(models), data=data, priors=priors, past=known, say=note, **rest)


def names_of(models: list[str]) -> list[str]:
    """Names given one by one or by commas."""
    return [name.strip() for entry in models for name in entry.split(",") if name.strip()]
