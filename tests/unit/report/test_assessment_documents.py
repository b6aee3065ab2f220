"""Assessments survive the way to JSON and back."""

import json

import pytest

from assay.errors import DataError
from assay.estimate import Estimate
from assay.finding import Assessment, Figure, Finding

ACCURACY = Estimate(name="accuracy", value=0.9, low=0.85, high=0.94, level=0.95, n=200, unit="fraction")
UNKNOWN = Estimate.unknown("regret", "one task only", unit="points")


def _assessment() -> Assessment:
    finding = Finding(lens="selection", claim="a is best", subjects=("a", "b"), estimates=(ACCURACY,), caveats=("x",))
    figure = Figure(name="ranking", kind="intervals", title="t", rows=[{"y": "a", "x": ACCURACY}, {"y": "b", "x": 1}])
    return Assessment(lens="selection", question="q", verdict="v", findings=(finding,), estimates=(ACCURACY, UNKNOWN),
                      tables={"ranking": [{"model": "a", "accuracy": ACCURACY, "folds": [1, 2]}]}, figures=(figure,),
                      inputs={"rows": 4, "regret": UNKNOWN}, caveats=("few tasks",), cost={"seconds": 1.5})  # fmt: skip


def test_reading_gives_back_what_was_written():
    """An assessment read from its own JSON is equal to it, estimates and figures included."""
    assessment = _assessment()

    assert Assessment.from_dict(json.loads(assessment.to_json())) == assessment


def test_numbers_that_are_none_never_reach_json():
    """NaN and infinity in a table or a figure become null."""
    figure = Figure(name="f", kind="curve", title="t", rows=[{"x": float("nan"), "y": float("inf")}])
    document = Assessment(lens="rank", question="", verdict="", tables={"t": [{"a": float("nan")}]}, figures=(figure,))

    assert "NaN" not in document.to_json()
    assert document.to_dict()["figures"][0]["rows"] == [{"x": None, "y": None}]


@pytest.mark.parametrize("schema", ["assay/selection/2", "other/1", None, 3])
def test_a_foreign_document_is_refused(schema):
    """A document of another schema or version is refused with the schema it has."""
    with pytest.raises(DataError, match="schema"):
        Assessment.from_dict({"schema": schema})


def test_a_damaged_document_is_refused():
    """A document with a part missing is refused by the name of that part."""
    document = _assessment().to_dict()
    del document["findings"]

    with pytest.raises(DataError, match="findings"):
        Assessment.from_dict(document)
