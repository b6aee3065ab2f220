"""What the lens claims, in sentences, and how sure each claim is."""

from __future__ import annotations

from typing import Any

from assay.assess.durability.causes import CAUSES
from assay.assess.durability.results import Results
from assay.assess.durability.stream import Stream
from assay.assess.durability.without_labels import LabelFree, method_rows
from assay.estimate import Estimate
from assay.finding import Finding, Verdict

Row = dict[str, Any]


def say_verdict(results: Results, causes: list[Row]) -> str:
    """The answer in two or three sentences: how much was lost, whether retraining would help, and what explains it."""
    source, drop = results.curve.source, results.drop
    name = results.scoring.metric.name.replace("_", " ")
    if not drop.known:
        return f"The {name} of the source is {source}; {drop.reason}."
    if _sign(drop) == 0:
        first = f"The {name} of the source is {source}, and no change since is shown: it fell by {drop}."
    else:
        verb = "became worse" if _sign(drop) > 0 else "became better"
        first = f"The {name} {verb}: from {source} in the source, by {_size(drop)} over {results.target_name}."
    return " ".join([first, _say_regret(results), _say_causes(causes)]).strip()


def _say_regret(results: Results) -> str:
    if isinstance(results.refitted, str):
        return "Whether retraining would repair it is unknown, as no fresh model could be fitted."
    regret = results.refitted.regret.estimate
    if not regret.known:
        return f"Whether retraining would repair it is unknown: {regret.reason}."
    if _sign(regret) > 0:
        return f"A fresh model would gain {regret}: the model has aged."
    size = "" if results.refitted.stream.kind == "growing" else " of the same size"
    return f"A fresh model{size} would gain {regret}: no benefit of retraining is shown."


def _say_causes(causes: list[Row]) -> str:
    claimed = [f"{row['cause']} ({row['points']})" for row in causes
               if str(row["verdict"]).startswith("claimed") and row["cause"] in CAUSES.values()]  # fmt: skip
    return f"Shown to contribute: {'; '.join(claimed)}." if claimed else ""


def find_claims(results: Results, causes: list[Row]) -> tuple[Finding, ...]:
    """All findings, the change first."""
    claims = [_change(results), _trend(results), _break(results), _regret(results), *_causes(results, causes),
              _overfitting(results), _label_free(results), _floor(results)]  # fmt: skip
    return tuple(claim for claim in claims if claim is not None)


def _finding(claim: str, verdict: Verdict, *estimates: Estimate, method: str = "", caveats: tuple[str, ...] = (),
             margin: float | None = None) -> Finding:  # fmt: skip
    return Finding(lens="durability", claim=claim, verdict=verdict, estimates=estimates, method=method, caveats=caveats,
                   margin=margin)  # fmt: skip


def _change(results: Results) -> Finding:
    drop = results.drop
    if not drop.known:
        return _finding(f"No change can be told: {drop.reason}.", "undetermined", drop)
    sign = _sign(drop)
    claim = {0: f"No change against {results.target_name} is shown.", 1: f"The model became worse by {_size(drop)}.",
             -1: f"The model became better by {_size(drop)}."}[sign]  # fmt: skip
    margin = None if drop.low is None or drop.high is None else (drop.low if sign > 0 else -drop.high)
    return _finding(claim, "yes" if sign else "undetermined", drop, method=drop.method, margin=margin)


def _trend(results: Results) -> Finding:
    slope, steps = results.curve.slope, sum(bool(step) for step in results.curve.real)
    sign = _sign(slope) * results.scoring.sign
    way = "The score falls" if sign < 0 else "The score rises" if sign > 0 else "No trend is shown"
    claim = f"{way}: the slope is {slope}." if slope.known else f"No slope: {slope.reason}."
    many = len([step for step in results.curve.real if step is not None])
    return _finding(f"{claim} {steps} of {many} single steps are real.", "yes" if sign else "undetermined", slope,
                    method=f"{slope.method}; steps by Holm's test")  # fmt: skip


def _break(results: Results) -> Finding | None:
    found = results.curve.break_
    if found is None:
        return None
    level = results.scoring.level
    real = found.p_value <= 1 - level
    where = results.periods.windows.names[int(results.curve.at[found.at])]
    factor, unit = results.scoring.curve_points
    size = f"{found.step * factor:+.2f} {unit}".strip()
    claim = (f"The curve breaks at {where}, by {size}." if real else
             f"No break is shown; the likeliest, at {where}, has p = {found.p_value:.2f}.")  # fmt: skip
    return _finding(claim, "yes" if real else "undetermined", caveats=("A steady trend looks like a break too.",),
                    method=f"permutation of windows, largest difference of means, p = {found.p_value:.4f}")  # fmt: skip


