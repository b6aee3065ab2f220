"""The assessment: tables, estimates, findings and figures from what the steps found."""

from __future__ import annotations

from typing import Any

from assay.assess.durability.causes import Attribution, cause_rows
from assay.assess.durability.claims import find_claims, say_verdict
from assay.assess.durability.curve import Curve
from assay.assess.durability.figures import draw_figures
from assay.assess.durability.labelling import label_next
from assay.assess.durability.mix import mix_rows
from assay.assess.durability.overfitting import fall_between
from assay.assess.durability.periods import Periods
from assay.assess.durability.results import Results
from assay.assess.durability.without_labels import BLIND, LabelFree, method_rows
from assay.estimate import Estimate
from assay.finding import Assessment

Row = dict[str, Any]


def write_page(results: Results, *, seconds: float) -> Assessment:
    """The assessment of a log.

    Args:
        results: what the steps found.
        seconds: what it took.

    Returns:
        The assessment; empty tables are left out.
    """
    causes = _causes(results)
    tables = _tables(results, causes)
    findings = find_claims(results, causes)
    return Assessment(
        lens="durability", question="How long does the model last, how fast does it fade, and why?",
        verdict=say_verdict(results, causes), findings=findings, estimates=_estimates(results, causes),
        tables={name: rows for name, rows in tables.items() if rows}, figures=draw_figures(results, causes),
        inputs=results.inputs, caveats=_caveats(results), cost={"seconds": seconds},
    )  # fmt: skip


def _causes(results: Results) -> list[Row]:
    """Overfitting first, then what explains the fall of the source: rows that sum to the change."""
    found = results.attribution
    if found is None:
        return []
    rows: list[Row] = []
    periods, scoring = results.periods, results.scoring
    if len(periods.train):
        first = periods.valid if len(periods.valid) else periods.source
        name = "memorisation" if len(periods.valid) else "memorisation and selection"
        rows.append(_overfitting(name, fall_between(periods.train, first, scoring, name.replace(" ", "_"))))
        if len(periods.valid):
            rows.append(_overfitting("selection", fall_between(periods.valid, periods.source, scoring, "selection")))
    rows += cause_rows(found, scoring, results.direction)
    if results.fresh_wins:
        for row in rows:
            if row["cause"] == "changed relation" and row["verdict"] == "claimed":
                row["verdict"] = "claimed: concept drift, as a fresh model wins"
    return rows


def _overfitting(name: str, points: Estimate) -> Row:
    real = points.low is not None and points.high is not None and (points.low > 0 or points.high < 0)
    return {"cause": name, "points": points, "order_spread": 0.0, "verdict": "claimed" if real else "within noise"}


def _estimates(results: Results, causes: list[Row]) -> tuple[Estimate, ...]:
    reason = results.refitted if isinstance(results.refitted, str) else ""
    regret = (Estimate.unknown("staleness_regret", reason, unit="points") if isinstance(results.refitted, str)
              else results.refitted.regret.estimate)  # fmt: skip
    _, unit = results.scoring.points
    total = sum(row["points"].value for row in causes) if causes else None
    change = (Estimate.unknown("change", "no later window", unit=unit) if total is None else
              Estimate(name="change", value=total, unit=unit, method=_sum_of(results)))  # fmt: skip
    out = [results.drop, regret, results.curve.slope, results.half_life, results.safe_until[0], results.gap]
    if not isinstance(results.refitted, str):
        out += [results.refitted.ageing, results.refitted.decay_per_overfitting]
    return (*out, change)


def _sum_of(results: Results) -> str:
    start = "training rows" if len(results.periods.train) else "the source"
    return f"sum of the causes: from {start} to {results.target_name}"


