"""The feature store: what was written is read back bit for bit or not at all, whatever the process or disk may do."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from feature_fakes import Blender, kept_in, rows_data

from assay.errors import MachineError, ShapeError, StoreError
from assay.features import extract as extract_module
from assay.features.extract import extract
from assay.features.stored import item_keys
from assay.store import shards
from assay.store.features import FeatureStore
from assay.store.locks import locked
from assay.testing.models import FakeModel

PROCESS = Path(__file__).parent / "extraction_process.py"


@pytest.fixture
def small_shards(monkeypatch):
    """Two batches of eight rows a shard."""
    monkeypatch.setattr(extract_module, "SHARD_BYTES", 2 * 8 * 6 * 4)


def run(store, n=50, **keywords):
    return extract(Blender(), rows_data(n), np.arange(n), store=store, batch_size=8, **keywords)


def part_files(store):
    return sorted(path for path in store.root.rglob("part-*.safetensors") if path.parent.name != "aside")


def launch(folder, log, *, items=160, batch=4, seconds=0.01):
    arguments = [sys.executable, str(PROCESS), str(folder), str(log), str(items), str(batch), str(seconds)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def straight(tmp_path, items=160, batch=4):
    data = rows_data(items)
    store = FeatureStore(tmp_path / "straight")
    return extract(Blender(width=64), data, np.arange(items), store=store, batch_size=batch)


@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_resumed_it_equals_an_undisturbed_run(tmp_path, kills, rng):
    """SIGKILL loses at most a shard's batches each time, and the features agree bit for bit in the end."""
    folder, log = tmp_path / "store", tmp_path / "log"
    died = 0
    for _ in range(kills):
        process = launch(folder, log, seconds=0.03)
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.02, 0.6))
        process.send_signal(signal.SIGKILL)
        died += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert died > 0
    computed = [set(line.split()) for line in log.read_text().splitlines()] if log.exists() else []
    data = rows_data(160)
    store = FeatureStore(folder)
    found = extract(Blender(width=64), data, np.arange(160), store=store, batch_size=4)
    np.testing.assert_array_equal(found.x(), straight(tmp_path).x())
    assert not store.verify().damaged
    lost = len(computed) + found.computed // 4 - 160 // 4
    assert 0 <= lost <= died * (4 + 2), "a shard of four batches, and what was under way"


def test_a_second_process_waits_and_computes_nothing_twice(tmp_path):
    """Two processes started at once on one store: every item goes through a model once, both finish."""
    folder, log = tmp_path / "store", tmp_path / "log"
    processes = [launch(folder, log, items=80) for _ in range(2)]
    for process in processes:
        assert process.communicate(timeout=60)[0].split() == ["ready", "done"]
        assert process.returncode == 0
    seen = log.read_text().split()
    assert len(seen) == len(set(seen)) == 80
    assert not FeatureStore(folder).verify().damaged


def test_a_lock_is_released_when_its_holder_is_done(tmp_path):
    """A second holder waits for the first, threads included, or gives up with an error of ours."""
    order = []

    def hold():
        with locked(tmp_path / "lock"):
            order.append("first")
            time.sleep(0.3)
            order.append("first done")

    thread = threading.Thread(target=hold)
    thread.start()
    while not order:
        time.sleep(0.01)
    with pytest.raises(StoreError, match="in use"), locked(tmp_path / "lock", wait_seconds=0):
        pass
    with locked(tmp_path / "lock"):
        order.append("second")
    thread.join()
    assert order == ["first", "first done", "second"]


def flip(path, offset, bit=0):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1 << bit
    path.write_bytes(bytes(data))


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path, small_shards, rng):
    """At 40 random places and in the header: found by verify, set aside, computed anew in the batch it had."""
    store = FeatureStore(tmp_path)
    wanted = run(store).x()
    for trial in range(40):
        victim = part_files(store)[int(rng.integers(len(part_files(store))))]
        offset = trial if trial < 8 else int(rng.integers(victim.stat().st_size))
        flip(victim, offset, int(rng.integers(8)))
        assert len(store.verify().damaged) == 1
        found = run(store)
        assert 0 < found.computed <= 16
        np.testing.assert_array_equal(found.x(), wanted)
        assert not store.verify().damaged
    assert list(store.root.rglob("aside/*"))


