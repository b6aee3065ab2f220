"""Promises of the training loop behind fine-tuning and LoRA: memory, divergence, stored activations, settings, costs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from assay.adapt.network import settings as tuned_settings
from assay.adapt.network import stored as stored_module
from assay.adapt.network.finetune import FINETUNE
from assay.adapt.network.lora import LORA
from assay.adapt.network.settings import Settings, Wish, choose
from assay.adapt.network.training import Lesson, Phase, Replay, _Loop, factor, optimizer_of
from assay.adapt.network.whole import Whole, new_head
from assay.adapt.parameters import resolve
from assay.contracts import AdaptJob
from assay.errors import DivergedError, OutOfMemoryError, UsageError
from assay.run.trial import outcome_of
from assay.sources.models import load_model
from assay.sources.models.weights.twin import drawn
from assay.spec import DataSlice, TrialSpec
from assay.testing import tiny
from assay.testing.adapters import network_job
from assay.testing.data import fake_dataset

QUICK = {"head_epochs": 1, "epochs": 2, "batch_size": 8, "lr": 1e-2, "head_lr": 1e-2, "patience": 0}


def a_phase(**changes) -> Phase:
    given = {
        "number": 1, "epochs": 1, "optimizer": "sgd", "lr": 0.1, "head_lr": 0.2, "layer_decay": 1.0, "momentum": 0.0,
        "weight_decay": 0.0, "schedule": "constant", "warmup": 0.0, "batch_size": 4, "accumulate": 1, "patience": 0,
        "l2_sp": 0.0,
    }  # fmt: skip
    return Phase(**{**given, **changes})


def a_job(method="finetune", **params) -> AdaptJob:
    return network_job(method=method, params=dict(resolve(method, {**QUICK, **params}).params))


def a_text_job(folder, method="finetune", **params) -> AdaptJob:
    """Texts of 1 to 12 words on a BERT that transformers saved; the first word tells the class."""
    model = load_model(f"hf:{tiny.text_encoder(folder)}")
    rng = np.random.default_rng(0)
    data, first = fake_dataset(60, modality="text"), ("good", "bad", "dull")
    texts = [" ".join([first[code], *rng.choice(tiny.WORDS, rng.integers(0, 12))]) for code in data.targets]
    data = replace(data, load=lambda rows: [texts[int(row)] for row in rows])
    part = DataSlice(data=data.ref, split="s")
    spec = TrialSpec(
        model=model.ref, train=part, test=part, recipe=resolve(method, {**QUICK, **params}), draw=0, seed=0
    )
    rows = np.arange(60)
    return AdaptJob(spec=spec, task=data.task, targets=data.targets, train=rows[:36], valid=rows[36:48], test=rows[48:],
                    model=model, dataset=data)  # fmt: skip


def solve(adapter, job):
    (result,) = adapter.run([job])
    assert result.error is None, result.error
    return result


def largest_difference(one, other) -> float:
    return max(float(np.abs(one.parts[part].score - other.parts[part].score).max()) for part in one.parts)


def test_training_from_stored_activations_gives_what_the_whole_network_gives(tmp_path):
    """The last stage of a text encoder, trained with and without stored activations, for texts of unequal length."""
    stored = solve(FINETUNE, a_text_job(tmp_path / "m", unfreeze="last", lr=1e-3))
    plain = solve(FINETUNE, a_text_job(tmp_path / "m", unfreeze="last", lr=1e-3, store=False))

    assert stored.chosen["stored"]["used"], stored.chosen["stored"]
    assert "stored" not in plain.chosen
    assert largest_difference(stored, plain) < 1e-3
    np.testing.assert_allclose(
        [epoch["train_loss"] for epoch in stored.history], [epoch["train_loss"] for epoch in plain.history], rtol=1e-3
    )


def test_activations_that_do_not_fit_into_memory_are_read_from_a_file(tmp_path, monkeypatch):
    """With no room in memory the result is the same, bit for bit."""
    job = a_text_job(tmp_path / "m", unfreeze="last", lr=1e-3)
    kept = solve(FINETUNE, job)
    monkeypatch.setattr(stored_module, "MEMORY_BYTES", 0)
    filed = solve(FINETUNE, job)

    assert filed.chosen["stored"]["bytes"] == kept.chosen["stored"]["bytes"] > 0
    assert largest_difference(kept, filed) == 0.0


def test_where_everything_learns_or_images_are_mirrored_nothing_is_stored():
    """Stored activations would not change with the weights, or show no mirrored image."""
    assert solve(FINETUNE, a_job(unfreeze="last")).chosen["stored"]["used"]
    assert "stored" not in solve(FINETUNE, a_job(unfreeze="all")).chosen
    assert "stored" not in solve(FINETUNE, a_job(unfreeze="last", flip=True)).chosen


def test_unfreezing_stepwise_opens_more_with_each_phase():
    """Head, last stage, half, all: each phase is in the history, and all parameters have learned in the end."""
    job = a_job(unfreeze="stepwise", epochs=3)
    result = solve(FINETUNE, job)
    size = sum(p.numel() for p in job.model.network.parameters())

    assert sorted({epoch["phase"] for epoch in result.history})[0] == 0.0
    assert len({epoch["phase"] for epoch in result.history}) >= 3
    assert result.chosen["trained_parameters"] == size + result.state["weight"].size + result.state["bias"].size


def test_low_rank_adapters_learn_and_are_merged_into_the_weights(tmp_path):
    """The state is the plain network's, only dense layers of the blocks have moved, and it predicts what was told."""
    job = a_text_job(tmp_path / "m", "lora", epochs=6, rank=4)
    before = {name: value.numpy().copy() for name, value in job.model.network.state_dict().items()}
    result = solve(LORA, job)
    moved = {name for name in before if not np.array_equal(before[name], result.state[name])}

    assert set(result.state) == {*before, "weight", "bias"}
    assert moved
    assert all(".layer." in name and name.endswith("weight") and "LayerNorm" not in name for name in moved)
    assert all(np.array_equal(before[name], value.numpy()) for name, value in job.model.network.state_dict().items())
    network = load_model(job.spec.model.uri).network
    network.load_state_dict({name: torch.as_tensor(result.state[name]) for name in before})
    batch = job.model.collate(job.dataset.load(job.test))
    with torch.no_grad():
        features = network(**{name: torch.as_tensor(values) for name, values in batch.items()}).double().numpy()
    logits = features @ result.state["weight"].T + result.state["bias"]
    np.testing.assert_array_equal(logits.argmax(1), result.parts["test"].label)
    assert float((result.parts["train"].label == job.targets[job.train]).mean()) > 0.8


