"""Every recipe that we ship holds what `assay.testing` asks of a recipe."""

import pytest

from assay.builtin import ADAPTERS
from assay.testing.adapters import AdapterSuite

READY = [name for name in ADAPTERS if name != "lora"]
"""Low-rank adapters need a transformer, which `network_job` has none of; they have tests of their own."""


class TestMajority(AdapterSuite):
    learns = False

    def make(self):
        return ADAPTERS["majority"]


class TestKnn(AdapterSuite):
    def make(self):
        return ADAPTERS["knn"]


class TestCentroid(AdapterSuite):
    kinds = ("binary", "multiclass")

    def make(self):
        return ADAPTERS["centroid"]


class TestZeroshot(AdapterSuite):
    kinds = ("binary", "multiclass")

    def make(self):
        return ADAPTERS["zeroshot"]


class TestRidge(AdapterSuite):
    def make(self):
        return ADAPTERS["ridge"]


class TestProbe(AdapterSuite):
    def make(self):
        return ADAPTERS["probe"]


class TestHead(AdapterSuite):
    params = {"lr": 0.05, "batch_size": 16, "epochs": 15}

    def make(self):
        return ADAPTERS["head"]


class TestCompress(AdapterSuite):
    params = {"way": "prune", "amount": 0.1, "batch_size": 16}
    learns = False  # the tiny network is random, and a linear head on what it gives need not find the target

    def make(self):
        return ADAPTERS["compress"]


class TestFinetune(AdapterSuite):
    params = {"head_epochs": 1, "epochs": 30, "batch_size": 16, "head_lr": 0.05, "lr": 0.01, "patience": 0,
              "schedule": "constant", "unfreeze": "last", "threads": 1}  # fmt: skip

    def make(self):
        return ADAPTERS["finetune"]


@pytest.mark.parametrize("name", READY)
def test_every_recipe_has_a_suite(name):
    """A new name in the registry needs a class here."""
    assert any(suite().make() is ADAPTERS[name] for suite in AdapterSuite.__subclasses__())
