"""What Assay says of public leaderboards: reliability predicted from half of the tasks, and timm's six test sets.

Run: python benchmarks/sustainability_public.py --tables DIR --timm-results DIR

--tables holds wide leaderboards as `NAME__leaderboard.tsv` (GLUE, VTAB, MMLU), one row a model and one column a task.
--timm-results holds timm's `results-*.csv`, one file a test set.

From a random half of the tasks the reliability of the other half is predicted, 200 times. Printed is how often the
90 % interval holds what the other half shows, its mean width, and beside it Feldt's classical interval. Columns that
are themselves aggregates of others are left out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from assay.assess.sustainability import Reading, sustainability
from assay.assess.sustainability.reading import read_records
from assay.assess.sustainability.results import Results, results_of
from assay.ledger.readers.results import read_results
from assay.ledger.tables import read_table
from assay.stats.components import variance_components
from assay.stats.power import detectable_effect, difference_error, units_needed
from assay.stats.reliability import generalizability, predicted_reliability, tasks_for

INDEX = {"glue": "Rank", "mmlu": "index"}
"""Leaderboards whose names of models are not unique; their rows are told apart by this column."""


def load(path: Path) -> Results:
    """A leaderboard as the lens reads it, aggregates left out."""
    reading = Reading(index=INDEX.get(path.name.split("__")[0]))
    return results_of(read_records(read_table(path), reading), reading)


def halves(results: Results, repetitions: int, rng: np.random.Generator) -> dict[str, float]:
    """How often the prediction from one half of the tasks holds for the other."""
    scores, present, t = results.oriented, results.present, len(results.tasks)
    hits, feldt, widths, feldt_widths, off = 0, 0, [], [], []
    for _ in range(repetitions):
        order = rng.permutation(t)
        here, there = order[: t // 2], order[t // 2 :]
        other = generalizability(variance_components(scores[:, there], present[:, there]))
        predicted = predicted_reliability(scores[:, here], present[:, here], tasks=len(there), level=0.9)
        parts = variance_components(scores[:, here], present[:, here])
        classical = generalizability(parts, tasks=len(there), level=0.9)
        if predicted.known:
            hits += predicted.low <= other.value <= predicted.high
            widths.append(predicted.width)
            off.append(abs(predicted.value - other.value))
        feldt += classical.low <= other.value <= classical.high
        feldt_widths.append(classical.width)
    return {
        "coverage": hits / repetitions, "width": float(np.mean(widths)), "off": float(np.median(off)),
        "known": len(widths) / repetitions, "feldt": feldt / repetitions, "feldt_width": float(np.mean(feldt_widths)),
    }  # fmt: skip


def show_table(path: Path, repetitions: int) -> None:
    """Print what the prediction of reliability is worth on one leaderboard."""
    results = load(path)
    whole = generalizability(variance_components(results.oriented, results.present))
    found = halves(results, repetitions, np.random.default_rng(0))
    size = f"{len(results.models)} × {len(results.tasks)}"
    print(
        f"{path.name.split('__')[0]:10s} {size:8s} G {whole.value:.3f}: half predicts half in {found['coverage']:.1%} "
        f"of {repetitions} ({'pass' if found['coverage'] >= 0.85 else 'FAIL'}, limit 85 %), width {found['width']:.3f}, off by {found['off']:.3f} in the median, given in "
        f"{found['known']:.0%}; Feldt {found['feldt']:.1%}, width {found['feldt_width']:.3f}"
    )


def show_timm(folder: Path) -> None:
    """Print rank sets of the top 100, reliability, and what tells two models 1 point apart."""
    table = read_results(folder)
    means = table.groupby("model")["score"].mean().sort_values(ascending=False)
    for name, kept in (("top 100", table[table["model"].isin(means.index[:100])]), ("all", table)):
        kept = kept.copy()
        kept.attrs = table.attrs
        started = time.perf_counter()
        found = sustainability(kept, **table.attrs["options"])
        seconds = time.perf_counter() - started
        rows = found.tables["ranking"]
        width = np.mean([row["rank_high"] - row["rank_low"] for row in rows])
        again = np.mean([row["rank_high_again"] - row["rank_low_again"] for row in rows])
        print(f"timm, {name}: {found.verdict}")
        print(
            f"  {sum(row['rank_low'] == 1 for row in rows)} may be the best; mean width of rank sets {width:.1f} for "
            f"other test sets, {again:.1f} for these test sets again; {seconds:.1f} s"
        )
        print(f"  Kendall's W {found.estimate('kendall_w')}, G {found.estimate('generalizability')}")
    results = results_of(read_records(table[table["model"].isin(means.index[:100])], Reading()), Reading())
    parts = variance_components(results.oriented, results.present)
    error = difference_error(parts)
    wanted = "/".join(str(tasks_for(parts, g)) for g in (0.8, 0.9, 0.95))
    print(
        f"  top 100: variance of models {parts.between_models:.1f}, of test sets {parts.between_tasks:.0f}, residual "
        f"{parts.cell:.1f}; test sets for G 0.8/0.9/0.95: {wanted}"
    )
    print(
        f"  two models 1 point apart take {units_needed(1.0, error)} test sets, 5 points {units_needed(5.0, error)}; "
        f"these 6 show {detectable_effect(error, 6):.1f} points"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, help="folder with NAME__leaderboard.tsv")
    parser.add_argument("--timm-results", type=Path, help="folder with timm's results-*.csv")
    parser.add_argument("--halves", type=int, default=200)
    options = parser.parse_args()
    if options.tables is None and options.timm_results is None:
        parser.error("give --tables DIR, --timm-results DIR, or both; the tables do not come with Assay")
    if options.tables is not None:
        for path in sorted(options.tables.glob("*__leaderboard.tsv")):
            show_table(path, options.halves)
    if options.timm_results is not None:
        show_timm(options.timm_results)


if __name__ == "__main__":
    main()
