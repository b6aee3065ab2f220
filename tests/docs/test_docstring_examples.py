"""The examples in docstrings run and give what they say."""

import doctest
import importlib

import pytest

MODULES = [
    "assay.metrics.intervals",
    "assay.sources.data.arrays",
    "assay.sources.data.draws",
    "assay.sources.data.frames",
    "assay.sources.data.loading",
    "assay.stats.bootstrap",
    "assay.stats.proportion",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    """Each example of the module prints what its docstring shows."""
    found = doctest.testmod(importlib.import_module(name))

    assert found.attempted > 0
    assert found.failed == 0
