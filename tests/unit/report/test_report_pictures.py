"""Pictures: what is drawn is computed first, in every kind, and nothing that is unknown is drawn as a number."""

import json
import re

import altair
import numpy as np
import pytest

import report_demo
from assay.estimate import Estimate
from assay.finding import Figure
from assay.report import figures
from assay.report.charts import (
    bars,
    curve,
    heatmap,
    histogram,
    intervals,
    parallel,
    parts,
    reading,
    scatter,
    waterfall,
    weights,
)
from assay.report.palette import CATEGORIES, DARK, LIGHT, ink, literal, vega_config

FIGURES = [figure for assessment in report_demo.all_lenses() for figure in assessment.figures]


def _figure(kind, rows, **fields):
    return Figure(name="f", kind=kind, title="t", rows=rows, **fields)


@pytest.mark.parametrize("figure", [f for f in FIGURES if f.kind != "weights"], ids=lambda f: f.name)
def test_every_kind_draws_and_compiles(figure):
    """Each kind gives a specification of at most five layers of plain JSON that Vega-Lite compiles to a picture."""
    spec = figures.draw(figure).spec
    svg = figures.to_svg(figure)

    json.dumps(spec, allow_nan=False)
    assert len(spec["layer"]) <= 8
    assert svg.startswith("<svg")
    assert "var(--" not in svg
    assert "NaN" not in svg


@pytest.mark.parametrize("figure", [f for f in FIGURES if f.kind != "weights"], ids=lambda f: f.name)
def test_every_kind_meets_the_schema(figure):
    """What is drawn without Altair's checks holds the schema of Vega-Lite all the same."""
    altair.LayerChart.from_dict(figures.draw(figure).spec, validate=True)


@pytest.mark.parametrize("kind", figures.KINDS)
def test_every_kind_draws_no_rows(kind):
    """A figure without rows is an empty picture, never an error."""
    assert figures.draw(_figure(kind, [])).spec["layer"]


@pytest.mark.parametrize("kind", figures.KINDS)
def test_every_kind_draws_rows_of_unknowns(kind):
    """Rows of which nothing is known draw no mark at a number."""
    rows = [{"x": Estimate.unknown("x", "why"), "y": "a", "value": None, "c": None} for _ in range(3)]
    spec = figures.draw(_figure(kind, rows, options={"dims": ["x", "value"]})).spec

    assert "NaN" not in json.dumps(spec)


def test_an_interval_without_ends_reaches_the_edge():
    """An interval that is open below is drawn from the edge; one that is unknown is a word in its row."""
    rows = [{"m": "a", "s": Estimate(name="s", value=2.0, high=3.0, level=0.95)}, {"m": "b", "s": 1.0},
            {"m": "c", "s": Estimate.unknown("s", "one run")}]  # fmt: skip
    layout = intervals.lay_out(_figure("intervals", rows, x="s", y="m"), 100)

    assert layout.rows[0]["low"] == layout.ends[0] < 1.0
    assert layout.rows[0]["high"] == 3.0
    assert (layout.rows[1]["low"], layout.rows[1]["words"]) == (None, "")
    assert (layout.rows[2]["x"], layout.rows[2]["words"]) == (None, "unknown")
    assert "unknown: one run" in layout.rows[2]["tip"]


def test_an_axis_shows_what_tells_names_apart():
    """What all names share, up to a dividing sign, is left out and told; names are never confused by that."""
    models = [f"timm:{name}.augreg_in1k" for name in ("vit_tiny", "vit_base", "deit")]
    rows = [{"y": model, "x": 1.0} for model in models]
    layout = intervals.lay_out(_figure("intervals", rows), 100)
    few = intervals.lay_out(_figure("intervals", rows[:2]), 100)
    mixed = intervals.lay_out(_figure("intervals", [*rows, {"y": "majority", "x": 0.1}]), 100)

    assert layout.names == ["vit_tiny", "vit_base", "deit"]
    assert layout.notes == ("Names are shown without “timm:” and “.augreg_in1k”, which all of them share.",)
    assert layout.rows[0]["tip"].startswith("timm:vit_tiny.augreg_in1k")
    assert few.names == models[:2]
    assert mixed.names == [*models, "majority"]


