"""Holm's adjustment against its definition."""

import numpy as np
import pytest

from assay.errors import ShapeError, UsageError
from assay.stats.multiplicity import holm


def test_holm_multiplies_the_smallest_by_the_number_of_tests_and_never_falls():
    """Sorted p-values are multiplied by k, k − 1, … and made monotone, capped at 1."""
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]


def test_a_test_that_was_not_made_does_not_count():
    """NaN stays NaN and leaves the others as if it were absent."""
    adjusted = holm([0.01, np.nan, 0.04])

    assert adjusted[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])


def test_holm_refuses_what_is_no_p_value():
    """Values outside 0 to 1 and matrices are refused."""
    with pytest.raises(UsageError):
        holm([0.5, 1.2])
    with pytest.raises(ShapeError):
        holm([[0.5]])
