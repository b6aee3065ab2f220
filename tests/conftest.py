"""Fixtures for all tests: no network, no global random state, no colours."""

import os

import hypothesis
import numpy as np
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("NO_COLOR", "1")

# The same examples on every machine, and no failure because a machine is busy.
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _global_random_state_is_left_alone():
    """No code of ours may touch NumPy's global generator."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    after = np.random.get_state()[1]  # noqa: NPY002
    assert (after == before).all(), "something drew from NumPy's global generator"


@pytest.fixture
def rng():
    """A fixed generator for building test data."""
    return np.random.default_rng(20240229)