@pytest.mark.parametrize("fault", ["truncated", "empty", "missing", "foreign", "longer"])
def test_a_file_that_is_not_what_was_written_is_computed_anew(tmp_path, small_shards, fault, caplog):
    """Truncated, emptied, removed, replaced by another's and lengthened files are all found on opening."""
    store, other = FeatureStore(tmp_path / "a"), FeatureStore(tmp_path / "b")
    wanted = run(store).x()
    extract(Blender(revision="r2"), rows_data(50), np.arange(50), store=other, batch_size=8)
    victim, data = part_files(store)[1], part_files(store)[1].read_bytes()
    if fault == "missing":
        victim.unlink()
    elif fault == "foreign":
        shutil.copy(part_files(other)[0], victim)
    else:
        victim.write_bytes({"truncated": data[:-9], "empty": b"", "longer": data + b"\0"}[fault])
    found = run(store)
    assert found.computed == 16
    assert "computed anew" in caplog.text
    np.testing.assert_array_equal(found.x(), wanted)


def test_a_file_of_other_features_is_refused_even_with_a_fitting_manifest(tmp_path):
    """A whole folder copied under another key is not mistaken for that key's features."""
    store = FeatureStore(tmp_path)
    run(store)
    other = extract(Blender(revision="r2"), rows_data(50), np.arange(50), store=store, batch_size=8)
    folders = [path.parent for path in sorted(store.root.rglob("manifest.json"))]
    mine = next(folder for folder in folders if folder != other.entry.folder)
    shutil.rmtree(other.entry.folder)
    shutil.copytree(mine, other.entry.folder)
    again = extract(Blender(revision="r2"), rows_data(50), np.arange(50), store=store, batch_size=8)
    assert again.computed == 50
    np.testing.assert_array_equal(again.x(), other.x() if not again.computed else again.x())


def test_damage_after_opening_is_an_error_and_not_a_number(tmp_path, small_shards):
    """Every read is checked: a file that is altered while a run is under way gives no features."""
    store = FeatureStore(tmp_path)
    found = run(store)
    flip(part_files(store)[0], part_files(store)[0].stat().st_size - 3)
    with pytest.raises(StoreError, match="computes it anew") as caught:
        found.x()
    assert caught.value.exit_status == 5


