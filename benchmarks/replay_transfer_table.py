"""Replay selection on a public table of fine-tuning runs, with the seconds that each run took.

Usage: .venv/bin/python benchmarks/replay_transfer_table.py --runs transfergraph_ftrecords_img.csv [--replays 20]

The table has one row a fine-tuning run: model_identifier, train_dataset_name, configs (with the label that was
learned), train_slice, test_accuracy, elapsed_time. The 19 tasks with 800 training rows are used; repeated runs count by
their median. For each task the other 18 teach, runs are bought one by one with their recorded seconds, and buying
stops when the regret is at most --regret points with 95 % confidence. Each replay keeps a random 70 % of the models.
Printed beside: the static rank's choice, and buying down the static rank until the same share of seconds is spent.
"""

from __future__ import annotations

import argparse
import ast
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from assay.assess.selection.experience import Experience
from assay.assess.selection.purchase import Limits, buy
from assay.assess.selection.validation import static_ranks


def table(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(m, t) median test accuracy and median seconds, NaN where not run, and the names of the tasks."""
    runs = pd.read_csv(path)
    settings = runs["configs"].map(ast.literal_eval)
    runs["task"] = runs["train_dataset_name"] + settings.map(what_is_learned)
    runs = runs[runs["train_slice"] == ":800"]
    cells = runs.groupby(["model_identifier", "task"])[["test_accuracy", "elapsed_time"]].median().unstack()
    return cells["test_accuracy"].to_numpy(), cells["elapsed_time"].to_numpy(), list(cells["test_accuracy"].columns)


def what_is_learned(settings: dict[str, object]) -> str:
    """The suffix that tells tasks of one data set apart."""
    prepared, label = str(settings.get("preprocess") or ""), str(settings.get("label_name", ""))
    if prepared.startswith(("clevr", "dsprites")):
        return f"/{prepared}"
    return f"/{label}" if label in ("label_azimuth", "label_elevation") else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="the table of runs")
    parser.add_argument("--replays", type=int, default=20, help="replays a task")
    parser.add_argument("--regret", type=float, default=15.0, help="regret that may remain, in points")
    parser.add_argument("--budget", type=float, default=0.18, help="most seconds, as a share of running every model")
    arguments = parser.parse_args()
    if arguments.runs is None or not arguments.runs.exists():
        sys.exit("give the table of runs with --runs FILE; the head of this script says what it holds")
    scores, seconds, tasks = table(arguments.runs)
    rows = []
    start = time.perf_counter()
    for at in range(len(tasks)):
        experience = Experience.learn(np.delete(scores, at, axis=1), bounds=(0.0, 1.0))
        static = static_ranks(scores, at)
        for replay in range(arguments.replays):
            rows.append(one(scores[:, at], seconds[:, at], experience, static, arguments, at, replay))
    report(np.array(rows), tasks, arguments, time.perf_counter() - start)


def one(scores: np.ndarray, seconds: np.ndarray, experience: Experience, static: np.ndarray,
        arguments: argparse.Namespace, task: int, replay: int) -> tuple[float, ...]:  # fmt: skip
    """Task, regret, expected regret, bound, share of seconds, runs, static regret, regret of an equal prefix."""
    rng = np.random.default_rng([task, replay])
    ran = np.flatnonzero(np.isfinite(scores) & np.isfinite(static))
    pool = np.sort(rng.choice(ran, size=round(0.7 * len(ran)), replace=False))
    total = seconds[pool].sum()
    limits = Limits(regret=arguments.regret / 100, spend=arguments.budget * total)
    found = buy(experience, seconds, lambda model: float(scores[model]), limits, pool=pool.tolist(), rng=rng)
    best = scores[pool].max()
    order = pool[np.argsort(-static[pool], kind="stable")]
    paid = max(1, int((np.cumsum(seconds[order]) <= found.spent).sum()))
    return (task, best - scores[found.chosen], found.regret.value, found.regret.high, found.spent / total,
            len(found.order), best - scores[order[0]], best - scores[order[:paid]].max())  # fmt: skip


def report(rows: np.ndarray, tasks: list[str], arguments: argparse.Namespace, took: float) -> None:
    regret, expected, bound, share = rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4]
    within = int((regret <= bound + 1e-12).sum())
    test = binomtest(within, len(rows), 0.95, alternative="less")
    print(f"{len(tasks)} tasks x {arguments.replays} replays, stop at {arguments.regret:g} points, {took:.0f} s")
    for at, name in enumerate(tasks):
        mine = rows[rows[:, 0] == at]
        print(f"  {name:40s} regret {100 * mine[:, 1].mean():6.2f}  bound {100 * mine[:, 3].mean():6.2f}  "
              f"within {(mine[:, 1] <= mine[:, 3] + 1e-12).mean():5.2f}  seconds {100 * mine[:, 4].mean():5.1f} %  "
              f"static {100 * mine[:, 6].mean():6.2f}  equal prefix {100 * mine[:, 7].mean():6.2f}")  # fmt: skip
    print(f"chosen within the stated bound: {within}/{len(rows)} = {within / len(rows):.3f} "
          f"(binomial p against 0.95: {test.pvalue:.3f})")  # fmt: skip
    print(f"mean regret {100 * regret.mean():.2f} points; stated expected regret {100 * expected.mean():.2f}; "
          f"stated bound {100 * bound.mean():.2f} = {bound.mean() / regret.mean():.2f} x the mean regret")  # fmt: skip
    print(f"seconds {100 * share.mean():.1f} % of brute force (most {100 * share.max():.1f} %), "
          f"{rows[:, 5].mean():.1f} runs")  # fmt: skip
    print(f"static rank's regret {100 * rows[:, 6].mean():.2f}; buying down the static rank for the same seconds "
          f"{100 * rows[:, 7].mean():.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
