"""Similarity measures: zero to oneself, a planted order, the time of all point values, agreement, honest intervals.

Usage: .venv/bin/python benchmarks/similarity.py [--peers FOLDER] [--part self order time agree cost coverage] [--rounds R]

FOLDER holds torchmetrics 1.9.0, lightning-utilities and ckatorch 1.0.3 (pip install --no-deps --target FOLDER ...);
without it those comparisons are left out. Features are made up: classes are Gaussian clouds, deviations fall from 2 to
0.1 along the columns. `coverage` simulates what each interval is about and how often it holds it; see its docstring.
"""

from __future__ import annotations

import argparse
import sys
import time
import types
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.linalg import sqrtm
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist
from scipy.stats import binomtest, kendalltau, spearmanr

from assay.similarity import (
    Effort,
    SetFeatures,
    compare_head,
    compare_models,
    compare_names,
    compare_sets,
    frechet_distance,
    kid,
    label_space_distance,
    leep_similarity,
    linear_cka,
    model_distances,
    name_vectors,
    nce_similarity,
    procrustes_distance,
    rsa,
    set_distances,
)  # fmt: skip
from assay.similarity.otdd import sinkhorn_divergence

N, D, C = 2000, 1280, 10


class World:
    """A generator of labelled features that can be shifted in one way at a time."""

    def __init__(self, d: int, c: int, *, apart: float = 0.5, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        self.d, self.c = d, c
        self.centres = apart * rng.standard_normal((c, d))
        self.turned = apart * rng.standard_normal((c, d))
        self.scale = np.linspace(2, 0.1, d)
        self.direction = rng.standard_normal(d) / np.sqrt(d)

    def draw(self, n: int, rng: np.random.Generator, *, move: float = 0.0, spread: float = 0.0, turn: float = 0.0,
             name: str = "set") -> SetFeatures:  # fmt: skip
        """n items; `move` shifts all of them, `spread` widens their classes, `turn` puts classes elsewhere."""
        y = rng.integers(self.c, size=n)
        centres = np.cos(turn) * self.centres + np.sin(turn) * self.turned
        x = centres[y] + (1 + spread) * rng.standard_normal((n, self.d)) + move * self.direction
        return SetFeatures(name=name, x=x * self.scale, labels=y)

    def head(self, y: np.ndarray, rng: np.random.Generator, *, blur: float) -> np.ndarray:
        """Probabilities of a source head that names the class, with a share of noise."""
        noise = rng.dirichlet(np.ones(self.c), size=len(y))
        return (1 - blur) * np.eye(self.c)[y] + blur * noise


def verdict(words: str, ok: bool) -> bool:
    print(f"  {'pass' if ok else 'FAIL'}  {words}", flush=True)
    return ok


def every(found: Sequence[bool]) -> bool:
    """Whether all hold, each of them having been looked at."""
    return all(found)


def to_oneself() -> bool:
    """Every measure of a set, or of a model, with itself."""
    print(f"Self-distance, {N:,} x {D:,}:")
    rng = np.random.default_rng(0)
    a = World(D, C).draw(N, rng)
    found = {**set_distances(a, a), **model_distances(a.x, a.x)}
    theta, names = np.eye(C)[a.labels], name_vectors(["cat", "dog", "horse"])
    found |= {"leep": 1 - leep_similarity(theta, a.labels), "nce": 1 - nce_similarity(theta, a.labels),
              "label_space": label_space_distance(names, names)}  # fmt: skip
    return every([verdict(f"{name}: {value:.1e}, at most 1e-8", abs(value) <= 1e-8) for name, value in found.items()])


def planted_order() -> bool:
    """Sets from one generator with a growing shift, by the measures that the shift concerns."""
    print("Planted order, 8 steps of one shared generator, 1,000 x 64; Kendall's tau at least 0.95:")
    world, rng = World(64, 4), np.random.default_rng(1)
    base = world.draw(1000, rng)
    steps = np.linspace(0, 1, 8)
    features = ("frechet", "mmd", "kid", "proxy_a", "otdd")
    # What moves, how far in all, and whom it concerns. Means that move with their classes leave Task2Vec unmoved.
    plans = {"move": (4.0, features), "spread": (0.6, ("frechet", "mmd", "kid", "otdd")),
             "turn": (1.4, ("frechet", "mmd", "otdd", "task2vec"))}  # fmt: skip
    good = True
    for kind, (most, concerned) in plans.items():
        sets = [world.draw(1000, rng, **{kind: most * step}) for step in steps]
        tables = [set_distances(base, other, measures=concerned) for other in sets]
        for name in concerned:
            tau = kendalltau(steps, [found[name] for found in tables]).statistic
            good &= verdict(f"{kind:6s} by {name}: {tau:.3f}", tau >= 0.95)
    noise = rng.standard_normal((1000, 64)) * world.scale
    models = [model_distances(base.x, (1 - step) * base.x + step * noise) for step in steps]
    for name in models[0]:
        tau = kendalltau(steps, [found[name] for found in models]).statistic
        good &= verdict(f"noise in a model by {name}: {tau:.3f}", tau >= 0.95)
    heads = [world.head(base.labels, rng, blur=step) for step in np.linspace(0, 0.95, 8)]
    for name, measure in (("leep", leep_similarity), ("nce", nce_similarity)):
        # Up to a half of noise a head's decision is right, so NCE is asked only where decisions differ.
        used = slice(4, None) if name == "nce" else slice(None)
        tau = kendalltau(steps[used], [1 - measure(head, base.labels) for head in heads[used]]).statistic
        good &= verdict(f"blur of a head by {name}: {tau:.3f}", tau >= 0.95)
    pool, others = [f"animal {i}" for i in "abcdefgh"], [f"vehicle {i}" for i in "stuvwxyz"]
    vectors = name_vectors([*pool, *others])
    label = [label_space_distance(vectors[:8], np.concatenate([vectors[k:8], vectors[8 : 8 + k]])) for k in range(8)]
    tau = kendalltau(np.arange(8), label).statistic
    return good & verdict(f"names replaced by label_space: {tau:.3f}", tau >= 0.95)


def point_times() -> bool:
    """Seconds for the point value of every measure."""
    print(f"Point values, {N:,} x {D:,} against {N:,} x {D:,}, {C} classes:")
    rng, world = np.random.default_rng(2), World(D, C)
    a, b = world.draw(N, rng), world.draw(N, rng, move=1.0)
    theta, names = world.head(b.labels, rng, blur=0.5), name_vectors([f"class {i}" for i in range(20)])
    set_distances(world.draw(50, rng), world.draw(50, rng))
    calls: dict[str, Callable[[], object]] = {
        **{name: lambda name=name: set_distances(a, b, measures=[name]) for name in set_distances(
            world.draw(50, rng), world.draw(50, rng))},
        **{name: lambda name=name: model_distances(a.x, b.x, measures=[name])
           for name in ("linear_cka", "rbf_cka", "rsa", "procrustes")},
        "leep": lambda: leep_similarity(theta, b.labels), "nce": lambda: nce_similarity(theta, b.labels),
        "label_space": lambda: label_space_distance(names[:10], names[10:]),
    }  # fmt: skip
    total, computed = 0.0, 0.0
    for name, call in calls.items():
        start, busy = time.perf_counter(), time.process_time()
        call()
        spent, used = time.perf_counter() - start, time.process_time() - busy
        total, computed = total + spent, computed + used
        print(f"    {name:12s} {spent:6.2f} s, {used:6.2f} s of processor", flush=True)
    return verdict(f"all of them {total:.1f} s, under 60 s; {computed:.1f} s of processor", total < 60)


def agreement(peers: Path | None) -> bool:
    """Our values beside public implementations of the same definition."""
    print("Agreement, relative difference:")
    rng, world = np.random.default_rng(3), World(64, 4)
    a, b = world.draw(600, rng).x, world.draw(500, rng, move=1.0).x
    c = a[:, :40] + rng.standard_normal((600, 40))
    cov = [np.cov(x.T) for x in (a, b)]
    textbook = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov[0] + cov[1]) - 2 * np.trace(
        sqrtm(cov[0] @ cov[1]).real)  # fmt: skip
    upper = pdist(a, "correlation"), pdist(c, "correlation")
    pairs = [
        ("Fréchet, scipy.linalg.sqrtm", frechet_distance(a, b), textbook, 1e-9),
        ("RSA, scipy pdist and spearmanr", rsa(a, c), spearmanr(*upper).statistic, 1e-9),
        ("Procrustes, scipy.spatial.procrustes", procrustes_distance(a, np.hstack([c, np.zeros((600, 24))])),
         2 - 2 * np.sqrt(1 - procrustes(a, np.hstack([c, np.zeros((600, 24))]))[2]), 1e-9),
        ("Sinkhorn divergence, POT", *_sinkhorn(a, b), 1e-5),
    ]  # fmt: skip
    pairs += _peers(peers, a, b, c) if peers else []
    if peers is None:
        print("  no --peers: torchmetrics and ckatorch are left out")
    return every([verdict(f"{name}: {mine:.10g} and {other:.10g}, {abs(mine / other - 1):.1e}, at most {most:.0e}",
                        abs(mine / other - 1) <= most) for name, mine, other, most in pairs])  # fmt: skip


