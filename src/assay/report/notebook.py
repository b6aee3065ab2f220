"""An assessment in a notebook: verdict, numbers, still pictures and tables, with no script at all.

Notebooks keep every output in their file and run its scripts, so this one has none: pictures are images, which cannot
run anything, and without the drawing packages they are left out.
"""

from __future__ import annotations

import base64
from typing import NamedTuple

from assay.errors import MissingExtraError
from assay.finding import Assessment, Figure
from assay.report import figures, page, palette, sections
from assay.report.charts.reading import Key
from assay.report.words import writable

MOST_ROWS = 50


class Still(NamedTuple):
    """One picture of the notebook."""

    title: str
    alt: str
    keys: tuple[Key, ...]
    image: str


def notebook_html(assessment: Assessment) -> str:
    """The assessment as a fragment of HTML without scripts; tables show their first 50 rows."""
    section = sections.section(assessment, "note", rows=MOST_ROWS, drawn=0, draw=False)
    pictures = [picture for figure in sections.in_order(assessment) if (picture := _still(figure))]
    template = page.environment().get_template("notebook.html.j2")
    return writable(template.render(section=section, pictures=pictures, colours=palette.css(palette.LIGHT)))


def _still(figure: Figure) -> Still | None:
    """The figure as an image; None for sliders, and where the drawing packages are missing."""
    if figure.kind not in figures.KINDS:
        return None
    try:
        drawing = figures.draw(figure)
        svg = figures.still(drawing)
    except MissingExtraError:
        return None
    image = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    return Still(figure.title, figure.alt or figure.title, drawing.keys, image)