def test_adapters_on_the_last_stage_train_from_stored_activations():
    """A vision transformer of timm: the blocks before the adapters are computed once."""
    model = load_model("random:timm:test_vit")
    job = a_job("lora", stages="last")
    data = replace(job.dataset, load=lambda rows: [np.asarray(item, np.uint8) for item in job.dataset.load(rows)])
    result = solve(LORA, replace(job, model=model, dataset=data))

    assert result.chosen["stored"]["used"], result.chosen["stored"]
    assert result.chosen["trained_parameters"] < 0.2 * model.info.parameters


def test_low_rank_adapters_refuse_a_network_without_dense_blocks():
    """A convolutional network gets an error that names the recipe to use."""
    (result,) = LORA.run([a_job("lora")])

    assert isinstance(result.error, UsageError)
    assert "finetune" in str(result.error)


class Cramped(nn.Module):
    """A network in whose memory only so many rows fit at once while it is trained."""

    def __init__(self, network: nn.Module, room: int) -> None:
        super().__init__()
        self.network, self.room = network, room

    def forward(self, pixels):
        if torch.is_grad_enabled() and len(pixels) > self.room:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")
        return self.network(pixels)


def cramped(room: int) -> AdaptJob:
    job = a_job(unfreeze="all", batch_size=16, optimizer="sgd")
    with drawn(0):
        job.model.network = Cramped(nn.Sequential(nn.Flatten(), nn.Linear(3072, 12)), room).eval()
    return job


def test_a_batch_that_does_not_fit_is_halved_and_the_step_stays_what_it_was():
    """With room for five rows the network learns what it learns with room for all, having no batch statistics."""
    roomy, tight = solve(FINETUNE, cramped(100)), solve(FINETUNE, cramped(5))

    assert roomy.chosen["rows_at_once"] == 16
    assert tight.chosen["rows_at_once"] == 4
    assert largest_difference(roomy, tight) < 1e-4


def test_memory_that_runs_out_for_two_rows_is_a_failed_row_with_its_own_reason():
    """The outcome is kept, with the reason that a map of failures counts and what was spent until then."""
    job = cramped(1)
    (result,) = FINETUNE.run([job])
    outcome = outcome_of(job, result, dataset=job.dataset, metrics=("accuracy",), provenance={})

    assert isinstance(result.error, OutOfMemoryError)
    assert outcome.status == "failed"
    assert outcome.provenance["reason"] == "out of memory"
    assert outcome.cost.seconds is not None
    assert len(outcome.history) == 1


