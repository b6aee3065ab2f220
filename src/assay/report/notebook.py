"""An assessment in a notebook: verdict, numbers, still pictures and tables, with no script at all.

Notebooks keep every output in their file and run its scripts, so this one has none: pictures are images, which cannot
run anything, and without the drawing packages they are left out.
"""

from __future__ import annotations

import base64

from assay.errors import MissingExtraError
from assay.finding import Assessment, Figure
from assay.report import figures, page, palette, sections
from assay.report.words import writable

MOST_ROWS = 50


def notebook_html(assessment: Assessment) -> str:
    """The assessment as a fragment of HTML without scripts; tables show their first 50 rows."""
    section = sections.section(assessment, "note", rows=MOST_ROWS, drawn=0, draw=False)
    pictures = [(figure.title, figure.alt or figure.title, image) for figure in assessment.figures
                if (image := _image(figure))]  # fmt: skip
    template = page.environment().get_template("notebook.html.j2")
    return writable(template.render(section=section, pictures=pictures, colours=palette.css(palette.LIGHT)))


def _image(figure: Figure) -> str | None:
    if figure.kind not in figures.KINDS:
        return None
    try:
        svg = figures.to_svg(figure)
    except MissingExtraError:
        return None
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
