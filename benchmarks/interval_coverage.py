"""How often a nominal 95 % interval of accuracy, macro-F1 and AUROC covers the truth, and how wide it is.

Simulated predictions with known truth (`assay.testing.predictions`), n = 100, 300 and 1,000, at least ten expected items
a class. Beside each coverage stands the mean width over an oracle's (± 1.96 of the estimate's true standard deviation,
which no interval from one sample can know), and the same two figures of a percentile bootstrap. A cell passes when its
coverage is not below 93 % or above 97 % by a one-sided binomial test at 1 %.

    .venv/bin/python benchmarks/interval_coverage.py [--metric auroc] [--size 100] [--few] [--groups]
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from scipy import stats

from assay.metrics import interval
from assay.stats.bootstrap import resample_weights
from assay.testing.predictions import (
    coin,
    confused,
    confusion,
    in_groups,
    own_columns,
    two_exponentials,
    two_normals,
)

SIZES = (100, 300, 1000)


def sources(n, *, fewest=10):
    """The generators that expect at least `fewest` items of each class (for accuracy: right and wrong ones) of n."""
    rare = fewest / n
    every = [coin(p) for p in (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)]
    for c in (2, 3, 5, 10, 30):
        alike = [1 / c] * c
        every += [_confused(alike, [right] * c, f"{c} classes alike, right {right:.0%}") for right in (0.6, 0.8, 0.9)]
        every.append(_confused(alike, np.linspace(0.95, 0.5, c), f"{c} classes alike, right 95 % down to 50 %"))
    for right in (0.5, 0.8):
        every.append(_confused([1 - rare, rare], [0.95, right], f"rare class {rare:.0%}, right 95 % and {right:.0%}"))
    every.append(_confused([1 - 2 * rare, rare, rare], [0.9, 0.8, 0.6], f"two rare classes {rare:.0%}, 90, 80, 60 %"))
    for share in (0.5, 0.2, rare):
        every += [two_normals(distance, share=share) for distance in (0.5, 1.0, 1.5, 2.0)]
        every += [two_normals(2.0, spread=2.0, share=share), two_normals(1.5, share=share, round_to=1.0)]
        every.append(two_exponentials(6, share=share))
    every += [own_columns(1.5, [0.4, 0.3, 0.3]), own_columns(1.5, [1 - 2 * rare, rare, rare])]
    unique = {(source.metric, source.name): source for source in every if source.rarest * n >= fewest - 1e-9}
    return list(unique.values())


def thinned(every, step):
    """Every step-th source of each metric, the last ones, which are the harder ones, included."""
    metrics = {source.metric for source in every}
    by_metric = [[source for source in every if source.metric == metric] for metric in sorted(metrics)]
    return [source for some in by_metric for source in some[::-1][::step][::-1]]


def _confused(prior, right, name):
    return confused(confusion(prior, right), name=name)


def percentile(metric, drawn, resamples, rng):
    """A percentile bootstrap over items, for all resamples at once."""
    target, label, score = drawn
    n = len(target)
    if metric == "accuracy":
        draws = rng.binomial(n, (target == label).mean(), resamples) / n
    elif metric == "f1_macro":
        c = int(max(target.max(), label.max())) + 1
        cells = np.bincount(target * c + label, minlength=c * c) / n
        table = rng.multinomial(n, cells, resamples).reshape(resamples, c, c)
        over = table.sum(axis=1) + table.sum(axis=2)
        f1 = np.divide(2 * np.einsum("bii->bi", table), over, out=np.zeros(over.shape), where=over > 0)
        draws = f1.sum(axis=1) / (over > 0).sum(axis=1)
    else:
        columns = [1] if score.shape[1] == 2 else range(score.shape[1])
        weights = np.concatenate(list(resample_weights(n, resamples=resamples, rng=rng)))
        draws = np.mean([_areas(target == k, score[:, k], weights) for k in columns], axis=0)
    return np.nanquantile(draws, [0.025, 0.975])


def _areas(positive, score, weights):
    order = np.argsort(score, kind="stable")
    ranked, w = score[order], weights[:, order]
    low, high = w * ~positive[order], w * positive[order]
    below = np.concatenate([np.zeros((len(w), 1)), np.cumsum(low, axis=1)], axis=1)
    first, last = np.searchsorted(ranked, ranked, "left"), np.searchsorted(ranked, ranked, "right")
    with np.errstate(invalid="ignore"):
        return (high * (below[:, first] + below[:, last]) / 2).sum(axis=1) / (low.sum(axis=1) * high.sum(axis=1))


def cell(source, n, repetitions, rng, *, peers, resamples):
    """Coverage and width over the oracle's, the peer's two figures, intervals refused, and milliseconds a call."""
    values, ours, theirs, refused, seconds = [], [], [], 0, 0.0
    for repetition in range(repetitions):
        drawn = source.draw(n, rng)
        start = time.process_time()
        estimate = interval(source.metric, *drawn)
        seconds += time.process_time() - start
        if estimate.low is None:
            refused += 1
            continue
        values.append(estimate.value)
        ours.append((estimate.low, estimate.high))
        if repetition < peers:
            theirs.append(percentile(source.metric, drawn, resamples, rng))
    oracle = 2 * stats.norm.ppf(0.975) * np.std(values)
    ms = 1000 * seconds / repetitions
    return _figures(ours, source.truth, oracle), _figures(theirs, source.truth, oracle), refused, ms


def _figures(ends, truth, oracle):
    low, high = np.array(ends).reshape(-1, 2).T
    if not len(low):
        return float("nan"), float("nan")
    return float(((low <= truth) & (truth <= high)).mean()), float((high - low).mean() / oracle)


def verdict(coverage, repetitions):
    """Whether the coverage is within 93 to 97 %, by a one-sided binomial test at 1 % on either side."""
    hits = round(coverage * repetitions)
    if stats.binomtest(hits, repetitions, 0.93, alternative="less").pvalue < 0.01:
        return "too low"
    return "wide" if stats.binomtest(hits, repetitions, 0.97, alternative="greater").pvalue < 0.01 else "ok"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--peers", type=int, default=500, help="repetitions in which the percentile bootstrap runs too")
    parser.add_argument("--resamples", type=int, default=300, help="of the percentile bootstrap")
    parser.add_argument("--metric", choices=["accuracy", "f1_macro", "auroc"])
    parser.add_argument("--size", type=int, choices=SIZES)
    parser.add_argument("--thin", type=int, default=1, help="only every N-th generator")
    parser.add_argument("--few", action="store_true", help="three to ten items of a class instead of ten and more")
    parser.add_argument("--groups", action="store_true", help="items in groups of five, three in five of them copies")
    args = parser.parse_args()
    print(f"nominal 95 %, {args.repetitions:,} repetitions; widths over the oracle's; peer: percentile bootstrap")
    print("metric        n  truth  cover  width   peer  width  none    ms  verdict  generator")
    seen = []
    for n in [args.size] if args.size else SIZES:
        for source in thinned(sources(n, fewest=3 if args.few else 10), args.thin):
            if (args.metric and source.metric != args.metric) or (args.few and source.rarest * n >= 10):
                continue
            rng = np.random.default_rng([n, *source.name.encode()])
            if args.groups:
                _print_groups(source, n, args.repetitions, rng)
            else:
                seen.append((source.metric, _print_cell(source, n, args, rng)))
    passed = True
    for metric in sorted({metric for metric, _ in seen}):
        words = [word for other, word in seen if other == metric]
        holds = "too low" not in words and words.count("wide") <= len(words) / 10
        passed &= holds
        print(f"{metric}: of {len(words)} cells {words.count('ok')} within 93 to 97 %, {words.count('wide')} above, "
              f"{words.count('too low')} below; none below and at most one in ten above: {'pass' if holds else 'fail'}")  # fmt: skip
    sys.exit(0 if passed else 1)


def _print_cell(source, n, args, rng):
    ours, peer, refused, ms = cell(source, n, args.repetitions, rng, peers=args.peers, resamples=args.resamples)
    word = verdict(ours[0], args.repetitions - refused)
    print(f"{source.metric:9} {n:5} {source.truth:6.3f} {ours[0]:6.3f} {ours[1]:6.2f} {peer[0]:6.3f} {peer[1]:6.2f} "
          f"{refused:5} {ms:5.1f}  {word:7}  {source.name}", flush=True)  # fmt: skip
    return word


def _print_groups(source, n, repetitions, rng):
    hits = {True: 0, False: 0}
    for _ in range(repetitions):
        drawn, group = in_groups(source, 5, alike=0.6, rng=rng, n=n)
        for grouped in (True, False):
            estimate = interval(source.metric, *drawn, groups=group if grouped else None)
            hits[grouped] += estimate.low is not None and estimate.low <= source.truth <= estimate.high
    print(f"{source.metric:9} {n:5} {source.truth:6.3f}  clustered {hits[True] / repetitions:.3f}, "
          f"items taken as independent {hits[False] / repetitions:.3f}  {source.name}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
