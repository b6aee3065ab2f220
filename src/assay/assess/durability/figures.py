"""The data of the pictures: the curve with its forecast, the causes as a waterfall, regret window by window."""

from __future__ import annotations

from typing import Any

from assay.assess.durability.results import Results
from assay.assess.durability.without_labels import LabelFree
from assay.estimate import Estimate
from assay.finding import Figure

Row = dict[str, Any]


def draw_figures(results: Results, causes: list[Row]) -> tuple[Figure, ...]:
    """The figures that the results can fill."""
    figures = [_curve(results), _waterfall(results, causes), _regret(results), _triangle(results), _carriers(results)]
    return tuple(figure for figure in figures if figure is not None)


def _curve(results: Results) -> Figure | None:
    windows = results.periods.windows
    dated = windows.unit not in ("step", "1,000 rows")
    at = [windows.window(k).start if dated else float(windows.times[k]) for k in range(len(windows))]
    measured = [_point(at[k], estimate, "measured") for k, estimate in enumerate(results.curve.performance)
                if estimate.known]  # fmt: skip
    if not measured:
        return None
    rows = [*measured, *_source_line(results, measured)]
    if isinstance(results.unlabelled, LabelFree) and results.scoring.exact:
        rows += [_point(at[k], results.unlabelled.windows[k], "estimated without labels")
                 for k, estimate in enumerate(results.curve.performance)
                 if not estimate.known and results.unlabelled.windows[k].known]  # fmt: skip
    for row in results.forecast[0]:
        x = row["window"]["start"] if dated else float(windows.times[-1]) + row["ahead"]
        rows.append(_point(x, row["performance"], "measured") | {"forecast": True, "n": None})
    options: dict[str, Any] = {"points": True, "dashed": "forecast"}
    floor = results.inputs.get("floor")
    if floor is not None:
        options["rule"] = floor
    name = results.scoring.metric.name.replace("_", " ")
    return Figure(
        name="curve", kind="curve", title=f"{name.capitalize()} over time, with forecast", rows=rows, low="low",
        high="high", colour="series", x_title="window" if dated else f"time, {windows.unit}", y_title=name,
        options=options,
        alt=f"{name} in {len(measured)} windows, from {measured[0]['y']:.3f} to {measured[-1]['y']:.3f}.",
    )  # fmt: skip


def _point(x: Any, estimate: Estimate, series: str) -> Row:
    return {"x": x, "y": estimate.value, "low": estimate.low, "high": estimate.high, "series": series,
            "forecast": False, "n": estimate.n}  # fmt: skip


def _source_line(results: Results, measured: list[Row]) -> list[Row]:
    """The source's score as a level over the measured windows, where it lies before them."""
    if results.periods.source_window is not None or not results.curve.source.known:
        return []
    return [_point(x, results.curve.source, "source") for x in dict.fromkeys((measured[0]["x"], measured[-1]["x"]))]


def _waterfall(results: Results, causes: list[Row]) -> Figure | None:
    if not causes:
        return None
    factor, unit = results.scoring.points
    begin = results.periods.train if len(results.periods.train) else results.periods.source
    start = float(results.scoring.row[begin].mean()) * factor * results.scoring.row_sign
    rows = [
        {"y": row["cause"], "x": -row["points"].value, "low": _minus(row["points"].high),
         "high": _minus(row["points"].low), "verdict": row["verdict"]}
        for row in causes
    ]  # fmt: skip
    label = "training rows" if len(results.periods.train) else "source"
    return Figure(
        name="causes", kind="waterfall", title="What the change consists of", rows=rows, low="low", high="high",
        x_title=unit, options={"start": label, "end": results.target_name, "start_value": start},
        alt="; ".join(f"{row['y']} {row['x']:+.2f} {unit}" for row in rows),
    )  # fmt: skip


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _regret(results: Results) -> Figure | None:
    if isinstance(results.refitted, str) or not results.refitted.regret.names:
        return None
    regret = results.refitted.regret
    pairs = [*zip(regret.names, regret.windows, strict=True), ("all windows", regret.estimate)]
    rows = [{"y": name, "x": e.value, "low": e.low, "high": e.high, "n": e.n} for name, e in pairs if e.known]
    size = "" if results.refitted.stream.kind == "growing" else " of the same size"
    return Figure(
        name="regret", kind="intervals", title=f"What a fresh model{size} would gain", rows=rows, low="low",
        high="high", x_title="points", options={"rule": 0.0},
        alt=f"Staleness regret over all windows: {regret.estimate}.",
    )  # fmt: skip


def _triangle(results: Results) -> Figure | None:
    if isinstance(results.refitted, str) or len(results.refitted.stream.origins) < 3:
        return None
    rows = [{"x": cell["window"], "y": cell["origin"], "score": cell["score"]} for cell in results.refitted.cells]
    return Figure(
        name="triangle", kind="heatmap", title="Heads fitted at each origin, tested on every later window", rows=rows,
        colour="score", x_title="tested on", y_title="fitted before", options={"scheme": "sequential"},
        alt=f"{len(rows)} cells; ageing is {results.refitted.ageing}.",
    )  # fmt: skip


def _carriers(results: Results) -> Figure | None:
    real = [row for row in results.carriers if row["real"] and row["points"].value > 0][:12]
    if not real:
        return None
    rows = [{"y": f"{row['kind']}: {row['part']}", "x": row["points"].value, "low": row["points"].low,
             "high": row["points"].high, "kind": row["kind"]} for row in real]  # fmt: skip
    return Figure(
        name="carriers", kind="bars", title="Which parts carry the loss", rows=rows, low="low", high="high",
        colour="kind", x_title=results.scoring.points[1], alt="; ".join(f"{row['y']} {row['x']:.2f}" for row in rows),
    )  # fmt: skip
