"""Tables that other people wrote are read as they are, and faults are named with their place."""

import json

import numpy as np
import pandas as pd
import pytest

from assay.errors import DataError, UnknownNameError
from assay.ledger.tables import column, read_table, row_in_file


def _write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_delimiters_are_told_apart_by_contents(tmp_path, delimiter):
    """Commas, tabs and semicolons all work, whatever the file is called."""
    text = f"model{delimiter}a{delimiter}b\nx{delimiter}1{delimiter}2.5\ny{delimiter}3{delimiter}\n"

    frame = read_table(_write(tmp_path / "table.dat", text))

    assert list(frame.columns) == ["model", "a", "b"]
    assert frame["a"].tolist() == [1, 3]
    assert frame["b"].iloc[0] == 2.5
    assert np.isnan(frame["b"].iloc[1])


def test_a_header_one_column_short_gives_an_index_column(tmp_path):
    """A table as R writes it keeps its row names, in a column called index."""
    frame = read_table(_write(tmp_path / "r.tsv", "a\tb\nx\t1\t2\ny\t3\t4\n"))

    assert list(frame.columns) == ["index", "a", "b"]
    assert frame["index"].tolist() == ["x", "y"]


def test_an_unnamed_first_column_is_the_index(tmp_path):
    """A table as pandas writes it, with an empty first header cell, is read too."""
    frame = read_table(_write(tmp_path / "p.csv", ",a\n0,1\n1,2\n"))

    assert list(frame.columns) == ["index", "a"]


def test_blank_lines_are_skipped_and_still_counted_in_row_numbers(tmp_path):
    """Blank lines hold no record, yet a row keeps the number that an editor shows."""
    frame = read_table(_write(tmp_path / "b.csv", "model,a\nx,1\n\n\ny,2\n"))

    assert frame["a"].tolist() == [1, 2]
    assert [row_in_file(frame, at) for at in (0, 1)] == [2, 5]


def test_json_lines_count_rows_from_the_first_record(tmp_path):
    """JSON lines have no header, so the first record is row 1."""
    lines = "\n".join(json.dumps({"model": name, "score": at}) for at, name in enumerate("ab"))

    frame = read_table(_write(tmp_path / "t.jsonl", "\n" + lines + "\n"))

    assert frame["model"].tolist() == ["a", "b"]
    assert [row_in_file(frame, at) for at in (0, 1)] == [2, 3]


def test_a_list_of_records_is_a_table(tmp_path):
    """A JSON list of objects is read as records."""
    assert read_table(_write(tmp_path / "t.json", '[{"a": 1}, {"a": 2}]'))["a"].tolist() == [1, 2]


def test_parquet_is_known_by_its_first_bytes(tmp_path):
    """A Parquet file is read under any name, and a named index becomes a column."""
    path = tmp_path / "table.csv"
    pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index(["x", "y"], name="model")).to_parquet(path)

    assert read_table(path)["model"].tolist() == ["x", "y"]


def test_columns_become_numbers_only_when_every_filled_cell_is_one(tmp_path):
    """Thousands separators, percent-free numbers and marks of absence are numbers; identifiers and notes stay text."""
    text = 'id,count,note,score\n007,"1,013.01",a,0.5\n012,2,-,NA\n'

    frame = read_table(_write(tmp_path / "t.csv", text))

    assert frame["id"].tolist() == ["007", "012"]
    assert frame["count"].tolist() == [1013.01, 2.0]
    assert frame["note"].tolist() == ["a", "-"]
    assert np.isnan(frame["score"].iloc[1])


def test_text_that_python_would_take_for_a_number_stays_text(tmp_path):
    """`1_000`, `inf` and `nan` are not silently turned into numbers."""
    frame = read_table(_write(tmp_path / "t.csv", "a,b\n1_000,inf\n2,3\n"))

    assert frame["a"].tolist() == ["1_000", "2"]
    assert frame["b"].tolist() == ["inf", "3"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("model,a\n", "no rows"),
        ("model,a\nx,1\ny,1,2\n", "row 3: 3 cells where the header names 2 columns"),
        ("model,a,b\nx,1,2\n\ny,1\n", "row 4: 2 cells"),
        ("model,a,a\nx,1,2\n", "columns 2 and 3 are both named 'a'"),
        ("model,a,\nx,1,2\n", "column 3 has no name"),
        ('model,a\nx,"1\n', "row 2"),
        ('{"a": 1}\n{"a": }\n', "row 2: not a line of JSON"),
        ('{"a": 1}\n[1]\n', "row 2"),
        ("[]", "empty"),
    ],
)
def test_faults_are_named_with_their_place(tmp_path, text, words):
    """Every fault of a table says in which row or column it is."""
    path = _write(tmp_path / "bad.csv", text)

    with pytest.raises(DataError, match="bad") as caught:
        read_table(path)

    assert words in str(caught.value)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    """Bytes that are not UTF-8 are named with their row; a missing file and a folder say what they are."""
    path = tmp_path / "latin.csv"
    path.write_bytes("model,a\ncafé,1\n".encode("latin-1"))

    with pytest.raises(DataError, match=r"row 2.*UTF-8"):
        read_table(path)
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="folder"):
        read_table(tmp_path)


def test_a_column_that_is_not_there_is_met_with_the_nearest_names(tmp_path):
    """A misspelt column is answered with what the table has."""
    frame = read_table(_write(tmp_path / "t.csv", "model,score\nx,1\n"))

    with pytest.raises(UnknownNameError, match="did you mean 'score'"):
        column(frame, "scroe", "--score")
