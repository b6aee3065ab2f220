"""Importance: how often noise is given a name, how often real effects are, and how long it takes; Optuna beside it.

Run: python benchmarks/importance.py [--studies 200] [--peer 20] [--only noise main xor time]

Studies of 8 parameters, uniform in [0, 1]. Noise: 50 trials, the score has nothing to do with any of them. Main effect:
50 trials, x0 explains half of the variance (R² = 0.5). XOR: 200 trials, the score is x0 > ½ xor x1 > ½ with noise of
sd 0.3. A claim is an adjusted p-value below 0.05. Optuna's evaluators name no claim; their first parameter (for XOR:
their first two) stands in for one, on the first `--peer` of the same studies.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from assay.assess.configurability import trials_from_frame
from assay.assess.configurability.importance import find_importance
from assay.stats.effect_bases import Parameter, effects
from assay.stats.effect_tests import effect_tests

NAMES = tuple(f"x{j}" for j in range(8))
Study = tuple[np.ndarray, np.ndarray]


def study(kind: str, rng: np.random.Generator) -> Study:
    """(n, 8) settings and (n,) scores."""
    n = 200 if kind == "xor" else 50
    x, noise = rng.random((n, 8)), rng.normal(size=n)
    if kind == "main":
        return x, np.sqrt(12) * (x[:, 0] - 0.5) + noise
    if kind == "xor":
        return x, ((x[:, 0] > 0.5) ^ (x[:, 1] > 0.5)) + 0.3 * noise
    return x, noise


def claimed(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> set[tuple[int, ...]]:
    """Effects that Assay claims, as positions of their parameters."""
    family = effects([Parameter(name=name, values=x[:, j]) for j, name in enumerate(NAMES)])
    found = effect_tests(family, y, permutations=999, rng=rng)
    return {effect.parameters for effect, yes in zip(family, found.claimed, strict=True) if yes}


def ours(kind: str, studies: int) -> tuple[float, float]:
    """Share of studies in which Assay claims what is looked for, and anything besides its parts."""
    rng = np.random.default_rng([1, *kind.encode()])
    wanted = {"noise": None, "main": (0,), "xor": (0, 1)}[kind]
    hits, false = 0, 0
    for _ in range(studies):
        names = claimed(*study(kind, rng), rng)
        hits += bool(names) if wanted is None else wanted in names
        # A parameter or pair that shares nothing with what is real is a false claim.
        false += any(wanted is None or not set(name) & set(wanted) for name in names)
    return hits / studies, false / studies


def peers(kind: str, studies: int) -> Iterator[tuple[str, float, float, float]]:
    """For each evaluator of Optuna: how often the right ones come first, their mean largest share, seconds a call."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in NAMES}
    evaluators = {
        "PED-ANOVA": optuna.importance.PedAnovaImportanceEvaluator(),
        "fANOVA": optuna.importance.FanovaImportanceEvaluator(seed=0),
        "mean decrease impurity": optuna.importance.MeanDecreaseImpurityImportanceEvaluator(seed=0),
    }
    rng = np.random.default_rng([1, *kind.encode()])
    made = []
    for _ in range(studies):
        x, y = study(kind, rng)
        one = optuna.create_study(direction="maximize")
        one.add_trials([
            optuna.trial.create_trial(params=dict(zip(NAMES, map(float, row), strict=True)), distributions=space,
                                      value=float(value)) for row, value in zip(x, y, strict=True)
        ])  # fmt: skip
        made.append(one)
    head = {"noise": set[str](), "main": {"x0"}, "xor": {"x0", "x1"}}[kind]
    for name, evaluator in evaluators.items():
        right, largest, started = 0, 0.0, time.perf_counter()
        for one in made:
            found = optuna.importance.get_param_importances(one, evaluator=evaluator)
            right += set(list(found)[: max(len(head), 1)]) == head if head else 1
            largest += next(iter(found.values())) / max(sum(found.values()), 1e-300)
        yield name, right / studies, largest / studies, (time.perf_counter() - started) / studies


def seconds_of_importance() -> float:
    """Tests, shares and intervals of one study of 200 trials, as the lens computes them."""
    rng = np.random.default_rng(3)
    x, y = study("xor", rng)
    trials = trials_from_frame(pd.DataFrame(x, columns=list(NAMES)).assign(score=y), score="score")
    find_importance(trials, trials.units(), level=0.95, permutations=99, rng=rng)
    started = time.perf_counter()
    find_importance(trials, trials.units(), level=0.95, permutations=999, rng=rng)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--peer", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=["noise", "main", "xor", "time"])
    options = parser.parse_args()
    for kind, limit, words in (("noise", 0.07, "any claim on noise"), ("main", 0.95, "main effect claimed"),
                               ("xor", 0.90, "XOR claimed as that pair")):  # fmt: skip
        if kind not in options.only:
            continue
        hits, false = ours(kind, options.studies)
        good = hits <= limit if kind == "noise" else hits >= limit
        low, high = binomtest(round(hits * options.studies), options.studies).proportion_ci()
        print(f"{words:26s} {hits:6.1%} of {options.studies} ({low:.1%} to "
              f"{high:.1%}), limit {limit:.0%}: {'pass' if good else 'FAIL'}; "
              f"a claim without any real part {false:.1%}")  # fmt: skip
        if options.peer:
            for name, right, largest, seconds in peers(kind, options.peer):
                told = "names a first parameter in" if kind == "noise" else "puts the right ones first in"
                print(f"    Optuna {name:24s} {told} {right:4.0%} of {options.peer}, mean largest share "
                      f"{largest:.2f}, {seconds:.2f} s a call")  # fmt: skip
    if "time" not in options.only:
        return
    seconds = seconds_of_importance()
    print(f"200 trials × 8 parameters: {seconds:.2f} s, limit 5 s: {'pass' if seconds <= 5 else 'FAIL'}")


if __name__ == "__main__":
    main()
