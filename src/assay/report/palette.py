"""Colours of the report, light and dark, and how Vega draws with them.

Pictures name colours only as CSS variables (`var(--c1)`), so that one drawing serves light, dark and paper: the style
sheet changes the variables and the picture follows, with no script. A static export puts the light values in place.

The categories are Okabe and Ito's colours (2008, Color Universal Design), darkened on white and lightened on black
until each stands out from its ground by at least 3 to 1; the steps run in lightness, so that they survive
colour blindness and a grey printer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CATEGORIES = ("c1", "c2", "c3", "c4", "c5", "c6", "c7")
STEPS = 7

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

METRIC_SANS = "Arial, 'Liberation Sans', Helvetica, sans-serif"
"""For still pictures: these share their metrics, so that words fit wherever the picture is opened."""

LIGHT: Mapping[str, str] = {
    "paper": "#fefefc", "panel": "#f6f5f1", "band": "#f3f2ed", "ink": "#1b1e24", "soft": "#565c67", "rule": "#dedcd5",
    "strong": "#b9b6ac", "accent": "#0a5c99", "warn": "#9a3b00", "warn-ground": "#fdf1e6", "muted": "#8b8f98",
    "c1": "#0067a6", "c2": "#c9540a", "c3": "#00805e", "c4": "#a6407f", "c5": "#967000", "c6": "#3f86c4",
    "c7": "#4d525b", "good": "#0067a6", "bad": "#c9540a",
    "s0": "#eef3f7", "s1": "#d2e1ee", "s2": "#abc9e1", "s3": "#7cadd2", "s4": "#3577ab", "s5": "#1d669f",
    "s6": "#0a4677",
    "d0": "#a9440a", "d1": "#dc8a50", "d2": "#f4d0b2", "d3": "#efeeea", "d4": "#bdd5e9", "d5": "#63a1ce",
    "d6": "#155f9c",
    "s0-ink": "#1b1e24", "s1-ink": "#1b1e24", "s2-ink": "#1b1e24", "s3-ink": "#14171c", "s4-ink": "#ffffff",
    "s5-ink": "#ffffff", "s6-ink": "#ffffff",
    "d0-ink": "#ffffff", "d1-ink": "#14171c", "d2-ink": "#1b1e24", "d3-ink": "#1b1e24", "d4-ink": "#1b1e24",
    "d5-ink": "#14171c", "d6-ink": "#ffffff",
}  # fmt: skip

DARK: Mapping[str, str] = {
    "paper": "#14161a", "panel": "#1b1e23", "band": "#1d2026", "ink": "#e9e7e2", "soft": "#a8acb5", "rule": "#31353c",
    "strong": "#565c66", "accent": "#7cc0f0", "warn": "#ffb27d", "warn-ground": "#2b2018", "muted": "#7d828c",
    "c1": "#5cb3e8", "c2": "#f78e4d", "c3": "#35c69d", "c4": "#e592c0", "c5": "#e6c04f", "c6": "#a5c8f2",
    "c7": "#c3c6cc", "good": "#5cb3e8", "bad": "#f78e4d",
    "s0": "#1d242c", "s1": "#20374c", "s2": "#254d6c", "s3": "#2f688f", "s4": "#5797c2", "s5": "#86b9dd",
    "s6": "#bfdef3",
    "d0": "#f3a064", "d1": "#a85c2b", "d2": "#5f3b24", "d3": "#2a2d33", "d4": "#244864", "d5": "#3775a5",
    "d6": "#8fc6ef",
    "s0-ink": "#e9e7e2", "s1-ink": "#e9e7e2", "s2-ink": "#ffffff", "s3-ink": "#ffffff", "s4-ink": "#0c0e11",
    "s5-ink": "#0c0e11", "s6-ink": "#0c0e11",
    "d0-ink": "#0c0e11", "d1-ink": "#ffffff", "d2-ink": "#ffffff", "d3-ink": "#e9e7e2", "d4-ink": "#ffffff",
    "d5-ink": "#ffffff", "d6-ink": "#0c0e11",
}  # fmt: skip


def css(theme: Mapping[str, str]) -> str:
    """The theme as declarations of CSS variables."""
    return "".join(f"--{name}:{colour};" for name, colour in theme.items())


def ink(name: str) -> str:
    """How a picture names a colour."""
    return f"var(--{name})"


def literal(text: str) -> str:
    """A Vega specification, as JSON text, with every colour variable replaced by its value in the light theme."""
    return re.sub(r'"var\(--([\w-]+)\)"', lambda match: f'"{LIGHT[match[1]]}"', text)


def vega_config() -> dict[str, Any]:
    """The look of all pictures: quiet axes, no frame, words in the ink of the page."""
    axis = {
        "labelColor": ink("soft"), "labelFontSize": 12, "titleColor": ink("soft"), "titleFontSize": 12,
        "titleFontWeight": "normal", "titleAnchor": "start", "titlePadding": 8, "labelPadding": 6,
        "domain": False, "ticks": False, "gridColor": ink("rule"), "gridWidth": 1, "labelOverlap": "greedy",
        "labelSeparation": 8,
    }  # fmt: skip
    return {
        "background": None,
        "font": SANS,
        "aria": False,
        "view": {"stroke": None},
        "axis": axis,
        "axisYBand": {"labelColor": ink("ink"), "labelPadding": 8, "labelLimit": 400, "labelOverlap": False,
                      "grid": False},
        "axisXBand": {"labelColor": ink("ink"), "grid": False, "labelOverlap": False},
        "axisYQuantitative": {"titleAngle": 0, "titleAlign": "left", "titleX": 0, "titleY": -10,
                              "titleBaseline": "bottom"},
        "axisXQuantitative": {"tickCount": {"expr": "width < 300 ? 4 : 7"}},
        "axisXTemporal": {"tickCount": {"expr": "width < 300 ? 4 : 8"}},
        "text": {"color": ink("ink"), "fontSize": 12},
        "rule": {"color": ink("strong")},
        "point": {"filled": True},
        "legend": {"labelColor": ink("soft"), "titleColor": ink("soft")},
    }  # fmt: skip
