"""How anyone's table becomes scores: forms, odd cells, scales, metrics, protocols, versions."""

import numpy as np
import pandas as pd
import pytest

from assay.assess.sustainability.cells import read_cell
from assay.assess.sustainability.fingerprint import differing, fingerprint
from assay.assess.sustainability.options import Goals, Reading, split_options
from assay.assess.sustainability.reading import read_records
from assay.assess.sustainability.results import results_of
from assay.assess.sustainability.scale import unit_of
from assay.cube import ScoreCube
from assay.errors import DataError, NothingToAssessError, UnknownNameError, UsageError


def _results(frame, **options):
    reading = Reading(**options)
    return results_of(read_records(frame, reading), reading)


@pytest.fixture
def wide():
    """Three models on three tasks, in percent."""
    return pd.DataFrame({"model": ["a", "b", "c"], "x": [90.0, 80.0, 70.0], "y": [60.0, 65.0, np.nan],
                         "z": [50.0, 40.0, 30.0]})  # fmt: skip


@pytest.fixture
def long(wide):
    """The same, one row a score."""
    return wide.melt("model", var_name="task", value_name="score").dropna()


def test_long_and_wide_tables_and_cubes_are_the_same(wide, long):
    """Three forms of one table give the same scores, and a missing cell stays missing."""
    values = wide[["x", "y", "z"]].to_numpy()
    cube = ScoreCube(values=np.nan_to_num(values), dims=("model", "task"), labels=(("a", "b", "c"), ("x", "y", "z")),
                     present=np.isfinite(values))  # fmt: skip

    for table in (wide, long, long.rename(columns={"model": "m", "task": "t", "score": "s"}), cube):
        names = {"model": "m", "task": "t", "score": "s"} if "m" in getattr(table, "columns", ()) else {}
        found = _results(table, **names)
        assert (found.models, found.tasks) == (("a", "b", "c"), ("x", "y", "z"))
        assert np.array_equal(found.scores, values, equal_nan=True)
        assert found.unit == "points"


@pytest.mark.parametrize(
    ("cell", "value", "kind"),
    [
        ("94.2/92.3", 93.25, "two metrics"), ("85.3%", 85.3, "percent sign"), ("91.2*", 91.2, "mark"),
        ("**91.2**", 91.2, "mark"), ("91.2†", 91.2, "mark"), ("91.2 ± 0.3", 91.2, "with its error"),
        ("91.2 (0.3)", 91.2, "with its error"), ("91,2", 91.2, "decimal comma"), ("1,013.01", 1013.01, "number"),
        ("-", None, "missing"), ("n/a", None, "missing"), (None, None, "missing"), ("n.b.", None, "unreadable"),
        ("inf", None, "unreadable"), (float("inf"), None, "not finite"), (" 7 ", 7.0, "number"),
    ],
)  # fmt: skip
def test_cells_are_read_for_what_they_are(cell, value, kind):
    """Numbers with marks are read and named; what cannot be read is left missing and named."""
    assert read_cell(cell) == (value if value is None else pytest.approx(value), kind)


def test_two_metrics_can_be_chosen_or_refused():
    """A cell `a/b` gives its mean, either of them, or an error with its place."""
    frame = pd.DataFrame({"model": ["a", "b"], "x": ["94/92", "90/80"], "y": [1.5, 2.5]})

    for option, values in (("mean", [93, 85]), ("first", [94, 90]), ("second", [92, 80])):
        assert _results(frame, two_metrics=option).scores[:, 0].tolist() == values
    with pytest.raises(DataError, match=r"row 2, column 'x'.*two metrics"):
        _results(frame, two_metrics="refuse")