def test_a_crowd_of_points_names_its_front_only():
    """Beyond twenty points only those of the front are named, or the highest where there is no front."""
    rows = [{"x": i, "y": i % 7, "n": f"m{i}", "f": i in (3, 4)} for i in range(30)]
    fronted = scatter.lay_out(_figure("scatter", rows, options={"label": "n", "front": "f"}), 100)
    plain = scatter.lay_out(_figure("scatter", rows, options={"label": "n"}), 100)

    assert [row["words"] for row in fronted.rows if row["words"]] == ["m3", "m4"]
    assert len([row for row in plain.rows if row["words"]]) == 8


def test_a_baseline_far_below_does_not_press_the_leaders_together():
    """Where ordered rows reach far beyond the leaders, the axis shows these; others are numbers, and a note says so."""
    values = [0.95, 0.94, 0.93, 0.92, 0.3, 0.1]
    rows = [{"y": str(i), "x": report_demo.estimate("s", value, 0.01)} for i, value in enumerate(values)]
    layout = intervals.lay_out(_figure("intervals", rows, options={"rule": 0.1, "rule_label": "majority"}), 100)
    shuffled = intervals.lay_out(_figure("intervals", [*rows[3:], *rows[:3]]), 100)

    assert 0.85 < layout.ends[0] < 0.91
    assert [row["words"] for row in layout.rows[3:]] == ["", "◂ 0.300 [0.290, 0.310]", "◂ 0.100 [0.090, 0.110]"]
    assert [row["x"] for row in layout.rows[4:]] == [None, None]
    assert len(layout.notes) == 2
    assert "majority" in layout.notes[1]
    assert shuffled.ends[0] < 0.1, "rows without an order are all drawn"


