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
    "assay.features.extract", "sklearn.datasets", "pyarrow.parquet",
]  # fmt: skip
PROCESSES.set_forkserver_preload(PRELOADED)


class SlowModel(FakeModel):
    """A fake that takes a moment a batch, and writes down how many items it was given."""

    def __init__(self, seed, log=None, seconds=0.02):
        super().__init__("image", name=f"slow-{seed}", seed=seed)
        self.log, self.seconds = log, seconds

    def encode(self, batch):
        """(b, 8) features."""
        time.sleep(self.seconds)
        if self.log is not None:
            with open(self.log, "a") as file:
                file.write(f"{len(batch['x'])}\n")
        return super().encode(batch)


def the_study(log=None):
    """Two models, two recipes on features and the baselines, two draws."""
    return Study(
        models=[SlowModel(seed, log) for seed in (0, 1)], data=[{"uri": "sklearn:digits", "label": "d", "rows": 120}],
        recipes=["ridge", {"method": "probe", "C": [0.01, 1.0]}], draws=2, metrics=["accuracy"],
        features={"batch_size": 16},
    )  # fmt: skip


def run_study(path, *, log=None, killed_after=None):
    """Run or resume the study in `path`; SIGKILL ends the process after so many seconds, where they are given."""
    if killed_after is not None:
        threading.Thread(target=_kill_me, args=(killed_after,), daemon=True).start()
    the_study(log).run(path, quiet=True)


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
    """Model and choice → item → its stored features as bytes; every file that counts is whole."""
    store = FeatureStore(open_run(path).paths.features)
    assert not store.verify().damaged
    found = {}
    for manifest in store.root.rglob("manifest.json"):
        items = found.setdefault(str(manifest.parent.relative_to(store.root)), {})
        for part in json.loads(manifest.read_text())["parts"]:
            arrays = load_file(manifest.parent / part["file"])
            items |= {row.tobytes(): x.tobytes() for row, x in zip(arrays["item"], arrays["x"], strict=True)}
    return found