def test_odd_cells_keep_their_place():
    """Row and column of each odd cell are kept, and what was taken for it."""
    frame = pd.DataFrame({"model": ["a", "b", "c"], "x": ["94.2/92.3", "n.b.", "70*"], "y": [1.5, 2.5, 3.0]})

    odd = {cell.place: (cell.kind, cell.used) for cell in _results(frame).odd}

    assert odd == {
        "row 2, column 'x'": ("two metrics", 93.25), "row 3, column 'x'": ("unreadable", None),
        "row 4, column 'x'": ("mark", 70.0),
    }  # fmt: skip


def test_ranks_averages_and_words_are_no_tasks(rng):
    """Numbers of rows, averages of the other columns, and columns of words are left out with a reason."""
    scores = rng.normal(70, 10, size=(6, 3))
    frame = pd.DataFrame(scores, columns=["x", "y", "z"])
    frame.insert(0, "Rank", range(1, 7))
    frame.insert(1, "Name", [f"m{i}" for i in range(6)])
    frame.insert(2, "URL", ["-", "http://a", "", "http://b", "c", "d"])
    frame["Score"] = scores.mean(axis=1).round(1)

    found = _results(frame)

    assert found.tasks == ("x", "y", "z")
    assert found.models == tuple(f"m{i}" for i in range(6))
    assert any("'Rank' was left out: it numbers the rows" in note for note in found.notes)
    assert any("'Score' was left out: it is an average" in note for note in found.notes)
    assert _results(frame, only=["x", "Score"]).tasks == ("x", "Score")


def test_a_column_called_score_that_is_no_average_is_a_task(rng):
    """A name alone leaves nothing out."""
    frame = pd.DataFrame({"model": list("abcdef"), "x": rng.normal(size=6), "y": rng.normal(size=6),
                          "F score": [1.0, -2.0, 0.5, 3.0, -1.0, 2.0]})  # fmt: skip

    assert "F score" in _results(frame).tasks


def test_tasks_can_be_dropped_and_chosen(wide, long):
    """`drop` and `only` work for both forms, and a name that is not there is met with the nearest."""
    assert _results(wide, drop=["y"]).tasks == ("x", "z")
    assert _results(long, only=["z"]).tasks == ("z",)
    with pytest.raises(UnknownNameError, match="--drop"):
        _results(wide, drop=["yy"])


def test_a_model_twice_on_a_task_is_refused_with_its_places(wide, long):
    """The message names model, task, rows, and what would tell the scores apart."""
    doubled = pd.concat([long, long.iloc[[1]]], ignore_index=True)

    with pytest.raises(DataError, match=r"'b' stands 2 times on task 'x', in row 3.*row 10.*--seed"):
        _results(doubled)
    with pytest.raises(DataError, match="--index"):
        _results(pd.concat([wide, wide.iloc[[0]]], ignore_index=True))


def test_fractions_among_percent_are_refused_with_their_places(wide):
    """One model in fractions, or one task, is named; the way out is named too and works."""
    row = wide.copy()
    row.loc[1, ["x", "y", "z"]] /= 100
    column = wide.assign(x=wide["x"] / 100)

    with pytest.raises(DataError, match=r"task 'x' seems to mix.*model 'b' \(row 3, column 'x'\) is 0.8"):
        _results(row)
    with pytest.raises(DataError, match=r"'x' is in fractions.*--standardise"):
        _results(column)
    assert _results(row, as_is=True).scores[1, 0] == 0.8
    assert _results(column, standardise=True).unit == "standard deviations"


def test_low_scores_are_not_taken_for_fractions():
    """A task on which weak models score below 1 % among others up to 90 % is no mixture."""
    scores = np.r_[np.geomspace(0.4, 90, 30)]
    frame = pd.DataFrame({"model": [f"m{i}" for i in range(30)], "hard": scores, "easy": 50 + scores / 2})

    assert _results(frame).tasks == ("hard", "easy")


def test_units_are_told_from_the_scores():
    """Fractions, percent, a few negative correlations, and losses beyond any scale."""
    assert unit_of(np.array([0.1, 0.9])) == "fraction"
    assert unit_of(np.array([10.0, 90.0] * 10 + [-0.4])) == "points"
    assert unit_of(np.array([10.0, 900.0])) == ""
    assert unit_of(np.array([-0.5, 0.5])) == ""


