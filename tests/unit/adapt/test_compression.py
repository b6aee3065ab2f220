"""Promises of compression as a recipe: each way gives a smaller network, told beside the whole one."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from adapt_demo import digits_job, small_digits
from assay.adapt.network.compress import COMPRESS
from assay.adapt.network.distil import distilled
from assay.errors import UsageError
from assay.sources.models import load_model
from assay.testing import tiny
from assay.testing.data import fake_dataset

a_job = partial(digits_job, "compress")


@pytest.fixture(scope="module")
def data():
    return small_digits()


def solve(job):
    (result,) = COMPRESS.run([job])
    assert result.error is None, result.error
    return result


@pytest.mark.parametrize(
    ("way", "amount", "share"), [("half", 0.3, 0.55), ("depth", 0.5, 0.65), ("prune", 0.5, 0.75), ("thin", 0.5, 0.6)]
)
def test_each_way_takes_fewer_bytes_and_tells_the_score_it_keeps(data, way, amount, share):
    """Bytes, seconds an item and validation score stand beside those of the whole network."""
    job = a_job(data, way=way, amount=amount)
    before = {name: value.clone() for name, value in job.model.network.state_dict().items()}
    said = solve(job).chosen

    assert said["bytes"] <= share * said["whole_bytes"]
    assert said["seconds_an_item"] > 0
    assert said["whole_seconds_an_item"] > 0
    assert 0.4 < said["valid_score"] <= 1.0
    assert said["whole_valid_score"] > 0.6
    assert all(torch.equal(before[name], value) for name, value in job.model.network.state_dict().items())


def test_int8_keeps_the_score_of_a_convolutional_network(data):
    """A quarter of the weights' bytes, more for what stays in float32, and nearly the same predictions."""
    pytest.importorskip("nncf")
    result = solve(a_job(data, way="int8"))

    assert result.chosen["bytes"] < 0.6 * result.chosen["whole_bytes"]
    assert result.chosen["valid_score"] > result.chosen["whole_valid_score"] - 0.15
    assert result.state == {}


def test_int8_serves_texts_of_any_length(tmp_path):
    """A text encoder that transformers saved is quantised too."""
    pytest.importorskip("nncf")
    data = fake_dataset(60, modality="text")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(tiny.WORDS, rng.integers(1, 12))) for _ in range(60)]
    model = load_model(f"hf:{tiny.text_encoder(tmp_path / 'm')}")
    job = replace(a_job(replace(data, load=lambda rows: [texts[int(row)] for row in rows]), model, way="int8"),
                  train=np.arange(30), valid=np.arange(30, 45), test=np.arange(45, 60))  # fmt: skip
    said = solve(job).chosen

    assert said["bytes"] < said["whole_bytes"]


def test_what_was_pruned_can_be_served(data):
    """The state is that of the same architecture, with zeros where weights were taken out."""
    job = a_job(data, way="prune", amount=0.5)
    result = solve(job)
    names = set(job.model.network.state_dict())

    assert names | {"weight", "bias"} == set(result.state)
    zeros = sum(int((result.state[name] == 0).sum()) for name in names if name.endswith("weight"))
    assert zeros >= 0.4 * sum(p.numel() for p in job.model.network.parameters())


def test_a_distilled_head_follows_its_teacher(data):
    """Taught what the whole network says, the head on half the blocks agrees with it more than labels alone tell."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 5)).astype(np.float32)
    odds = np.exp(x[:, :3] * 2.0)
    taught = odds / odds.sum(1, keepdims=True)
    wrong = rng.integers(0, 3, 400)
    head = distilled(x, wrong, taught, 2.0)

    assert float((head.predict(x).label == taught.argmax(1)).mean()) > 0.9
    result = solve(a_job(data, way="depth", amount=0.5, distil=True))
    assert result.chosen["valid_score"] > 0.5
    np.testing.assert_allclose(result.parts["test"].score.sum(axis=1), 1.0, atol=1e-9)


def test_a_model_without_a_torch_network_cannot_be_made_smaller(data):
    """The error names the recipe."""
    (result,) = COMPRESS.run([a_job(data, "py:assay.testing.models:fake_images")])

    assert isinstance(result.error, UsageError)
    assert "compress" in str(result.error)
