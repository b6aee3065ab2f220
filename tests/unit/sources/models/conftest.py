"""Tiny models on disk, written once a session."""

import os

import pytest

from assay.testing import tiny

os.environ.setdefault("KERAS_BACKEND", "torch")


@pytest.fixture(scope="session")
def models_root(tmp_path_factory):
    return tmp_path_factory.mktemp("tiny-models")


@pytest.fixture(scope="session")
def bert(models_root):
    return tiny.text_encoder(models_root / "bert")


@pytest.fixture(scope="session")
def gpt2(models_root):
    return tiny.decoder(models_root / "gpt2")


@pytest.fixture(scope="session")
def vit(models_root):
    return tiny.image_encoder(models_root / "vit")


@pytest.fixture(scope="session")
def timm_folder(models_root):
    return tiny.timm_folder(models_root / "timm")