def test_lower_is_better_turns_a_task_round(wide):
    """All tasks lower: means stay losses. Some only: scores become standard deviations, and it is said."""
    all_lower = _results(wide, lower=["x", "y", "z"])
    assert all_lower.sign == -1
    assert (all_lower.oriented[:, 0] == -wide["x"]).all()

    some = _results(wide, lower=["x"])
    assert some.unit == "standard deviations"
    assert some.scores[0, 0] < some.scores[2, 0]
    assert any("no common mean" in note for note in some.notes)
    with pytest.raises(UnknownNameError, match="--lower"):
        _results(wide, lower=["xx"])


def test_seeds_items_and_sizes_are_kept(long):
    """Repeated runs, single items and test sizes lie below the scores."""
    runs = pd.concat([long.assign(seed=s, score=long["score"] + s) for s in range(3)], ignore_index=True)
    found = _results(runs, seed="seed")
    assert found.runs.shape == (3, 3, 3)
    assert found.scores[0, 0] == 91.0

    items = pd.DataFrame([{"model": m, "task": t, "item": i, "score": float(i < k)}
                          for k, m in enumerate("ab", 2) for t in "xy" for i in range(4)])  # fmt: skip
    found = _results(items, item="item")
    assert [block.shape for block in found.items] == [(2, 1, 4), (2, 1, 4)]
    assert found.scores[:, 0].tolist() == [0.5, 0.75]

    assert _results(long.assign(n=50), n="n").sizes[0, 0] == 50
    with pytest.raises(DataError, match="test size"):
        _results(long.assign(n=0), n="n")


def test_unequal_numbers_of_runs_do_not_weigh_in():
    """An item that was answered three times counts once."""
    frame = pd.DataFrame({"model": ["a"] * 4, "task": ["t"] * 4, "item": [1, 1, 1, 2], "seed": [0, 1, 2, 0],
                          "score": [1.0, 1.0, 1.0, 0.0]})  # fmt: skip

    assert _results(frame, item="item", seed="seed").scores[0, 0] == 0.5


def test_other_protocols_are_left_out_and_flagged(long):
    """A score on another split than most models' is not compared silently."""
    frame = long.assign(split=["test"] * 7 + ["validation"])

    found = _results(frame)

    assert len(found.incomparable) == 1
    flag = found.incomparable[0]
    assert (flag["model"], flag["task"], flag["kind"]) == ("c", "z", "not comparable")
    assert "split: validation / test" in flag["why"]
    assert np.isnan(found.scores[2, 2])
    assert not _results(frame.drop(columns="split").assign(shot=range(8))).incomparable
    assert _results(long.assign(crop=[1, 1, 2, 1, 1, 1, 1, 1]), fingerprint=["crop"]).incomparable


def test_one_metric_stands_for_a_task(long):
    """With two metrics the one of most models stands for the task, and the other is kept beside it."""
    both = pd.concat([long.assign(metric="acc"), long.iloc[:4].assign(metric="f1", score=lambda f: f["score"] - 5)],
                     ignore_index=True)  # fmt: skip

    found = _results(both)
    other = _results(both, metric="f1")

    assert found.metrics == ("acc",)
    assert found.scores[0, 0] == 90
    assert found.other_metrics["f1"][0, 0] == 85
    assert other.scores[0, 0] == 85
    with pytest.raises(UnknownNameError, match="metric"):
        _results(both, metric="bleu")


def test_the_latest_version_of_a_cell_counts(long):
    """Versions are kept in order, and a correction that lists one cell leaves the others as they were."""
    first = long.assign(time="2024-01")
    second = long.iloc[[0]].assign(time="2024-06", score=10.0)

    found = _results(pd.concat([second, first], ignore_index=True), time="time")

    assert [version.label for version in found.versions] == ["2024-01", "2024-06"]
    assert found.scores[0, 0] == 10
    assert found.scores[1, 0] == 80
    assert np.isnan(found.versions[1].scores[1, 0])


