"""Why the score fell: a table of causes that sums to the change.

Two orders split a fall differently, and the data alone cannot choose between them. With a direction the table holds the
order that it names; without one it holds the mean of both, intervals that span both, and their spread. A changed
relation is what is left when classes and inputs are accounted for on these features; it is not concept drift until a
fresh model wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from assay.assess.durability.representation import Representation, View
from assay.assess.durability.scoring import Scoring
from assay.estimate import Estimate
from assay.stats.decomposition import TERMS, Order, Rows, Split, split_fall
from assay.stats.label_shift import ClassTerms, class_terms

Floats = NDArray[np.float64]
Positions = NDArray[np.int_]
ORDERS: tuple[Order, ...] = ("x-y", "y-x")
CAUSES = {"label": "label shift", "inputs": "covariate shift", "relation": "changed relation"}

FEWEST_ROWS = 30
_REFITS_UP_TO = 6_000
_BINS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The causes of one change, in row scores (not points)."""

    fall: float
    """Mean row score of the source less that of the target rows."""
    splits: Mapping[Order, Split]
    """One a order, on the rows used; empty where the causes cannot be told."""
    terms: Mapping[Order, Floats]
    """(3,) terms a order over all rows: each sums to `fall`."""
    errors: Mapping[Order, Floats]
    """(3,) standard errors."""
    classes: ClassTerms
    """The exact split by class, on all rows."""
    relation_range: tuple[float, float] | None
    """The relation term on predictions alone, on features alone and on both: least and greatest."""
    method: str
    """How the standard errors were found."""
    used: tuple[int, int]
    """Rows of source and target that the odds model saw."""
    reason: str | None = None
    """Why there are no splits."""


def attribute(
    source: Positions, target: Positions, scoring: Scoring, seen: Representation, *, most: int, refits: int,
    ranges: bool, rng: np.random.Generator,
) -> Attribution:  # fmt: skip
    """Split the change of the mean row score between two sets of rows, in both orders.

    Args:
        source: labelled rows of the source.
        target: labelled rows to compare with.
        scoring: scores of the rows.
        seen: their columns.
        most: so many rows of each side at most enter the odds model, which gives the inputs term; the label term and
            the fall are exact over all rows, and the relation is what is left of it.
        refits: bootstrap refits for the standard errors up to 6,000 rows; above, and for 0, they come in one step from
            influence functions.
        ranges: whether to repeat the split on predictions alone and on features alone.
        rng: for draws.

    Returns:
        The attribution; without splits, and with the reason, under 30 rows on either side.
    """
    codes, classes = _codes(scoring, source, target)
    s0, s1 = scoring.row[source], scoring.row[target]
    fall = float(s0.mean() - s1.mean())
    exact = class_terms(codes[source], s0, codes[target], s1, classes=classes)
    if min(len(source), len(target)) < FEWEST_ROWS:
        few = f"{min(len(source), len(target))} labelled rows on one side; {FEWEST_ROWS} are the least for causes"
        return Attribution(fall=fall, splits={}, terms={}, errors={}, classes=exact, relation_range=None, method="",
                           used=(len(source), len(target)), reason=few)  # fmt: skip
    rows0, rows1 = (_draw(rows, most, rng) for rows in (source, target))
    splits = _splits(rows0, rows1, scoring, seen, codes, "both")
    label = float(exact.label.sum())
    terms: dict[Order, Floats] = {}
    for order, split in splits.items():
        first = label if order == "y-x" else 0.0
        inputs = float(split.terms[1])
        terms[order] = np.array([first, inputs, fall - first - inputs])
    errors, method = _errors(rows0, rows1, scoring, seen, codes, splits, refits, rng)
    span = _range(rows0, rows1, scoring, seen, codes, splits) if ranges else None
    return Attribution(fall=fall, splits=splits, terms=terms, errors=errors, classes=exact, relation_range=span,
                       method=method, used=(len(rows0), len(rows1)))  # fmt: skip


def _codes(scoring: Scoring, source: Positions, target: Positions) -> tuple[NDArray[np.int_], int]:
    """Class codes of all rows; a number falls into one of eight bins, cut at the source's quantiles."""
    out = scoring.outputs
    if not out.regression:
        return out.target.astype(int), max(len(out.classes), 2)
    edges = np.unique(np.quantile(out.target[source], np.linspace(0, 1, _BINS + 1)[1:-1]))
    codes = np.searchsorted(edges, np.nan_to_num(out.target), side="right")
    return codes, int(max(codes[source].max(), codes[target].max())) + 1


def _draw(rows: Positions, most: int, rng: np.random.Generator) -> Positions:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _pair(
    rows0: Positions, rows1: Positions, scoring: Scoring, seen: Representation, codes: NDArray[np.int_], view: View,
) -> tuple[Rows, Rows]:  # fmt: skip
    x0, x1 = seen.columns(rows0, rows1, view)
    return (Rows(columns=x0, target=codes[rows0], score=scoring.row[rows0]),
            Rows(columns=x1, target=codes[rows1], score=scoring.row[rows1]))  # fmt: skip


