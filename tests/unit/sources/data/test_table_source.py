"""`csv:`, `tsv:`, `jsonl:` and `parquet:`: columns by name, and every fault with file, row and column."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from assay.errors import DataError, UnknownNameError, UsageError
from assay.sources.data import from_frame, load_data

ROWS = [
    {"body": "good day", "y": "pos", "date": "2016-07-31", "who": "ann", "part": "train"},
    {"body": "NA", "y": "neg", "date": "2016-08-01T02:00:00+02:00", "who": "bob", "part": "train"},
    {"body": "a, quoted\nline", "y": "pos", "date": "2016-08-02", "who": "ann", "part": "validation"},
    {"body": "schön 日本", "y": "neg", "date": "2016-08-03", "who": "eve", "part": "test"},
]
OPTIONS = "text=body&label=y&time=date&group=who&split=part"


def _write(path, rows=ROWS):
    frame = pd.DataFrame(rows)
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_every_form_reads_the_same_rows(tmp_path, form):
    """The four forms give the same items, classes, times in UTC, groups and splits, and the same revision."""
    data = load_data(f"{form}:{_write(tmp_path / f'rows.{form}')}?{OPTIONS}")
    plain = load_data(f"csv:{_write(tmp_path / 'plain.csv')}?{OPTIONS}")

    assert data.load(np.arange(4)) == [row["body"] for row in ROWS]
    assert data.task.classes == ("neg", "pos")
    assert data.times[:2].tolist() == [np.datetime64("2016-07-31", "us"), np.datetime64("2016-08-01", "us")]
    assert data.groups.tolist() == ["ann", "bob", "ann", "eve"]
    assert data.splits.tolist() == ["train", "train", "valid", "test"]
    assert data.ids.tolist() == ["1", "2", "3", "4"]
    assert data.ref.revision == plain.ref.revision


def test_relative_paths_are_found_beside_the_study(tmp_path):
    """A relative name is looked for in `root` first, and the reference keeps the name as it was typed."""
    _write(tmp_path / "rows.csv")
    data = load_data(f"csv:rows.csv?{OPTIONS}", root=tmp_path)

    assert data.ref.uri == f"csv:rows.csv?{OPTIONS}"


def test_images_beside_the_table_stay_on_disk(tmp_path, picture):
    """Image paths are relative to the table; a missing file is named with its row, and skipped on request."""
    for number in range(3):
        picture(tmp_path / "img" / f"{number}.png")
    rows = [{"file": f"img/{number}.png", "label": number % 2} for number in range(4)]
    table = _write(tmp_path / "table.csv", rows)

    with pytest.raises(DataError, match=r"img/3\.png .*row 4\): no such file"):
        load_data(f"csv:{table}?image=file")
    data = load_data(f"csv:{table}?image=file&bad=skip")
    assert data.ids.tolist() == ["1", "2", "3"]
    assert data.load(np.array([2]))[0].size == (24, 16)
    assert data.notes["skipped"]["reasons"] == {"no such file": 1}


def test_images_in_parquet_are_read_when_asked_for(tmp_path, rng):
    """Encoded images in a Parquet column, as bytes or as the hub writes them, load a row group at a time."""
    cells = []
    for _ in range(10):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)).save(buffer, "PNG")
        cells.append(buffer.getvalue())
    for name, column in (("bytes", cells), ("hub", [{"bytes": cell, "path": None} for cell in cells])):
        path = tmp_path / f"{name}.parquet"
        pd.DataFrame({"image": column, "label": [0, 1] * 5}).to_parquet(path, row_group_size=3)
        data = load_data(f"parquet:{path}")
        assert data.modality == "image"
        assert [image.size for image in data.load(np.array([9, 0, 4]))] == [(8, 8)] * 3


def test_columns_of_numbers(tmp_path):
    """Features are columns of numbers, all others for `*`; a cell that is no number is named."""
    rows = [{"a": 1.5 * i, "b": -i, "price": 10.25 * i} for i in range(5)]
    table = _write(tmp_path / "n.csv", rows)
    data = load_data(f"csv:{table}?features=*&target=price")
    assert (data.modality, data.task.kind) == ("table", "regression")
    assert data.load(np.array([2]))[0].tolist() == [3.0, -2.0]

    rows[3]["b"] = "many"
    table = _write(tmp_path / "m.csv", rows)
    with pytest.raises(DataError, match=r"column 'b': no number in row 4 \(the first is 'many'\)"):
        load_data(f"csv:{table}?features=a|b&target=price")
    assert len(load_data(f"csv:{table}?features=a|b&target=price&bad=skip")) == 4


def test_several_labels(tmp_path):
    """Several 0/1 columns, or one column of parted names, make a multilabel task."""
    rows = [{"text": f"t{i}", "red": i % 2, "big": int(i > 1), "tags": ["", "a", "a|b", "b"][i]} for i in range(4)]
    table = _write(tmp_path / "m.csv", rows)
    for options in ("labels=red|big", "label=red&label=big"):
        data = load_data(f"csv:{table}?{options}")
        assert data.task.classes == ("red", "big")
        assert data.targets.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    tags = load_data(f"csv:{table}?label=tags&task=multilabel")
    assert tags.task.classes == ("a", "b")
    assert tags.targets.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_rows_without_label_or_text_are_named_or_skipped(tmp_path, form):
    """Missing labels and empty texts stop the reading with their rows; bad=skip leaves them out and counts them."""
    rows = [{"text": f"t{i}", "label": "ab"[i % 2]} for i in range(6)]
    rows[1]["label"] = None
    rows[4]["text"] = "  "
    table = _write(tmp_path / f"gaps.{form}", rows)

    with pytest.raises(DataError, match="no text in row 5"):
        load_data(f"{form}:{table}")
    rows[4]["text"] = "t4"
    with pytest.raises(DataError, match=r"column 'label': no label in row 2; remove these rows, or add bad=skip"):
        load_data(f"{form}:{_write(table, rows)}")
    rows[4]["text"] = ""
    data = load_data(f"{form}:{_write(table, rows)}?bad=skip")
    assert data.ids.tolist() == ["1", "3", "4", "6"]
    assert data.notes["skipped"]["reasons"] == {"no label": 1, "no text": 1}


@pytest.mark.parametrize("written", ["nan", "NaN", "NA", "null", "<NA>", "n/a"])
def test_words_for_a_missing_label_are_no_class(tmp_path, written):
    """The words that tables use for a missing value never become a class."""
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": written}, {"text": "c", "label": "y"}]
    with pytest.raises(DataError, match="no label in row 2"):
        load_data(f"csv:{_write(tmp_path / 't.csv', rows)}")


def test_a_wrong_encoding_is_named_with_its_byte(tmp_path):
    """Text that is not UTF-8 is refused with byte, line and an encoding that reads it; with that it loads."""
    path = tmp_path / "latin.csv"
    path.write_bytes("text,label\nplain,a\nschön,b\nok,a\n".encode("latin-1"))

    with pytest.raises(DataError, match=r"byte 22 \(0xf6, line 3\) is not utf-8; add encoding=cp1252"):
        load_data(f"csv:{path}")
    assert load_data(f"csv:{path}?encoding=latin-1").load(np.array([1])) == ["schön"]
    path.write_bytes("text,label\nplain,a\nschön,b\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"byte 0 .*encoding=utf-16"):
        load_data(f"csv:{path}")
    assert len(load_data(f"csv:{path}?encoding=utf-16")) == 2
    with pytest.raises(DataError, match="unknown encoding 'utf-99'"):
        load_data(f"csv:{path}?encoding=utf-99")


def test_a_late_wrong_byte_is_found_with_its_place(tmp_path):
    """The byte is found also beyond the first megabyte, where a character may lie across two pieces."""
    path = tmp_path / "long.csv"
    head = "text,label\n" + "é,a\n" * 300_000
    path.write_bytes(head.encode() + b"\xff,b\n")
    at = len(head.encode())
    with pytest.raises(DataError, match=rf"byte {at:,} \(0xff, line 300,002\)"):
        load_data(f"csv:{path}")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    """A UTF-8 file with a mark at its start has its first column under its plain name."""
    path = tmp_path / "bom.csv"
    path.write_bytes("text,label\na,x\nb,y\n".encode("utf-8-sig"))

    assert len(load_data(f"csv:{path}?text=text&label=label")) == 2


FAULTY = [
    ("csv", "", "an empty file"),
    ("csv", "text,label\n", "a header without rows"),
    ("csv", "text,label\na,x\nb,y,z\n", "Expected 2 fields in line 3, saw 3"),
    ("jsonl", '{"text": "a", "label": 1}\n{"text": \n', "line 2: not JSON"),
    ("jsonl", '{"text": "a", "label": 1}\n[1, 2]\n', "line 2: an object is needed, got list"),
    ("jsonl", "\n", "no objects"),
    ("parquet", "not parquet at all", "no Parquet file that can be read"),
    ("csv", "PK\x03\x04workbook", "a compressed file or a workbook"),
    ("csv", "text,label\na,x\n", "1 item; at least two"),
    ("csv", "text,label\na,x\nb,x\n", "all 2 items are of class 'x'"),
]


@pytest.mark.parametrize(("form", "content", "wanted"), FAULTY)
def test_faulty_files_are_named(tmp_path, form, content, wanted):
    """A file that is no table says where reading stopped."""
    path = tmp_path / f"faulty.{form}"
    path.write_text(content)
    with pytest.raises(DataError, match=wanted) as caught:
        load_data(f"{form}:{path}")
    assert "faulty" in str(caught.value)


WRONG = [
    ("text=bdy&label=y", UnknownNameError, "did you mean 'body'"),
    ("text=body&label=y&tme=date", UnknownNameError, "did you mean 'time'"),
    ("text=body&text=y&label=y", UsageError, "'text' is given 2 times"),
    ("label=y", UsageError, "say which column holds the items"),
    ("text=body", UsageError, "say what is to be predicted"),
    ("text=body&label=y&target=y", UsageError, "not both"),
    ("text=body&image=body&label=y", UsageError, "not several"),
    ("text=body&label=y&bad=ignore", UnknownNameError, "known: fail, skip"),
    ("text=body&label=y&task=classify", UnknownNameError, "classification"),
    ("text=body&target=y", DataError, "'pos' in row 1 is no number"),
    ("text=body&label=y&time=who", DataError, "'ann' in row 1 is not a time"),
    ("text=body&label=y&id=y", DataError, "id 'pos' stands in rows 1 and 3"),
]


@pytest.mark.parametrize(("options", "error", "wanted"), WRONG)
def test_wrong_options_are_refused(tmp_path, options, error, wanted):
    """Misspelt, repeated or contradictory options each have a message with the right one."""
    with pytest.raises(error, match=wanted):
        load_data(f"csv:{_write(tmp_path / 'rows.csv')}?{options}")


def test_numbers_as_labels_are_questioned():
    """A column of ever new numbers as label is refused with the option that was meant."""
    frame = pd.DataFrame({"text": [f"t{i}" for i in range(40)], "label": np.linspace(0, 1, 40)})
    with pytest.raises(DataError, match="to predict a number, name its column with target="):
        from_frame(frame, name="prices")


@pytest.mark.parametrize(
    ("values", "options", "first"),
    [
        (["2014", "2015"], {}, "2014-01-01"),
        ([2014, 2015], {}, "2014-01-01"),
        (["2014-05", "2015-06"], {}, "2014-05-01"),
        (["31/12/2016", "01/02/2017"], {"time_format": "%d/%m/%Y"}, "2016-12-31"),
        (["1470009600", "1470009700"], {"time_unit": "s"}, "2016-08-01"),
        (["16801", "16802"], {"time_unit": "D"}, "2016-01-01"),
        (["2016-08-01 02:00+02:00", "2016-08-02"], {}, "2016-08-01"),
        (["1815", "1816"], {}, "1815-01-01"),
        (["2016-Q3", "2016-Q4"], {}, "2016-07-01"),
        (["June 2016", "July 2016"], {}, "2016-06-01"),
        ([20160612, 20160613], {}, "2016-06-12"),
        (["31/12/2016", "01/02/2017"], {}, "2016-12-31"),
    ],
)
def test_times_of_many_forms(tmp_path, values, options, first):
    """Years, months, days, stated formats and counts become times in UTC."""
    rows = [{"text": f"t{i}", "label": i, "when": value} for i, value in enumerate(values)]
    extra = "".join(f"&{key}={value.replace('%', '%25')}" for key, value in options.items())
    data = load_data(f"csv:{_write(tmp_path / 't.csv', rows)}?time=when{extra}")

    assert data.times[0] == np.datetime64(first)


def test_ambiguous_times_are_refused(tmp_path):
    """A day written as 01/02/2016, and bare counts, ask for their format or unit."""
    rows = [{"text": "a", "label": 0, "when": "01/02/2016"}, {"text": "b", "label": 1, "when": "02/02/2016"}]
    with pytest.raises(DataError, match="time_format="):
        load_data(f"csv:{_write(tmp_path / 't.csv', rows)}?time=when")
    frame = pd.DataFrame({"text": ["a", "b"], "label": [0, 1], "when": [1470009600, 1470009700]})
    with pytest.raises(DataError, match="time_unit="):
        from_frame(frame, name="counts", time="when")


def test_text_options_keep_special_characters(tmp_path):
    """A column whose name holds & or = is reached with %26 and %3D, and a path may hold a question mark."""
    path = tmp_path / "what?.csv"
    _write(path, [{"a&b=c": "x", "label": 0}, {"a&b=c": "y", "label": 1}])

    assert len(load_data(f"csv:{path}?text=a%26b%3Dc")) == 2


def test_a_table_larger_than_memory_is_refused(tmp_path, monkeypatch):
    """A file of more than half of the free memory is refused before it is read."""
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("M", (), {"available": 100})())
    with pytest.raises(DataError, match="more than half of"):
        load_data(f"csv:{_write(tmp_path / 'rows.csv')}?{OPTIONS}")
