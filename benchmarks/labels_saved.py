"""Labels saved: how often the interval holds the true factor, on simulated learning curves whose truth is known.

Run: python benchmarks/labels_saved.py [--repetitions 2000] [--seed 0] [--only CASE]

A model and its untrained twin follow known learning curves, top − (top − chance)(1 + b/b₀)^−a, measured at the usual
budgets in a few nested draws. Draws move both curves together (easy and hard rows), each by itself, and carry over from
one budget to the next, less as budgets grow; test items add binomial noise. Cases: a shift of the whole curve, curves
of another shape, skewed draws, 5 and 10 draws. For each budget whose true factor the twin's budgets hold, the interval
of `labels_saved` should hold the truth in 93 to 97 % of repetitions. The budget that `headline` picks is judged too.
Widths (of the logarithm) stand beside an oracle's, which knows the curves and the draws' true spread. The peer inverts
each draw's own curve, made monotone, and takes a t interval of the logarithms, as one would by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from assay.assess.reusability.budgets import headline, labels_saved
from assay.assess.reusability.records import BudgetScore

BUDGETS = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500], dtype=float)
ITEMS = 1000


@dataclass(frozen=True)
class Curve:
    """A learning curve over labels a class."""

    top: float
    chance: float
    b0: float
    a: float

    def __call__(self, budget: Any) -> Any:
        """The score at a budget."""
        return self.top - (self.top - self.chance) * (1 + np.asarray(budget) / self.b0) ** -self.a


@dataclass(frozen=True)
class Case:
    """A pair of curves and how draws scatter."""

    name: str
    model: Curve
    twin: Curve
    draws: int
    spread: float = 0.03
    skewed: bool = False


CASES = [
    Case("shifted 7.4 times, 5 draws", Curve(0.95, 0.1, 3, 0.6), Curve(0.95, 0.1, 22.2, 0.6), 5),
    Case("shifted 7.4 times, 10 draws", Curve(0.95, 0.1, 3, 0.6), Curve(0.95, 0.1, 22.2, 0.6), 10),
    Case("shifted 2 times, 5 draws", Curve(0.9, 0.1, 3, 0.5), Curve(0.9, 0.1, 6, 0.5), 5),
    Case("other shape, 5 draws", Curve(0.93, 0.1, 2, 0.7), Curve(0.88, 0.1, 15, 0.9), 5),
    Case("twin is better, 5 draws", Curve(0.85, 0.1, 12, 0.7), Curve(0.9, 0.1, 8, 0.7), 5),
    Case("two classes, 5 draws", Curve(0.92, 0.5, 4, 0.6), Curve(0.9, 0.5, 30, 0.6), 5, spread=0.02),
    Case("skewed draws, 5 draws", Curve(0.95, 0.1, 3, 0.6), Curve(0.95, 0.1, 22.2, 0.6), 5, skewed=True),
]  # fmt: skip


def simulate(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) scores of the model and of the twin."""
    k, n = len(BUDGETS), case.draws
    scale = case.spread * BUDGETS**-0.25

    def effect(share: float) -> np.ndarray:
        """(n, k) correlated over budgets, since small budgets are subsets of larger ones."""
        noise = rng.normal(size=(n, k))
        for j in range(1, k):
            noise[:, j] = 0.6 * noise[:, j - 1] + 0.8 * noise[:, j]
        if case.skewed:
            noise = (1 - np.exp(noise * 0.5 - 0.125)) / 0.533
        return share * scale * noise

    common = effect(0.7)
    out = []
    for curve in (case.model, case.twin):
        mean = np.clip(curve(BUDGETS) + common + effect(0.7), 0.01, 0.99)
        out.append(rng.binomial(ITEMS, mean) / ITEMS)
    return out[0], out[1]


def truth(case: Case, budget: float) -> float | None:
    """The true factor; None where the twin never gets there."""
    wanted = float(case.model(budget))
    if wanted >= case.twin.top:
        return None

    def gap(log: float) -> float:
        return float(case.twin(np.exp(log))) - wanted

    return float(np.exp(brentq(gap, np.log(1e-6), np.log(1e12)))) / budget


def oracle_width(case: Case, budget: float, factor: float) -> float:
    """Width of the 95 % interval of the logarithm with known curves and spread."""

    def variance(b: float, curve: Curve, shared: float) -> float:
        p = float(curve(b))
        return (shared * case.spread * b**-0.25) ** 2 + p * (1 - p) / ITEMS

    other = factor * budget
    own = variance(budget, case.model, 0.7) + variance(other, case.twin, 0.7)
    lag = 0.6 ** abs(np.log(other / budget) / np.log(2.2))
    s, t = case.spread * budget**-0.25, case.spread * other**-0.25
    own += 0.49 * (s * s + t * t - 2 * s * t * lag)
    step = 1e-4
    slope = (float(case.twin(other * np.exp(step))) - float(case.twin(other * np.exp(-step)))) / (2 * step)
    return 2 * 1.96 * float(np.sqrt(own / case.draws)) / slope


