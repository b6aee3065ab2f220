"""The report: one HTML file that needs nothing else, opens offline, and runs no script but its own.

Its Content-Security-Policy names the digest of every script of ours, so that nothing smuggled into a name can run even
if it got past the escaping; there is no network address in it and none may be reached. Drawings are data in the page;
Vega reads their expressions as a tree, without `eval`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from assay import __version__
from assay.errors import NothingToAssessError
from assay.finding import Assessment, plain
from assay.report import figures, palette, sections, tables
from assay.report.documents import write_text
from assay.report.summary import RunSummary
from assay.report.words import writable

LIMIT_BYTES = 2_000_000
"""A page is smaller than this: rows are left out of tables and figures, and said to be, until it is."""
_SCRIPTS = ("charts.js", "tables.js", "weights.js")
_ROOM = ((tables.MOST_ROWS, figures.MOST_ROWS), (300, figures.MOST_ROWS), (300, 700), (120, 300), (40, 120),
         (20, 40))  # fmt: skip


def render(assessments: Sequence[Assessment], *, run: RunSummary | None = None) -> str:
    """The page of these assessments as one HTML document, smaller than 2 MB.

    Args:
        assessments: What the lenses concluded, in any order; selection is told first.
        run: What was run, on what, at what cost; without it the page tells what the assessments know.

    Raises:
        NothingToAssessError: when there is no assessment.
        MissingExtraError: when the packages that draw are not installed (extra `report`).
    """
    if not assessments:
        raise NothingToAssessError("a report needs at least one assessment")
    text = ""
    for rows, drawn in _ROOM:
        text = writable(_render(sections.page(assessments, run, rows=rows, drawn=drawn)))
        if len(text.encode()) < LIMIT_BYTES:
            break
    return text


def write_report(assessments: Sequence[Assessment], path: Path | str, *, run: RunSummary | None = None) -> None:
    """Write the page of these assessments; folders on the way are made.

    Raises:
        NothingToAssessError: when there is no assessment.
        MissingExtraError: when the packages that draw are not installed (extra `report`).
        StoreError: when the file cannot be written.
    """
    write_text(render(assessments, run=run), Path(path))


def as_json(value: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  escaped above, and of a type that browsers do not run


def environment() -> Any:
    """The templates: everything escaped, an undefined name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(loader=PackageLoader("assay.report"), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    made.filters["as_json"] = as_json
    ours: dict[str, Any] = {"cell": tables.cell, "common_note": sections.common_note}
    made.globals.update(ours)
    return made


def _render(page: sections.Page) -> str:
    drawn = any(picture.drawing for section in page.sections for picture in section.pictures)
    scripts = [*([figures.javascript()] if drawn else []), *(read(name) for name in _SCRIPTS)]
    return environment().get_template("page.html.j2").render(
        page=page, version=__version__, config=palette.vega_config(), policy=_policy(scripts), style=Markup(style()),  # noqa: S704  ours
        scripts=[Markup(script) for script in scripts],  # noqa: S704  our own files and Vega's bundle
        has_run=page.has_run, has_caveats=page.has_caveats,
    )  # fmt: skip


def style() -> str:
    """The style sheet with the colours of both themes; paper is always light."""
    light, dark = palette.css(palette.LIGHT), palette.css(palette.DARK)
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{read('style.css')}"


def read(name: str) -> str:
    """One of the files beside the templates."""
    return (files("assay.report") / "templates" / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    sources = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
