"""Options of `rank` and `select`: what is known of the models beforehand, what is asked of the leader, how to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import Offline, Reporting, Store
from assay.cli.output import note

if TYPE_CHECKING:
    from assay.run.question import Question

Data = Annotated[
    str, typer.Option("--data", metavar="DATA", help="The data, such as folder:photos/ or sklearn:digits.")
]
Models = Annotated[
    list[str],
    typer.Option("--models", "--model", metavar="MODEL", help="A model; repeat it, or give several by commas."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """What both commands take besides data and models."""

    metric: Annotated[str | None, typer.Option("--metric", help="The metric; accuracy, or R² for real targets.")] = None
    prior: Annotated[
        Path | None,
        typer.Option("--prior", metavar="TABLE", help="Published numbers: columns model and score, higher is better."),
    ] = None
    past: Annotated[
        Path | None,
        typer.Option("--past", metavar="TABLE|FOLDER", help="Earlier results: a table with model, dataset, accuracy "
                     "and any scores, or a folder of runs."),
    ] = None  # fmt: skip
    generalise: Annotated[
        bool, typer.Option("--generalise", help="Score the leader on rows it did not learn from, with calibration.")
    ] = False
    shifted: Annotated[
        str | None, typer.Option("--shifted", metavar="DATA", help="Data of the same classes from elsewhere.")
    ] = None
    probes: Annotated[
        bool, typer.Option("--probes", help="Spoil the leader's test items and labels to see what it costs.")
    ] = False
    store: Store = None
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto"
    engine: Annotated[str, typer.Option("--engine", help="auto, torch, compiled, openvino or model.")] = "auto"
    offline: Offline = False

    def question(self, data: str, models: list[str], reporting: Reporting, **more: Any) -> Question:
        """The question, with what the user's tables say of the models beforehand."""
        from assay.run.question import Question
        from assay.sources.data import load_data

        loaded = load_data(data, offline=self.offline)
        known, priors = self._known(loaded.ref.uri)
        return Question(
            models=names_of(models), data=loaded, priors=priors, past=known, say=note, metric=self.metric,
            generalise=self.generalise, probes=self.probes, store=self.store, device=self.device, engine=self.engine,
            shifted=None if self.shifted is None else load_data(self.shifted, offline=self.offline),
            level=reporting.level, rng_seed=reporting.rng_seed, **more,
        )  # fmt: skip

    def _known(self, data: str) -> tuple[Any, dict[str, dict[str, float]]]:
        """Results on other data, and rankings that are free."""
        from assay.assess.selection.combination import Past
        from assay.ledger.past import past_results
        from assay.ledger.tables import column, read_table

        known = None if self.past is None else Past.read(past_results(self.past), without=data)
        priors = {} if known is None else {"static rank": known.static()}
        if self.prior is not None:
            frame = read_table(self.prior)
            names, values = column(frame, "model").astype(str), column(frame, "score").astype(float)
            priors["published score"] = dict(zip(names.tolist(), values.tolist(), strict=True))
        return known, priors


def names_of(models: list[str]) -> list[str]:
    """Names given one by one or by commas."""
    return [name.strip() for entry in models for name in entry.split(",") if name.strip()]
