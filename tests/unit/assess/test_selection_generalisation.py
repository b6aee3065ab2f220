"""The generalisation block: parts side by side, gaps with intervals, calibration, abstention."""

import numpy as np
import pytest

from assay.assess.selection.generalisation import abstention, generalisation
from assay.errors import NothingToAssessError
from assay.outcome import Predictions

RNG = np.random.default_rng(0)


def part(right, n=400, name="x", scores=True, seed=0):
    """Predictions of which a share `right` is right; confidence falls with the rank of an item."""
    target = np.arange(n) % 2
    wrong = np.arange(n) >= right * n
    label = np.where(wrong, 1 - target, target)
    confidence = np.linspace(0.99, 0.51, n)
    score = np.where(label[:, None] == np.arange(2), confidence[:, None], 1 - confidence[:, None])
    ids = np.array([f"{name}{i:04d}" for i in range(n)])
    return Predictions(ids=ids, target=target, label=label, score=score if scores else None)


def test_gaps_between_parts_have_intervals():
    """Losing 20 points from train to test is a gap of 20 with an interval that excludes zero."""
    found = generalisation({"train": part(1.0, name="a"), "test": part(0.8, name="b")}, metric="accuracy", rng=RNG)
    gap = found.gaps["train_to_test"]

    assert gap.value == pytest.approx(20.0)
    assert 10 < gap.low < 20 < gap.high < 30
    assert gap.method == "two independent parts"
    assert list(found.scores) == ["train", "test"]


def test_the_same_items_in_another_form_are_paired():
    """A corrupted copy of the test items is compared item by item, which is sharper than two parts."""
    test, shifted = part(0.8), part(0.7)
    paired = generalisation({"test": test, "shifted": shifted}, metric="accuracy", rng=RNG).gaps["test_to_shifted"]
    apart = generalisation({"test": test, "shifted": part(0.7, name="y")}, metric="accuracy", rng=RNG).gaps[
        "test_to_shifted"
    ]

    assert paired.value == pytest.approx(apart.value)
    assert paired.width < apart.width


def test_the_abstention_curve_ends_at_plain_accuracy():
    """Answering the confident half only is right each time here; answering all gives the plain accuracy."""
    curve = abstention(part(0.8), level=0.95)

    assert curve[-1]["answered"] == 1.0
    assert curve[-1]["accuracy"] == pytest.approx(0.8)
    assert curve[9]["accuracy"] == 1.0
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in curve)


def test_labels_alone_give_reasons():
    """Without probabilities there is no calibration and no curve, and it is said why."""
    found = generalisation({"test": part(0.8, scores=False)}, metric="accuracy", rng=RNG)

    assert found.abstention == []
    assert "no predicted probabilities" in found.calibration["test"].reason


def test_without_test_rows_nothing_is_said():
    """Training scores alone say nothing about new rows."""
    with pytest.raises(NothingToAssessError, match="test rows"):
        generalisation({"train": part(1.0)}, metric="accuracy", rng=RNG)
