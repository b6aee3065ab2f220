"""Do the intervals of the curve and of the forecast hold what they promise?

Curve: accuracy, macro-F1 and AUROC of windows of 100, 300 and 1,000 rows. Generator: three classes (two for AUROC) with
shares .5 .3 .2 (.6 .4), scores a softmax of normal logits whose signal gives an accuracy near .85 (an AUROC near .88).
The truth is the metric over two million rows. Beside it: NannyML's band, ± 3 standard errors from the spread of chunks,
is not run here; the plain percentile bootstrap of 200 resamples is.

Forecast: seven settings (windows seen, windows ahead, rows a window, spread between windows, shape), scores that start
at .85 and fall by a point a window, fall by ten points to a floor with a time constant of four windows, or stay. The
interval is that of the method chosen by rolling origin, for what a window of the same size will show. Beside it, on the
same curves: a straight line with Student's t and a binomial floor of the variance ("t + floor"), and ± 1.96 standard
errors of the line. Two worlds follow that the priors were not chosen on.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import binomtest
from scipy.stats import t as student

from assay.metrics import METRICS, interval
from assay.stats.forecast import choose_forecast, point_forecast
from assay.stats.paths import fit_paths

SETTINGS = (
    (4, 2, 300, 0.015, "linear"),
    (6, 3, 300, 0.015, "linear"),
    (8, 4, 300, 0.015, "linear"),
    (10, 5, 300, 0.015, "linear"),
    (6, 3, 1000, 0.015, "linear"),
    (6, 6, 300, 0.015, "exponential"),
    (6, 3, 300, 0.015, "flat"),
    (8, 4, 500, 0.0, "walk"),
    (8, 4, 200, 0.02, "steep"),
)


def answers(n, classes, rng):
    shares = np.array([0.6, 0.4]) if classes == 2 else np.array([0.5, 0.3, 0.2])
    y = rng.choice(classes, n, p=shares)
    logits = rng.standard_normal((n, classes)) + 1.75 * (classes - 1) ** 0.35 * np.eye(classes)[y] + np.log(shares)
    score = np.exp(logits - logits.max(axis=1, keepdims=True))
    score /= score.sum(axis=1, keepdims=True)
    return y, score.argmax(axis=1), score


def percentile(metric, y, label, score, rng):
    values = []
    for _ in range(200):
        rows = rng.integers(0, len(y), len(y))
        values.append(METRICS[metric](y[rows], label[rows], score[rows]))
    return np.quantile(values, [0.025, 0.975])


def cover_curve(runs, peers, only):
    print("curve: share of 95 % intervals that hold the truth (goal: 0.93 to 0.97)")
    for metric, classes in (("accuracy", 3), ("f1_macro", 3), ("auroc", 2)):
        if only not in (None, metric):
            continue
        rng = np.random.default_rng(0)
        exact = METRICS[metric](*answers(2_000_000, classes, np.random.default_rng(1)))
        for n in (100, 300, 1000):
            inside, width, peer, peer_width = 0, 0.0, 0, 0.0
            for i in range(runs):
                y, label, score = answers(n, classes, rng)
                found = interval(metric, y, label, score)
                inside += found.low <= exact <= found.high
                width += found.high - found.low
                if i < peers:
                    low, high = percentile(metric, y, label, score, rng)
                    peer += low <= exact <= high
                    peer_width += high - low
            p = binomtest(inside, runs, 0.95).pvalue
            print(
                f"  {metric:9s} n = {n:5d}: {inside / runs:.3f} (p of ≠ .95: {p:.3f}), width {width / runs:.4f}; "
                f"percentile bootstrap {peer / max(peers, 1):.3f}, {peer_width / max(peers, 1):.4f} ({peers} runs)"
            )


def shape(kind, times, rng):
    if kind == "exponential":
        return 0.75 + 0.10 * np.exp(-times / 4)
    if kind == "walk":
        return 0.85 + np.cumsum(0.012 * rng.standard_normal(len(times)))
    return 0.85 - {"linear": 0.01, "flat": 0.0, "steep": 0.025}[kind] * times


def line_interval(values, at, n, floored):
    m = len(values)
    x = np.arange(m) - (m - 1) / 2
    spread = (x**2).sum()
    slope, mean = (x @ values) / spread, values.mean()
    variance = ((values - mean - slope * x) ** 2).sum() / (m - 2)
    ahead = at - (m - 1) / 2
    lever = 1 / m + ahead**2 / spread
    if floored:
        variance = max(variance, (values * (1 - values)).mean() / n)
        half = student.ppf(0.975, m - 2) * np.sqrt(variance * (1 + lever))
    else:
        half = 1.96 * np.sqrt(variance * (1 + lever))
    return mean + slope * ahead - half, mean + slope * ahead + half


def cover_forecast(runs, only):
    print("forecast: share of 95 % intervals that hold what the window shows, and mean width")
    for i, (m, ahead, n, spread, kind) in enumerate(SETTINGS):
        if only not in (None, i):
            continue
        rng = np.random.default_rng(i)
        times = np.arange(m + ahead, dtype=float)
        hits, width = np.zeros(3), np.zeros(3)
        for _ in range(runs):
            level = np.clip(shape(kind, times, rng) + spread * rng.standard_normal(m + ahead), 0.01, 0.99)
            seen = rng.binomial(n, level) / n
            past, future = seen[:m], seen[-1]
            pooled = past.mean()
            variance = np.full(m, pooled * (1 - pooled) / n)
            method = choose_forecast(times[:m], past, 1 / variance, horizon=ahead).method
            point = point_forecast(method, times[:m], past, 1 / variance, times[-1])
            low, high = fit_paths(times[:m], past, variance).at(times[-1]).widened(float(variance[0])).interval(0.95)
            ends = [(min(low, point), max(high, point)), line_interval(past, m + ahead - 1, n, True),
                    line_interval(past, m + ahead - 1, n, False)]  # fmt: skip
            hits += [a <= future <= b for a, b in ends]
            width += [b - a for a, b in ends]
        need = 0.90 if kind == "exponential" else 0.93
        p = binomtest(int(hits[0]), runs, need, alternative="less").pvalue
        met = hits[0] / runs >= need and (width[0] <= width[1] or kind in ("walk", "steep"))
        print(f"  {m:2d} seen, {ahead} ahead, n = {n:4d}, {kind:11s}: {hits[0] / runs:.3f} (p of < {need}: {p:.2f}), "
              f"width {width[0] / runs:.3f}; t + floor {hits[1] / runs:.3f}, {width[1] / runs:.3f}; line ± 1.96 "
              f"{hits[2] / runs:.3f}, {width[2] / runs:.3f}; {'met' if met else 'MISSED'}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--peers", type=int, default=200, help="runs of the percentile bootstrap")
    parser.add_argument("--only", choices=("curve", "forecast"))
    parser.add_argument("--metric", choices=("accuracy", "f1_macro", "auroc"), help="of the curve, only this one")
    parser.add_argument("--setting", type=int, choices=range(len(SETTINGS)), help="of the forecast, only this one")
    args = parser.parse_args()
    if args.only != "forecast":
        cover_curve(args.runs, args.peers, args.metric)
    if args.only != "curve":
        cover_forecast(args.runs, args.setting)


if __name__ == "__main__":
    main()
