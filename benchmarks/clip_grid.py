"""A complete grid of linear probes as the truth: what Assay concludes from a part of it.

Run: python benchmarks/clip_grid.py GRID.csv [--sampled 40] [--repeats 1] [--budget 27] [--only shares advice]
    [--half looking held-out]

GRID.csv is CLIP_benchmark's probe grid: 12 models × 3 learning rates × 3 lengths for every data set and number of
shots, accuracy in `lp_acc1`. For every complete (data set, shots):
- exact shares of variance of each parameter and pair from the whole grid; from `--sampled` random cells, whether the
  90 % intervals hold them, and how wide they are;
- from `--budget` cells (a quarter: 20 in which models and settings come up evenly, then those that Assay would run
  next): points lost by the recommended default of learning rate and length for every model, points lost by the
  recommended configuration, and whether the two largest parameters are named right where the second and the third
  differ by 0.05. Beside it what as many random cells show by themselves: the best setting by its mean, the best cell,
  the two parameters whose level means vary most.

The data sets are split once and for all, in the order of their names, every other one from the first: the halves are
`looking`, by which the advice is improved, and `held-out`, by which it is judged. The two files' names of CIFAR-100
both fall into the first. (Earlier advice was improved on both.) What is advised comes from the functions
that `assay configurability` prints; on the first grid of each half the lens itself is run and its words compared.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from assay.assess.configurability import configurability, trials_from_frame
from assay.assess.configurability.defaults import MOST_NEXT, Advice, find_advice, told, told_values
from assay.assess.configurability.importance import find_importance
from assay.assess.configurability.trials import Trials
from assay.rng import stream

PARAMETERS = ("model", "lr", "epochs")
EFFECTS = [(0,), (1,), (2,), *combinations(range(3), 2)]
START = 20
HALVES = ("looking", "held-out")


@dataclass(frozen=True)
class Grid:
    """A complete grid of one data set and number of shots."""

    data: str
    shots: str
    levels: tuple[list[object], ...]
    scores: np.ndarray
    """(12, 3, 3) accuracy in points."""

    def frame(self, cells: np.ndarray) -> pd.DataFrame:
        """Some cells as a table of runs."""
        at = np.unravel_index(cells, self.scores.shape)
        named = {name: [self.levels[j][i] for i in at[j]] for j, name in enumerate(PARAMETERS)}
        return pd.DataFrame({**named, "score": self.scores[at]})


def halves(found: list[Grid]) -> dict[str, list[Grid]]:
    """The grids whose data sets may be looked at, and those held out; all numbers of shots of a data set together."""
    names = sorted({grid.data for grid in found})
    return {half: [grid for grid in found if names.index(grid.data) % 2 == at] for at, half in enumerate(HALVES)}


def grids(path: Path) -> list[Grid]:
    """Every complete grid in the file."""
    table = pd.read_csv(path)
    table["model"] = table["model"] + " " + table["pretrained"]
    found = []
    for (data, shots), rows in table.groupby(["dataset", "fewshot_k"]):
        wide = rows.pivot_table(index=list(PARAMETERS), values="lp_acc1")
        levels = tuple(sorted(rows[name].unique()) for name in PARAMETERS)
        if len(wide) == np.prod([len(own) for own in levels]) == len(rows) and len(wide) >= 100:
            scores = 100 * wide["lp_acc1"].to_numpy().reshape([len(own) for own in levels])
            found.append(Grid(str(data), str(shots) if shots > 0 else "all", levels, scores))
    return found


def exact_shares(scores: np.ndarray) -> np.ndarray:
    """(6,) shares of the parameters and pairs in the variance of a complete grid."""
    grand, parts = scores.mean(), {}
    for effect in EFFECTS:
        others = tuple(axis for axis in range(3) if axis not in effect)
        part = scores.mean(axis=others, keepdims=True) - grand
        for smaller in (other for other in parts if set(other) < set(effect)):
            part = part - parts[smaller]
        parts[effect] = part
    return np.array([(parts[effect] ** 2).mean() for effect in EFFECTS]) / scores.var()


def plug_in_mains(frame: pd.DataFrame) -> np.ndarray:
    """(3,) variance of the means of each level seen, over that of the scores."""
    mean = {name: frame.groupby(name)["score"].transform("mean").var(ddof=0) for name in PARAMETERS}
    return np.array([mean[name] for name in PARAMETERS]) / frame["score"].var(ddof=0)


def coverage(grid: Grid, sampled: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each effect: whether the 90 % interval holds the exact share, its width, and how far its middle is off."""
    trials = trials_from_frame(grid.frame(rng.choice(grid.scores.size, sampled, replace=False)), score="score")
    found = find_importance(trials, trials.units(), level=0.9, permutations=99, rng=rng)
    assert not isinstance(found, str)
    shares = found.posterior.shares()
    at = [[trials.names.index(name) for name in (PARAMETERS[j] for j in effect)] for effect in EFFECTS]
    order = [next(i for i, e in enumerate(found.family) if set(e.parameters) == set(wanted)) for wanted in at]
    low, high = np.quantile(shares[:, order], [0.05, 0.95], axis=0)
    exact = exact_shares(grid.scores)
    return (low <= exact) & (exact <= high), high - low, np.abs(shares[:, order].mean(axis=0) - exact)


