"""The report in a real browser: hostile names run nothing; pictures, phone, dark, paper and no script work."""

import re
import shutil
from pathlib import Path

import pytest

import report_demo
from assay.report.notebook import notebook_html
from assay.report.page import render, write_report

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine"),
]
WATCH = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', (event) => window.__violations.push(event.violatedDirective));
"""


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all tests of this file."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo report and its hostile twin as files."""
    made = tmp_path_factory.mktemp("reports")
    write_report(report_demo.all_lenses(), made / "demo.html", run=report_demo.run_summary())
    poison = report_demo.Poison()
    hostile = [poison.assessment(assessment) for assessment in report_demo.all_lenses()]
    write_report(hostile, made / "hostile.html", run=poison.run(report_demo.run_summary()))
    notes = "".join(notebook_html(assessment) for assessment in hostile)
    (made / "notebook.html").write_text(f"<!doctype html><meta charset=utf-8>{notes}", encoding="utf-8")
    return made


class Opened:
    """A page that was opened, with what it asked for and complained of."""

    def __init__(self, browser, path: Path, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.add_init_script(WATCH)
        self.page.goto(path.as_uri())

    def drawn(self):
        self.page.wait_for_selector("html[data-drawn]", timeout=30_000)
        return self.page

    @property
    def network(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


def _contrast(first: str, second: str) -> float:
    """The contrast of two CSS colours, by WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_hostile_names_run_nothing(browser, folder):
    """Text that tries to be script, in every field a user controls, stays text while a reader moves, opens and taps."""
    assert len(report_demo.PAYLOADS) >= 20
    with Opened(browser, folder / "hostile.html") as opened:
        page = opened.drawn()
        page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
        for chart in page.query_selector_all(".chart")[:14]:
            box = chart.bounding_box()
            for share in (0.3, 0.5, 0.7):
                page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * share)
            chart.scroll_into_view_if_needed()
        for selector in ("th button", "a.unknown", "input[type=range]", "summary"):
            for node in page.query_selector_all(selector)[:12]:
                node.dispatch_event("click")
                node.dispatch_event("pointerenter")

        assert page.evaluate("window.__xss") is None
        assert page.evaluate("window.__violations") == []
        assert opened.network == []
        assert [text for text in opened.complaints if "ERR_INVALID_URL" not in text] == []
        assert page.query_selector_all(".chart.failed") == []
        assert len(page.query_selector_all(".chart.drawn")) == len(page.query_selector_all(".chart"))


def test_hostile_names_are_shown_as_they_are(browser, folder):
    """The payloads are on the page as words: nothing was dropped to be safe."""
    with Opened(browser, folder / "hostile.html") as opened:
        text = opened.drawn().inner_text("main")

    missing = [payload for payload in report_demo.PAYLOADS[:20] if payload.split("\n")[0][:18] not in text]
    assert len(missing) <= 2, missing


def test_script_that_got_into_the_page_does_not_run(browser, folder, tmp_path):
    """Were a script to get past the escaping, the policy of the page would stop it."""
    text = render([report_demo.others()[0]])
    smuggled = "<script>window.__xss=1</script><img src='data:x' onerror='window.__xss=2'></main>"
    path = tmp_path / "smuggled.html"
    path.write_text(text.replace("</main>", smuggled), encoding="utf-8")
    with Opened(browser, path) as opened:
        page = opened.drawn()
        page.wait_for_timeout(100)

        assert page.evaluate("window.__xss") is None
        assert len(page.evaluate("window.__violations")) >= 2


def test_the_notebook_view_runs_nothing(browser, folder):
    """The notebook's fragment has no script, asks for nothing, and hostile names stay text without any policy."""
    with Opened(browser, folder / "notebook.html") as opened:
        opened.page.wait_for_timeout(300)

        assert opened.page.evaluate("window.__xss") is None
        assert opened.page.evaluate("document.scripts.length") == 0
        assert opened.network == []
        assert opened.page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


def test_a_clean_report_complains_of_nothing(browser, folder):
    """The demo report opens from disk with no request, no violation, no warning, and all pictures drawn."""
    with Opened(browser, folder / "demo.html") as opened:
        page = opened.drawn()
        marks = page.evaluate(
            "[...document.querySelectorAll('.chart')].map((chart) => chart.querySelectorAll('path, text').length)"
        )

        assert opened.network == []
        assert opened.complaints == []
        assert page.evaluate("window.__violations") == []
        assert len(marks) == 12
        assert min(marks) > 10


@pytest.mark.parametrize("width", [360, 390, 768])
def test_a_phone_never_scrolls_sideways(browser, folder, width):
    """At phone width the page is as wide as the screen, hostile names included, and pictures fit."""
    for name in ("demo.html", "hostile.html"):
        with Opened(browser, folder / name, viewport={"width": width, "height": 780}) as opened:
            page = opened.drawn()
            sizes = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            widest = page.evaluate(
                "Math.max(...[...document.querySelectorAll('.chart svg')].map((n) => n.getBoundingClientRect().right))"
            )

        assert sizes[0] <= sizes[1], name
        assert widest <= width, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(browser, folder, scheme):
    """All words of page and pictures reach a contrast of 4.5 to 1 in both schemes; marks reach 3 to 1."""
    with Opened(browser, folder / "demo.html", color_scheme=scheme) as opened:
        page = opened.drawn()
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        words = page.evaluate(
            """['h1', 'h2', '.question', '.note', '.ci', 'th', 'td', 'a', '.unknown', 'summary', 'dt', '.keys li']
            .map((name) => [name, getComputedStyle(document.querySelector(`main ${name}`)).color])"""
        )
        labels = page.evaluate(
            "[...document.querySelectorAll('.role-axis-label text')].map((text) => getComputedStyle(text).fill)"
        )
        marks = page.evaluate("[1,2,3,4,5,6,7].map((i) => { const probe = document.createElement('i');"
                              "probe.style.color = `var(--c${i})`; document.body.append(probe);"
                              "return getComputedStyle(probe).color; })")  # fmt: skip

    assert (_contrast(ground, "rgb(255, 255, 255)") < 1.1) == (scheme == "light")
    for name, colour in words:
        assert _contrast(ground, colour) >= 4.5, name
    for colour in set(labels):
        assert _contrast(ground, colour) >= 4.5, colour
    for colour in marks:
        assert _contrast(ground, colour) >= 3.0, colour


def test_the_numbers_in_a_grid_of_colours_can_be_read(browser, folder):
    """Each number in a heatmap has a contrast of 4.5 to 1 to its own cell, in both schemes."""
    for scheme in ("light", "dark"):
        with Opened(browser, folder / "demo.html", color_scheme=scheme) as opened:
            colours = opened.drawn().evaluate(
                """['s', 'd'].flatMap((family) => [0,1,2,3,4,5,6].map((i) => {
                const probe = document.createElement('i');
                probe.style.background = `var(--${family}${i})`; probe.style.color = `var(--${family}${i}-ink)`;
                document.body.append(probe); const style = getComputedStyle(probe);
                return [`${family}${i}`, style.backgroundColor, style.color]; }))"""
            )
        for name, ground, ink in colours:
            assert _contrast(ground, ink) >= 4.5, (scheme, name)


def test_paper_is_light_and_whole(browser, folder):
    """Printed from a dark screen, the page is light, folded tables are open, and the contents list is gone."""
    with Opened(browser, folder / "demo.html", color_scheme="dark") as opened:
        page = opened.drawn()
        page.emulate_media(media="print", color_scheme="dark")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")

        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert _contrast(ground, "rgb(255, 255, 255)") < 1.1
        assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert page.evaluate("[...document.querySelectorAll('details.table')].every((node) => node.open)")
        assert len(page.pdf(format="A4")) > 50_000
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate("[...document.querySelectorAll('details.table')].some((node) => !node.open)")


def test_without_script_the_words_and_tables_tell_everything(browser, folder):
    """With scripts switched off, verdict, tables and reasons are there, and no empty picture is."""
    with Opened(browser, folder / "demo.html", java_script_enabled=False) as opened:
        text = opened.page.inner_text("main")
        charts = opened.page.locator(".chart:visible").count()

    assert charts == 0
    assert "Build on efficientnet_lite1" in text
    for model in report_demo.MODELS:
        assert model in text
    assert "one class only in the test rows" in text


def test_sliders_change_the_winner(browser, folder):
    """Moving the weights changes who wins; a model without all indicators is named and left out."""
    with Opened(browser, folder / "demo.html") as opened:
        page = opened.drawn()
        before = page.inner_text(".winner")
        for slider, value in zip(page.query_selector_all(".sliders input"), ("0", "100", "0", "0"), strict=True):
            slider.evaluate("(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value)
        after = page.inner_text(".winner")
        outputs = [node.inner_text() for node in page.query_selector_all(".sliders output")]
        note = page.inner_text("figure:has(.weights) .note")

    assert before.startswith(f"{report_demo.MODELS[2]} wins")
    assert after.startswith(f"{report_demo.MODELS[0]} wins with 1.000")
    assert outputs == ["0 %", "100 %", "0 %", "0 %"]
    assert "unmeasured" in note


def test_a_tap_on_unknown_says_why(browser, folder):
    """An unknown cell shows its reason when pointed at, and leads to its footnote."""
    with Opened(browser, folder / "demo.html") as opened:
        page = opened.drawn()
        cell = page.query_selector(".body > .table td a.unknown")
        cell.hover()
        shown = page.inner_text("#tip")
        cell.click()
        target = page.evaluate("document.querySelector(':target').textContent")

    assert shown == "one class only in the test rows" or "fine-tuned" in shown
    assert shown in target


def test_the_pointer_reads_a_picture(browser, folder):
    """Pointing at an interval shows the name, the value and the interval as text."""
    with Opened(browser, folder / "demo.html") as opened:
        page = opened.drawn()
        point = page.query_selector("figure .mark-symbol path")
        point.hover()
        shown = page.inner_text("#tip")

    assert report_demo.MODELS[0] in shown
    assert "0.930 [0.910, 0.950]" in shown


def test_names_in_a_scatter_do_not_lie_upon_each_other(browser, folder):
    """At phone width the names beside points that would overlap are hidden, and at least one is left."""
    with Opened(browser, folder / "demo.html", viewport={"width": 360, "height": 780}) as opened:
        boxes = opened.drawn().evaluate(
            """[...document.querySelectorAll('.names_marks text:not([display=none])')].map((text) => {
            const box = text.getBoundingClientRect(); return [box.left, box.right, box.top, box.bottom]; })"""
        )

    assert boxes
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert not (a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3])


def test_a_click_on_a_heading_sorts_by_exact_value(browser, folder):
    """A table sorts by the numbers behind the words, with unknown cells last."""
    with Opened(browser, folder / "demo.html") as opened:
        page = opened.drawn()
        page.locator(".body > .table th button", has_text="Finetuned").first.click()
        column = page.evaluate(
            """(() => { const head = document.querySelector('th[aria-sort]'); const table = head.closest('table');
            return [...table.tBodies[0].rows].map((row) => row.cells[head.cellIndex].querySelector('data'))
                .map((data) => data?.value ?? null);
            })()"""
        )

    known = [float(value) for value in column if value is not None]
    assert known == sorted(known, reverse=True)
    assert len(known) == 5
    assert column[5:] == [None] * (len(column) - 5)


def test_a_new_width_draws_the_pictures_again(browser, folder):
    """When the window becomes narrow, the pictures are drawn for it."""
    with Opened(browser, folder / "demo.html") as opened:
        page = opened.drawn()
        page.set_viewport_size({"width": 420, "height": 800})
        page.wait_for_selector("html[data-drawn='420']", timeout=30_000)
        widths = page.evaluate("[...document.querySelectorAll('.chart svg')].map((svg) => svg.width.baseVal.value)")

    assert max(widths) <= 400
