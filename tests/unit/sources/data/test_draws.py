"""Draws: the same rows for all models, parts that stay apart, budgets that nest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import DataError, UnknownNameError, UsageError
from assay.sources.data import Draws, draw, from_arrays, rows_in_window, take
from assay.spec import Window
from assay.testing.data import fake_dataset

SCHEMES = ["given", "stratified", "grouped", "time", "kfold", "leave_one_out", "bootstrap"]


def _data(n=120, *, groups=None, kind="multiclass", classes=3, modality="table"):
    return fake_dataset(
        n, modality=modality, kind=kind, classes=classes, splits=groups is None, groups=groups, times=True
    )


@settings(max_examples=60)
@given(
    scheme=st.sampled_from(SCHEMES), kind=st.sampled_from(["binary", "multiclass", "multilabel", "regression"]),
    grouped=st.booleans(), number=st.integers(0, 3), seed=st.integers(0, 5), n=st.integers(60, 150),
    test_size=st.sampled_from([0.1, 0.2, 0.34]), valid_size=st.sampled_from([0.0, 0.1, 0.25]),
)  # fmt: skip
def test_parts_are_apart_in_every_scheme(scheme, kind, grouped, number, seed, n, test_size, valid_size):
    """Whatever the scheme, no row and no group is in two parts, and the same call gives the same rows."""
    if scheme in ("given", "time") and grouped:
        grouped = False  # published splits and time cut through random groups; tested on their own below
    data = _data(n, groups=15 if grouped or scheme == "grouped" else None, kind=kind)
    plan = Draws(scheme=scheme, test_size=test_size, valid_size=valid_size, seed=seed)
    if scheme == "time" and number >= plan.count(data):
        number = 0
    split, again = plan.split(data, number), plan.split(data, number)

    for one, two in ((split.train, split.valid), (split.train, split.test), (split.valid, split.test)):
        assert not np.intersect1d(one, two).size
        if data.groups is not None:
            assert not np.intersect1d(data.groups[one], data.groups[two]).size
    for part in ("train", "valid", "test"):
        assert np.array_equal(getattr(split, part), getattr(again, part))


@settings(max_examples=40)
@given(
    kind=st.sampled_from(["binary", "multiclass", "multilabel", "regression"]), number=st.integers(0, 4),
    small=st.integers(1, 6), more=st.integers(1, 10), grouped=st.booleans(),
)  # fmt: skip
def test_small_budgets_are_within_larger_ones(kind, number, small, more, grouped):
    """Within a draw a small label budget is part of a larger one, and the test rows are the same."""
    data = _data(150, groups=20 if grouped else None, kind=kind)
    few, many, all_rows = (
        Draws(seed=1).split(data, number, per_class=budget) for budget in (small, small + more, None)
    )

    assert np.isin(few.train, many.train).all()
    assert np.isin(np.r_[few.train, few.valid], np.r_[many.train, many.valid]).all()
    assert np.array_equal(few.test, all_rows.test)
    assert np.isin(np.r_[many.train, many.valid], np.r_[all_rows.train, all_rows.valid]).all()


def test_a_budget_counts_rows_of_each_class():
    """A budget of 10 with a fifth set aside is 8 rows of each class to learn from and 2 to choose on."""
    data = _data(150)
    split = Draws(valid_size=0.2).split(data, 0, per_class=10)

    assert np.bincount(data.targets[split.train]).tolist() == [8, 8, 8]
    assert np.bincount(data.targets[split.valid]).tolist() == [2, 2, 2]


def test_a_multilabel_budget_reaches_every_label():
    """For multilabel each label has at least its budget of rows, where there are that many."""
    data = _data(200, kind="multilabel", classes=4)
    split = Draws(valid_size=0.0).split(data, 0, per_class=5)

    assert (data.targets[split.train].sum(axis=0) >= 5).all()
    assert len(split.train) <= 20


def test_stratified_parts_keep_the_classes_in_proportion():
    """Each part has every class within one row of its share, and all rows are used."""
    data = fake_dataset(300, modality="table", classes=3)
    split = draw(data, scheme="stratified", draw=0, seed=0, test_size=0.2, valid_size=0.25)

    assert np.bincount(data.targets[split.test]).tolist() == [20, 20, 20]
    assert np.bincount(data.targets[split.valid]).tolist() == [20, 20, 20]
    assert len(split.train) + len(split.valid) + len(split.test) == 300


def test_draws_differ_and_seeds_differ():
    """Another draw number or seed gives other rows."""
    data = _data()
    tests = [tuple(draw(data, scheme="stratified", draw=d, seed=s).test) for d in range(3) for s in range(3)]

    assert len(set(tests)) == 9


def test_the_draw_follows_the_rows_not_the_name():
    """The same rows under another name give the same draw: models and reloads see the same."""
    items, labels = [f"text {i}" for i in range(40)], [i % 2 for i in range(40)]
    one = draw(from_arrays(items, labels, name="one"), scheme="stratified", draw=0, seed=0)
    two = draw(from_arrays(items, labels, name="two"), scheme="stratified", draw=0, seed=0)

    assert np.array_equal(one.train, two.train)


@pytest.mark.parametrize("groups", [None, 20])
def test_folds_cover_each_row_once(groups):
    """The five folds test every row once; draw 5 deals anew."""
    data = _data(100, groups=groups)
    plan = Draws(scheme="kfold", folds=5)
    tested = np.concatenate([plan.split(data, number).test for number in range(5)])

    assert np.array_equal(np.sort(tested), np.arange(100))
    assert not np.array_equal(plan.split(data, 0).test, plan.split(data, 5).test)


def test_leave_one_out_tests_each_row_or_group():
    """There are as many draws as rows, or as groups, and each tests exactly one."""
    rows, groups = _data(30), _data(30, groups=6)
    plan = Draws(scheme="leave_one_out")

    assert plan.count(rows) == 30
    assert plan.split(rows, 7).test.tolist() == [7]
    assert plan.count(groups) == 6
    assert len(set(groups.groups[plan.split(groups, 2).test])) == 1
    with pytest.raises(UsageError, match="30 draws; draw 30 is beyond"):
        plan.split(rows, 30)


def test_time_never_learns_from_later_rows():
    """Training rows are earlier than valid rows, these earlier than test rows, and each draw steps back."""
    data = _data(100)
    plan = Draws(scheme="time", test_size=0.2)
    last, before = plan.split(data, 0), plan.split(data, 1)

    assert data.times[last.train].max() < data.times[last.valid].min() < data.times[last.test].min()
    assert data.times[before.test].max() < data.times[last.test].min()
    assert plan.count(data) == 4
    with pytest.raises(UsageError, match="steps back beyond"):
        plan.split(data, 5)


def test_time_keeps_rows_of_one_moment_together():
    """Rows of the same day are not parted by the cut."""
    times = [f"2020-01-{1 + row // 10:02d}" for row in range(60)]
    data = from_arrays(np.random.default_rng(0).normal(size=(60, 2)), [0, 1] * 30, name="days", times=times)
    split = Draws(scheme="time", test_size=0.25).split(data, 0)

    assert set(data.times[split.train]).isdisjoint(data.times[split.test])
    assert len(split.test) % 10 == 0


def test_time_with_groups_leaves_out_rows_whose_group_goes_on():
    """A group with rows on both sides of the cut keeps only its later ones, and the note counts the others."""
    data = _data(100, groups=40)
    split = Draws(scheme="time", test_size=0.2).split(data, 0)

    assert not np.intersect1d(data.groups[split.train], data.groups[split.test]).size
    assert "left out" in split.notes[0]


def test_bootstrap_tests_on_rows_that_were_not_drawn():
    """As many rows as there are, drawn with replacement; a good third is never drawn and tests."""
    data = _data(200)
    split = Draws(scheme="bootstrap", valid_size=0.0).split(data, 0)

    assert len(split.train) == 200
    assert 0.28 < len(split.test) / 200 < 0.46
    assert len(np.unique(split.train)) + len(split.test) == 200


def test_given_takes_the_published_parts():
    """`given` uses the published rows; without a valid split some training rows are set aside."""
    data = _data(100)
    split = Draws(scheme="given").split(data, 0)
    assert np.array_equal(split.test, np.flatnonzero(data.splits == "test"))
    assert np.array_equal(split.valid, np.flatnonzero(data.splits == "valid"))

    two = from_arrays(["a", "b"] * 20, [0, 1] * 20, name="two", splits=(["train"] * 3 + ["test"]) * 10)
    carved = Draws(scheme="given", valid_size=0.2).split(two, 0)
    assert len(carved.valid) == 6
    assert set(two.splits[carved.valid]) == {"train"}


def test_a_limit_is_the_same_for_every_draw_and_keeps_classes():
    """A limited run uses one sample of rows, in proportion by class, whatever the draw."""
    data = _data(150)
    used = [set(np.concatenate([s.train, s.valid, s.test]).tolist()) for s in
            (Draws(limit=60).split(data, number) for number in range(3))]  # fmt: skip

    assert used[0] == used[1] == used[2]
    assert np.bincount(data.targets[sorted(used[0])]).tolist() == [20, 20, 20]


def test_a_class_missing_from_the_training_rows_is_an_error():
    """A class that is tested but never learned is named, with its rows and what would have worked."""
    data = from_arrays(
        [f"t{i}" for i in range(40)],
        ["a", "b"] * 15 + ["a", "c"] * 5,
        name="late",
        splits=["train"] * 30 + ["test"] * 10,
    )
    with pytest.raises(DataError, match=r"class 'c' has 5 rows to test.*none to learn from.*in proportion"):
        Draws(scheme="given").split(data, 0)


def test_a_class_of_one_row_is_always_learned():
    """In stratified parts and folds a class of one row stays with the training rows, and a note says so."""
    data = from_arrays([f"t{i}" for i in range(41)], [0, 1] * 20 + [2], name="rare")
    for scheme in ("stratified", "kfold"):
        for number in range(5):
            split = Draws(scheme=scheme).split(data, number)
            assert 40 in split.train
            assert split.notes == ("no test rows of class '2'",)


def test_a_group_in_two_published_parts_is_an_error():
    """Published splits that cut a group in two are refused, naming the group."""
    data = from_arrays(["x", "y"] * 10, [0, 1] * 10, name="cut", splits=["train"] * 15 + ["test"] * 5,
                       groups=[f"g{i % 7}" for i in range(20)])  # fmt: skip
    with pytest.raises(DataError, match=r"group 'g\d' has rows in train and in"):
        Draws(scheme="given").split(data, 0)


@pytest.mark.parametrize(
    ("scheme", "wanted"), [("given", "publish no splits"), ("time", "no times"), ("grouped", "needs groups")]
)
def test_a_scheme_without_its_column_says_which(scheme, wanted):
    """A scheme whose column is missing names the option that gives it."""
    with pytest.raises(DataError, match=wanted):
        Draws(scheme=scheme).split(fake_dataset(30, modality="table"), 0)


def test_faulty_plans_are_refused():
    """Unknown schemes, sizes outside (0, 1) and negative draws are usage errors."""
    with pytest.raises(UnknownNameError, match="'stratified'"):
        Draws(scheme="stratifed")
    with pytest.raises(UsageError, match="shares below 1"):
        Draws(test_size=1.0)
    with pytest.raises(UsageError, match="two folds"):
        Draws(folds=1)
    with pytest.raises(UsageError, match="draws and budgets count from 0"):
        Draws().split(_data(), -1)
    with pytest.raises(UsageError, match="exclude each other"):
        Draws(scheme="bootstrap").split(_data(), 0, per_class=3)


def test_one_group_cannot_be_parted():
    """All rows in one group leave nothing to test on, and the message says so."""
    data = from_arrays(["x", "y"] * 10, [0, 1] * 10, name="one", groups=["g"] * 20)
    with pytest.raises(DataError, match="1 group cannot be parted"):
        Draws().split(data, 0)


def test_windows_include_their_start_and_exclude_their_end():
    """A window of ten days holds the ten rows that fall into it."""
    data = fake_dataset(50, modality="table", times=True)
    rows = rows_in_window(data, Window(name="w", start="2020-01-11", end="2020-01-21"))

    assert rows.tolist() == list(range(10, 20))
    assert len(take(data, rows)) == 10
