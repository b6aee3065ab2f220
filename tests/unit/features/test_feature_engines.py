"""Engines and the choice between them: the features of eager float32, faster where it pays."""

import sys
import time

import numpy as np
import pytest

from assay.builtin import ENGINES
from assay.errors import MachineError, MissingExtraError, NonFiniteError, UsageError
from assay.features import measure
from assay.features.choice import TOLERANCE, relative_difference
from assay.features.engines import openvino as openvino_engine
from assay.features.extract import extract
from assay.registry import Registry
from assay.sources.data.arrays import from_arrays
from assay.store.features import FeatureStore
from assay.testing.engines import TinyModel, tiny_items


def tiny_data(modality="image", n=96, seed=0):
    return from_arrays(tiny_items(modality, n, seed), np.arange(n) % 2, name="tiny", modality=modality)


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features")


@pytest.mark.parametrize("modality", ["image", "text"])
def test_openvino_gives_the_features_of_eager_torch(store, modality):
    """Through the whole extraction, within 1e-4 relative; the difference is recorded, and so is the precision told."""
    model, data = TinyModel(modality), tiny_data(modality, 50)
    eager = extract(model, data, np.arange(50), store=store, engine="torch", batch_size=8)
    fast = extract(model, data, np.arange(50), store=store, engine="openvino", batch_size=8)
    assert fast.computed == 50
    assert relative_difference(fast.x(), eager.x()) <= TOLERANCE
    assert fast.choice["difference"] <= TOLERANCE
    assert fast.choice["settings"]["precision_hint"] == "f32"
    assert eager.choice["difference"] is None
    assert fast.key != eager.key


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_half_precision_records_how_much_it_changes(store, engine):
    """bfloat16 features are stored under a key of their own, with the measured difference from float32."""
    model, data = TinyModel(), tiny_data(n=20)
    full = extract(model, data, np.arange(20), store=store, engine="torch")
    half = extract(model, data, np.arange(20), store=store, engine=engine, precision="bfloat16")
    assert half.key != full.key
    off = relative_difference(half.x(), full.x())
    assert half.choice["difference"] == pytest.approx(off, rel=0.5, abs=1e-6)
    assert off < 0.1
    if half.choice["settings"].get("precision_hint") != "f32":  # a CPU without bfloat16 computes in float32
        assert half.choice["difference"] > 1e-5


def test_openvino_comes_without_its_telemetry():
    """Importing and converting brings no telemetry module in."""
    model = TinyModel()
    batch = model.collate(tiny_items("image", 2))
    ENGINES["openvino"].prepare(model, batch, precision="float32", device="cpu")(batch)
    assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]


def test_a_missing_package_is_named(monkeypatch):
    """Without OpenVINO the error says which extra brings it, and auto does without."""
    real = openvino_engine.importlib.util.find_spec
    monkeypatch.setattr(
        openvino_engine.importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "openvino" else real(name, *rest),
    )
    model = TinyModel()
    with pytest.raises(MissingExtraError, match=r"assay\[openvino\]"):
        ENGINES["openvino"].prepare(model, {}, precision="float32", device="cpu")
    assert "openvino" not in measure.candidates(model, "float32", "cpu")