def test_tie_groups_share_a_band():
    """Neighbours of one group share a band, the next group has none; alternating colours are no groups."""
    rows = [{"m": str(i), "s": 1.0, "g": group} for i, group in enumerate("aabbbc")]
    banded = intervals.lay_out(_figure("intervals", rows, x="s", y="m", colour="g"), 100)
    mixed = [{"m": str(i // 2), "s": 1.0, "g": "ab"[i % 2]} for i in range(6)]
    lanes = intervals.lay_out(_figure("intervals", mixed, x="s", y="m", colour="g"), 100)

    assert [row["band"] for row in banded.rows] == [0, 0, 1, 1, 1, 0]
    assert [row["band"] for row in lanes.rows] == [0] * 6
    assert (banded.lanes, lanes.lanes) == ([], ["a", "b"])


def test_sixty_rows_are_drawn_tighter_than_six():
    """Many rows take less height each, and none is dropped below the limit."""
    rows = [{"y": f"model {i}", "x": i} for i in range(64)]
    tall = figures.draw(_figure("intervals", rows)).spec
    short = figures.draw(_figure("intervals", rows[:6])).spec

    assert tall["height"] / 64 < short["height"] / 6
    assert tall["height"] < 1200


def test_rows_beyond_the_limit_are_told():
    """A picture of more rows than fit says how many it shows."""
    rows = [{"y": f"model {i}", "x": i} for i in range(500)]

    assert figures.draw(_figure("intervals", rows)).notes == ("The first 120 of 500 rows are drawn.",)
    assert "300 of 500 rows are drawn" in figures.draw(_figure("scatter", [{"x": i, "y": i} for i in range(500)]),
                                                      limit=300).notes[0]  # fmt: skip


def test_a_log_axis_leaves_out_what_it_cannot_show():
    """Points at or below zero are not drawn on a logarithmic axis, and are counted in a note."""
    rows = [{"x": x, "y": 1.0} for x in (0.0, -1.0, 10.0, 1000.0)]
    layout = scatter.lay_out(_figure("scatter", rows, options={"log_x": True}), 100)

    assert [row["x"] for row in layout.rows] == [10.0, 1000.0]
    assert layout.notes == ("Not drawn, for want of a value on both axes: 2.",)
    assert parts.round_numbers((9.0, 1100.0)) == [10, 20, 50, 100, 200, 500, 1000]
    assert parts.round_numbers((0.15, 0.36)) == pytest.approx([0.15, 0.2, 0.25, 0.3])
    assert parts.round_numbers((1e-6, 1e6))[:3] == [1e-6, 1e-4, 1e-2]


def test_the_front_is_named_first():
    """Points of the front come first, from left to right, so that their names win where room is short."""
    rows = [{"x": x, "y": x, "n": str(x), "f": x in (1, 3)} for x in (2, 3, 1)]
    layout = scatter.lay_out(_figure("scatter", rows, options={"label": "n", "front": "f"}), 100)

    assert [row["words"] for row in layout.rows] == ["1", "3", "2"]
    assert layout.rows[0]["side"] == "left"
    assert layout.rows[1]["side"] == "right"


@pytest.mark.parametrize(("values", "scale"), [
    (["2015-01-01", "2015-02-01"], "utc"), (["2015-01", "2015-02"], "utc"), (["2015-01-01T10:00:00+02:00"], "utc"),
    ([1, 2.5], "linear"), (["window 1", "window 2"], "point"), (["1", "2"], "point"),
])  # fmt: skip
def test_a_curve_knows_what_runs_along_its_axis(values, scale):
    """Dates become a time axis, numbers a numeric one, and other names stand in their order."""
    layout = curve.lay_out(_figure("curve", [{"x": value, "y": 1.0} for value in values]), 100)

    assert layout.scale == scale


def test_a_time_with_an_offset_is_drawn_at_its_universal_time():
    """A moment two hours east of Greenwich is drawn two hours earlier."""
    layout = curve.lay_out(_figure("curve", [{"x": "2015-01-01T10:00:00+02:00", "y": 1.0}]), 100)

    assert layout.rows[0]["x"] == "2015-01-01T08:00:00Z"


def test_a_forecast_is_joined_to_what_is_known():
    """The dashed part of a line begins at the last solid point."""
    rows = [{"x": i, "y": float(i), "f": i > 2} for i in range(5)]
    layout = curve.lay_out(_figure("curve", rows, options={"dashed": "f"}), 100)

    assert [row["x"] for row in layout.rows if row["dash"]] == [2, 3, 4]
    assert [row["x"] for row in layout.rows if not row["dash"]] == [0, 1, 2]


def test_a_forecast_with_a_name_of_its_own_is_joined_too():
    """A dashed line of another name begins at the end of the only solid one, in its own colour and key."""
    rows = [{"x": i, "y": 1.0, "s": "forecast" if i > 2 else "measured", "f": i > 2} for i in range(5)]
    layout = curve.lay_out(_figure("curve", rows, colour="s", options={"dashed": "f"}), 100)
    dashed = [row for row in layout.rows if row["dash"]]

    assert [row["x"] for row in dashed] == [2, 3, 4]
    assert len({row["c"] for row in dashed}) == 1
    assert [(key.label, key.mark) for key in layout.keys] == [("measured", "line"), ("forecast", "dash")]
    assert layout.ends == [], "lines that end apart are named by the key"


def test_a_dashed_line_beside_a_solid_one_is_left_alone():
    """A dashed line that runs beside the only solid one, as an untrained twin does, is not joined to it."""
    rows = [{"x": x, "y": 1.0, "s": name, "f": name == "twin"} for name in ("model", "twin") for x in (1, 2, 3)]
    layout = curve.lay_out(_figure("curve", rows, colour="s", options={"dashed": "f"}), 100)

    assert [row["x"] for row in layout.rows if row["dash"]] == [1, 2, 3]


@pytest.mark.parametrize("log", [False, True])
def test_names_at_the_ends_of_lines_keep_apart(log):
    """Lines that end at one height get names at least 15 pixels apart, inside the plot."""
    rows = [{"x": x, "y": 1.0 + 0.001 * i + x, "m": f"m{i}"} for i in range(6) for x in (0, 1)]
    layout = curve.lay_out(_figure("curve", rows, colour="m", options={"log_y": log}), 100)
    to = np.log if log else np.asarray
    low, high = to(layout.y_ends[0]), to(layout.y_ends[1])
    heights = np.sort([(to(row["y"]) - low) / (high - low) * curve.HEIGHT for row in layout.ends])

    assert np.diff(heights).min() >= 14.9
    assert heights.max() <= curve.HEIGHT + 1


def test_lines_beyond_the_palette_are_grey_and_counted():
    """Twenty lines are drawn; seven have a colour and a name, the rest share one entry of the key."""
    rows = [{"x": x, "y": float(i), "m": f"m{i}"} for i in range(20) for x in (0, 1)]
    drawing = figures.draw(_figure("curve", rows, colour="m"))

    assert [key.label for key in drawing.keys] == [*(f"m{i}" for i in range(7)), "13 more"]
    assert len({key.colour for key in drawing.keys}) == 8


def test_a_waterfall_adds_up():
    """Steps begin where the last one stopped; an unknown step moves nothing; the end is the sum."""
    figure = next(f for f in FIGURES if f.kind == "waterfall")
    layout = waterfall.lay_out(figure, 100)

    assert [row["start"] for row in layout.rows[2:]] == [row["stop"] for row in layout.rows[1:-1]]
    assert layout.rows[3]["words"] == "unknown"
    assert layout.rows[-1]["stop"] == pytest.approx(0.91 - 0.02 - 0.035 + 0.01)
    assert layout.rows[1]["low"] == pytest.approx(0.91 - 0.028)
    assert [row["words"] for row in layout.rows[1:3]] == ["−0.020", "−0.035"]


def test_a_histogram_counts_every_number_once():
    """The counts over all bins and levels are the numbers there are; the rest is told."""
    values = [*np.random.default_rng(3).normal(size=997).tolist(), 4.0, 4.0, 4.0, None]
    rows = [{"x": value, "c": i % 2 == 0} for i, value in enumerate(values)]
    layout = histogram.lay_out(_figure("histogram", rows, colour="c"), 10)

    assert sum(row["count"] for row in layout.rows) == 1000
    assert layout.notes == ("Not counted, for want of a number: 1.",)
    assert [key.label for key in layout.keys] == ["C: yes", "C: no"]


@pytest.mark.parametrize(
    "values", [[1.0], [5.0, 5.0], [0.0, 1e9], [-1e-9, 1e-9], list(range(1000)), [0.0] * 99 + [1.0]]
)
def test_bins_are_few_round_and_hold_everything(values):
    """Bins cover all values, are at most 42, and have one width."""
    edges = histogram.bin_edges(np.array(values, dtype=float))

    assert edges[0] <= min(values)
    assert edges[-1] >= max(values)
    assert 2 <= len(edges) <= 43
    assert np.allclose(np.diff(edges), np.diff(edges)[0])


def test_the_steps_of_a_grid_are_even_and_centred():
    """Seven equal steps run from least to greatest, or symmetrically around zero."""
    assert heatmap.step_edges([0.0, 7.0], diverging=False) == pytest.approx(list(range(8)))
    assert heatmap.step_edges([-1.0, 3.5], diverging=True) == pytest.approx(
        [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]
    )
    rows = [{"x": str(i), "y": "a", "v": float(i)} for i in range(8)]
    layout = heatmap.lay_out(_figure("heatmap", rows, colour="v"), 100)

    assert [row["c"] for row in layout.rows] == [ink(f"s{min(i, 6)}") for i in range(8)]


def test_parallel_axes_run_from_least_to_greatest():
    """A setting is placed between its ends, by magnitude when it spans more than a hundredfold, names in order."""
    rows = [{"lr": lr, "kind": kind, "v": v} for lr, kind, v in ((1e-4, "a", 1.0), (1e-2, "b", 3.0), (1.0, "c", 2.0))]
    layout = parallel.lay_out(_figure("parallel", rows, colour="v", options={"dims": ["lr", "kind"]}), 100)
    places = {(row["line"], row["dim"]): row["at"] for row in layout.rows}

    assert [places[line, "Lr"] for line in range(3)] == pytest.approx([0.0, 1.0, 0.5])
    assert [places[line, "Kind"] for line in range(3)] == pytest.approx([0.0, 1.0, 0.5])
    assert layout.rows[-1]["c"] == ink("s6"), "the best line is drawn last, on top"


def test_weights_leave_out_what_cannot_be_weighed():
    """A model with an unknown indicator is named, and the first weights sum to one."""
    figure = next(f for f in FIGURES if f.kind == "weights")
    layout = weights.lay_out(figure, 100)

    assert "unmeasured" not in layout.models
    assert layout.notes == ("Not weighed, since an indicator is unknown: unmeasured.",)
    assert sum(layout.start) == pytest.approx(1.0)
    assert weights.normal([0.0, 0.0]) == [0.5, 0.5]
    assert weights.normal([1.0, 3.0]) == [0.25, 0.75]


def test_bars_begin_at_zero():
    """The axis of bars holds zero, and stretches below it only for values below it."""
    above = bars.lay_out(_figure("bars", [{"x": 3.0, "y": "a"}, {"x": 5.0, "y": "b"}]), 10)
    below = bars.lay_out(_figure("bars", [{"x": -3.0, "y": "a"}, {"x": 5.0, "y": "b"}]), 10)

    assert above.ends[0] == 0.0
    assert below.ends[0] < -3.0


def test_colour_is_never_the_only_difference():
    """Points of different levels differ in shape as well."""
    rows = [{"x": i, "y": i, "c": str(i % 4)} for i in range(8)]
    layout = scatter.lay_out(_figure("scatter", rows, colour="c"), 100)

    assert len({(row["c"], row["shape"]) for row in layout.rows}) == 4
    assert len({row["shape"] for row in layout.rows}) == 4


def test_both_themes_name_the_same_colours():
    """Light and dark define the same names, every drawing uses only these, and the export leaves none open."""
    used = {name for figure in FIGURES if figure.kind != "weights"
            for name in re.findall(r"var\(--([\w-]+)\)", json.dumps(figures.draw(figure).spec))}  # fmt: skip

    assert set(LIGHT) == set(DARK)
    assert used | set(CATEGORIES) <= set(LIGHT)
    assert "var(--" not in literal(json.dumps(vega_config()))


def test_what_xml_forbids_does_not_reach_the_drawing_program():
    """A control character in a name is replaced, since the drawing program would end the whole process on it."""
    svg = figures.to_svg(_figure("bars", [{"x": 1.0, "y": "a\x00b\x1b[31m"}]))

    assert "\ufffd" in svg
    assert "\x1b" not in svg


def test_an_estimate_and_three_columns_read_the_same():
    """A value with an interval is read alike from an Estimate and from columns."""
    estimate = Estimate(name="s", value=0.5, low=0.4, high=0.7)

    assert reading.span({"s": estimate}, "s", None, None) == (0.5, 0.4, 0.7)
    assert reading.span({"s": 0.5, "a": 0.4, "b": 0.7}, "s", "a", "b") == (0.5, 0.4, 0.7)
    assert reading.number(float("nan")) is None
    assert reading.number(np.float32(2.0)) == 2.0
