"""The battery: every score a number or a reason, from one factorisation."""

import numpy as np
import pytest

from assay.errors import UnknownNameError
from assay.transfer import SCORES, battery


def features(n=60, d=8, c=3):
    rng = np.random.default_rng(0)
    y = np.arange(n) % c
    return rng.standard_normal((c, d))[y] * 2 + rng.standard_normal((n, d)), y


def test_every_score_is_a_number_or_a_reason(rng):
    """Without a head LEEP and NCE say so; all others are numbers, shares of rows with an interval."""
    x, y = features()
    found = battery(x, y, rng=rng)

    assert list(found) == list(SCORES)
    assert {name for name, e in found.items() if not e.known} == {"leep", "nce"}
    assert "no source head" in found["leep"].reason
    assert found["ridge_loo"].low < found["ridge_loo"].value <= found["ridge_loo"].high


def test_with_a_head_leep_and_nce_are_given(rng):
    """The head's probabilities give LEEP and NCE."""
    x, y = features()
    found = battery(x, y, source_probabilities=rng.dirichlet(np.ones(5), size=60), scores=["leep", "nce"], rng=rng)

    assert found["leep"].value < 0
    assert found["nce"].value < 0


def test_more_classes_than_half_the_rows(rng):
    """With as many classes as rows each score is a number or says why there is none."""
    x, _ = features()
    found = battery(x, np.arange(60), rng=rng)

    assert all(e.known != bool(e.reason) for e in found.values())


def test_regression_gives_reasons_for_scores_of_classes(rng):
    """Real targets: three scores answer, the others say that they need classes."""
    x, _ = features()
    found = battery(x, x[:, 0] + 0.1, rng=rng)

    assert {name for name, e in found.items() if e.known} == {"ridge_loo", "knn_loo", "logme"}
    assert "needs classes" in found["gbc"].reason


def test_all_pairs_scores_draw_rows(rng):
    """PARC sees a sample of many rows and says how many."""
    x, y = features(n=2500)

    assert battery(x, y, scores=["parc"], rng=rng)["parc"].n == 2000


def test_an_unknown_score_is_named_with_its_nearest(rng):
    """A misspelt score ends in an error with the right name."""
    with pytest.raises(UnknownNameError, match="'logme'"):
        battery(*features(), scores=["logmee"], rng=rng)