def test_a_device_that_is_not_there_is_an_error_of_this_machine(store):
    """CUDA without CUDA ends in words, not in torch's own."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(MachineError, match="no CUDA device"):
        extract(TinyModel(), tiny_data(n=4), np.arange(4), store=store, engine="torch", device="cuda")
    with pytest.raises(UsageError, match="on the CPU"):
        extract(TinyModel(), tiny_data(n=4), np.arange(4), store=store, engine="openvino", device="cuda")


@pytest.mark.gpu
def test_cuda_gives_the_features_of_the_cpu(store):
    """Float32 on CUDA is float32, without TF32; half precision is recorded as such, and the model stays on the CPU."""
    model, data = TinyModel(), tiny_data(n=40)
    cpu = extract(model, data, np.arange(40), store=store, engine="torch", device="cpu")
    cuda = extract(model, data, np.arange(40), store=store, engine="torch", device="cuda")
    assert relative_difference(cuda.x(), cpu.x()) <= TOLERANCE
    assert cuda.choice["settings"]["tf32"] is False
    assert cuda.choice["batch_size"] == 256
    half = extract(model, data, np.arange(40), store=store, engine="torch", device="cuda", precision="bfloat16")
    assert half.choice["difference"] > 1e-5
    assert next(model.network.parameters()).device.type == "cpu"


def test_the_plain_compiler_pads_the_last_batch(monkeypatch):
    """Batches smaller than the first are filled up and cut again, so that nothing is compiled twice."""
    import torch

    shapes = []

    def compile_(network, dynamic):
        return lambda pixels: shapes.append(tuple(pixels.shape)) or network(pixels=pixels)

    monkeypatch.setattr(torch, "compile", compile_)
    model = TinyModel()
    batch = model.collate(tiny_items("image", 8))
    run = ENGINES["compiled"].prepare(model, batch, precision="float32", device="cpu")
    last = {"pixels": batch["pixels"][:3]}
    np.testing.assert_allclose(run(last), model.encode(last), rtol=1e-4, atol=1e-6)
    assert {shape[0] for shape in shapes} == {8}


class Engine:
    """An engine with a speed, a cost and a fault of its own."""

    def __init__(self, name, *, seconds=0.0, setup=0.0, off=0.0, gain=100.0, fails=None):
        self.name, self.seconds, self.setup, self.off, self.fails = name, seconds, setup, off, fails
        self.prepare_seconds, self.gain, self.prepared = setup, gain, 0

    def typical_gain(self, model):
        return self.gain

    def prepare(self, model, example, *, precision, device):
        self.prepared += 1
        if self.fails:
            raise self.fails
        time.sleep(self.setup)

        def run(batch):
            time.sleep(self.seconds)
            return model.encode(batch) * np.float32(1 + self.off)

        return run


@pytest.fixture
def engines(monkeypatch):
    """Engines of one's own in place of the built-in ones, measured briefly."""
    monkeypatch.setattr(measure, "MEASURE_SECONDS", 0.2)

    def use(*given):
        registry = Registry("engine", {engine.name: "" for engine in given})
        registry._loaded = {engine.name: engine for engine in given}
        registry._plugins_read = True
        monkeypatch.setattr(measure, "ENGINES", registry)
        return {engine.name: engine for engine in given}

    return use


@pytest.fixture
def rates(monkeypatch):
    """Rates that are given in place of measured ones, so that a busy machine decides nothing."""

    def use(**given):
        def time_engine(name, model, sample, precision, device):
            run = measure.prepare(name, model, sample[0], rows=16, precision=precision, device=device)
            setup = measure.ENGINES[name].setup
            return measure.Timed(
                engine=name, run=run, prepare_seconds=setup, rate=given[name], x=run(sample[-1]), limit=None
            )

        monkeypatch.setattr(measure, "time_engine", time_engine)

    return use


def choose(planned, **keywords):
    def sample(count):
        return [TinyModel().collate(tiny_items("image", 16)) for _ in range(count)]

    return measure.choose(TinyModel(), sample, planned, measure.Request(**keywords))[0]


def test_auto_measures_and_takes_the_faster(engines, store):
    """A really measured difference decides, and the rates are told."""
    engines(Engine("torch", seconds=0.2), Engine("quick"))
    choice = extract(TinyModel(), tiny_data(), np.arange(96), store=store).choice
    assert choice["engine"] == "quick"
    assert choice["rates"]["quick"] > 2 * choice["rates"]["torch"]
    assert "fastest for 96 items" in choice["why"]


def test_auto_takes_the_fastest_that_agrees(engines, rates):
    """A faster engine with other features is left out, and one that fails; both with their reason."""
    engines(
        Engine("torch"), Engine("quick"), Engine("wrong", off=1e-3),
        Engine("broken", fails=RuntimeError("no such operator\nat line 7")),
    )  # fmt: skip
    rates(torch=10, quick=50, wrong=1000, broken=1000)
    choice = choose(1000)
    assert choice.engine == "quick"
    assert choice.rates == {"torch": 10, "quick": 50, "wrong": 1000}
    assert "wrong was left out (it changes features by 1.0e-03)" in choice.why
    assert "broken was left out" in choice.why
    assert "no such operator)" in choice.why
    assert choice.difference == 0.0


def test_auto_counts_the_cost_of_preparing(engines, rates):
    """What takes long to prepare is not even tried for few items, and wins for many."""
    mine = engines(Engine("torch"), Engine("slow start", setup=0.5))
    rates(**{"torch": 1000, "slow start": 9000})
    assert choose(100).engine == "torch"
    assert mine["slow start"].prepared == 0
    assert choose(100_000).engine == "slow start"


