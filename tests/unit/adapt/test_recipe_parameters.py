"""Resolving recipes: defaults, ranges, near names; and rows that an adapter sets aside."""

from dataclasses import replace

import numpy as np
import pytest

from assay.adapt.job import read_rows
from assay.adapt.parameters import Parameter, resolve
from assay.canon import key_of
from assay.errors import DataError, ShapeError, SpecError, UnknownNameError
from assay.testing.adapters import feature_job
from assay.testing.data import fake_dataset


def test_every_parameter_is_filled_in():
    """A recipe with one parameter names all others with their defaults, and has a canonical key."""
    recipe = resolve("knn", {"k": 5})

    assert recipe.params == {"k": (5.0,)}
    assert resolve("probe").params.keys() == {"C", "scale", "class_weight", "tolerance"}
    assert key_of(resolve("probe")) == key_of(resolve("probe", {"scale": "global"}))


@pytest.mark.parametrize(
    ("method", "params", "near"),
    [("prob", {}, "probe"), ("probe", {"scael": "none"}, "scale"), ("ridge", {"alphas": 1.0}, "alpha")],
)
def test_an_unknown_name_is_refused_with_the_nearest(method, params, near):
    """Wrong names of recipes and parameters are errors that offer the right one."""
    with pytest.raises(UnknownNameError, match=near):
        resolve(method, params)


def test_all_wrong_values_are_told_at_once():
    """Each value out of range is listed with its parameter and what would be right."""
    with pytest.raises(SpecError) as caught:
        resolve("probe", {"C": [1.0, -2.0], "class_weight": "balancd", "tolerance": "small"})

    faults = dict(caught.value.faults)
    assert faults.keys() == {"C", "class_weight", "tolerance"}
    assert "above 0" in faults["C"]
    assert "balanced" in faults["class_weight"]
    assert "number" in faults["tolerance"]


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (Parameter(default=1, about="", kind="integer", low=1, high=9), (1, 9, 3.0), (0, 10, 2.5, True, None, "3")),
        (Parameter(default=0.1, about="", above=0.0), (0.1, 5), (0, -1, float("nan"), "auto")),
        (Parameter(default=True, about="", kind="flag"), (True, False), (1, "yes")),
        (Parameter(default=None, about="", optional=True), (None, 2.0), ("x",)),
        (Parameter(default="all", about="", kind="integer", choices=("all", "last"), low=1), ("last", 3), ("lost", 0)),
    ],
)
def test_values_are_read_by_kind_and_range(parameter, good, bad):
    """Good values pass, bad ones raise ValueError with a reason."""
    for value in good:
        assert parameter.read(value) == value
    for value in bad:
        with pytest.raises(ValueError, match="must be"):
            parameter.read(value)


def test_rows_set_aside_keep_classes_and_depend_on_the_draw_alone():
    """A fifth of each class is set aside, the same for every seed and model, and another for another draw."""
    job = feature_job("multiclass", valid=False, draw=3, seed=1)
    first, same = read_rows(job), read_rows(feature_job("multiclass", valid=False, draw=3, seed=2, method="ridge"))
    other = read_rows(feature_job("multiclass", valid=False, draw=4))

    assert set(first.fit) | set(first.valid) == set(job.train)
    assert not set(first.fit) & set(first.valid)
    assert np.ptp(np.bincount(job.targets[first.valid])) == 0
    np.testing.assert_array_equal(first.valid, same.valid)
    assert set(first.valid) != set(other.valid)


def test_rows_set_aside_part_no_group():
    """Rows of one group stay together when an adapter makes its own validation rows."""
    data = fake_dataset(60, modality="table", groups=12)
    job = replace(feature_job("multiclass", n=60, valid=False), dataset=data, targets=data.targets)
    rows = read_rows(job)

    assert rows.valid.size
    assert not set(data.groups[rows.fit]) & set(data.groups[rows.valid])


def test_positions_outside_the_data_and_missing_targets_are_errors():
    """The message says where the rows reach, or which row lacks its target."""
    job = feature_job("regression")
    targets = job.targets.copy()
    targets[job.train[2]] = np.nan

    with pytest.raises(ShapeError, match="0 to 89"):
        read_rows(replace(job, valid=np.array([95])))
    with pytest.raises(DataError, match=f"row {job.train[2]}"):
        read_rows(replace(job, targets=targets))
