"""Every built-in engine against the shipped suite."""

import pytest

from assay.builtin import ENGINES
from assay.testing.engines import EngineSuite


class TestTorchEngine(EngineSuite):
    def make(self):
        return ENGINES["torch"]


class TestModelEngine(EngineSuite):
    def make(self):
        return ENGINES["model"]


class TestOpenVinoEngine(EngineSuite):
    def make(self):
        return ENGINES["openvino"]


@pytest.mark.slow
class TestCompiledEngine(EngineSuite):
    def make(self):
        return ENGINES["compiled"]


class TestCompiledEngineUncompiled(EngineSuite):
    """The same suite with the compiler left out, which takes half a minute of its own; the slow run has it."""

    @pytest.fixture(autouse=True)
    def _no_compiler(self, monkeypatch):
        import torch

        monkeypatch.setattr(torch, "compile", lambda network, **_: network)

    def make(self):
        return ENGINES["compiled"]


def test_every_engine_has_a_row_here():
    """An engine that is added without a row in this file is found."""
    assert set(ENGINES) == {"torch", "model", "openvino", "compiled"}
