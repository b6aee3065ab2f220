"""Intervals and tests of shares against published tables."""

import numpy as np
import pytest

from assay.errors import UsageError
from assay.stats.proportion import clopper_pearson, mcnemar_exact_p, mcnemar_mid_p, paired_difference, wilson


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(k, n, low, high):
    """Newcombe (1998), table I, method 3, to four places."""
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_clopper_pearson_as_published(k, n, low, high):
    """Newcombe (1998), table I, method 5, to four places."""
    assert clopper_pearson(k, n) == pytest.approx((low, high), abs=5e-5)


def test_mcnemar_as_published():
    """Fagerland, Lydersen and Laake (2013), airway hyper-responsiveness: 1 and 7 give 0.0703 and, mid-p, 0.0391."""
    assert mcnemar_exact_p(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)


def test_bonett_and_price_as_published():
    """Bonett and Price (2012), equation 9, on the same 21 children: −0.508 to −0.013."""
    assert paired_difference(1, 7, 21) == pytest.approx((-0.5084, -0.0134), abs=2e-4)


def test_shares_take_arrays_and_keep_their_limits():
    """Arrays broadcast; 0 and n give an end at 0 and 1; no disagreement gives an interval around 0."""
    low, high = wilson(np.array([0, 5, 10]), 10)
    assert low[0] == 0.0
    assert high[2] == 1.0
    assert (low < high).all()
    assert low[1] == pytest.approx(1 - high[1])
    below, above = paired_difference(0, 0, 50)
    assert below == pytest.approx(-above)
    assert mcnemar_mid_p(0, 0) == 1.0
    assert mcnemar_mid_p(3, 3) < 1.0


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: wilson(1, 0), "n is 0"),
        (lambda: wilson(5, 4), "between 0 and n"),
        (lambda: wilson(1, 2, level=95), "between 0 and 1"),
        (lambda: clopper_pearson(1, 2, level=0), "between 0 and 1"),
        (lambda: mcnemar_mid_p(-1, 2), "count items"),
        (lambda: paired_difference(3, 4, 5), "at most n together"),
    ],
)
def test_impossible_counts_are_refused(call, wanted):
    """Counts that cannot be, and levels in per cent, are usage errors."""
    with pytest.raises(UsageError, match=wanted):
        call()
