"""Reading a prediction log: codes, probabilities, late labels, duplicates, and every refusal."""

import numpy as np
import pandas as pd
import pytest

from assay.assess.durability import Columns, read_log
from assay.assess.durability.periods import find_periods
from assay.errors import DataError, NothingToAssessError, ShapeError, UnknownNameError, UsageError


@pytest.fixture
def frame():
    return pd.DataFrame({
        "day": pd.date_range("2016-01-01", periods=6, freq="D"),
        "truth": ["cat", "dog", None, "cat", "dog", "cat"],
        "said": ["cat", "dog", "dog", "dog", "dog", "cat"],
        "dog": [0.1, 0.9, 0.8, 0.7, 0.6, 0.2],
        "p_cat": [0.9, 0.1, 0.2, 0.3, 0.4, 0.8],
        "p_dog": [0.1, 0.9, 0.8, 0.7, 0.6, 0.2],
    })  # fmt: skip


def read(frame, **columns):
    return read_log(frame, Columns(**{"time": "day", "target": "truth", **columns}))


def test_labels_that_are_late_stay_in_the_log(frame):
    """A missing target is coded −1 and its row is kept."""
    found = read(frame, prediction="said")

    assert found.outputs.target.tolist() == [0, 1, -1, 0, 1, 0]
    assert found.outputs.labelled.sum() == 5


def test_probability_columns_find_their_class_by_name(frame):
    """One column a class is matched by its ending, whatever the order; class=column says it outright."""
    by_ending = read(frame, proba=("p_dog", "p_cat")).outputs
    outright = read(frame.rename(columns={"p_dog": "x", "p_cat": "y"}), proba=("dog=x", "cat=y")).outputs

    assert by_ending.classes == outright.classes == ("cat", "dog")
    np.testing.assert_allclose(by_ending.score, outright.score)
    np.testing.assert_allclose(by_ending.score[:, 1], frame["dog"])
    assert by_ending.label.tolist() == [0, 1, 1, 1, 1, 0]


def test_one_probability_column_is_checked_against_the_predictions(frame):
    """A single column belongs to the class that the predictions say it does."""
    plain = read(frame.rename(columns={"dog": "p"}), prediction="said", proba=("p",)).outputs
    turned = read(frame.assign(p=1 - frame["dog"]), prediction="said", proba=("p",)).outputs

    np.testing.assert_allclose(plain.score, turned.score)
    assert "class 'cat'" in turned.notes[0]


def test_classes_are_the_same_whatever_their_type():
    """1, 1.0, True and "1" in target and prediction are one class."""
    for truth, said in (([0, 1, 1], [0.0, 1.0, 0.0]), ([True, False, True], [1, 0, 0]), (["0", "1", "1"], [0, 1, 0])):
        found = read(pd.DataFrame({"day": [1, 2, 3], "truth": truth, "said": said}), prediction="said")
        assert found.outputs.classes == ("0", "1")


def test_numbers_are_a_regression():
    """A target with fractions is predicted as a number, late labels included."""
    found = read(
        pd.DataFrame({"day": [1, 2, 3], "truth": [0.5, 1.7, None], "said": [0.4, 2.0, 3.0]}), prediction="said"
    )

    assert found.outputs.regression
    assert found.outputs.labelled.tolist() == [True, True, False]


@pytest.mark.parametrize(("change", "columns", "error", "says"), [
    ({}, {"prediction": "Said"}, UnknownNameError, "did you mean 'said'"),
    ({}, {}, UsageError, "--prediction COL or --proba COL"),
    ({"p_dog": 0.5}, {"proba": ("p_dog", "p_cat")}, DataError, "row 1: the probabilities sum to 1.4"),
    ({"p_dog": [9.0, -3, 2, 1, 1, 1]}, {"proba": ("p_dog", "p_cat")}, DataError, "softmax"),
    ({"dog": [0.1, None, 0.2, 0.3, 0.4, 0.5]}, {"proba": ("dog",)}, DataError, "row 2"),
    ({"said": ["cat", None, "dog", "dog", "dog", "cat"]}, {"prediction": "said"}, DataError, "row 2"),
    ({"said": "emu"}, {"prediction": "said", "proba": ("p_dog", "p_cat")}, DataError, "'emu' is none of the classes"),
    ({"truth": None}, {"prediction": "said"}, NothingToAssessError, "no label has arrived"),
    ({"truth": "cat", "said": "cat"}, {"prediction": "said"}, NothingToAssessError, "single class"),
    ({"truth": ["cat", "dog", "emu", "cat", "dog", "cat"]}, {"proba": ("dog",)}, DataError, "serves two classes"),
    ({"truth": ["cat", "dog", "emu", "cat", "dog", "cat"]}, {"proba": ("p_dog", "p_cat")}, DataError, "'emu'"),
], ids=lambda value: str(value)[:30])  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_place(frame, change, columns, error, says):
    """Wrong names, probabilities, predictions and targets are refused, with row and column."""
    with pytest.raises(error, match=says):
        read(frame.assign(**change), **columns)


