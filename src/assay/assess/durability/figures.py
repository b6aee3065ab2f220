"""The data of the pictures: the curve with its forecast, the causes as a waterfall, regret window by window."""

from __future__ import annotations

from typing import Any

from assay.assess.durability.results import Results
from assay.finding import Figure

Row = dict[str, Any]


def draw_figures(results: Results, causes: list[Row]) -> tuple[Figure, ...]:
    """The figures that the results can fill."""
    figures = [_curve(results), _waterfall(results, causes), _regret(results), _triangle(results), _carriers(results)]
    return tuple(figure for figure in figures if figure is not None)


def _curve(results: Results) -> Figure | None:
    windows, rows = results.periods.windows, list[Row]()
    dated = windows.unit not in ("step", "1,000 rows")
    for k, estimate in enumerate(results.curve.performance):
        if estimate.known:
            x = windows.window(k).start if dated else float(windows.times[k])
            rows.append({"x": x, "y": estimate.value, "low": estimate.low, "high": estimate.high, "series": "measured",
                         "forecast": False, "n": estimate.n})  # fmt: skip
    if not rows:
        return None
    alt = f"{len(rows)} windows, from {rows[0]['y']:.3f} to {rows[-1]['y']:.3f}."
    if results.periods.source_window is None and results.curve.source.known:
        source = results.curve.source
        rows += [{"x": x, "y": source.value, "low": source.low, "high": source.high, "series": "source",
                  "forecast": False, "n": source.n} for x in dict.fromkeys((rows[0]["x"], rows[-1]["x"]))]  # fmt: skip
    for row in results.forecast[0]:
        x = row["window"]["start"] if dated else float(windows.times[-1]) + row["ahead"]
        rows.append({"x": x, "y": row["performance"].value, "low": row["performance"].low,
                     "high": row["performance"].high, "series": "forecast", "forecast": True, "n": None})  # fmt: skip
    options: dict[str, Any] = {"points": True, "dashed": "forecast"}
    floor = results.inputs.get("floor")
    if floor is not None:
        options["rule"] = floor
    name = results.scoring.metric.name.replace("_", " ")
    return Figure(
        name="curve", kind="curve", title=f"{name.capitalize()} over time, with forecast", rows=rows, low="low",
        high="high", colour="series", x_title="window" if dated else f"time, {windows.unit}", y_title=name,
        options=options, alt=f"{name} in {alt}",
    )  # fmt: skip


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
