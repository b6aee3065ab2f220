"""Parts that every kind of picture is drawn with: axes, names, reference lines, and the finished specification.

Altair is imported inside the functions, since it comes with the extra `report`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.report.charts.reading import Drawn
from assay.report.palette import ink

if TYPE_CHECKING:
    import altair as alt


def step(count: int) -> int:
    """Height in pixels of one of `count` rows: generous for a few, tight for many."""
    return 30 if count <= 12 else 24 if count <= 30 else 19 if count <= 60 else 16


# The middle of a long name is left out; how many characters fit is the signal `chars`, which the page sets by width.
SHORT_LABEL = (
    "length(datum.label) > chars ? slice(datum.label, 0, ceil(chars * 0.6)) + '…'"
    " + slice(datum.label, -floor(chars * 0.4)) : datum.label"
)


def turned_labels(names: Sequence[str], *, below: bool = False) -> dict[str, Any]:
    """Settings of a horizontal axis of names: upright where they fit side by side, turned where they do not."""
    longest = min(max((len(name) for name in names), default=1), 24)
    room = f"plot / {max(len(names), 1)}"
    tight = f"{room} < {6.4 * longest + 8:.0f}"
    side, base = ("right", "top") if below else ("left", "bottom")
    return {
        "labelExpr": SHORT_LABEL.replace("chars", "24"),
        "labelAngle": {"expr": f"{room} < 30 && {tight} ? -90 : {tight} ? -50 : 0"},
        "labelOverlap": False,
        "labelAlign": {"expr": f"{tight} ? '{side}' : 'center'"},
        "labelBaseline": {"expr": f"{tight} ? 'middle' : '{base}'"},
    }  # fmt: skip


def chart(rows: Sequence[Drawn]) -> alt.Chart:
    """An empty chart over rows that stand in the specification itself."""
    import altair as alt

    return alt.Chart(alt.Data(values=list(rows)))


def category(order: Sequence[str]) -> alt.Y:
    """The vertical axis of names, in the order given, long names shortened in the middle."""
    import altair as alt

    axis = alt.Axis(title=None, labelExpr=SHORT_LABEL)
    return alt.Y("y:N", sort=None, axis=axis, scale=alt.Scale(domain=list(order)))


def quantity(
    channel: type[Any], field: str, title: str, ends: tuple[float, float], *, log: bool = False, room: bool = False
) -> Any:
    """A numeric axis whose ends we fix, so that every layer shares it; `room` keeps place for words after it."""
    import altair as alt

    shared: dict[str, Any] = {"domain": list(ends), "nice": False}
    if room:
        shared["rangeMax"] = {"expr": "width - beside"}
    if not log:
        return channel(f"{field}:Q", scale=alt.Scale(zero=False, **shared), axis=alt.Axis(title=title or None))
    axis = alt.Axis(title=title or None, values=round_numbers(ends), format="~s" if ends[0] >= 1 else "~g")
    return channel(f"{field}:Q", scale=alt.Scale(type="log", **shared), axis=axis)


def round_numbers(ends: tuple[float, float]) -> list[float]:
    """The ticks of a logarithmic axis: powers of ten, and the more numbers between them the less it spans."""
    low, high = math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1]))
    ratio = ends[1] / ends[0]
    fine = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if ratio <= 6 else (1, 2, 3, 5, 7) if ratio <= 30 else (1, 2, 5)
    factors = fine if ratio <= 2000 else (1,)
    every = max(1, round((high - low) / 8))
    ticks = [factor * 10.0**power for power in range(low, high + 1, every) for factor in factors]
    return [tick for tick in ticks if ends[0] <= tick <= ends[1]]


def colour() -> alt.Color:
    """Colours that stand in the rows as CSS variables."""
    import altair as alt

    return alt.Color("c:N", scale=None)


def rule_layers(value: float | None, text: str, channel: str = "x") -> list[Any]:
    """A reference line across the plot, with its words at the end; nothing when there is no value."""
    import altair as alt

    if value is None:
        return []
    base = chart([{"at": value, "text": text}])
    at: Any = alt.X("at:Q") if channel == "x" else alt.Y("at:Q")
    line = base.mark_rule(strokeDash=[3, 3], color=ink("soft"), strokeWidth=1).encode(**{channel: at})
    if not text:
        return [line]
    if channel == "x":
        words = base.mark_text(align="left", dx=4, dy=-4, baseline="bottom", fontSize=11, fill=ink("soft"))
        return [line, words.encode(x=at, y=alt.value(0), text="text:N")]
    words = base.mark_text(align="left", dy=-4, baseline="bottom", fontSize=11, fill=ink("soft"))
    return [line, words.encode(y=at, x=alt.value(2), text="text:N")]


def finish(
    layers: Sequence[Any], *, height: float, names: Sequence[str] = (), beside: int = 0, least: int = 0
) -> dict[str, Any]:
    """The layers as one specification whose width the page sets.

    `names` stand left of the plot; `beside` is the room in pixels that words at the right of it need; `least` is the
    width below which the plot is scrolled instead of pressed together. Three signals are for the page to set from its
    own width: `chars`, the most characters of a name; `plot`, about how wide the plot is; `beside`, zero where there
    is no room for it.
    """
    import altair as alt

    spec = alt.layer(*layers).to_dict(validate=False)
    for part in ("config", "$schema"):
        spec.pop(part, None)
    signals = {"chars": 34, "plot": 520, "beside": beside}
    return {
        **spec, "width": 720, "height": height,
        "params": [*({"name": name, "value": value} for name, value in signals.items()), *spec.pop("params", [])],
        "padding": {"left": 4, "top": 22, "right": 8, "bottom": 4},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "usermeta": {"beside": beside, "least": least, "names": max((len(name) for name in names), default=0)},
    }  # fmt: skip