def test_probability_columns_without_a_name_are_not_guessed(frame):
    """Columns that match no class are refused rather than taken in order."""
    with pytest.raises(DataError, match="class=column"):
        read(frame.rename(columns={"p_dog": "x", "p_cat": "y"}), proba=("x", "y"))


def test_rows_that_come_again_are_counted_and_an_id_tells_copies(frame):
    """Without an id equal rows are kept and said; with one the last of each is kept."""
    twice = pd.concat([frame, frame.iloc[:2]], ignore_index=True)
    kept = read(twice, prediction="said")
    told = read(twice.assign(name=[*range(6), 0, 1]), prediction="said", id="name")

    assert len(kept) == 8
    assert any("2 of 8 rows repeat" in note for note in kept.notes)
    assert len(told) == 6


def test_rows_without_time_or_from_the_future_are_set_aside(frame):
    """Such rows are left out and counted; a log of nothing else is refused."""
    frame["day"] = ["2016-01-01", None, "2016-01-02", "2016-01-03", "2999-01-01", "2016-01-04"]
    found = read(frame, prediction="said")

    assert len(found) == 4
    assert any("1 row without a time" in note for note in found.notes)
    assert any("in the future" in note for note in found.notes)
    with pytest.raises(NothingToAssessError, match="in the future"):
        read(frame.assign(day="2999-01-01"), prediction="said")


def test_features_must_have_the_rows_of_the_log(frame):
    """Features of another length are refused."""
    with pytest.raises(ShapeError, match="5 rows and the log has 6"):
        read_log(frame, Columns(time="day", target="truth", prediction="said"), features=np.zeros((5, 2)))
    with pytest.raises(NothingToAssessError, match="no rows"):
        read(frame.iloc[:0], prediction="said")


def log_with_split(marks):
    n = len(marks)
    table = pd.DataFrame({"day": pd.date_range("2016-01-01", periods=n), "truth": [0, 1] * (n // 2), "part": marks})
    return read(table.assign(said=table["truth"]), prediction="said", split="part")


def test_the_stream_begins_after_the_last_training_row():
    """Held-out rows of the time of training are the source; later rows are the windows; training rows are neither."""
    found = find_periods(log_with_split(["train", "test"] * 10 + ["", "test"] * 10), window="5")

    assert found.source_kind == "held-out rows of the time of training"
    assert len(found.source) == 9
    assert len(found.train) == 10
    assert sum(map(len, found.labelled)) == 21
    assert not set(found.train) & set(np.concatenate(found.labelled))


def test_a_source_that_overlaps_the_target_is_refused():
    """Training rows within the windows, or up to the very end, are refused."""
    with pytest.raises(DataError, match="overlaps the target"):
        find_periods(log_with_split(["", "train"] * 10))
    with pytest.raises(DataError, match="10 training rows lie at or after"):
        find_periods(log_with_split(["train", ""] * 20), origin="2016-01-21")
    with pytest.raises(UsageError, match="marks no row"):
        find_periods(log_with_split(["a", "b"] * 10))


def test_without_marks_the_source_is_before_the_origin_or_the_first_window(frame):
    """An origin makes the rows before it the source; otherwise it is the first window with labels."""
    log = read(frame, prediction="said")

    assert find_periods(log, window="2", origin="2016-01-03").source.tolist() == [0, 1]
    first = find_periods(log, window="2")
    assert first.source_window == 0
    assert first.later == [1, 2]
