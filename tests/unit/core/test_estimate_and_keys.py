"""Promises of Estimate, canonical keys, random streams and the error helpers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.canon import canonical, key_of
from assay.errors import InternalError, UnknownNameError, UsageError, nearest
from assay.estimate import Estimate, show_level, show_number, show_share
from assay.rng import stream
from assay.spec import DataRef, DataSlice, ModelRef, Recipe, TrialSpec

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**50), 2**50)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def a_trial(**changes) -> TrialSpec:
    data = DataRef(source="sklearn", name="digits", revision="d", task="multiclass")
    part = DataSlice(data=data, split="stratified")
    parts = {
        "model": ModelRef(source="timm", name="resnet18", revision="r"),
        "train": part,
        "test": part,
        "recipe": Recipe(method="probe", params={"a": 1, "b": 2.5}),
        "draw": 0,
        "seed": 0,
    }
    return TrialSpec(**(parts | changes))


@given(json_values)
def test_a_key_does_not_depend_on_the_order_of_dictionary_keys(value):
    """Reordering a dictionary leaves its key unchanged."""

    def turned(item):
        if isinstance(item, dict):
            return {key: turned(item[key]) for key in reversed(list(item))}
        return [turned(x) for x in item] if isinstance(item, list) else item

    assert key_of(value) == key_of(turned(value))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1, {"a": math.nan}]])
def test_what_is_not_finite_has_no_key(value):
    """NaN and infinity are refused rather than written into an identity."""
    with pytest.raises(UsageError):
        canonical(value)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": ModelRef(source="timm", name="resnet18", revision="other")},
        {"model": ModelRef(source="timm", name="resnet18", revision="r", untrained=True)},
        {"recipe": Recipe(method="probe", params={"a": 1, "b": 2.6})},
        {"recipe": Recipe(method="ridge", params={"a": 1, "b": 2.5})},
        {"draw": 1},
        {"seed": 1},
    ],
)
def test_whatever_can_change_a_result_changes_the_trials_key(changes):
    """Model revision, twin, recipe, parameters, draw and seed all belong to the key."""
    assert a_trial().key != a_trial(**changes).key


def test_the_draw_key_leaves_out_model_recipe_and_seed():
    """All models see the same rows."""
    other = a_trial(model=ModelRef(source="hf", name="x"), recipe=Recipe(method="knn"), seed=7)

    assert a_trial().draw_key == other.draw_key
    assert a_trial().draw_key != a_trial(draw=1).draw_key


def test_an_integer_valued_float_has_the_key_of_the_integer():
    """1 and 1.0 mean the same in a study file."""
    assert key_of({"a": 1}) == key_of({"a": 1.0})
    assert key_of({"a": np.float32(1)}) == key_of({"a": np.int64(1)})


def test_an_estimate_has_a_value_or_a_reason_and_never_both():
    """Value and reason exclude each other, and one is needed."""
    assert Estimate.unknown("x", "one run only").value is None
    with pytest.raises(InternalError):
        Estimate(name="x", value=1.0, reason="no")
    with pytest.raises(InternalError):
        Estimate(name="x", value=None)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_an_estimate_holds_no_nan(number):
    """A number that is not finite is a fault, not an estimate."""
    with pytest.raises(InternalError):
        Estimate(name="x", value=number)
    with pytest.raises(InternalError):
        Estimate(name="x", value=0.0, low=number)


def test_an_estimate_turned_into_another_unit_keeps_its_interval_in_order():
    """Scaling by a negative factor swaps the ends."""
    turned = Estimate(name="x", value=0.2, low=0.1, high=0.4, level=0.95).scaled(-100, "points")

    assert (turned.low, turned.value, turned.high, turned.unit) == (-40, -20, -10, "points")


def test_an_estimate_survives_its_dictionary():
    """`from_dict` undoes `to_dict`."""
    estimate = Estimate(name="x", value=0.2, low=0.1, high=0.4, level=0.95, n=10, unit="fraction", method="m")

    assert Estimate.from_dict(estimate.to_dict()) == estimate


def test_streams_are_named_and_independent_of_each_other():
    """The same names give the same draws, other names other draws."""
    again = stream(1, "a", 2).random(4)

    assert (stream(1, "a", 2).random(4) == again).all()
    assert (stream(1, "a", 3).random(4) != again).any()
    assert (stream(2, "a", 2).random(4) != again).any()


def test_an_unknown_name_offers_the_nearest():
    """A misspelt name is answered with the right one."""
    assert nearest("acuracy", ["accuracy", "f1_macro"]) == ["accuracy"]
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        raise UnknownNameError("metric", "acuracy", ["accuracy", "f1_macro"])


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.0, "0.000"), (0.912, "0.912"), (0.0042, "0.0042"), (16.25, "16.25"), (2669, "2,669"), (3_371_008, "3.37 M")],
)
def test_numbers_are_shown_as_people_read_them(number, words):
    """About three significant digits, thousands apart, and no exponent."""
    assert show_number(number) == words


@pytest.mark.parametrize(
    ("share", "words"), [(0.578, "58 %"), (0.004, "under 1 %"), (0.998, "over 99 %"), (1, "100 %")]
)
def test_a_share_is_never_rounded_to_none_or_all(share, words):
    """Whole percentages, except next to the ends."""
    assert show_share(share) == words


@pytest.mark.parametrize(("level", "words"), [(0.95, "95 %"), (0.995, "99.5 %"), (0.07, "7 %"), (1.0, "100 %")])
def test_a_stated_level_is_shown_in_full(level, words):
    """Nothing of a level that a user named is rounded away."""
    assert show_level(level) == words