def _sinkhorn(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ot

        costs = [cdist(x[:200], y[:200], "sqeuclidean") for x, y in ((a, b), (a, a), (b, b))]
        strength = 0.05 * costs[0].mean()
        # POT's divergence takes the entropy relative to the uniform plan off each term, as we do.
        parts = []
        for cost in costs:
            plan = ot.sinkhorn(ot.unif(cost.shape[0]), ot.unif(cost.shape[1]), cost, strength, method="sinkhorn_log",
                               numItermax=5_000, stopThr=1e-11)  # fmt: skip
            parts.append((plan * cost).sum() + strength * (plan * np.log(plan * cost.size)).sum())
    return sinkhorn_divergence(*costs, strength), float(parts[0] - 0.5 * parts[1] - 0.5 * parts[2])


def _peers(folder: Path, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> list[tuple[str, float, float, float]]:
    sys.path.append(str(folder))
    # The package's own door imports what draws pictures; only its numbers are wanted.
    door = types.ModuleType("ckatorch")
    door.__path__ = [str(folder / "ckatorch")]
    sys.modules["ckatorch"] = door
    import torch
    from ckatorch.core import cka_base
    from torchmetrics.image.fid import _compute_fid
    from torchmetrics.image.kid import poly_mmd

    t = torch.from_numpy
    fid = _compute_fid(*[t(part) for x in (a, b) for part in (x.mean(0), np.cov(x.T))])
    same = b[:500], a[:500]
    return [
        ("FID, torchmetrics", frechet_distance(a, b), float(fid), 1e-9),
        ("KID, torchmetrics", kid(*same).value, float(poly_mmd(t(same[0]), t(same[1]))), 1e-9),
        ("linear CKA, ckatorch", linear_cka(a, c, debiased=False), float(cka_base(t(a), t(c))), 1e-9),
        ("debiased linear CKA, ckatorch", linear_cka(a, c), float(cka_base(t(a), t(c), unbiased=True)), 1e-9),
    ]  # fmt: skip


def cost_around() -> bool:
    """Seconds for interval, floor and p-value of every measure at the default effort."""
    effort = Effort()
    print(f"Intervals, floors and p-values, {N:,} x {D:,}, {effort}:")
    rng, world = np.random.default_rng(4), World(D, C)
    a, b = world.draw(N, rng), world.draw(N, rng, move=1.0)
    found = [*compare_sets(a, b, extractor="made up", rng=rng),
             *compare_models(a.x, a.x[:, :900] + rng.standard_normal((N, 900)), names=("a", "b"), items="made up",
                             rng=rng),
             *compare_head(world.head(b.labels, rng, blur=0.5), b.labels, source="a", target="b", extractor="made up",
                           rng=rng)]  # fmt: skip
    for item in found:
        print(
            f"    {item.measure:24s} {item.seconds:6.1f} s   {item.value}  floor {item.floor.value:.3g}  p {item.p_value}"
        )
    names = name_vectors([f"class {i}" for i in range(20)])
    found.append(compare_names(names[:10], names[10:], source="a", target="b", extractor="letters", rng=rng))
    total = sum(item.seconds for item in found)
    print(f"    all of them {total:.0f} s")
    return True


def coverage(rounds: int) -> bool:
    """How often the interval holds the mean distance of samples of its size, that mean taken over all rounds.

    160 items a side, 12 columns, 4 classes, a set against itself drawn again and against one moved by a half and by
    two. Truth is the mean over the rounds, so the nominal share is 95 % but for its own noise. Widths stand beside
    those of an oracle who knows the standard deviation over rounds.
    """
    print(f"Coverage of 95 % intervals, {rounds} rounds, 160 x 12, 4 classes:")
    effort, world = Effort(resamples=100, splits=10, permutations=19, most=80), World(12, 4)
    good = True
    for move in (0.0, 0.5, 2.0):
        kept: dict[str, list[tuple[float, float, float]]] = {}
        for seed in range(rounds):
            rng = np.random.default_rng(seed)
            a, b = world.draw(160, rng), world.draw(160, rng, move=move)
            other = a.x + (0.3 + move) * rng.standard_normal(a.x.shape)
            found = [*compare_sets(a, b, extractor="made up", rng=rng, effort=effort),
                     *compare_models(a.x, other, names=("a", "b"), items="made up", rng=rng, effort=effort),
                     *compare_head(world.head(a.labels, rng, blur=0.3 + move / 4), a.labels, source="a", target="b",
                                   extractor="made up", rng=rng, effort=effort)]  # fmt: skip
            for item in found:
                value = item.value
                assert value.value is not None
                kept.setdefault(item.measure, []).append((value.value, value.low or 0.0, value.high or 0.0))
        for name, rows in kept.items():
            points, low, high = np.array(rows).T
            truth, inside = points.mean(), int(((low <= points.mean()) & (points.mean() <= high)).sum())
            oracle = 2 * 1.96 * points.std(ddof=1)
            share, p = inside / rounds, binomtest(inside, rounds, 0.95, alternative="less").pvalue
            good &= verdict(f"moved {move}: {name:24s} {share:.3f} of rounds hold {truth:.4g}; width over the "
                            f"oracle's {(high - low).mean() / oracle if oracle else float('nan'):.2f}", p > 0.001)  # fmt: skip
    return good


PARTS = ("self", "order", "time", "agree", "cost", "coverage")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="folder with torchmetrics and ckatorch")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=300, help="rounds of the coverage simulation")
    given = parser.parse_args(arguments)
    run = {"self": to_oneself, "order": planted_order, "time": point_times, "agree": lambda: agreement(given.peers),
           "cost": cost_around, "coverage": lambda: coverage(given.rounds)}  # fmt: skip
    return 0 if every([run[part]() for part in given.part]) else 1


if __name__ == "__main__":
    sys.exit(main())