def test_a_diverged_training_is_a_failed_row_that_says_so():
    """A loss that is no longer finite ends the training at once, as `diverged`, and keeps the epochs before."""
    job = a_job(unfreeze="all", optimizer="sgd", lr=1e30)
    (result,) = FINETUNE.run([job])
    outcome = outcome_of(job, result, dataset=job.dataset, metrics=("accuracy",), provenance={})

    assert isinstance(result.error, DivergedError)
    assert outcome.provenance["reason"] == "diverged"
    assert len(outcome.history) == 1


def test_each_epoch_tells_its_steps_seconds_and_memory():
    """The history has what time to a score needs, and the peak is that of this process."""
    result = solve(FINETUNE, a_job(unfreeze="all"))

    assert [epoch["phase"] for epoch in result.history] == [0.0, 1.0, 1.0]
    assert all(epoch["steps"] == 5 for epoch in result.history)  # 36 rows in batches of 8
    assert all(epoch["seconds"] > 0 and epoch["peak_bytes"] > 1e7 for epoch in result.history)
    assert result.peak_bytes == max(epoch["peak_bytes"] for epoch in result.history)
    assert result.joules is None


def test_energy_is_measured_where_it_is_asked_for():
    """Every epoch then has joules, and the sum is the trial's."""
    pytest.importorskip("codecarbon")
    result = solve(FINETUNE, a_job(unfreeze="head", head_epochs=2, energy=True))

    assert all(epoch["joules"] >= 0 for epoch in result.history)
    assert result.joules == pytest.approx(sum(epoch["joules"] for epoch in result.history))


def test_replay_adds_the_gradient_of_the_source_data():
    """One step with replay is a step of the task's loss plus the weighted loss on the source."""
    torch.manual_seed(0)
    backbone = nn.Linear(5, 3, bias=False)
    x, source = torch.randn(8, 5), torch.randn(6, 5)
    y, z = torch.arange(8) % 2, torch.arange(6) % 3
    whole, other = (Whole(backbone=Named(backbone), head=new_head(3, n), kind="multiclass") for n in (2, 3))
    for head in (whole.head, other.head):
        nn.init.normal_(head.weight)
    start = backbone.weight.detach().clone()
    mine = nn.functional.cross_entropy(whole.head(backbone(x)), y)
    theirs = nn.functional.cross_entropy(other.head(backbone(source)), z)
    (wanted,) = torch.autograd.grad(mine + 0.5 * theirs, backbone.weight)
    replay = Replay(whole=other, feed=lambda rows: {"x": source[rows]}, target=z, rows=np.arange(6), weight=0.5)
    lesson = Lesson(feed=lambda rows: {"x": x[rows]}, learn=lambda rows: {"x": x[rows]}, target=y, rows=np.arange(8),
                    valid=np.arange(0), score=lambda _: 0.0, replay=replay)  # fmt: skip
    _Loop(whole, a_phase(batch_size=8), lesson, np.random.default_rng(0)).epoch()

    torch.testing.assert_close(backbone.weight.detach(), start - 0.1 * wanted)


class Named(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


def test_replay_runs_from_a_study_and_refuses_data_of_another_kind():
    """Source data are named as a study names data; texts cannot be replayed to a model of images."""
    source = "py:assay.testing.data:fake_dataset?modality="
    result = solve(FINETUNE, a_job(unfreeze="all", replay=f"{source}image", epochs=1))
    (refused,) = FINETUNE.run([a_job(unfreeze="all", replay=f"{source}text")])

    assert len(result.history) == 2
    assert isinstance(refused.error, UsageError)
    assert "text" in str(refused.error)


def test_each_stage_has_its_learning_rate_and_it_rises_first():
    """The head has its own rate, stages further from the output smaller ones; warm-up rises to the full rate."""
    near, far = nn.Linear(2, 2), nn.Linear(2, 2)
    whole = Whole(backbone=nn.Sequential(far, near), head=new_head(2, 2), kind="multiclass")
    depths = {id(p): depth for depth, layer in ((0, near), (3, far)) for p in layer.parameters()}
    lesson = Lesson(feed=dict, learn=dict, target=torch.zeros(0), rows=np.arange(0), valid=np.arange(0),
                    score=lambda _: 0.0, depths=depths)  # fmt: skip
    groups = optimizer_of(whole, a_phase(layer_decay=0.5), lesson).param_groups

    assert {len(group["params"]): group["lr"] for group in groups if group["params"][0] is whole.head.weight} == {
        2: 0.2
    }
    assert sorted(group["lr"] for group in groups) == pytest.approx([0.1 * 0.5**3, 0.1, 0.2])
    rates = [factor("cosine", 0.2, step, 20) for step in range(20)]
    assert np.all(np.diff(rates[:5]) > 0)
    assert rates[4] == 1.0
    assert np.all(np.diff(rates[4:]) < 0)


def test_a_frozen_block_keeps_its_statistics_and_drops_nothing_out():
    """Dropout and batch statistics are active in what learns, and nowhere else."""
    frozen, learned = (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5)) for _ in range(2))
    frozen.requires_grad_(False)
    whole = Whole(backbone=nn.Sequential(frozen, learned), head=new_head(2, 2), kind="multiclass")
    whole.train_mode()

    assert not any(module.training for module in frozen.modules())
    assert all(module.training for module in learned.modules())


