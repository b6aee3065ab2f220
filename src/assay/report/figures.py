"""From a Figure, which is data, to a picture: one drawing for page, notebook and paper.

kind        drawn by                what a row is
intervals   charts.intervals        one name with a value and an interval
bars        charts.bars             one name with a value
waterfall   charts.waterfall        one signed contribution, in order
scatter     charts.scatter          one point
curve       charts.curve            one point of a line, with a band
histogram   charts.histogram        one value
heatmap     charts.heatmap          one cell
parallel    charts.parallel         one configuration
weights     charts.weights          one model; sliders of the page, without Vega
"""

from __future__ import annotations

import importlib
import json
from typing import Any

from assay.errors import MissingExtraError
from assay.finding import Figure
from assay.report.bundle import bundle
from assay.report.charts.reading import Drawing
from assay.report.palette import LIGHT, METRIC_SANS, literal, vega_config
from assay.report.words import drawable

KINDS = ("intervals", "bars", "waterfall", "scatter", "curve", "histogram", "heatmap", "parallel")
"""The kinds that Vega draws; `weights` is drawn by the page itself."""

GROUND = LIGHT["paper"]
"""The ground of still pictures."""

MOST_ROWS = 1500
"""Rows drawn of one figure, unless the page runs out of room."""


def draw(figure: Figure, *, limit: int = MOST_ROWS) -> Drawing:
    """The drawing of a figure, of at most `limit` rows.

    Altair's check of every part against the schema is left out, since it takes longer than the drawing; tests do it.

    Raises:
        MissingExtraError: when Altair is not installed.
    """
    kind = importlib.import_module(f"assay.report.charts.{figure.kind}")
    try:
        with importlib.import_module("altair.utils.schemapi").debug_mode(False):
            drawing: Drawing = kind.draw(kind.lay_out(figure, limit))
    except ModuleNotFoundError as error:
        raise MissingExtraError("report", "drawing a figure") from error
    return drawing._replace(spec=drawable(drawing.spec))


def to_svg(figure: Figure, *, width: int = 720, background: str | None = GROUND) -> str:
    """A figure as one SVG picture in the light colours, for documents; keys and notes stand in the caption there.

    Raises:
        MissingExtraError: when the drawing packages are not installed.
    """
    return still(draw(figure), width=width, background=background)


def still(drawing: Drawing, *, width: int = 720, background: str | None = GROUND) -> str:
    """A drawing as one SVG picture, in a font whose metrics are the same on nearly every machine."""
    return _converter().vegalite_to_svg(_static(drawing, width, background))


def javascript() -> str:
    """Vega, Vega-Lite and the embedding script, to be placed in a page once."""
    return bundle(_converter())


def _static(drawing: Drawing, width: int, background: str | None) -> str:
    config: dict[str, Any] = {**vega_config(), "background": background, "font": METRIC_SANS}
    return literal(json.dumps({**drawing.spec, "width": width, "config": config}))


def _converter() -> Any:
    try:
        return importlib.import_module("vl_convert")
    except ModuleNotFoundError as error:
        raise MissingExtraError("report", "drawing a figure") from error
