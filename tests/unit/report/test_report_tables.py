"""Tables, words, CSV and JSON, and the view in a notebook."""

import base64
import csv
import json
import re

import pytest

import report_demo
from assay.errors import DataError
from assay.estimate import Estimate
from assay.finding import Assessment
from assay.report import tables
from assay.report.documents import read_json, write_csv, write_json
from assay.report.notebook import notebook_html
from assay.report.page import render
from assay.report.words import heading, shorten, show, show_estimate

KNOWN = Estimate(name="a", value=0.5, low=0.4, high=0.6, level=0.95, n=10, method="Wilson", population="these items")


@pytest.mark.parametrize(("name", "words"), [
    ("macro_f1", "Macro F1"), ("p_best", "P best"), ("n", "n"), ("r2", "R²"), ("flops", "FLOPs"), ("", ""),
    ("peak_bytes", "Peak bytes"), ("gain over hf:org/a_b", "Gain over hf:org/a_b"),
    ("efficientnet_lite0", "Efficientnet lite0"),
])  # fmt: skip
def test_a_column_reads_as_a_heading(name, words):
    """Names of columns become words, known abbreviations keep their spelling."""
    assert heading(name) == words


@pytest.mark.parametrize(("value", "column", "words"), [
    (None, "", "–"), (float("nan"), "", "–"), (True, "", "yes"), (3, "", "3"), (2021, "year", "2021"),
    (1234567, "rows", "1,234,567"), (4_650_000, "parameters", "4.65 M"), (812_000_000, "peak_bytes", "812 MB"),
    (0.91349, "", "0.913"), (-0.02, "", "−0.020"), (12.3456, "", "12.35"), ([1, 2], "", "1, 2"),
    ({"a": 1.5}, "", "a 1.50"), (list(range(20)), "", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more"),
    (999, "bytes", "999"), (1.25e9, "flops", "1.25 G"), ("text", "", "text"),
])  # fmt: skip
def test_a_value_reads_as_people_write_it(value, column, words):
    """Numbers are short, counts whole, large counts have a prefix, unknown is a dash."""
    assert show(value, column) == words


def test_an_estimate_reads_with_its_interval_or_its_reason():
    """The interval is in brackets, an open end is infinite, an unknown says why."""
    assert show_estimate(KNOWN) == "0.500 [0.400, 0.600]"
    assert show_estimate(Estimate(name="a", value=5.0, low=4.0, unit="points")) == "5.00 [4.00, ∞] points"
    assert show_estimate(Estimate(name="a", value=2.0, high=24121.0, unit="items")) == "2 [−∞, 24,121] items"
    assert show_estimate(Estimate.unknown("a", "one run only")) == "unknown: one run only"


def test_a_long_name_loses_its_middle():
    """Both ends of a long name stay, since names differ at their ends."""
    short = shorten(report_demo.MODELS[0], 20)

    assert len(short) == 20
    assert short.startswith("timm:vit_sma")
    assert short.endswith("_in1k"[-5:])


def test_a_table_has_every_column_and_a_footnote_for_each_reason():
    """Columns of later rows are kept; equal reasons share a footnote; records become columns."""
    rows = [{"m": "a", "s": KNOWN, "cost": {"seconds": 2.5}}, {"m": "b", "s": Estimate.unknown("s", "why")},
            {"m": "c", "s": Estimate.unknown("s", "why"), "late": 1}]  # fmt: skip
    made = tables.table("scores", rows)

    assert [column.title for column in made.columns] == ["M", "S", "Cost seconds", "Late"]
    assert made.reasons == ["why"]
    assert [row[1].note for row in made.rows] == [0, 1, 1]
    assert made.rows[1][2].kind == "empty"
    assert made.intervals == ["S: 95 % interval for these items, Wilson, n\u00a0=\u00a010."]


def test_a_column_of_many_methods_is_told_in_one_line():
    """Where the rows of a column were made in many ways, one line says so instead of one a way."""
    rows = [{"s": Estimate(name="s", value=0.5, low=0.4, high=0.6, method=f"method {i}"), "t": KNOWN} for i in range(5)]

    assert tables.table("t", rows).intervals == [
        "T: 95 % interval for these items, Wilson, n\u00a0=\u00a010.",
        "S: how the interval was made differs from row to row; the JSON document tells.",
    ]


def test_an_interval_in_a_table_is_drawn_on_the_scale_of_its_column():
    """The widest interval of a column spans the whole width, others their share."""
    wide = Estimate(name="s", value=0.5, low=0.0, high=1.0)
    made = tables.table("t", [{"s": wide}, {"s": KNOWN}])

    assert made.rows[0][0].spark == (0.0, 50.0, 100.0)
    assert made.rows[1][0].spark == (40.0, 50.0, 60.0)


def test_long_tables_fold_and_huge_ones_are_cut():
    """A table of many rows folds; beyond the limit rows are left out and counted."""
    rows = [{"i": i} for i in range(50)]

    assert tables.table("t", rows).folded
    assert not tables.table("t", rows[:10]).folded
    assert (len(tables.table("t", rows, limit=20).rows), tables.table("t", rows, limit=20).total) == (20, 50)


def test_csv_cells_never_become_formulas(tmp_path):
    """Text that begins like a formula gets an apostrophe; negative numbers stay numbers."""
    bad = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "fine", "a=1"]
    item = Assessment(
        lens="rank", question="q", verdict="v", tables={"t": [{"=name": text, "n": -1.5} for text in bad]}
    )
    [path] = write_csv([item], tmp_path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))

    assert rows[0] == ["'=name", "n"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "fine", "a=1"]
    assert {row[1] for row in rows[1:]} == {"-1.5"}