def test_nothing_to_assess_is_said(wide):
    """All cells missing is not a fault of the call: there is nothing to assess."""
    with pytest.raises(NothingToAssessError, match="all cells are missing"):
        _results(wide.assign(x=np.nan, y=np.nan, z=np.nan))
    with pytest.raises(NothingToAssessError):
        _results(pd.DataFrame({"model": ["a"], "task": ["x"], "score": [np.nan]}))


def test_empty_rows_and_columns_are_noted(long):
    """A model without any score leaves the table, with a note."""
    frame = pd.concat([long, pd.DataFrame({"model": ["ghost"], "task": ["x"], "score": [np.nan]})], ignore_index=True)

    found = _results(frame)

    assert "ghost" not in found.models
    assert any("ghost" in note for note in found.notes)


def test_what_cannot_be_made_out_is_asked_for(wide):
    """No column of names, both forms at once, and misspelt columns are met with what would work."""
    with pytest.raises(UsageError, match="--index"):
        _results(wide.drop(columns="model"))
    with pytest.raises(UsageError, match="one kind"):
        _results(wide, index="model", score="x")
    with pytest.raises(UnknownNameError, match="--index"):
        _results(wide, index="modell")
    with pytest.raises(DataError, match="the cell is empty"):
        _results(wide.assign(model=["a", None, "c"]), index="model")
    with pytest.raises(DataError, match="no column of scores"):
        _results(pd.DataFrame({"model": ["a", "b"], "x": ["good", "bad"]}))
    cube = ScoreCube(values=np.ones((1, 1, 1)), dims=("model", "task", "shape"), labels=(("a",), ("x",), ("s",)),
                     present=np.ones((1, 1, 1), bool))  # fmt: skip
    with pytest.raises(UnknownNameError, match="axis"):
        _results(cube)


def test_options_are_checked():
    """Unknown options are met with the nearest, impossible ones are named."""
    with pytest.raises(UnknownNameError, match="did you mean 'score'"):
        split_options({"scores": "x"})
    for wrong in ({"delta": 0.0}, {"power": 0.2}, {"tau": 0}, {"top": 1}, {"cost_run": -1.0}):
        with pytest.raises(UsageError):
            Goals(**wrong)


def test_fingerprints_are_equal_exactly_when_values_are():
    """Order does not matter, a value does, and a value that one side lacks is not held against it."""
    assert fingerprint({"metric": "acc", "split": "test"}) == fingerprint({"split": "test", "metric": "acc"})
    assert fingerprint({"metric": "acc"}) != fingerprint({"metric": "f1"})
    assert differing({"metric": "acc", "split": None}, {"metric": "f1", "split": "test"}) == ["metric: acc / f1"]


def test_direction_is_told_score_by_score():
    """A task with an accuracy and a perplexity: the column says which of them is better when lower."""
    rows = [
        {"model": m, "task": t, "metric": k, "score": v, "higher_is_better": k == "acc"}
        for m, acc, loss in (("a", 0.8, 3.0), ("b", 0.6, 7.0), ("c", 0.7, 5.0))
        for t in ("lambada", "arc")
        for k, v in (("acc", acc), ("perplexity", loss))
    ]
    table = pd.DataFrame(rows)

    found = _results(table, metric="acc")
    other = _results(table, metric="perplexity")

    assert found.higher.tolist() == [True, True]
    assert not other.higher.any()
    for results in (found, other):
        assert np.argsort(-results.oriented[:, 0]).tolist() == [0, 2, 1]
    assert np.argsort(-found.other_metrics["perplexity"][:, 0]).tolist() == [0, 2, 1]
    table.loc[0, "higher_is_better"] = False
    with pytest.raises(DataError, match="higher is better in .* and worse in row 2"):
        _results(table, metric="acc")
