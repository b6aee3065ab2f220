"""Extraction: each item once, in order, in the batches that were planned, whatever happens on the way."""

import numpy as np
import pytest
from feature_fakes import Blender, rows_data, texts_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.contracts import ModelInfo
from assay.dataset import Dataset
from assay.errors import (
    DataError,
    NonFiniteError,
    NothingToAssessError,
    OutOfMemoryError,
    ShapeError,
    UnknownNameError,
    UsageError,
)
from assay.features import extract as extract_module
from assay.features.choice import Choice, Request, features_key, model_key, relative_difference
from assay.features.cost import estimate_cost
from assay.features.extract import extract
from assay.features.halving import Halving, is_out_of_memory
from assay.store.features import FeatureStore
from assay.testing.data import fake_dataset
from assay.testing.models import FakeModel, fake_broken


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features")


def every(dataset):
    return np.arange(len(dataset))


def test_features_are_the_models_own_in_the_order_of_the_rows(store):
    """Row k of the result is the model's row for the k-th row asked for, repeated rows included."""
    model, data = FakeModel(), fake_dataset(30)
    rows = np.array([7, 3, 29, 3, 0])
    found = extract(model, data, rows, store=store, batch_size=4)
    np.testing.assert_array_equal(found.x(), model.encode(model.collate(data.load(rows))))
    assert found.ids.tolist() == data.ids[rows].tolist()
    assert found.computed == 4
    assert len(found) == 5
    assert found.load().x.shape == (5, found.width)


def test_the_same_study_twice_runs_no_forward_pass(store):
    """The second call reads what the first one stored, and so does another process's store on the same folder."""
    model, data = FakeModel(), fake_dataset(30)
    first = extract(model, data, every(data), store=store)
    calls = model.calls
    again = extract(model, data, every(data), store=FeatureStore(store.root))
    assert (model.calls, again.computed, again.seconds) == (calls, 0, 0.0)
    np.testing.assert_array_equal(first.x(), again.x())
    assert first.key == again.key
    assert first.choice == again.choice


def test_a_larger_study_computes_only_what_is_missing(store):
    """Items that another study has computed are read; the rest goes through the model once."""
    model, data = Blender(), rows_data(50)
    extract(model, data, np.arange(10, 30), store=store, batch_size=8)
    found = extract(model, data, every(data), store=store, batch_size=8)
    assert found.computed == 30
    assert sorted(model.seen) == [float(row) for row in range(50)]


def test_equal_items_are_computed_once(store):
    """Rows with the same content share their features."""
    model = FakeModel("table")
    data = fake_dataset(10, modality="table")
    twice = Dataset(
        ref=data.ref, modality="table", task=data.task, ids=np.array([f"i{k}" for k in range(20)]),
        targets=np.tile(data.targets, 2), load=lambda at: data.load(at % 10), digests=np.tile(data.digests, 2),
    )  # fmt: skip
    found = extract(model, twice, np.arange(20), store=store)
    assert found.computed == 10
    np.testing.assert_array_equal(found.x()[:10], found.x()[10:])


def test_texts_are_batched_by_length_and_returned_in_order(store):
    """The longest come first, each batch holds like lengths, and row k is still text k."""
    model, data = Blender("text"), texts_data(40)
    found = extract(model, data, every(data), store=store, batch_size=8)
    assert model.seen == sorted(model.seen, reverse=True)
    assert len(np.unique(found.x(), axis=0)) == 40
    one = extract(Blender("text", revision="r2"), data, every(data), store=store, batch_size=8)
    np.testing.assert_array_equal(found.x(), one.x())


def test_what_was_finished_before_an_error_is_kept(store, monkeypatch):
    """An item that cannot be read stops the extraction; the batches before it are not computed again."""
    model, data = Blender(), rows_data(40)

    def load(at):
        if 29 in at:
            raise DataError("item 29 cannot be read")
        return data.load(at)

    broken = Dataset(
        ref=data.ref, modality="table", task=data.task, ids=data.ids, targets=data.targets, load=load,
        digests=data.digests,
    )  # fmt: skip
    with pytest.raises(DataError, match="item 29"):
        extract(model, broken, every(data), store=store, batch_size=5)
    assert sorted(model.seen)[:25] == [float(row) for row in range(25)]
    before = len(model.seen)
    found = extract(model, data, every(data), store=store, batch_size=5)
    assert found.computed == 15
    straight = extract(Blender(revision="r2"), data, every(data), store=store, batch_size=5)
    np.testing.assert_array_equal(found.x(), straight.x())
    assert len(model.seen) - before == 15


