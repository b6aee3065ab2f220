"""Promises of the fine-tuning recipe, on a tiny convolutional network."""

from functools import partial

import numpy as np
import pytest

from adapt_demo import digits_job, small_digits
from assay.adapt.network.finetune import FINETUNE
from assay.errors import NonFiniteError, UsageError

a_job = partial(digits_job, "finetune")


@pytest.fixture(scope="module")
def data():
    return small_digits()


def accuracy(job, result) -> float:
    return float((result.parts["test"].label == job.targets[job.test]).mean())


def test_training_the_backbone_learns_more_than_the_head_alone(data):
    """A random backbone gains by being trained, and every epoch leaves a row of history."""
    head = a_job(data, unfreeze="head", head_epochs=3)
    whole = a_job(
        data,
        unfreeze="all",
        head_epochs=1,
        epochs=24,
        lr=3e-3,
        head_lr=1e-2,
        batch_size=16,
        schedule="constant",
        patience=0,
    )
    (first,), (second,) = FINETUNE.run([head]), FINETUNE.run([whole])

    assert first.error is None, first.error
    assert second.error is None, second.error
    assert accuracy(whole, second) >= accuracy(head, first) + 0.2
    assert len(second.history) == 25
    assert {"epoch", "train_loss", "valid_loss", "valid_score", "seconds"} <= set(second.history[0])


def test_the_same_seed_trains_the_same_network(data):
    """Two runs of one job agree to the last bit, and the job's own model is left as it was."""
    job = a_job(data, epochs=2, head_epochs=1)
    before = {name: value.clone() for name, value in job.model.network.state_dict().items()}
    (first,), (second,) = FINETUNE.run([job]), FINETUNE.run([job])

    np.testing.assert_array_equal(first.parts["test"].score, second.parts["test"].score)
    assert all((before[name] == value).all() for name, value in job.model.network.state_dict().items())


def test_only_the_stages_that_were_asked_for_change(data):
    """With `last`, earlier weights stay what they were."""
    job = a_job(data, unfreeze="last", head_epochs=0, epochs=1, lr=1e-2)
    (result,) = FINETUNE.run([job])
    before = job.model.network.state_dict()
    changed = {name for name in before if not np.array_equal(before[name].numpy(), result.state[name])}

    assert changed
    assert not any("stem" in name for name in changed)


def test_a_strong_pull_towards_the_pretrained_weights_keeps_them(data):
    """L2-SP with a large weight ends nearer to the start than without it."""

    def moved(pull: float) -> float:
        job = a_job(data, head_epochs=0, epochs=2, lr=1e-2, l2_sp=pull, optimizer="sgd", patience=0)
        (result,) = FINETUNE.run([job])
        start = job.model.network.state_dict()
        names = [name for name, _ in job.model.network.named_parameters()]
        return float(sum(((start[name].numpy() - result.state[name]) ** 2).sum() for name in names))

    assert moved(100.0) < 0.5 * moved(0.0)


def test_a_diverged_training_is_an_outcome_with_its_learning_rate(data):
    """NaN in the loss becomes the job's error, with the epoch and the learning rate."""
    (result,) = FINETUNE.run([a_job(data, lr=1e30, optimizer="sgd", head_epochs=0, epochs=3, head_lr=1e30)])

    assert isinstance(result.error, NonFiniteError)
    assert "lr=1e+30" in str(result.error)


def test_gradients_gathered_over_batches_equal_those_of_one_large_batch(data):
    """Two batches of 16 make the step of one batch of 32, for a network without batch statistics."""
    one = a_job(data, unfreeze="head", head_epochs=2, batch_size=32, patience=0, optimizer="sgd")
    two = a_job(data, unfreeze="head", head_epochs=2, batch_size=16, accumulate=2, patience=0, optimizer="sgd")
    (first,), (second,) = FINETUNE.run([one]), FINETUNE.run([two])

    np.testing.assert_allclose(first.state["weight"], second.state["weight"], atol=1e-5)


def test_a_model_without_a_torch_network_is_refused_with_advice(data):
    """The trial fails with the recipe that would work."""
    (result,) = FINETUNE.run([a_job(data, model="py:assay.testing.models:fake_images")])

    assert isinstance(result.error, UsageError)
    assert "probe" in str(result.error)
