"""`assay similarity`: how near data sets, and models, are to each other; no run is needed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Reporting, Store
from assay.cli.output import note

Models = Annotated[list[str], typer.Option("--model", metavar="MODEL", help="A model that makes features. Repeatable.")]
Data = Annotated[list[str], typer.Option("--data", metavar="DATA", help="A data set; every two are compared.")]
Sources = Annotated[
    list[str] | None, typer.Option("--source-data", metavar="DATA", help="A source, compared with every data set.")
]
Statistics = Annotated[
    list[Path] | None,
    typer.Option("--source-statistics", metavar="FILE", help="Statistics of a source, in place of its data."),
]
Save = Annotated[
    Path | None,
    typer.Option("--save-statistics", metavar="FOLDER", help="Write mean, covariance and count of each set."),
]
Rows = Annotated[int, typer.Option("--rows", min=20, help="The most rows of a data set.")]


def command(
    data: Data,
    model: Models,
    source_data: Sources = None,
    source_statistics: Statistics = None,
    save_statistics: Save = None,
    rows: Rows = 600,
    store: Store = None,
    *,
    reporting: Reporting,
) -> None:
    """Measure how near data sets and models are: distances with intervals, floors and p-values, matrices and maps."""
    from assay.run.similarity import plan_of, save_all, similarity
    from assay.store.features import FeatureStore

    plan = plan_of(model, data, source_data or (), source_statistics or (), rows=rows, level=reporting.level,
                   rng_seed=reporting.rng_seed)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        kept = FeatureStore(store or Path(folder))
        if save_statistics is not None:
            for path in save_all(plan, kept, save_statistics):
                note(f"statistics: {path}")
        if len(data) + len(source_data or ()) + len(source_statistics or ()) < 2 and len(model) < 2 and save_statistics:
            return
        reporting.tell(similarity(plan, kept, say=note))