def test_nan_is_refused_with_the_names_of_the_items(store):
    """A model that gives NaN stores nothing and says for which items."""
    data = fake_dataset(12)
    with pytest.raises(NonFiniteError, match=rf"{data.ids[0]}, .* and 7 more") as caught:
        extract(fake_broken(), data, every(data), store=store)
    assert caught.value.exit_status == 3
    assert sum(row["items"] for row in store.stats()) == 0


def test_the_choice_first_made_is_kept(store, monkeypatch):
    """Engine, precision and batch size are on disk before the first feature, and later defaults do not change them."""
    model, data = Blender(), rows_data(50)
    real, found_before = extract_module.stream, []

    def watched(*arguments, **keywords):
        found_before.append(list(store.root.glob("*/choice-*.json")))
        return real(*arguments, **keywords)

    monkeypatch.setattr(extract_module, "stream", watched)
    first = extract(model, data, np.arange(20), store=store)
    assert len(found_before[0]) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Request, "resolved_batch", lambda self, model: 3)
        again = extract(model, data, every(data), store=store)
    assert again.choice["batch_size"] == first.choice["batch_size"] == 256
    other = extract(model, data, every(data), store=store, batch_size=7)
    assert other.choice["batch_size"] == 7
    assert other.computed == 50


def test_a_named_engine_finds_what_auto_has_chosen(store):
    """Asking by name for what was chosen by measurement computes nothing again."""
    model, data = FakeModel(), fake_dataset(20)
    extract(model, data, every(data), store=store)
    assert extract(model, data, every(data), store=store, engine="model", device=None).computed == 0


def test_other_versions_are_told(store, monkeypatch, caplog):
    """A run that goes on with other packages than it began with says so, since last bits may move."""
    model, data = FakeModel(), fake_dataset(20)
    extract(model, data, np.arange(5), store=store)
    monkeypatch.setattr(extract_module, "versions_of", lambda engine: {"numpy": "99.0"})
    extract(model, data, np.arange(20), store=store)
    assert "99.0" in caplog.text


def test_progress_counts_items_and_tells_the_rate(store):
    """Items done never fall, end at all of them, and stored ones are counted from the start."""
    model, data, told = FakeModel(), fake_dataset(20), []
    extract(model, data, np.arange(5), store=store)
    extract(model, data, every(data), store=store, batch_size=256, progress=lambda *seen: told.append(seen))
    done = [seen[0] for seen in told]
    assert done == sorted(done)
    assert told[0] == (0, 20, None)
    assert told[-1][:2] == (20, 20)
    assert told[-1][2] > 0


def test_keys_tell_apart_everything_that_changes_features():
    """Another revision, layer, pooling, preprocessing, engine, precision, batch size or device is another key."""
    from dataclasses import replace

    model = FakeModel()
    choice = Choice(engine="torch", precision="float32", batch_size=16, device="cpu", why="")
    keys = {features_key(model, choice)}
    for change in ({"engine": "openvino"}, {"precision": "bfloat16"}, {"batch_size": 8}, {"device": "cuda"}):
        keys.add(features_key(model, replace(choice, **change)))
    assert len(keys) == 5
    assert features_key(model, replace(choice, why="another day", rates={"torch": 3.0})) in keys
    base = model_key(model)
    for change in ({"layer": "2"}, {"pooling": "max"}, {"preprocessing": {"size": 3}}, {"modality": "text"}):
        other = FakeModel()
        other.info = replace(other.info, **change)
        assert model_key(other) != base
    assert model_key(FakeModel(seed=1)) != base
    assert model_key(FakeModel()) == base


