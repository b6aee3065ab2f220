"""Does watching keep its promise? False alarms over stationary streams, and how soon a rise of the error is seen.

Generator: independent labels; the source has 5,000 of them at an error of 0.10, drawn anew for each stream, so that
the uncertainty of the source counts. Stationary streams have 20,000 labels and are looked at after each. A rise of five
points begins with the first label of the stream.

Beside it: a z-test at 5 % repeated after every label, which is what a dashboard does, and the same bet with the
source's risk known, which nobody has.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import binomtest

from assay.stats.anytime import RiskBound, expected_delay, log_evidence, raise_bound, source_ceiling

ALPHA = 0.05


def repeated_z_test(losses, wrong, n):
    count = np.arange(1, len(losses) + 1)
    p0, p1 = wrong / n, np.cumsum(losses) / count
    pooled = (wrong + np.cumsum(losses)) / (n + count)
    z = (p1 - p0) / np.sqrt(np.maximum(pooled * (1 - pooled), 1e-9) * (1 / n + 1 / count))
    return bool((z[30:] > 1.645).any())


def first(evidence, alpha):
    hits = np.flatnonzero(evidence >= np.log(1 / alpha))
    return int(hits[0]) + 1 if len(hits) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--labels", type=int, default=20_000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    alarms = naive = 0
    for _ in range(args.streams):
        wrong = rng.binomial(5000, 0.10)
        losses = rng.random(args.labels) < 0.10
        ceiling = source_ceiling(wrong, 5000, alpha=ALPHA / 4)
        bound = raise_bound(RiskBound(n=0, losses=0, low=0.0, when=None), losses, floor=ceiling, alpha=ALPHA * 3 / 4)
        alarms += bound.when is not None
        naive += repeated_z_test(losses, wrong, 5000)
    p = binomtest(alarms, args.streams, ALPHA, alternative="greater").pvalue
    print(f"false alarms over {args.streams} stationary streams of {args.labels:,} labels: {alarms / args.streams:.3f} "
          f"(p of > .05: {p:.2f}); repeated z-test: {naive / args.streams:.3f}")  # fmt: skip
    for rise, epsilon in ((0.05, 0.0), (0.05, 0.01), (0.05, 0.02), (0.10, 0.0), (0.10, 0.03)):
        delays, known = [], []
        for _ in range(args.streams):
            wrong = rng.binomial(5000, 0.10)
            losses = rng.random(args.labels) < 0.10 + rise
            n = np.arange(1, args.labels + 1, dtype=float)
            total = np.cumsum(losses).astype(float)
            ceiling = source_ceiling(wrong, 5000, alpha=ALPHA / 4)
            delays.append(first(log_evidence(total, n, ceiling + epsilon), ALPHA * 3 / 4) or np.inf)
            known.append(first(log_evidence(total, n, 0.10 + epsilon), ALPHA) or np.inf)
        expected = expected_delay(
            0.10 + rise, source_ceiling(500, 5000, alpha=ALPHA / 4) + epsilon, alpha=ALPHA * 3 / 4
        )
        low, middle, high = np.quantile(delays, [0.1, 0.5, 0.9], method="lower")
        print(
            f"error + {100 * rise:.0f} points, ε = {100 * epsilon:.0f}: seen after {middle:,.0f} labels (median; 80 % "
            f"from {low:,.0f} to {high:,.0f}), printed expectation {expected:,}, source known {np.median(known):,.0f}"
        )


if __name__ == "__main__":
    main()