def spread_out(grid: Grid, count: int, rng: np.random.Generator) -> np.ndarray:
    """Cells in which every model, and every pair of the other settings, comes up about equally often."""
    models, rest = grid.scores.shape[0], grid.scores[0].size
    turns = -(-count // min(models, rest)) + 1
    first = np.concatenate([rng.permutation(models) for _ in range(turns)])[:count]
    second = np.concatenate([rng.permutation(rest) for _ in range(turns)])[:count]
    cells = np.unique(first * rest + second)
    others = rng.permutation(np.setdiff1d(np.arange(grid.scores.size), cells))
    return np.concatenate([cells, others[: count - len(cells)]])


def advise(trials: Trials, seed: int) -> Advice:
    """The advice that `assay configurability` prints for this seed."""
    advice = find_advice(trials, trials.units(), rng=stream(seed, "advice"))
    assert not isinstance(advice, str)
    return advice


def search(grid: Grid, budget: int, rng: np.random.Generator) -> tuple[Trials, Advice]:
    """The runs of a small budget and what they advise: spread out first, then what the lens names as next runs."""
    cells, seed = spread_out(grid, START, rng), int(rng.integers(2**31))
    while True:
        trials = trials_from_frame(grid.frame(cells), score="score")
        advice = advise(trials, seed)
        if len(cells) >= budget:
            return trials, advice
        order = [advice.names.index(name) for name in PARAMETERS]
        wanted = advice.next(0, min(MOST_NEXT, budget - len(cells)))
        at = [[own.index(advice.candidates[k][j]) for own, j in zip(grid.levels, order, strict=True)] for k in wanted]
        cells = np.concatenate([cells, np.ravel_multi_index(np.array(at).T, grid.scores.shape)])


def compare_with_lens(grid: Grid) -> None:
    """Stop unless the lens's tables say what `advise` is judged by."""
    trials = trials_from_frame(grid.frame(spread_out(grid, START, np.random.default_rng(0))), score="score")
    advice, tables = advise(trials, 0), configurability(trials, resamples=100, rng_seed=0).tables
    for_all = told_values(*advice.settings("model")[:2])
    said = [row["configuration"] for row in tables["defaults"] if row["kind"] in ("default", "default for every model")]
    assert said == [told(advice, advice.default()), for_all], said
    said = [row["configuration"] for row in tables["next_runs"]]
    assert said == [told(advice, k) for k in advice.next(0, MOST_NEXT)], said


def conclusions(grid: Grid, budget: int, rng: np.random.Generator) -> dict[str, float | None]:
    """What is lost by advice from `budget` cells, in points, and whether the top two parameters are right."""
    trials, advice = search(grid, budget, rng)
    found = find_importance(trials, trials.units(), level=0.9, permutations=19, rng=rng)
    assert not isinstance(found, str)
    frame = grid.frame(rng.choice(grid.scores.size, budget, replace=False))
    best = dict(zip(advice.names, advice.candidates[advice.default()], strict=True))
    settings = dict(zip(*advice.settings("model")[:2], strict=True))
    by_setting, mean = grid.scores.mean(axis=0), frame.groupby(["lr", "epochs"])["score"].mean()
    exact = exact_shares(grid.scores)[:3]
    order = np.argsort(-exact)
    mains = found.posterior.shares()[:, : len(trials.names)].mean(axis=0)
    named = {trials.names[j] for j in np.argsort(-mains)[:2]}
    plain = {PARAMETERS[j] for j in np.argsort(-plug_in_mains(frame))[:2]}
    right = {PARAMETERS[j] for j in order[:2]}
    clear = exact[order[1]] - exact[order[2]] >= 0.05
    return {
        "default": by_setting.max() - _at(grid, by_setting, settings),
        "best": grid.scores.max() - _at(grid, grid.scores, best),
        "top two": float(named == right) if clear else None,
        "peer default": by_setting.max() - _at(grid, by_setting, dict(zip(("lr", "epochs"), mean.idxmax(), strict=True))),
        "peer best": grid.scores.max() - frame["score"].max(),
        "peer top two": float(plain == right) if clear else None,
    }  # fmt: skip


def _at(grid: Grid, scores: np.ndarray, values: dict[str, object]) -> float:
    names = PARAMETERS[-scores.ndim :]
    return float(scores[tuple(grid.levels[PARAMETERS.index(name)].index(values[name]) for name in names)])


def show_shares(found: list[Grid], sampled: int, repeats: int) -> None:
    """Print how often intervals of shares hold the exact ones."""
    rng = np.random.default_rng(0)
    draws = [coverage(grid, sampled, rng) for grid in found for _ in range(repeats)]
    inside, width, off = (np.stack(part) for part in zip(*draws, strict=True))
    for what, columns in (("main effects", slice(0, 3)), ("pairs", slice(3, 6)), ("all six", slice(0, 6))):
        held, wide = inside[:, columns].mean(), width[:, columns].mean()
        print(f"shares of {what:12s} from {sampled} cells: 90 % intervals hold {held:.1%} (limit 85 %), mean "
              f"width {wide:.3f} (limit .25), off by {off[:, columns].mean():.3f}: "
              f"{'pass' if held >= 0.85 and wide <= 0.25 else 'FAIL'}")  # fmt: skip


def show_advice(found: list[Grid], budget: int, repeats: int) -> None:
    """Print what is lost by advice from a quarter of each grid."""
    rng, size = np.random.default_rng(1), found[0].scores.size
    compare_with_lens(found[0])
    rows = [conclusions(grid, budget, rng) for grid in found for _ in range(repeats)]
    for what, limit, words in (("default", 0.5, "default within 0.5 points"), ("best", 1.0, "best within 1 point"),
                               ("top two", None, "top two parameters right")):  # fmt: skip
        shares = []
        for prefix in ("", "peer "):
            known = [row[prefix + what] for row in rows if row[prefix + what] is not None]
            shares.append(np.mean([value <= limit if limit is not None else value for value in known]))
        print(f"{words:26s} from {budget} of {size} cells: {shares[0]:.1%} of {len(known)}, limit 85 %: "
              f"{'pass' if shares[0] >= 0.85 else 'FAIL'}; random cells alone {shares[1]:.1%}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path)
    parser.add_argument("--sampled", type=int, default=40)
    parser.add_argument("--budget", type=int, default=27)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=["shares", "advice"])
    parser.add_argument("--half", nargs="*", default=HALVES, choices=HALVES)
    options = parser.parse_args()
    for half, found in halves(grids(options.grid)).items():
        if half not in options.half:
            continue
        sets = len({grid.data for grid in found})
        print(f"{half}: {len(found)} complete grids of {sets} data sets, {options.repeats} draw(s) each")
        if "shares" in options.only:
            show_shares(found, options.sampled, options.repeats)
        if "advice" in options.only:
            show_advice(found, options.budget, options.repeats)


if __name__ == "__main__":
    main()