def test_a_model_without_a_revision_is_refused(store):
    """Weights that have no name would let stored features be mistaken for another's."""
    with pytest.raises(UsageError, match="revision"):
        extract(Blender(revision=""), rows_data(4), np.arange(4), store=store)


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"engine": "openvin"}, UnknownNameError, "did you mean 'openvino'"),
        ({"precision": "bf16"}, UnknownNameError, "did you mean 'bfloat16'"),
        ({"batch_size": 0}, UsageError, "batch size"),
        ({"engine": "torch"}, UsageError, "no torch network"),
        ({"engine": "openvino"}, UsageError, "no torch network"),
        ({"precision": "bfloat16"}, UsageError, "bfloat16"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(store, keywords, error, words):
    """Wrong names and impossible combinations are refused before anything is computed."""
    model = FakeModel()
    with pytest.raises(error, match=words):
        extract(model, fake_dataset(8), np.arange(8), store=store, **keywords)
    assert model.calls == 0


def test_rows_must_exist(store):
    """No rows, rows out of range and rows that are no positions are refused."""
    model, data = FakeModel(), fake_dataset(8)
    with pytest.raises(NothingToAssessError):
        extract(model, data, np.array([], dtype=int), store=store)
    with pytest.raises(UsageError, match="0 to 7"):
        extract(model, data, np.array([8]), store=store)
    with pytest.raises(ShapeError):
        extract(model, data, np.array([0.5]), store=store)


def test_a_model_of_another_width_is_refused(store):
    """Features of a width that the model does not declare never reach the store."""
    model = Blender()
    model.info = ModelInfo(modality="table", width=9, parameters=1)
    model.encode = lambda batch: np.zeros((len(batch["x"]), 6), dtype=np.float32)
    with pytest.raises(ShapeError, match="9"):
        extract(model, rows_data(4), np.arange(4), store=store)


@given(st.lists(st.lists(st.integers(0, 29), min_size=1, max_size=12), min_size=1, max_size=4), st.integers(1, 9))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_studies_overlap_every_item_has_its_own_features(tmp_path_factory, studies, size):
    """Any sequence of row sets, in any order, gives the model's own features of exactly these rows."""
    store = FeatureStore(tmp_path_factory.mktemp("overlap"))
    model, data = FakeModel("table"), fake_dataset(30, modality="table")
    truth = model.encode(model.collate(data.load(np.arange(30))))
    for rows in studies:
        found = extract(model, data, np.array(rows), store=store, batch_size=size)
        np.testing.assert_allclose(found.x(), truth[rows], rtol=1e-6)
    once = len({row for rows in studies for row in rows})
    assert sum(row["items"] for row in store.stats()) == once


class Tight:
    """A model on which more than `fits` items at once run out of memory."""

    def __init__(self, fits, error):
        self.inner, self.fits, self.error = Blender(), fits, error
        self.ref, self.info, self.network = self.inner.ref, self.inner.info, None
        self.collate = self.inner.collate
        self.sizes = []

    def encode(self, batch):
        self.sizes.append(len(batch["x"]))
        if len(batch["x"]) > self.fits:
            raise self.error
        return np.tile(batch["x"][:, :1], (1, self.info.width)).astype(np.float32)


def _memory_errors():
    import torch

    return [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("Exception from src/core/src/runtime/aligned_buffer.cpp: std::bad_alloc"),
    ]


@pytest.mark.parametrize("which", range(4))
def test_batches_are_halved_when_memory_runs_out(store, which, caplog):
    """16, 8, 4, then 3 fit: every item is computed, the limit is written down, and it is kept from then on."""
    model, data = Tight(3, _memory_errors()[which]), rows_data(40)
    found = extract(model, data, every(data), store=store, batch_size=16)
    np.testing.assert_array_equal(found.x()[:, 0], np.arange(40.0))
    assert model.sizes[:5] == [16, 8, 4, 2, 2]
    assert max(model.sizes[4:]) == 2
    assert caplog.text.count("memory ran out") == 3
    kept = FeatureStore(store.root)
    model.sizes.clear()
    more = rows_data(60)
    extract(model, more, np.arange(60), store=kept, batch_size=16)
    assert max(model.sizes) == 2


def test_an_item_that_does_not_fit_fails_the_trial(store):
    """The floor is one item; then the error is one of ours."""
    with pytest.raises(OutOfMemoryError, match="one item"):
        extract(Tight(0, MemoryError()), rows_data(8), np.arange(8), store=store)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    """Only words and types that mean memory halve a batch."""
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(OutOfMemoryError("out of memory"))
    with pytest.raises(ValueError, match="wrong"):
        Halving(lambda batch: (_ for _ in ()).throw(ValueError("wrong")), limit=4)({"x": np.zeros((4, 1))})


def test_the_relative_difference_is_by_rows():
    """‖x − r‖ / ‖r‖ at its largest; rows of zeros are held against the largest row."""
    reference = np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)
    assert relative_difference(reference, reference) == 0.0
    assert relative_difference(reference + np.float32(0.0), reference * 2) == pytest.approx(0.5)
    moved = reference + np.array([[0.0, 0.0], [0.5, 0.0]], dtype=np.float32)
    assert relative_difference(moved, reference) == pytest.approx(0.1)


def test_a_cost_is_estimated_from_a_few_batches():
    """Disk follows from the width; time grows with the number of items; nothing is stored."""
    model, data = Blender(seconds=0.002), rows_data(2000)
    small = estimate_cost(model, data, 2000, batch_size=8)
    large = estimate_cost(model, data, 200_000, batch_size=8)
    assert small.disk_bytes == 2000 * (4 * model.info.width + 32)
    assert 20 * small.seconds < large.seconds
    assert small.peak_bytes > 10 * 2**20
    assert small.sample == 32
    assert small.seconds > 2000 / 8 * 0.002
    with pytest.raises(NothingToAssessError):
        estimate_cost(model, rows_data(4).__class__(
            ref=data.ref, modality="table", task=data.task, ids=data.ids[:0], targets=data.targets[:0], load=data.load,
            digests=data.digests[:0],
        ))  # fmt: skip
