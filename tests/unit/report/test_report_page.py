"""The page: its size, its order, its numbers, and what it refuses."""

import json
import re

import pytest
from jinja2 import UndefinedError

import report_demo
from assay.errors import MissingExtraError, NothingToAssessError, StoreError
from assay.estimate import Estimate, show_number
from assay.finding import Assessment, Figure
from assay.report import page
from assay.report.documents import to_document
from assay.report.page import LIMIT_BYTES, render, write_report

DATA = re.compile(r'<data value="([^"]*)">([^<]*)</data>')


@pytest.fixture(scope="module")
def text():
    """The page of all lenses with a run."""
    return render(report_demo.all_lenses(), run=report_demo.run_summary())


def test_the_page_is_small_and_complete(text):
    """A page of five lenses with Vega in it stays under 2 MB and ends properly."""
    assert len(text.encode()) < LIMIT_BYTES
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")


def test_the_verdict_comes_first_and_the_command_last(text):
    """The order is verdict, ranking, cost, classes, mistakes, other lenses, what was run, caveats, how to repeat."""
    body = text[text.index("<main>") :]
    marks = ["<h1>Build on efficientnet_lite1", "Accuracy of each model", "Score against cost", "Recall by class",
             "Most confident mistakes", "Who wins under which weighting", "Performance over time", "<h2>What was run",
             "<h2>Caveats", "assay run demo.yaml"]  # fmt: skip
    places = [body.index(mark) for mark in marks]

    assert places == sorted(places)


def test_every_number_of_the_page_is_in_the_json_document(text):
    """Each number on the page carries its exact value, the JSON document holds it, and the words round it."""
    document = to_document(report_demo.all_lenses(), run=report_demo.run_summary())
    known = report_demo.finite_numbers(json.loads(json.dumps(document, allow_nan=False)))
    shown = DATA.findall(text)

    assert len(shown) > 400
    for exact, words in shown:
        assert float(exact) in known, (exact, words)
        if re.fullmatch(r"−?[\d.,]+", words):
            number = float(words.replace("−", "-").replace(",", ""))
            assert number == pytest.approx(float(exact), rel=0.006, abs=0.0006)


def test_words_round_as_everywhere_else(text):
    """An estimate reads on the page as it reads on the command line."""
    value = report_demo.selection().estimates[0].value

    assert value is not None
    assert f'<data value="{value}">{show_number(value)}</data>' in text


def test_nothing_on_the_page_is_a_nan(text):
    """No NaN, infinity or undefined reaches the page's own text or data."""
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)

    assert not re.search(r"\bNaN\b|\bInfinity\b|\bundefined\b|\bNone\b", own)
    for block in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', own, flags=re.DOTALL):
        json.loads(block, parse_constant=lambda word: pytest.fail(f"{word} in the page's data"))


def test_every_unknown_says_why(text):
    """The reason of an unknown cell stands in a footnote that the cell points to."""
    for reason in ("one class only in the test rows", "no training score was kept", "paired differences are all zero"):
        assert reason in text
    for name in re.findall(r'class="unknown" href="#([\w-]+)"', text):
        assert f'<li id="{name}">Unknown: ' in text


def test_a_smoke_run_is_marked_everywhere():
    """A limited run says so in the title, on top, at the verdict and at every section."""
    text = render([report_demo.selection(), report_demo.durability()], run=report_demo.run_summary(smoke=True))

    assert "<title>Smoke run" in text
    assert '<p class="banner"' in text
    assert text.count('<span class="tag">Smoke run</span>') >= 6
    assert "Smoke run" not in render([report_demo.selection()])


def test_an_assessment_of_a_limited_run_marks_the_page_by_itself():
    """An assessment whose inputs say `smoke` marks the page without a run summary."""
    assert '<p class="banner"' in render([Assessment(lens="rank", question="q", verdict="v", inputs={"smoke": True})])


def test_the_policy_allows_only_our_own_scripts(text):
    """The policy has no unsafe script source and no address; every script of the page is named by its digest."""
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)

    assert policy is not None
    words = policy[1].replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert "default-src 'none'" in words
    assert "unsafe-eval" not in words
    assert "http" not in words
    assert words.count("'sha256-") == len(scripts)
    assert "'unsafe-inline'" not in words.split("style-src")[0]


def test_too_many_rows_are_left_out_and_said_to_be():
    """A hundred thousand rows make a page under 2 MB that says how many rows it shows."""
    rows = [{"item": f"item {i}", "score": i / 1e5, "seconds": 1.0 + i} for i in range(100_000)]
    figures = (Figure(name="s", kind="scatter", title="s", rows=rows, x="seconds", y="score"),
               Figure(name="h", kind="histogram", title="h", rows=rows, x="score"),
               Figure(name="i", kind="intervals", title="i", rows=rows, x="score", y="item"))  # fmt: skip
    text = render([Assessment(lens="selection", question="q", verdict="v", tables={"items": rows}, figures=figures)])

    assert len(text.encode()) < LIMIT_BYTES
    assert "of 100000 rows; the JSON document holds all" in text
    assert "of 100,000 rows are drawn" in text


def test_room_is_made_for_many_wide_tables():
    """Tables that would fill more than 2 MB are cut until the page fits."""
    row = {f"column {i}": report_demo.estimate("x", 0.5, 0.1) for i in range(12)}
    tables = {f"table {i}": [row] * 600 for i in range(4)}
    text = render([Assessment(lens="selection", question="q", verdict="v", tables=tables)])

    assert len(text.encode()) < LIMIT_BYTES
    assert "of 600 rows" in text


def test_an_undefined_name_in_a_template_is_an_error():
    """Templates are strict: a missing value is an error, never an empty place."""
    with pytest.raises(UndefinedError):
        page.environment().from_string("{{ nothing.here }}").render()


def test_templates_escape_everything_but_our_own_files():
    """Text is escaped without asking; JSON in the page cannot end its script element."""
    assert page.environment().from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    assert "<" not in page.as_json({"a": "</script><!--"})


def test_no_assessments_no_report():
    """A report of nothing is refused."""
    with pytest.raises(NothingToAssessError, match="at least one"):
        render([])


def test_an_empty_assessment_still_makes_a_page():
    """An assessment with a verdict alone is a page, without Vega."""
    text = render([Assessment(lens="rank", question="q", verdict="Nothing can be said.")])

    assert "Nothing can be said." in text
    assert len(text) < 100_000


def test_a_report_that_cannot_be_written_says_so(tmp_path):
    """A path below a file is an error with the path."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(StoreError, match="file"):
        write_report([report_demo.others()[0]], tmp_path / "file" / "report.html")


def test_without_the_drawing_packages_the_extra_is_named(monkeypatch):
    """Without Altair the error names the extra to install."""
    monkeypatch.setitem(__import__("sys").modules, "altair", None)

    with pytest.raises(MissingExtraError, match=r"assay\[report\]"):
        render([report_demo.selection()])


def test_two_assessments_of_one_lens_are_told_apart_by_their_task():
    """Two selections carry the name of their task in the heading, and both lead the page."""
    first, second = (Assessment(lens="selection", question="q", verdict=f"v{i}", inputs={"task": f"task {i}"},
                                estimates=(Estimate(name="a", value=1.0),)) for i in (1, 2))  # fmt: skip
    text = render([first, second])

    assert "<h2>Selection on task 1</h2>" in text
    assert "<h2>Selection on task 2</h2>" in text
