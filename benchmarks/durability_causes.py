"""Do the causes come out right? Six worlds whose true causes are known, many runs each.

Generator: inputs fall into five clusters of six dimensions (centres N(0, 1.6²), unit spread), labels follow a logistic
law of the input. The model is a logistic regression fitted on 3,000 rows of the source world. Source samples have 2,000
rows, windows 1,000. Worlds: none; label shift (0.47 → 0.8 of class 1, p(x|y) kept); covariate shift (cluster shares
0.2 each → .45 .25 .15 .10 .05, p(y|x) kept); concept shift (labels of one cluster turned over in 35 %); covariate and
concept; label and concept. The truth of each term is defined by the order: the same chain of laws with exact densities,
integrated over a million draws.

Prints, per world and order: the truth, bias and spread of the estimates in points, the share of 90 % intervals that
hold the truth with a binomial test against 85 %, mean width beside that of an oracle which knows the odds e(x)
exactly, and how often a changed relation is claimed when the direction is withheld.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from scipy.special import expit, logsumexp
from scipy.stats import binomtest

from assay.assess.durability.causes import attribute, cause_rows
from assay.assess.durability.reading.log import Columns, read_log
from assay.assess.durability.representation import represent
from assay.assess.durability.scoring import score_rows

D, C = 6, 5
_made = np.random.default_rng(7)
CENTRES = 1.6 * _made.standard_normal((C, D))
DIRECTION = 1.3 * _made.standard_normal(D)
EVEN = np.full(C, 1 / C)
SKEWED = np.array([0.45, 0.25, 0.15, 0.10, 0.05])


def log_kernel(x):
    return -0.5 * ((x[:, None, :] - CENTRES) ** 2).sum(-1)


def plain(x):
    return expit(x @ DIRECTION + 0.2)


def turned(x):
    kernel = log_kernel(x)
    share = np.exp(kernel[:, 0] - logsumexp(kernel, axis=1))
    flip = 0.35 * share
    return plain(x) * (1 - flip) + (1 - plain(x)) * flip


class World:
    """A joint law of inputs and labels that can be drawn from and whose densities are known."""

    def __init__(self, shares, posterior, prior=None):
        self.shares, self.posterior, self.prior = shares, posterior, prior
        rng = np.random.default_rng(3)
        self.base = float(posterior(self.inputs(1_000_000, rng)).mean())

    def inputs(self, n, rng):
        """(n, 6) inputs."""
        return CENTRES[rng.choice(C, n, p=self.shares)] + rng.standard_normal((n, D))

    def draw(self, n, rng):
        """Inputs with their labels, n of them."""
        if self.prior is None:
            x = self.inputs(n, rng)
            return x, (rng.random(n) < self.posterior(x)).astype(int)
        y = (rng.random(n) < self.prior).astype(int)
        x = np.empty((n, D))
        for label in (0, 1):
            need = np.flatnonzero(y == label)
            while len(need):
                some = self.inputs(4 * len(need) + 50, rng)
                fits = some[(rng.random(len(some)) < self.posterior(some)) == label][: len(need)]
                x[need[: len(fits)]] = fits
                need = need[len(fits) :]
        return x, y

    def class_one(self):
        """Share of class 1."""
        return self.base if self.prior is None else self.prior

    def density(self, x):
        """Log density of the inputs (up to one constant) and the posterior of class 1."""
        density = logsumexp(log_kernel(x) + np.log(self.shares), axis=1)
        p = self.posterior(x)
        if self.prior is None:
            return density, p
        one, zero = self.prior / self.base * p, (1 - self.prior) / (1 - self.base) * (1 - p)
        return density + np.log(one + zero), one / (one + zero)


SOURCE = World(EVEN, plain)
WORLDS = {
    "none": World(EVEN, plain),
    "label": World(EVEN, plain, 0.8),
    "covariate": World(SKEWED, plain),
    "concept": World(EVEN, turned),
    "covariate and concept": World(SKEWED, turned),
    "label and concept": World(EVEN, turned, 0.8),
}


def right(x, p, head):
    said = x @ head[:-1] + head[-1] > 0
    return np.where(said, p, 1 - p)


def truth(world, head, order, n=1_000_000):
    """(3,) label, inputs, relation in points, by the chain of laws that the order names; and e(x) as a function."""
    x = SOURCE.inputs(n, np.random.default_rng(11))
    d0, p0 = SOURCE.density(x)
    d1, p1 = world.density(x)
    weight = np.exp(d1 - d0)
    weight /= weight.mean()
    start, end = right(x, p0, head).mean(), (weight * right(x, p1, head)).mean()
    moved, pm = d0, p0
    if order == "y-x":
        a, b = world.class_one() / SOURCE.class_one(), (1 - world.class_one()) / (1 - SOURCE.class_one())
        moved, pm = d0 + np.log(a * p0 + b * (1 - p0)), a * p0 / (a * p0 + b * (1 - p0))
    middle = (np.exp(moved - d0) * right(x, pm, head)).sum() / np.exp(moved - d0).sum()
    shared = np.exp(moved + d1 - np.logaddexp(moved, d1) - d0)
    shared /= shared.sum()
    left, rest = shared @ right(x, pm, head), shared @ right(x, p1, head)
    return 100 * np.array([start - middle, (middle - left) + (rest - end), left - rest])


def odds(world, order):
    """e(x), the chance that an input is from the window when both samples count the same, known exactly."""

    def known(x):
        d0, p0 = SOURCE.density(x)
        d1, _ = world.density(x)
        if order == "y-x":
            a, b = world.class_one() / SOURCE.class_one(), (1 - world.class_one()) / (1 - SOURCE.class_one())
            d0 = d0 + np.log(a * p0 + b * (1 - p0))
        return expit(d1 - d0)

    return known


def oracle(world, order, x, y, s, n0):
    """The three terms with the odds known."""
    e = odds(world, order)(x)
    w0, w1 = np.ones(n0), np.ones(len(x) - n0)
    y0, y1, s0, s1 = y[:n0], y[n0:], s[:n0], s[n0:]
    if order == "y-x":
        for label in (0, 1):
            w0[y0 == label] = (y1 == label).mean() / (y0 == label).mean()
    label = s0.mean() - (w0 * s0).mean()
    a, b = w0 * e[:n0], w1 * (1 - e[n0:])
    relation = (a @ s0) / a.sum() - (b @ s1) / b.sum()
    return 100 * np.array([label if order == "y-x" else 0.0, s0.mean() - s1.mean() - relation
                           - (label if order == "y-x" else 0.0), relation])  # fmt: skip


def one_run(world, head, rng, refits):
    x0, y0 = SOURCE.draw(2000, rng)
    x1, y1 = world.draw(1000, rng)
    x, y = np.concatenate([x0, x1]), np.r_[y0, y1]
    p = expit(x @ head[:-1] + head[-1])
    frame = pd.DataFrame({"t": np.r_[np.zeros(2000), np.ones(1000)], "y": y, "p": p})
    log = read_log(frame, Columns(time="t", target="y", proba=("p",)), features=x)
    scoring = score_rows(log.outputs, metric=None, level=0.9)
    seen = represent(log, np.arange(3000), rng=rng)
    found = attribute(np.arange(2000), np.arange(2000, 3000), scoring, seen, most=50_000, refits=refits, ranges=False,
                      rng=rng)  # fmt: skip
    s = scoring.row
    given = {order: cause_rows(found, scoring, order) for order in ("x-y", "y-x")}
    at95 = score_rows(log.outputs, metric=None, level=0.95)
    withheld = cause_rows(found, at95, None)
    return found, given, withheld, {order: oracle(world, order, x, y, s, 2000) for order in given}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--refits", type=int, default=0, help="bootstrap refits a run; 0 takes the one-step form")
    parser.add_argument("--world", choices=list(WORLDS))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    x, y = SOURCE.draw(3000, rng)
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1.0).fit(x, y)
    head = np.r_[fitted.coef_[0], fitted.intercept_]
    worst_sum = 0.0
    for name, world in WORLDS.items():
        if args.world not in (None, name):
            continue
        start = time.perf_counter()
        truths = {order: truth(world, head, order) for order in ("x-y", "y-x")}
        inside = {order: np.zeros(3) for order in truths}
        values, widths, known = ({order: [] for order in truths} for _ in range(3))
        claimed = 0
        for _ in range(args.runs):
            found, given, withheld, ideal = one_run(world, head, rng, args.refits)
            for order, rows in given.items():
                points = [row["points"] for row in rows]
                value = np.array([e.value for e in points])
                worst_sum = max(worst_sum, abs(value.sum() - 100 * found.fall))
                inside[order] += [
                    e.low - 1e-9 <= t <= e.high + 1e-9 for e, t in zip(points, truths[order], strict=True)
                ]
                values[order].append(value)
                widths[order].append([e.high - e.low for e in points])
                known[order].append(ideal[order])
            claimed += withheld[2]["verdict"].startswith("claimed")
        print(f"\n{name} ({args.runs} runs, {(time.perf_counter() - start) / args.runs:.2f} s each)")
        for order in truths:
            value, width = np.array(values[order]), np.mean(widths[order], axis=0)
            ideal_width = 2 * 1.645 * np.std(known[order], axis=0)
            for k, term in enumerate(("label", "inputs", "relation")):
                if order == "x-y" and k == 0:
                    continue
                p = binomtest(int(inside[order][k]), args.runs, 0.85, alternative="less").pvalue
                bias, held = value[:, k].mean() - truths[order][k], inside[order][k] / args.runs
                print(
                    f"  {order} {term:9s} truth {truths[order][k]:6.2f}  bias {bias:+.2f}  sd {value[:, k].std():.2f}  "
                    f"inside 90 % {held:.3f} (p of < .85: {p:.2f})  width {width[k]:.2f}, oracle {ideal_width[k]:.2f}"
                )
        told = f"  direction withheld: changed relation claimed in {claimed / args.runs:.3f}"
        if "concept" in name:
            print(f"{told}, rightly")
        else:
            p = binomtest(claimed, args.runs, 0.05, alternative="greater").pvalue
            print(f"{told}, falsely (p of > .05: {p:.2f})")
    print(f"\nlargest |sum of rows − fall|: {worst_sum:.1e} points")


if __name__ == "__main__":
    main()
