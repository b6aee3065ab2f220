"""Coverage of the intervals of a mean over tasks, for both populations, from 3 tasks on.

Run: python benchmarks/mean_interval_coverage.py [--repetitions 20000]

For each generator it prints the share of 95 % intervals that hold the true mean, whether that is inside 93 to 97 %, and the mean width beside a peer: the percentile bootstrap over tasks for the first population, the
interval with the true variance for the second.

Last comes what no method can do: a rare kind of task, 30 standard deviations worse than the rest. It counts the draws
of tasks that miss the kind. Those draws look like draws from a population without it, so that an interval which holds
the mean there would have to reach as far for a population that has no such tasks; all others cover at most the rest.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from assay.stats.means import means_of_these_tasks, means_over_tasks, unseen_share
from assay.stats.task_errors import TaskErrors, item_errors, seed_errors, size_errors

Z = 1.959964


def coverage_of_other_tasks(name: str, t: int, repetitions: int, seed: int = 0) -> tuple[float, float, float]:
    """Coverage and mean width of intervals over t tasks, and the coverage of the percentile bootstrap."""
    draw, truth = TASK_GENERATORS[name]
    rng = np.random.default_rng([seed, t, *name.encode()])
    scores = draw(rng, (repetitions, t))
    intervals = means_over_tasks(scores, resamples=500, rng=rng)
    inside = np.mean([e.low <= truth <= e.high for e in intervals])
    some = scores[: min(repetitions, 2000)]
    means = np.stack([some[:, rng.integers(0, t, t)].mean(axis=1) for _ in range(400)])
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return float(inside), float(np.mean([e.width for e in intervals])), float(((low <= truth) & (truth <= high)).mean())


TASK_GENERATORS: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], np.ndarray], float]] = {
    "normal": (lambda rng, shape: rng.normal(0.7, 0.1, shape), 0.7),
    "accuracies, beta(8, 2)": (lambda rng, shape: rng.beta(8, 2, shape), 0.8),
    "heavy tails, t with 3 df": (lambda rng, shape: rng.standard_t(3, shape), 0.0),
}
HARD_GENERATORS: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], np.ndarray], float]] = {
    "uniform": (lambda rng, shape: rng.random(shape), 0.5),
    "skewed, beta(5, 1)": (lambda rng, shape: rng.beta(5, 1, shape), 5 / 6),
    "losses, exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "two kinds of task, 30:70": (
        lambda rng, shape: rng.normal(0, 0.3, shape) + rng.choice([0.0, 2.0], shape, p=[0.3, 0.7]), 1.4,
    ),
}  # fmt: skip


def coverage_of_these_tasks(errors: TaskErrors, truth: np.ndarray, width: float) -> tuple[float, float]:
    """Share of intervals that hold each repetition's own mean, and their mean width over that of the true variance."""
    intervals = means_of_these_tasks(errors)
    inside = np.mean([e.low <= m <= e.high for e, m in zip(intervals, truth, strict=True)])
    return float(inside), float(np.mean([e.width for e in intervals])) / width


def seeds_case(t: int, s: int, ratio: float, repetitions: int) -> tuple[float, float]:
    """Runs with other seeds; the noise of the noisiest task is `ratio` times that of the quietest."""
    rng = np.random.default_rng([1, t, s, int(ratio * 10)])
    tasks, sd = rng.normal(70, 10, (repetitions, t)), np.linspace(1, ratio, t)
    runs = tasks[:, :, None] + sd[:, None] * rng.normal(size=(repetitions, t, s))
    width = 2 * Z * np.sqrt((sd**2 / s).sum()) / t
    return coverage_of_these_tasks(seed_errors(runs, np.ones_like(runs, bool)), tasks.mean(axis=1), width)


def sizes_case(t: int, n: int, p: float, repetitions: int) -> tuple[float, float]:
    """Accuracies of which only the test sizes are known; tasks spread around p."""
    rng = np.random.default_rng([2, t, n, int(p * 100)])
    truth = np.clip(rng.normal(p, (1 - p) / 3, (repetitions, t)), 0.02, 0.995)
    scores = rng.binomial(n, truth) / n
    width = 2 * Z * float(np.mean(np.sqrt((truth * (1 - truth) / n).sum(axis=1)))) / t
    errors = size_errors(scores, np.ones_like(scores, bool), np.full(scores.shape, float(n)))
    return coverage_of_these_tasks(errors, truth.mean(axis=1), width)