def _splits(
    rows0: Positions, rows1: Positions, scoring: Scoring, seen: Representation, codes: NDArray[np.int_], view: View,
) -> dict[Order, Split]:  # fmt: skip
    a, b = _pair(rows0, rows1, scoring, seen, codes, view)
    splits: dict[Order, Split] = {"x-y": split_fall(a, b, "x-y")}
    if np.isin(b.target, a.target).any():
        splits["y-x"] = split_fall(a, b, "y-x", start=splits["x-y"].overlap.coefficients)
    return splits


def _errors(
    rows0: Positions, rows1: Positions, scoring: Scoring, seen: Representation, codes: NDArray[np.int_],
    splits: Mapping[Order, Split], refits: int, rng: np.random.Generator,
) -> tuple[dict[Order, Floats], str]:  # fmt: skip
    one_step: dict[Order, Floats] = {order: np.sqrt(np.diag(split.covariance)) for order, split in splits.items()}
    if refits == 0 or len(rows0) + len(rows1) > _REFITS_UP_TO:
        return one_step, "one-step resampling (influence functions)"
    a, b = _pair(rows0, rows1, scoring, seen, codes, "both")
    found: dict[Order, list[Floats]] = {order: [] for order in splits}
    for _ in range(refits):
        again0, again1 = (replace(side, weight=_counts(len(side.score), rng)) for side in (a, b))
        for order, split in splits.items():
            if order == "y-x" and not _keeps_classes(again0, again1):
                continue
            found[order].append(split_fall(again0, again1, order, start=split.overlap.coefficients).terms)
    errors: dict[Order, Floats] = {order: np.std(values, axis=0) for order, values in found.items()}
    return errors, f"{refits} bootstrap refits"


def _counts(n: int, rng: np.random.Generator) -> Floats:
    return rng.multinomial(n, np.full(n, 1 / n)).astype(float)


def _keeps_classes(a: Rows, b: Rows) -> bool:
    """Whether a resample still has rows of every class that both sides have."""
    return bool(np.isin(b.target[b.shares() > 0], a.target[a.shares() > 0]).any())


def _range(
    rows0: Positions, rows1: Positions, scoring: Scoring, seen: Representation, codes: NDArray[np.int_],
    splits: Mapping[Order, Split],
) -> tuple[float, float]:  # fmt: skip
    values = [float(split.terms[2]) for split in splits.values()]
    if seen.features is not None:
        views: tuple[View, ...] = ("predictions", "features")
        for view in views:
            values += [float(s.terms[2]) for s in _splits(rows0, rows1, scoring, seen, codes, view).values()]
    return min(values), max(values)


def cause_rows(found: Attribution, scoring: Scoring, direction: Order | None) -> list[dict[str, Any]]:
    """The three causes as rows: `cause`, `points`, `order_spread`, `verdict`, and both orders' terms.

    Args:
        found: the attribution.
        scoring: for unit and level.
        direction: the order that leads; None to show both.

    Returns:
        Rows whose points sum to the fall. Without splits a single row holds the whole change.
    """
    factor, unit = scoring.points
    if not found.terms:
        whole = Estimate(name="change", value=found.fall * factor, unit=unit, method="difference of means")
        return [{"cause": "not told apart", "points": whole, "order_spread": None, "verdict": found.reason}]
    z = float(ndtri((1 + scoring.level) / 2))
    orders: tuple[Order, ...] = tuple(order for order in ORDERS if order in found.terms and direction in (None, order))
    orders = orders or tuple(found.terms)
    rows: list[dict[str, Any]] = []
    for k, term in enumerate(TERMS):
        values = {order: float(found.terms[order][k]) for order in found.terms}
        lows = [found.terms[order][k] - z * found.errors[order][k] for order in orders]
        highs = [found.terms[order][k] + z * found.errors[order][k] for order in orders]
        value = float(np.mean([values[order] for order in orders]))
        estimate = Estimate(
            name=CAUSES[term].replace(" ", "_"), value=value * factor, low=min(lows) * factor, high=max(highs) * factor,
            level=scoring.level, n=sum(found.used), unit=unit, population="other such items",
            method=f"{'order ' + orders[0] if len(orders) == 1 else 'mean of both orders'}, {found.method}",
        )  # fmt: skip
        rows.append({
            "cause": CAUSES[term], "points": estimate,
            "order_spread": (max(values.values()) - min(values.values())) * factor,
            "verdict": _verdict(term, found, orders, list(zip(lows, highs, strict=True))),
            **{f"points_{order.replace('-', '_')}": v * factor for order, v in values.items()},
        })  # fmt: skip
    return rows


def _verdict(term: str, found: Attribution, orders: tuple[Order, ...], intervals: list[tuple[float, float]]) -> str:
    """`claimed`, `within noise`, `not identifiable`, or that too little overlaps."""
    signs = [1 if low > 0 else -1 if high < 0 else 0 for low, high in intervals]
    if term == "relation":
        thin = [o for o in orders if min(found.splits[o].effective) < max(50, 0.1 * min(found.used))]
        if thin:
            return "too little overlap to tell"
    if len(set(signs)) > 1:
        return "not identifiable without a direction"
    return "claimed" if signs[0] else "within noise"
