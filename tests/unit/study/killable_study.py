"""A small study on slow fake models, run in a process that can be killed or doubled; and what a run folder then holds."""

import json
import multiprocessing
import os
import signal
import threading
import time

from safetensors.numpy import load_file
from sqlalchemy import select

from assay import Study
from assay.ledger import open_run
from assay.ledger.schema import trials
from assay.store.features import FeatureStore
from assay.testing.models import FakeModel

PROCESSES = multiprocessing.get_context("forkserver")
PRELOADED = [
    "assay.study", "assay.run.runner", "assay.adapt.probe", "assay.adapt.ridge", "assay.sources.data",
    "assay.features.extract", "assay.features.speed", "assay.metrics.counted", "assay.run.describe",
    "assay.assess.selection", "assay.report.summary", "sklearn.datasets", "pyarrow.parquet", "sqlite3", "PIL.Image",
]  # fmt: skip
PROCESSES.set_forkserver_preload(PRELOADED)


BATCH = 16


class SlowModel(FakeModel):
    """A fake that takes a moment for a batch of features."""

    def encode(self, batch):
        """(b, 8) features."""
        time.sleep(0.02 if len(batch["x"]) == BATCH else 0.0)
        return super().encode(batch)


def the_study():
    """Two models, two recipes on features and the baselines, two draws."""
    return Study(
        models=[SlowModel("image", name=f"slow-{seed}", seed=seed) for seed in (0, 1)],
        data=[{"uri": "sklearn:digits", "label": "d", "rows": 120}],
        recipes=["ridge", {"method": "probe", "C": [0.01, 1.0]}], draws=2, metrics=["accuracy"],
        features={"batch_size": BATCH},
    )  # fmt: skip


def run_study(path, *, killed_after=None):
    """Run or resume the study in `path`; SIGKILL ends the process after so many seconds, where they are given."""
    if killed_after is not None:
        threading.Thread(target=_kill_me, args=(killed_after,), daemon=True).start()
    the_study().run(path, quiet=True)


def start(path, **keywords):
    """A process of its own for `run_study`."""
    process = PROCESSES.Process(target=run_study, args=(path,), kwargs=keywords)
    process.start()
    return process


def _kill_me(seconds):
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def ok_since(path):
    """Trial key → when it was finished, of the trials that a run folder holds as done."""
    with open_run(path).ledger._engine.connect() as connection:
        return dict(connection.execute(select(trials.c.key, trials.c.finished).where(trials.c.status == "ok")).all())


def scores_of(path):
    """Trial key → part → metric → value; every planned trial is there once, and done."""
    folder = open_run(path)
    rows = folder.ledger.rows()
    assert sorted(row.key for row in rows) == sorted(folder.planned_keys())
    assert {row.status for row in rows} == {"ok"}, [row.error for row in rows]
    return {row.key: {part: dict(scores) for part, scores in row.scores.items()} for row in rows}


def predictions_of(path):
    """Trial key → test predictions."""
    folder = open_run(path)
    return {key: folder.predictions(key) for key in folder.planned_keys()}


def features_of(path):
    """Model and choice → item → its stored features as bytes; every file that counts is whole, no item stands twice."""
    store = FeatureStore(open_run(path).paths.features)
    assert not store.verify().damaged
    found = {}
    for manifest in store.root.rglob("manifest.json"):
        parts = [load_file(manifest.parent / part["file"]) for part in json.loads(manifest.read_text())["parts"]]
        items = [item.tobytes() for part in parts for item in part["item"]]
        assert len(items) == len(set(items))
        rows = [x.tobytes() for part in parts for x in part["x"]]
        found[str(manifest.parent.relative_to(store.root))] = dict(zip(items, rows, strict=True))
    return found