def items_case(t: int, s: int, n: int, seed_share: float, repetitions: int) -> tuple[float, float]:
    """Scores of single items, s seeds crossed with n items; seeds hold `seed_share` of a score's variance."""
    rng = np.random.default_rng([3, t, s, n, int(seed_share * 100)])
    item_sd, rest_sd = 1.0, 1.0
    own = item_sd**2 / n + rest_sd**2 / (s * n)
    seed_sd = np.sqrt(seed_share / (1 - seed_share) * own * s) if s > 1 else 0.0
    tasks = rng.normal(0, 3, (repetitions, t))
    blocks = [
        tasks[:, i, None, None] + seed_sd * rng.normal(size=(repetitions, s, 1))
        + item_sd * rng.normal(size=(repetitions, 1, n)) + rest_sd * rng.normal(size=(repetitions, s, n))
        for i in range(t)
    ]  # fmt: skip
    width = 2 * Z * np.sqrt((own + seed_sd**2 / s) / t)
    return coverage_of_these_tasks(item_errors(blocks), tasks.mean(axis=1), width)


def these_cases(repetitions: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Every case of the second population, named by its generator."""
    few = max(repetitions // 10, 2000)
    for t in (3, 6, 20):
        for s in (2, 3, 5):
            for ratio in (1, 4):
                yield f"{t:2d} tasks, {s} seeds, noise 1:{ratio}", seeds_case(t, s, ratio, repetitions)
        for n, p in ((100, 0.7), (1000, 0.7), (300, 0.95)):
            yield f"{t:2d} tasks, {n} items, accuracy {p}", sizes_case(t, n, p, repetitions)
    for t in (3, 6):
        yield f"{t:2d} tasks, 100 scored items, 1 seed", items_case(t, 1, 100, 0, few)
        for share in (0.0, 0.3, 0.7):
            yield f"{t:2d} tasks, 5 seeds × 100 items, seeds {share:.0%}", items_case(t, 5, 100, share, few)


def verdict(coverage: float, repetitions: int) -> str:
    """Whether coverage is between 93 and 97 %; what is outside is shown to be so by a binomial test at 1 %, or not."""
    hits = round(coverage * repetitions)
    if 0.93 <= coverage <= 0.97:
        return "inside 93 to 97 %"
    if coverage < 0.93:
        return "below 93 %" if special.bdtr(hits, repetitions, 0.93) < 0.01 else "below 93 % or chance"
    return "above 97 %" if special.bdtrc(hits - 1, repetitions, 0.97) < 0.01 else "above 97 % or chance"


def rare_kind(t: int, share: float, repetitions: int) -> tuple[float, float, float]:
    """Share of draws of t tasks that miss the rare kind, coverage of our intervals, and their reach in sd on a miss."""
    rng = np.random.default_rng([4, t, int(share * 1000)])
    rare = rng.random((repetitions, t)) < share
    intervals = means_over_tasks(rng.normal(size=rare.shape) - 30 * rare, resamples=500, rng=rng)
    missed = ~rare.any(axis=1)
    inside = np.mean([e.low <= -30 * share <= e.high for e in intervals])
    reach = [e.value - e.low for e, unseen in zip(intervals, missed, strict=True) if unseen]
    return float(missed.mean()), float(inside), float(np.median(reach)) if reach else np.nan


def show_limits(repetitions: int) -> None:
    """Print for how many draws the data hold nothing of a rare kind of task."""
    print("A rare kind of task, 30 sd worse; other such tasks, 95 % intervals")
    for t in (3, 6, 10, 20, 57):
        print(f"  {t:2d} tasks miss a kind that makes up {unseen_share(t):.0%} of all tasks in 1 of 20 draws")
        for share in (0.05, 0.1, 0.3):
            missed, inside, reach = rare_kind(t, share, repetitions)
            print(
                f"    kind with {share:.0%} of the tasks: missed by {missed:.1%} of the draws (theory "
                f"{(1 - share) ** t:.1%}), so no method that stays within {30 * share:g} sd of such draws covers more "
                f"than {1 - missed:.1%}; ours reaches {reach:.1f} sd there and covers {inside:.1%}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20000)
    repetitions = parser.parse_args().repetitions
    print(f"Other such tasks, 95 % intervals, {repetitions} repetitions; normal first, harder generators last")
    TASK_GENERATORS.update(HARD_GENERATORS)
    for name in TASK_GENERATORS:
        for t in (3, 4, 6, 8, 10, 20, 57):
            inside, width, peer = coverage_of_other_tasks(name, t, repetitions)
            words = verdict(inside, repetitions)
            print(
                f"  {name:26s} {t:2d} tasks  {inside:.3f} ({words}), width {width:.3f}; percentile bootstrap {peer:.3f}"
            )
    print("These tasks again, 95 % intervals; width as a multiple of the width with the true variance")
    for name, (inside, ratio) in these_cases(repetitions):
        print(f"  {name:44s} {inside:.3f} ({verdict(inside, min(repetitions, 20000))}), width × {ratio:.2f}")
    show_limits(repetitions)


if __name__ == "__main__":
    main()