def test_csv_files_stay_in_their_folder_and_do_not_overwrite_each_other(tmp_path):
    """Names with slashes and dots become file names; equal names get a number; no path leaves the folder."""
    names = {"../../etc/passwd": [{"a": 1}], "a/b": [{"a": 1}], "a.b": [{"a": 2}], "": [{"a": 3}]}
    items = [Assessment(lens="rank", question="q", verdict="v", tables=names)] * 2
    paths = write_csv(items, tmp_path / "out")

    assert len(set(paths)) == 8
    assert {path.parent for path in paths} == {tmp_path / "out"}
    assert sorted(tmp_path.iterdir()) == [tmp_path / "out"]


def test_csv_holds_the_numbers_of_the_json_document(tmp_path):
    """Every number of the CSV files is in the JSON document, interval ends and records included."""
    assessment = report_demo.selection()
    known = report_demo.finite_numbers(assessment.to_dict())
    seen = 0
    for path in write_csv([assessment], tmp_path):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for cell in row.values():
                    if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell):
                        seen += 1
                        assert float(cell) in known
    header = (tmp_path / "selection-ranking.csv").read_text(encoding="utf-8").splitlines()[0]
    assert {"score_low", "score_reason", "cost_seconds"} <= set(header.split(","))
    assert seen > 100


def test_a_report_can_be_drawn_again_from_its_json(tmp_path):
    """The page drawn from the written document is the page, but for the images."""
    assessments, run = report_demo.all_lenses(), report_demo.run_summary()
    write_json(assessments, tmp_path / "report.json", run=run)
    again, told = read_json(tmp_path / "report.json")

    assert [item.to_dict() for item in again] == [item.to_dict() for item in assessments]
    assert told is not None
    assert re.sub(r'<img src="data:[^>]*>', "", render(assessments, run=run)) == render(again, run=told)


def test_the_document_of_one_lens_can_be_read(tmp_path):
    """What `--json` of a lens prints is read as one assessment without a run."""
    (tmp_path / "one.json").write_text(report_demo.selection().to_json(), encoding="utf-8")
    [again], told = read_json(tmp_path / "one.json")

    assert again.verdict == report_demo.selection().verdict
    assert told is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"schema": "x"}', '{"schema": "assay/report/1"}', "\xff"])
def test_a_file_that_is_no_assessment_is_refused_by_name(tmp_path, text):
    """Anything else is refused with the name of the file."""
    path = tmp_path / "wrong.json"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(DataError, match=r"wrong\.json"):
        read_json(path)


def test_half_a_surrogate_pair_does_not_stop_a_report(tmp_path):
    """An undecodable file name, as Python reads it, reaches page, JSON and CSV as a question mark."""
    item = Assessment(lens="rank", question="q", verdict="file \udcff", tables={"t": [{"file": "\udcff"}]})

    assert "file ?" in render([item])
    write_json([item], tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["assessments"][0]["verdict"] == "file ?"
    assert "?" in write_csv([item], tmp_path)[0].read_text(encoding="utf-8")


def test_a_notebook_shows_an_assessment_without_scripts():
    """The notebook's view has the verdict, the tables and still pictures, and no script, link or handler."""
    text = report_demo.selection()._repr_html_()
    images = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)

    assert "Build on efficientnet_lite1" in text
    assert len(images) == 4
    assert base64.b64decode(images[0]).startswith(b"<svg")
    assert "<script" not in text
    assert "javascript:" not in text
    assert not re.search(r"\son\w+=", re.sub(r'"[^"]*"', '""', text))


def test_a_notebook_shows_at_most_fifty_rows():
    """A long table is cut in a notebook, and says so."""
    rows = [{"i": i} for i in range(200)]
    text = notebook_html(Assessment(lens="rank", question="q", verdict="v", tables={"t": rows}))

    assert "The first 50 of 200 rows" in text
    assert len(text) < 20_000


def test_a_notebook_without_the_drawing_packages_shows_the_tables(monkeypatch):
    """Without the extra a notebook still shows verdict and tables; only the pictures are missing."""
    monkeypatch.setitem(__import__("sys").modules, "altair", None)
    text = notebook_html(report_demo.selection())

    assert "Build on efficientnet_lite1" in text
    assert "<table>" in text
    assert "<img" not in text


def test_the_command_draws_a_document(tmp_path, capsys):
    """`assay report document.json` writes the page beside it, the tables on request, and JSON on standard output."""
    from assay.cli.app import run

    (tmp_path / "one.json").write_text(report_demo.selection().to_json(), encoding="utf-8")
    status = run(["report", str(tmp_path / "one.json"), "--json", "--csv", str(tmp_path / "tables")])
    printed = capsys.readouterr()

    assert status == 0
    assert "Build on efficientnet_lite1" in (tmp_path / "one.html").read_text(encoding="utf-8")
    assert json.loads(printed.out)["assessments"][0]["schema"] == "assay/selection/1"
    assert len(list((tmp_path / "tables").glob("*.csv"))) == 3
    assert "report: " in printed.err


def test_the_command_refuses_what_is_neither_run_nor_document(tmp_path, capsys):
    """A file of another kind ends with status 2 and its name."""
    from assay.cli.app import run

    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")

    assert run(["report", str(tmp_path / "notes.txt")]) == 2
    assert "notes.txt" in capsys.readouterr().err
