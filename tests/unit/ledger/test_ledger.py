"""Promises of the ledger: once, leased, never lost."""

import json
import multiprocessing
import os
import signal
import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest
from sqlalchemy import update

from assay.errors import NothingToAssessError, StoreError, UsageError
from assay.ledger import Ledger, make_run, open_run
from assay.ledger.schema import about, trials
from assay.outcome import Cost, Outcome, Predictions
from assay.spec import DataRef, DataSlice, ModelRef, Recipe, TrialSpec

PART = DataSlice(data=DataRef(source="sklearn", name="digits", revision="d"), split="s")


def a_spec(seed: int) -> TrialSpec:
    model = ModelRef(source="py", name="m", revision="r")
    return TrialSpec(model=model, train=PART, test=PART, recipe=Recipe(method="probe"), draw=0, seed=seed)


def an_outcome(spec: TrialSpec, value: float = 0.5) -> Outcome:
    predictions = Predictions(
        ids=np.array(["a", "b"]),
        target=np.array([0, 1]),
        label=np.array([0, 0]),
        score=np.array([[0.9, 0.1], [0.6, 0.4]]),
    )
    return Outcome(
        key=spec.key, status="ok", scores={"test": {"accuracy": value}}, predictions={"test": predictions},
        cost=Cost(seconds=1.5, device="cpu"),
    )  # fmt: skip


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "predictions")
    yield made
    made.close()


def planned(ledger: Ledger, count: int) -> list[TrialSpec]:
    specs = [a_spec(seed) for seed in range(count)]
    ledger.plan([(spec, "model", {}) for spec in specs], smoke=False)
    return specs


def test_planning_twice_adds_nothing(ledger):
    """A trial that is there keeps its row."""
    specs = planned(ledger, 3)
    planned(ledger, 3)

    assert ledger.statuses() == {spec.key: "planned" for spec in specs}


def test_an_outcome_comes_back_as_it_was_committed(ledger):
    """Scores, cost and per-item predictions survive the database and the disk."""
    (spec,) = planned(ledger, 1)
    fences = ledger.lease([spec.key])
    ledger.commit([an_outcome(spec)], fences, environment="e", feature_seconds=2.0)

    (row,) = ledger.rows()
    kept = ledger.predictions(spec.key)["test"]

    assert (row.status, row.scores, row.seconds) == ("ok", {"test": {"accuracy": 0.5}}, 1.5)
    assert kept.ids.tolist() == ["a", "b"]
    assert kept.score.tolist() == [[0.9, 0.1], [0.6, 0.4]]


def test_a_leased_trial_is_not_given_twice_while_its_owner_lives(ledger, tmp_path):
    """Another worker gets nothing as long as the lease holds."""
    (spec,) = planned(ledger, 1)
    ledger.lease([spec.key])
    other = Ledger(ledger.url, tmp_path / "predictions")
    other.owner = "elsewhere:1:0.0"

    assert other.lease([spec.key]) == {}
    other.close()


def test_the_lease_of_a_dead_process_lapses_at_once(ledger):
    """A killed run does not make the next one wait."""
    (spec,) = planned(ledger, 1)
    ledger.owner = ledger.owner.split(":")[0] + ":999999999:0.0"
    ledger.lease([spec.key])
    ledger.owner = "elsewhere:1:0.0"

    assert list(ledger.lease([spec.key])) == [spec.key]


def test_a_late_commit_of_a_lapsed_lease_is_refused(ledger):
    """The fencing token tells the old holder from the new one."""
    (spec,) = planned(ledger, 1)
    old = ledger.lease([spec.key])
    new = ledger.lease([spec.key])

    assert ledger.commit([an_outcome(spec, 0.1)], old, environment="e") == 0
    assert ledger.commit([an_outcome(spec, 0.9)], new, environment="e") == 1
    assert ledger.commit([an_outcome(spec, 0.2)], new, environment="e") == 0
    assert ledger.rows()[0].scores["test"]["accuracy"] == 0.9