def test_batch_statistics_follow_the_data_within_an_epoch():
    """Weights whose statistics move by a thousandth a step are judged with those of the data they have just learned."""
    torch.manual_seed(0)
    x = 3.0 + torch.randn(80, 3)
    norm, frozen = nn.BatchNorm1d(3, momentum=0.001), nn.BatchNorm1d(3, momentum=0.001).requires_grad_(False)
    whole = Whole(backbone=Named(nn.Sequential(norm, frozen)), head=new_head(3, 2), kind="multiclass")
    lesson = Lesson(feed=lambda rows: {"x": x[rows]}, learn=lambda rows: {"x": x[rows]}, target=torch.arange(80) % 2,
                    rows=np.arange(80), valid=np.arange(0), score=lambda _: 0.0)  # fmt: skip
    _Loop(whole, a_phase(batch_size=4, lr=0.0), lesson, np.random.default_rng(0)).epoch()

    assert (norm.running_mean - x.mean(dim=0)).abs().max() < 0.3
    assert frozen.momentum == 0.001


@pytest.fixture
def speeds(monkeypatch):
    """Seconds of a step by (channels-last, threads, half, compiled), instead of a clock."""

    def use(table):
        monkeypatch.setattr(tuned_settings, "_remembered", {})
        monkeypatch.setattr(tuned_settings, "_time", lambda _, s: table(s))
        monkeypatch.setattr(torch, "get_num_threads", lambda: 2)

    return use


def settled(steps=1000, spatial=True, **wish) -> Settings:
    return choose(lambda _: lambda: None, Wish(**wish), steps=steps, spatial=spatial, device=torch.device("cpu"),
                  remember="one")  # fmt: skip


def test_settings_are_the_fastest_that_were_measured(speeds):
    """Layout, threads and precision are each kept where they are clearly faster, and the rates are recorded."""
    speeds(
        lambda s: 1.0 / ((2.0 if s.channels_last else 1.0) * (1.5 if s.threads == 1 else 1.0) * (3 if s.half else 1))
    )
    found = settled(half=None, compiled=False)

    assert (found.channels_last, found.threads, found.half) == (True, 1, True)
    assert found.steps_per_second == pytest.approx(9.0)
    assert found.plain_steps_per_second == pytest.approx(1.0)


def test_settings_are_never_slower_than_plain_training(speeds):
    """Where every change slows training down, plain float32 eager training is what remains."""
    speeds(lambda s: 1.0 + s.channels_last + s.kept_memory + (s.threads == 1) + s.half)
    found = settled(half=None, compiled=False)

    assert found == replace(found, channels_last=False, kept_memory=False, half=False, compiled=False)
    assert found.threads == 2


def test_compilation_is_tried_only_where_the_steps_repay_it(speeds):
    """A compiled step twice as fast is taken for many steps, and not tried for few."""
    tried = []

    def table(s):
        tried.append(s.compiled)
        return 0.5 if s.compiled else 1.0

    speeds(table)
    assert not settled(steps=100).compiled
    assert not any(tried)
    speeds(table)
    assert settled(steps=10_000).compiled


def test_a_short_training_is_not_measured_and_runs_channels_last(speeds):
    """So that a training that ends at once is the same everywhere, and not kept waiting."""
    speeds(lambda _: pytest.fail("measured"))

    assert settled(steps=10).channels_last
    assert not settled(steps=10, spatial=False).channels_last
    assert not settled(steps=10, channels_last=False).channels_last


def test_a_longer_training_is_measured_and_trains_the_same_network_again():
    """The choice is recorded with what it cost, and remembered, so that the second run equals the first."""
    job = a_job(unfreeze="all", head_epochs=0, epochs=15, compile="never")
    first, second = solve(FINETUNE, job), solve(FINETUNE, job)

    assert first.chosen["settings"]["measured"]
    assert first.chosen["settings"]["seconds"] > 0
    assert largest_difference(first, second) == 0.0