def _regret(results: Results) -> Finding:
    if isinstance(results.refitted, str):
        return _finding(f"Staleness regret is unknown: {results.refitted}.", "undetermined")
    regret = results.refitted.regret.estimate
    sign = _sign(regret)
    claim = {1: f"Retraining repairs part of it: a fresh model gains {regret}.",
             0: f"No benefit of retraining is shown: a fresh model gains {regret}.",
             -1: f"A fresh model is worse than the old one: it gains {regret}."}[sign]  # fmt: skip
    return _finding(claim, "yes" if sign > 0 else "no" if sign < 0 else "undetermined", regret, results.refitted.ageing,
                    method=regret.method, caveats=_what_is_fresh(results.refitted.stream))  # fmt: skip


def _what_is_fresh(stream: Stream) -> tuple[str, ...]:
    if stream.kind == "both":
        return ("Fresh and old are heads of one recipe and size on these features, not the logged model.",)
    if stream.kind == "growing":
        return ("Fresh models had all rows so far, so part of the gain may be that of more rows.",)
    return ()


def _causes(results: Results, causes: list[Row]) -> list[Finding]:
    findings: list[Finding] = []
    for row in causes:
        points, verdict = row["points"], str(row["verdict"])
        if row["cause"] not in CAUSES.values():
            continue
        caveats: tuple[str, ...] = ()
        if row["cause"] == "changed relation" and not results.fresh_wins:
            caveats = ("It is what classes and inputs do not explain on these features; it is not concept drift until "
                       "a fresh model wins.",)  # fmt: skip
        if results.direction is None and row["order_spread"]:
            caveats += (f"The two orders of causes differ by {row['order_spread']:.2f} {points.unit}; a direction "
                        "chooses between them.",)  # fmt: skip
        claim = f"{str(row['cause']).capitalize()}: {points}, {verdict}."
        findings.append(_finding(claim, "yes" if verdict.startswith("claimed") else "undetermined", points,
                                 method=points.method, caveats=caveats))  # fmt: skip
    return findings


def _overfitting(results: Results) -> Finding | None:
    gap = results.gap
    if not gap.known:
        return None
    sign = _sign(gap)
    claim = (
        f"Training rows score {gap} above held-out rows of the same time."
        if sign > 0
        else "No overfitting gap is shown."
    )
    estimates = [gap]
    if not isinstance(results.refitted, str):
        estimates.append(results.refitted.decay_per_overfitting)
    return _finding(claim, "yes" if sign > 0 else "undetermined", *estimates, method=gap.method,
                    caveats=("A gap alone does not make a model fade.",))  # fmt: skip


def _label_free(results: Results) -> Finding | None:
    found = results.unlabelled
    if not isinstance(found, LabelFree):
        return None
    rows = {row["method"]: row for row in method_rows(found, results.scoring, results.periods)}
    chosen, constant = rows.get("chosen on the past"), rows.get("the source score, unchanged")
    if chosen is None or constant is None:
        return None
    unit = results.scoring.points[1]
    better = chosen["mean_absolute_error"] < constant["mean_absolute_error"]
    claim = (f"Without labels, the method chosen on the past was wrong by {chosen['mean_absolute_error']:.2f} {unit} a "
             f"window on average; assuming no change, by {constant['mean_absolute_error']:.2f}.")  # fmt: skip
    return _finding(claim, "yes" if better else "no", method="each labelled window estimated as if it had no labels")


def _floor(results: Results) -> Finding | None:
    moment, row = results.safe_until
    if not row:
        return None
    if moment.reason and row.get("safe_until") is None:
        return _finding(f"Floor {row['floor']:g}: {moment.reason}.", "undetermined", moment)
    texts = {name: row[name] or "not within reach" for name in ("safe_until", "expected", "overdue")}
    claim = (f"Floor {row['floor']:g}: safe until {texts['safe_until']}, expected {texts['expected']}, "
             f"overdue {texts['overdue']}.")  # fmt: skip
    return _finding(claim, "yes" if moment.known else "undetermined", moment, method=moment.method)


def _sign(estimate: Estimate) -> int:
    """1 or −1 where the interval excludes nought, 0 otherwise."""
    if estimate.low is not None and estimate.low > 0:
        return 1
    return -1 if estimate.high is not None and estimate.high < 0 else 0


def _size(estimate: Estimate) -> str:
    """A change without its sign."""
    return str(estimate if (estimate.value or 0.0) >= 0 else estimate.scaled(-1.0, estimate.unit))