def test_failed_trials_are_rows_and_are_tried_again_on_demand(ledger):
    """A failure keeps its error, and is leased again only when asked for."""
    (spec,) = planned(ledger, 1)
    failure = Outcome(key=spec.key, status="failed", error="boom")
    ledger.commit([failure], ledger.lease([spec.key]), environment="e")

    assert [row.error for row in ledger.rows()] == ["boom"]
    assert ledger.lease([spec.key]) == {}
    assert list(ledger.lease([spec.key], retry_failed=True)) == [spec.key]


def _commit_all(url: str, folder: str, wait: float) -> None:
    from pathlib import Path

    ledger = Ledger(url, Path(folder))
    for seed in range(40):
        spec = a_spec(seed)
        fences = ledger.lease([spec.key])
        if fences:
            time.sleep(wait)
            ledger.commit([an_outcome(spec)], fences, environment="e")


def test_workers_that_share_a_ledger_do_each_trial_once(ledger, tmp_path):
    """Four processes on one ledger: no error, no trial twice, every trial done."""
    specs = planned(ledger, 40)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_commit_all, args=(ledger.url, str(tmp_path / "predictions"), 0.001)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    rows = ledger.rows()
    assert [row.status for row in rows] == ["ok"] * 40
    assert sorted(row.key for row in rows) == sorted(spec.key for spec in specs)
    assert [row.fence for row in rows] == [1] * 40


def test_a_killed_worker_leaves_a_readable_ledger_and_its_trial_is_free(ledger, tmp_path):
    """SIGKILL in the middle of the work loses at most the trial at work."""
    planned(ledger, 40)
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_commit_all, args=(ledger.url, str(tmp_path / "predictions"), 0.05))
    worker.start()
    while not any(status == "ok" for status in ledger.statuses().values()):
        time.sleep(0.02)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)

    done = [key for key, status in ledger.statuses().items() if status == "ok"]
    free = ledger.lease([key for key in ledger.statuses() if key not in done])
    assert len(done) + len(free) == 40
    assert all(ledger.predictions(key)["test"].ids.tolist() == ["a", "b"] for key in done)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_flipped_byte_in_predictions_is_noticed(ledger, tmp_path):
    """A damaged file is an error with advice, never wrong numbers."""
    (spec,) = planned(ledger, 1)
    ledger.commit([an_outcome(spec)], ledger.lease([spec.key]), environment="e")
    path = tmp_path / "predictions" / f"{spec.key}.parquet"
    raw = bytearray(path.read_bytes())
    refused = 0
    for at in range(4, 200, 7):
        broken = raw.copy()
        broken[at] ^= 0xFF
        path.write_bytes(bytes(broken))
        try:
            kept = ledger.predictions(spec.key)["test"]
        except StoreError:
            refused += 1
            continue
        assert kept.score.tolist() == [[0.9, 0.1], [0.6, 0.4]]
    assert refused > 5


def test_a_ledger_of_a_newer_version_is_refused(ledger, tmp_path):
    """The message says which version, and how to go on."""
    with ledger._engine.begin() as connection:
        connection.execute(update(about).values(value="99"))

    with pytest.raises(StoreError, match="newer version"):
        Ledger(ledger.url, tmp_path / "predictions")


def test_a_foreign_file_is_no_ledger(tmp_path):
    """A file that is not a database is refused with its place."""
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database at all" * 100)

    with pytest.raises(StoreError, match="cannot be read as a ledger"):
        Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path)


def test_a_run_folder_of_a_newer_version_is_refused(tmp_path):
    """The marker is read before anything else."""
    make_run(tmp_path / "run")
    marker = tmp_path / "run" / "run.json"
    marker.write_text(json.dumps({"folder_version": 99, "assay": "9.0"}))

    with pytest.raises(StoreError, match=r"written by Assay 9\.0"):
        open_run(tmp_path / "run")


def test_a_folder_with_other_things_is_not_taken_for_a_run(tmp_path):
    """Nothing of the user's is overwritten, and what is no run is not opened."""
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match="not a run folder"):
        make_run(tmp_path)
    with pytest.raises(UsageError, match="no run.json"):
        open_run(tmp_path)


def test_an_empty_run_has_nothing_to_assess(tmp_path):
    """A run without trials says so."""
    with pytest.raises(NothingToAssessError):
        make_run(tmp_path / "run").trials()


def test_trial_rows_have_no_second_key(ledger):
    """The key is the primary key of the table."""
    assert [column.name for column in trials.primary_key] == ["key"]
