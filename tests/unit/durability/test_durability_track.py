"""The track record of label-free methods: only the past speaks, and a steady error is taken off."""

import numpy as np
import pytest

from assay.assess.durability.track import CORRECTED, correct, track

REALISED = np.array([0.80, 0.82, 0.78, 0.81, np.nan])


def record(estimates):
    return track(("cbpe", "atc"), estimates, np.full(estimates.shape, 0.01), REALISED, (0, 1, 2, 3))


def test_a_steady_error_is_taken_off_and_shrinks_with_few_windows():
    """A method too high by ten points is corrected by 10·j/(j + 1) after j windows, and not at all before."""
    high = REALISED + 0.10
    high[4] = 0.90

    out = correct(high[None, :], REALISED, (0, 1, 2, 3))[0]

    assert out[:4] - REALISED[:4] == pytest.approx([0.10, 0.05, 0.10 / 3, 0.025])
    assert out[4] == pytest.approx(0.90 - 0.08)


def test_only_earlier_windows_speak():
    """Changing the outcome of a window changes nothing that was said or chosen up to that window."""
    rng = np.random.default_rng(0)
    said = np.clip(REALISED[None, :] + rng.normal(0.03, 0.03, (2, 5)), 0, 1)
    said[:, 4] = 0.8
    first = record(said)
    other = track(first.names[:2], said, np.full(said.shape, 0.01), np.r_[REALISED[:3], 0.1, np.nan], (0, 1, 2, 3))

    assert np.array_equal(first.estimates[:, :4], other.estimates[:, :4])
    assert [first.choose(k) for k in range(4)] == [other.choose(k) for k in range(4)]
    assert not np.array_equal(first.estimates[2:, 4], other.estimates[2:, 4])


def test_the_choice_is_the_method_nearest_so_far():
    """Before any outcome the first that can be used; then the method with the least mean absolute error."""
    said = np.stack([REALISED + 0.06, REALISED + 0.001])
    said[:, 4] = 0.8
    found = record(said)

    assert found.choose(0) == "cbpe"
    assert found.choose(4).removesuffix(CORRECTED) == "atc"