def points(scores: np.ndarray) -> list[BudgetScore]:
    return [BudgetScore(budget=int(b), draw=i, score=float(s)) for i, row in enumerate(scores)
            for b, s in zip(BUDGETS, row, strict=True)]  # fmt: skip


def by_hand(model: np.ndarray, twin: np.ndarray, at: int) -> tuple[float, float] | None:
    """The peer: each draw's own inversion, then a t interval of the logarithms; None where a draw never gets there."""
    logs = []
    for own, other in zip(model, np.maximum.accumulate(twin, axis=1), strict=True):
        if not other[0] < own[at] < other[-1]:
            return None
        j = int(np.searchsorted(other, own[at]))
        share = (own[at] - other[j - 1]) / (other[j] - other[j - 1])
        logs.append(np.log(BUDGETS[j - 1]) + share * np.log(BUDGETS[j] / BUDGETS[j - 1]) - np.log(BUDGETS[at]))
    half = stats.t.ppf(0.975, len(logs) - 1) * np.std(logs, ddof=1) / np.sqrt(len(logs))
    return float(np.mean(logs) - half), float(np.mean(logs) + half)


def run(case: Case, repetitions: int, seed: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng([seed, CASES.index(case)])
    truths = {int(b): truth(case, float(b)) for b in BUDGETS}
    held: dict[Any, list[bool]] = {}
    widths: dict[Any, list[float]] = {}
    closed: dict[Any, list[bool]] = {}
    hand: dict[Any, list[bool]] = {}
    for _ in range(repetitions):
        model, twin = simulate(case, rng)
        curve, other = points(model), points(twin)
        found = {int(b): labels_saved(curve, other, int(b), level=0.95) for b in BUDGETS}
        picked = headline(found)
        for budget, estimate in [*found.items(), *([("headline", found[picked])] if picked else [])]:
            true = truths[picked if budget == "headline" else budget]
            low, high = estimate.low or 0.0, np.inf if estimate.high is None else estimate.high
            held.setdefault(budget, []).append(low <= (np.inf if true is None else true) <= high)
            closed.setdefault(budget, []).append(bool(estimate.low and estimate.high))
            if closed[budget][-1]:
                widths.setdefault(budget, []).append(float(np.log(estimate.high / estimate.low)))
            if budget != "headline" and true is not None:
                peer = by_hand(model, twin, int(np.flatnonzero(budget == BUDGETS)[0]))
                if peer is not None:
                    hand.setdefault(budget, []).append(peer[0] <= np.log(true) <= peer[1])
    for budget, hits in held.items():
        true = truths.get(budget)
        inside = true is not None and BUDGETS[0] <= true * budget <= BUDGETS[-1] if budget != "headline" else True
        yield {
            "budget": budget, "truth": true, "inside": inside, "n": len(hits), "coverage": float(np.mean(hits)),
            "closed": float(np.mean(closed[budget])), "width": float(np.median(widths[budget])) if budget in widths else None,
            "oracle": oracle_width(case, budget, true) if inside and true and budget != "headline" else None,
            "peer": (float(np.mean(hand[budget])), len(hand[budget])) if budget in hand else None,
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="CASE", help="0 for the first case, and so on")
    given = parser.parse_args()
    inside, failed = [], []
    for case in CASES if given.only is None else [CASES[given.only]]:
        print(f"\n{case.name}")
        for row in run(case, given.repetitions, given.seed):
            true = "beyond" if row["truth"] is None else f"{row['truth']:7.2f}" if row["budget"] != "headline" else ""
            width = "" if row["width"] is None else f"  closed {row['closed']:5.1%}, log width {row['width']:.2f}"
            oracle = (
                ""
                if row["oracle"] is None
                else f", oracle {row['oracle']:.2f}, ratio {row['width'] / row['oracle']:.2f}"
            )
            peer = "" if row["peer"] is None else f"  by hand {row['peer'][0]:.1%} of {row['peer'][1]}"
            print(f"  {row['budget']!s:>8} labels: truth {true:>8} {'' if row['inside'] else '(beyond the budgets)'} "
                  f"held {row['coverage']:.1%} of {row['n']}{width}{oracle}{peer}")  # fmt: skip
            if row["inside"]:
                inside.append(row["coverage"])
                low, high = stats.binom.interval(0.999, row["n"], 0.95)
                # Outside 93–97 %, and not by the chance of so many repetitions.
                if not 0.93 <= row["coverage"] <= 0.97:
                    failed.append(
                        (
                            case.name,
                            row["budget"],
                            row["coverage"],
                            low / row["n"] <= row["coverage"] <= high / row["n"],
                        )
                    )
    print(f"\n{len(inside)} curves and budgets whose truth lies within the twin's budgets: mean coverage "
          f"{np.mean(inside):.2%}, least {min(inside):.1%}, most {max(inside):.1%}; outside 93–97 %: {len(failed)}")  # fmt: skip
    for name, budget, coverage, chance in failed:
        print(f"  outside: {name}, {budget}: {coverage:.1%}{' (within chance)' if chance else ''}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