def _tables(results: Results, causes: list[Row]) -> dict[str, list[Row]]:
    forecast, choice = results.forecast
    tables: dict[str, list[Row]] = {
        "curve": _curve_rows(results.periods, results.curve, results.unlabelled),
        "causes": causes,
        "causes_by_window": results.by_window,
        "class_mix": mix_rows(results.periods, results.scoring),
        "overfitting": results.chain,
        "carriers": results.carriers,
        **results.parts,
    }
    if not isinstance(results.refitted, str):
        found = results.refitted
        tables["regret"] = [
            {"window": name, "n": estimate.n, "regret": estimate}
            for name, estimate in zip(found.regret.names, found.regret.windows, strict=True)
        ]
        tables["triangle"] = found.cells
        tables["retraining"] = found.decision
        tables["overfitting_and_decay"] = found.strengths
    tables["forecast"] = forecast
    if choice is not None and choice.errors:
        tables["forecast_methods"] = [
            {"method": name, "error": error, "chosen": name == choice.method} for name, error in choice.errors.items()
        ]
    if results.safe_until[1]:
        tables["floor"] = [results.safe_until[1]]
    if isinstance(results.unlabelled, LabelFree):
        tables["label_free"] = method_rows(results.unlabelled, results.scoring, results.periods)
    tables["label_plan"] = results.plan
    tables["label_next"] = label_next(results.periods, results.scoring)
    found_causes = results.attribution
    if found_causes is not None and found_causes.terms:
        tables["overlap"] = _overlap(found_causes)
    return tables


def _curve_rows(periods: Periods, curve: Curve, unlabelled: LabelFree | str) -> list[Row]:
    rows: list[Row] = []
    if periods.source_window is None:
        rows.append({"name": "source", "n": len(periods.source), "performance": curve.source, "rate": None,
                     "real_step": None, "role": periods.source_kind,
                     "window": {"start": None, "end": periods.windows.window(0).start}})  # fmt: skip
    for k, performance in enumerate(curve.performance):
        window = periods.windows.window(k)
        row: Row = {
            "name": window.name, "n": len(periods.labelled[k]), "performance": performance, "rate": curve.rate[k],
            "real_step": curve.real[k], "role": "source" if k == periods.source_window else "stream",
        }  # fmt: skip
        if len(periods.unlabelled[k]):
            row["without_label"] = len(periods.unlabelled[k])
        if isinstance(unlabelled, LabelFree):
            row["label_free"] = unlabelled.windows[k]
            if unlabelled.combined[k] is not None:
                row["combined"] = unlabelled.combined[k]
        row["window"] = {"start": window.start, "end": window.end}
        rows.append(row)
    return rows


def _overlap(found: Attribution) -> list[Row]:
    rows: list[Row] = []
    for order, split in found.splits.items():
        least, most = found.relation_range or (None, None)
        rows.append({
            "order": order, "auc": split.overlap.auc, "effective_source": split.effective[0],
            "effective_target": split.effective[1], "rows_source": found.used[0], "rows_target": found.used[1],
            "inputs_to_shared": 100 * split.inputs[0], "shared_to_inputs": 100 * split.inputs[1],
            "relation_least": None if least is None else 100 * least,
            "relation_most": None if most is None else 100 * most,
        })  # fmt: skip
    return rows


def _caveats(results: Results) -> tuple[str, ...]:
    notes = [*results.log.notes, *results.periods.notes]
    scoring = results.scoring
    if not scoring.exact:
        notes.append(f"causes, carriers and label-free figures are of {scoring.row_name}, as {scoring.metric.name} is "
                     "no mean over rows")  # fmt: skip
    found = results.attribution
    if found is not None and found.terms and (found.used[0] < len(results.periods.source)
                                              or found.used[1] < len(results.periods.rows_later)):  # fmt: skip
        notes.append(f"inputs and relation were told apart on {found.used[0]:,} and {found.used[1]:,} rows drawn at "
                     "random; the class term is over all rows")  # fmt: skip
    if results.log.features is None:
        notes.append("without features the causes see inputs only through the predictions; what these hide counts as a "
                     "changed relation")  # fmt: skip
    if not isinstance(results.refitted, str):
        notes += results.refitted.stream.notes
    if isinstance(results.unlabelled, str):
        notes.append(f"no label-free estimate: {results.unlabelled}")
    if any(len(rows) for rows in results.periods.unlabelled):
        notes.append(BLIND)
    return tuple(dict.fromkeys(note[:1].upper() + note[1:].rstrip(".") + "." for note in notes))
