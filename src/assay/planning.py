"""What a study would cost before it runs: trials, time, memory and disk, from a measured sample of a few batches."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.errors import AssayError
from assay.estimate import Estimate
from assay.finding import Assessment
from assay.ledger import RunFolder, make_run, open_run
from assay.run.models import StudyModel
from assay.run.plan import PlannedTrial, TaskPart
from assay.run.progress import Progress
from assay.study import Study

# A trial leaves a row and a Parquet file of this order of size.
TRIAL_BYTES = 60_000


def estimate_study(
    study: Study, run: Path | None = None, *, offline: bool = False, list_trials: bool = False
) -> Assessment:
    """The plan of a study as an assessment: nothing is trained and nothing is kept.

    Args:
        study: The study.
        run: A run folder whose finished trials and features are not counted.
        offline: Reach no network.
        list_trials: Give every trial as a row.
    """
    if run is not None and run.exists():
        return _estimate(study, open_run(run), offline, list_trials)
    with tempfile.TemporaryDirectory(prefix="assay-plan-") as scratch:
        folder = make_run(Path(scratch) / "plan")
        try:
            return _estimate(study, folder, offline, list_trials)
        finally:
            folder.ledger.close()


def _estimate(study: Study, folder: RunFolder, offline: bool, list_trials: bool) -> Assessment:
    start = time.perf_counter()
    with Progress() as progress:
        parts, models, trials = study.prepare(folder, offline=offline, progress=progress)
        statuses = folder.ledger.statuses()
        missing = [trial for trial in trials if statuses.get(trial.spec.key) != "ok"]
        rows = [_feature_row(study, model, part, missing, progress) for part in parts for model in models]
    rows = [row for row in rows if row is not None]
    seconds, disk, memory = (_total(rows, name) for name in ("seconds", "disk_bytes", "peak_bytes"))
    disk += TRIAL_BYTES * len(missing)
    tables: dict[str, Any] = {"features": rows, "trials": _counts(trials, missing)}
    if list_trials:
        tables["list"] = [_trial_row(trial, statuses) for trial in trials]
    peak = max((row["peak_bytes"] or 0 for row in rows), default=0) or memory
    return Assessment(
        lens="plan", question="What would this study do, and what would it cost?",
        verdict=(
            f"{len(missing)} of {len(trials)} trials are to be run; features would take about {_minutes(seconds)} on "
            f"this machine, {disk / 2**20:,.0f} MiB of disk and {peak / 2**20:,.0f} MiB of memory."
        ),
        estimates=(
            Estimate(name="feature_seconds", value=seconds, unit="seconds", method="a few measured batches, scaled up"),
            Estimate(name="disk", value=float(disk), unit="bytes", method="width × items × 4, and a file a trial"),
            Estimate(name="memory", value=float(peak), unit="bytes", method="peak of the measured batches"),
        ),
        tables=tables, inputs={"rows": sum(len(part.dataset) for part in parts), "study": study.spec.name},
        caveats=_caveats(study, missing),
        cost={"seconds": time.perf_counter() - start},
    )  # fmt: skip


def _feature_row(
    study: Study, model: StudyModel, part: TaskPart, missing: Sequence[PlannedTrial], progress: Progress
) -> dict[str, Any] | None:
    """What the features of one model for one data set would cost; None where no open trial needs them."""
    uri, data = model.ref.uri, part.dataset.ref.uri
    wanted = [trial for trial in missing if trial.spec.model.uri == uri and trial.spec.train.data.uri == data]
    if not wanted and (study.spec.search is None or model.ref.untrained):
        return None
    from assay.features.cost import estimate_cost

    row: dict[str, Any] = {"model": model.label, "data": part.label, "items": len(part.dataset), "trials": len(wanted)}
    progress.stage(f"measuring {model.label} on {part.label}")
    try:
        settings = study.spec.features
        cost = estimate_cost(
            model.load(), part.dataset, len(part.dataset), engine=settings.engine, precision=settings.precision,
            batch_size=settings.batch_size, device=settings.device,
        )  # fmt: skip
    except AssayError as error:
        return {**row, "seconds": None, "peak_bytes": None, "disk_bytes": None, "engine": None, "note": str(error)}
    finally:
        model.unload()
    return {
        **row, "seconds": cost.seconds, "peak_bytes": cost.peak_bytes, "disk_bytes": cost.disk_bytes,
        "engine": cost.engine, "note": None,
    }  # fmt: skip


def _caveats(study: Study, missing: Sequence[PlannedTrial]) -> tuple[str, ...]:
    found: list[str] = []
    search, spec = study.spec.search, study.spec
    if search is not None:
        each = spec.draws * len(spec.seeds)
        how_many = "every configuration" if search.sampler.name == "grid" else f"{search.trials} configurations"
        found.append(
            f"The search adds {how_many} on each data set, up to {each} times each; they are not counted above."
        )
    methods = {trial.spec.recipe.method for trial in missing} | {recipe.method for recipe in spec.recipes}
    if methods & {"finetune", "lora"}:
        found.append("Training time is not in the estimate of features; fine-tuning recipes add to it.")
    return tuple(found)


def _total(rows: Sequence[dict[str, Any]], name: str) -> float:
    return float(sum(row[name] or 0 for row in rows))


def _counts(trials: Sequence[PlannedTrial], missing: Sequence[PlannedTrial]) -> list[dict[str, Any]]:
    """Role and method → number of trials, and how many are open."""
    open_keys = {trial.spec.key for trial in missing}
    kinds = sorted({(trial.role, trial.spec.recipe.method) for trial in trials})
    found: list[dict[str, Any]] = []
    for role, method in kinds:
        mine = [trial for trial in trials if (trial.role, trial.spec.recipe.method) == (role, method)]
        still = sum(trial.spec.key in open_keys for trial in mine)
        found.append({"role": role, "recipe": method, "trials": len(mine), "open": still})
    return found


def _trial_row(trial: PlannedTrial, statuses: dict[str, str]) -> dict[str, Any]:
    spec = trial.spec
    return {
        "model": spec.model.uri, "data": trial.part.label, "recipe": spec.recipe.method, "role": trial.role,
        "budget": spec.train.per_class, "draw": spec.draw, "seed": spec.seed, "key": spec.key[:12],
        "status": statuses.get(spec.key, "new"),
    }  # fmt: skip


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