def test_a_near_tie_stays_with_plain_torch(engines, rates):
    """An engine has to be clearly faster, so that noise does not decide which features a study has."""
    engines(Engine("torch"), Engine("alike"))
    rates(torch=100, alike=105)
    assert choose(100_000).engine == "torch"
    rates(torch=100, alike=125)
    assert choose(100_000).engine == "alike"


def test_an_engine_is_compared_on_another_batch_than_it_was_prepared_with(engines, rates):
    """An engine that is right only for the shape of its example is found out."""

    class Rigid(Engine):
        def prepare(self, model, example, *, precision, device):
            length = example["tokens"].shape[1]
            return lambda batch: model.encode(batch) + np.float32(batch["tokens"].shape[1] != length)

    def sample(count):
        texts = sorted(tiny_items("text", 16 * count), key=len, reverse=True)
        return [TinyModel("text").collate(texts[16 * at : 16 * at + 16]) for at in range(count)]

    engines(Engine("torch"), Rigid("rigid"))
    rates(torch=10, rigid=1000)
    choice, _ = measure.choose(TinyModel("text"), sample, 1000, measure.Request())
    assert choice.engine == "torch"
    assert "rigid was left out (it changes" in choice.why
    choice, _ = measure.choose(TinyModel("text"), sample, 1000, measure.Request(engine="rigid"))
    assert choice.difference > 0.1


def test_a_resumed_run_prepares_for_whole_batches(engines, store):
    """Also when all that is left is a small batch, so that kernels are the same and the features are too."""
    sizes = []

    class Recording(Engine):
        def prepare(self, model, example, *, precision, device):
            sizes.append(len(example["pixels"]))
            return model.encode

    engines(Recording("torch"))
    extract(TinyModel(), tiny_data(n=50), np.arange(48), store=store, batch_size=16)
    extract(TinyModel(), tiny_data(n=50), np.arange(50), store=store, batch_size=16)
    assert sizes == [16, 16]


def test_few_items_are_not_measured(engines, store):
    """For a handful of items no engine is prepared but the plain one."""
    mine = engines(Engine("torch"), Engine("other"))
    found = extract(TinyModel(), tiny_data(), np.arange(10), store=store)
    assert "too few items" in found.choice["why"]
    assert (mine["torch"].prepared, mine["other"].prepared) == (1, 0)


def test_the_choice_survives_another_measurement(engines, rates, store):
    """A resumed run keeps the engine first chosen, even where another would be faster by now."""
    mine = engines(Engine("torch"), Engine("quick"))
    rates(torch=100, quick=10)
    assert extract(TinyModel(), tiny_data(), np.arange(80), store=store).choice["engine"] == "torch"
    rates(torch=100, quick=1000)
    again = extract(TinyModel(), tiny_data(), np.arange(96), store=store)
    assert again.choice["engine"] == "torch"
    assert again.computed == 16
    assert mine["quick"].prepared == 1


def test_half_precision_is_offered_where_it_may_pay(engines, rates, monkeypatch):
    """For long work, on a machine that has it: rate and difference are measured and recorded; float32 is kept."""
    monkeypatch.setattr(measure, "_has_bfloat16", lambda device: True)
    engines(Engine("torch"), Engine("quick"))
    rates(torch=10, quick=50)
    choice = choose(100_000)
    assert choice.precision == "float32"
    assert choice.offer == {"precision": "bfloat16", "rate": 50, "difference": 0.0}
    assert choose(1000).offer is None


def test_memory_that_runs_out_while_measuring_settles_the_batch_size(engines, store):
    """The size that fitted is the one that is chosen and kept."""

    class Tight(Engine):
        def prepare(self, model, example, *, precision, device):
            def run(batch):
                if len(batch["pixels"]) > 5:
                    raise MemoryError
                return model.encode(batch)

            return run

    engines(Tight("torch"), Engine("slow", seconds=0.5))
    found = extract(TinyModel(), tiny_data(), np.arange(96), store=store, batch_size=16)
    assert found.choice["batch_size"] == 4
    assert found.x().shape == (96, found.width)


def test_a_model_that_gives_nan_is_still_an_error_of_the_model(engines, store):
    """Measuring on NaN chooses plain torch, and the extraction names the items."""
    engines(Engine("torch"), Engine("other"))
    model = TinyModel()
    model.encode = lambda batch: np.full((len(batch["pixels"]), 12), np.nan, dtype=np.float32)
    with pytest.raises(NonFiniteError, match="NaN"):
        extract(model, tiny_data(), np.arange(96), store=store)