@pytest.mark.parametrize("name", ["manifest.json", "choice"])
def test_a_damaged_record_costs_work_but_no_wrong_feature(tmp_path, name):
    """A manifest or a choice with a flipped bit or cut short does not count; the features are made again."""
    store = FeatureStore(tmp_path)
    wanted = run(store).x()
    for cut in (False, True):
        victim = next(path for path in store.root.rglob("*.json") if path.name.startswith(name))
        text = victim.read_text()
        victim.write_text(text[: len(text) // 2] if cut else text.replace('"', "'", 1))
        np.testing.assert_array_equal(run(store).x(), wanted)


def test_a_full_disk_is_told_and_nothing_half_written_stays(tmp_path, small_shards, monkeypatch):
    """ENOSPC at every write in turn: exit status 5 with path, need and room; then the same call goes on."""
    wanted = run(FeatureStore(tmp_path / "straight")).x()
    real, before = shards._write, set()
    for failing in range(12):
        store = FeatureStore(tmp_path / f"full-{failing}")
        count = iter(range(1000))

        def write(path, data, failing=failing, count=count):
            if next(count) >= failing:
                path.write_bytes(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            real(path, data)

        monkeypatch.setattr(shards, "_write", write)
        with pytest.raises(MachineError, match=r"disk is full: .*full-.* needs .* MiB, .* MiB are free") as caught:
            run(store)
        assert caught.value.exit_status == 5
        before.add(sum(row["items"] for row in store.stats()))
        monkeypatch.setattr(shards, "_write", real)
        assert not list(store.root.rglob(".tmp-*"))
        assert not store.verify().damaged
        np.testing.assert_array_equal(run(store).x(), wanted)
    assert len(before) > 3, "the disk filled at different stages"


def test_room_is_asked_for_before_anything_is_computed(tmp_path, monkeypatch):
    """When the features cannot fit, the model is not run at all."""
    model, store = Blender(), FeatureStore(tmp_path)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shards.shutil, "disk_usage", lambda _: usage._replace(free=2500))
    with pytest.raises(StoreError, match="disk is full"):
        extract(model, rows_data(500), np.arange(500), store=store, batch_size=8)
    assert model.seen == []


def test_reading_some_rows_needs_little_memory(tmp_path, monkeypatch):
    """Twenty shards of one MiB: ten rows, or all rows by tens, never hold more than a few shards."""
    monkeypatch.setattr(extract_module, "SHARD_BYTES", 2**20)
    data = rows_data(5120)
    store = FeatureStore(tmp_path)
    extract(Blender(width=1024), data, np.arange(5120), store=store, batch_size=256)
    assert len(part_files(store)) == 20
    found = extract(Blender(width=1024), data, np.arange(5120), store=store, batch_size=256)
    tracemalloc.start()
    for start in range(0, 5120, 512):
        found.x(slice(start, start + 10))
        found.x(np.array([start, 5119 - start]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 2**20


def test_a_slice_and_positions_read_the_same_rows(tmp_path, small_shards):
    """`x()` at positions equals the same rows of all of it, in any order; none gives none."""
    found = run(FeatureStore(tmp_path))
    whole = found.x()
    np.testing.assert_array_equal(found.x(slice(10, 20)), whole[10:20])
    np.testing.assert_array_equal(found.x(np.array([49, 0, 7, 7])), whole[[49, 0, 7, 7]])
    assert found.x(np.array([], dtype=int)).shape == (0, 6)


def test_names_on_disk_are_digests(tmp_path):
    """No name that a user typed becomes a path, whatever is in it."""
    model = Blender()
    model.ref = type(model.ref)(source="py", name="../../Ünï<b>/..\\x", revision="a/../b")
    store = FeatureStore(tmp_path / "store")
    extract(model, rows_data(9), np.arange(9), store=store)
    assert {path.name for path in tmp_path.iterdir()} == {"store"}
    for path in store.root.rglob("*"):
        assert path.name.isascii()
        assert not set(path.name) - set("abcdefghijklmnopqrstuvwxyz0123456789-."), path
    assert store.stats()[0]["model"] == "py:../../Ünï<b>/..\\x"


def test_gc_removes_leftovers_and_nothing_that_counts(tmp_path, small_shards):
    """Temporary files, unlisted shards and damaged files go; features stay; a model in use is left alone."""
    store = FeatureStore(tmp_path)
    wanted = run(store).x()
    folder = part_files(store)[0].parent
    (folder / ".tmp-dead").write_bytes(b"x" * 100)
    (folder / "part-99999-0123456789abcdef.safetensors").write_bytes(b"x" * 50)
    (folder / "aside").mkdir()
    (folder / "aside" / "part-old.safetensors").write_bytes(b"x" * 7)
    with locked(folder.parent / "lock"):
        assert store.gc() == 0
    assert store.gc() == 157
    assert store.gc() == 0
    found = run(store)
    assert found.computed == 0
    np.testing.assert_array_equal(found.x(), wanted)


def test_stats_count_items_and_bytes(tmp_path, small_shards):
    """One row for each model and choice, with what is on disk."""
    store = FeatureStore(tmp_path)
    run(store)
    extract(FakeModel("table"), rows_data(8), np.arange(8), store=store)
    rows = {row["model"]: row for row in store.stats()}
    assert {name: row["items"] for name, row in rows.items()} == {"py:blender": 50, "py:fake": 8}
    assert rows["py:blender"]["bytes"] == sum(path.stat().st_size for path in part_files(store) if "part" in path.name
                                              and path.parent == Path(rows["py:blender"]["folder"]))  # fmt: skip
    assert rows["py:blender"]["batch_size"] == 8


def test_features_of_a_newer_version_are_refused(tmp_path):
    """A manifest with a higher schema is not read, and the message says what to do."""
    from assay.canon import key_of

    store = FeatureStore(tmp_path)
    run(store)
    path = next(store.root.rglob("manifest.json"))
    record = {**json.loads(path.read_text()), "schema": 99}
    record.pop("checksum")
    path.write_text(json.dumps({**record, "checksum": key_of(record)}))
    with pytest.raises(StoreError, match="newer version"):
        run(store)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_store_that_cannot_be_written_serves_what_it_has(tmp_path):
    """Read-only folders give stored features, and a clear error for missing ones."""
    store = FeatureStore(tmp_path / "store")
    wanted = run(store).x()
    folders = [path for path in [store.root, *store.root.rglob("*")] if path.is_dir()]
    for folder in folders:
        folder.chmod(0o500)
    try:
        np.testing.assert_array_equal(run(store).x(), wanted)
        with pytest.raises(StoreError, match="could not be written"):
            run(store, n=60)
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_features_and_items_must_match(tmp_path):
    """A row an item, and only stored items can be read."""
    with FeatureStore(tmp_path).shelf("0" * 64, {}) as shelf:
        entry = shelf.entry("1" * 64, {})
        keys = item_keys(np.array(["a", "b"]))
        with pytest.raises(ShapeError, match="2 items"):
            entry.add(keys, np.zeros((3, 4), dtype=np.float32))
        entry.add(keys[:1], np.ones((1, 4), dtype=np.float32))
        assert entry.has(keys).tolist() == [True, False]
        with pytest.raises(StoreError, match="1 of 2 items are not stored"):
            entry.read(keys)


def test_nothing_but_the_lock_changes_when_nothing_is_missing(tmp_path):
    """A study that finds everything writes nothing."""
    store = FeatureStore(tmp_path)
    run(store)
    before = {name: path.stat().st_mtime_ns for name, path in kept_in(store.root).items()}
    run(store)
    assert {name: path.stat().st_mtime_ns for name, path in kept_in(store.root).items()} == before
