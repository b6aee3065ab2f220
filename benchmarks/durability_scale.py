"""Does every step work from 10 rows to 1,000,000? Seconds and memory of the whole assessment and of watching.

Generator: two classes on eight features, a logistic model whose errors grow by ten points over a year, one row in ten
without its label, text with each row, training and held-out rows marked. Every table of the lens is filled, or says why
it is not. One thread. Each size runs in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time

SIZES = (10, 30, 100, 1_000, 10_000, 100_000, 1_000_000)


def frame(n):
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 8))
    day = np.sort(rng.uniform(0, 365, n))
    p = 1 / (1 + np.exp(-2 * x[:, 0] - x[:, 1]))
    truth = (rng.random(n) < p).astype(int)
    truth = np.where(rng.random(n) < 0.1 * day / 365, 1 - truth, truth).astype(object)
    truth[(rng.random(n) < 0.1) & (day > 100)] = None
    said = pd.DataFrame(x, columns=[f"f{i}" for i in range(8)])
    said["when"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(day, unit="D")
    said["label"], said["p"] = truth, p
    said["part"] = np.where(day < 90, np.where(rng.random(n) < 0.5, "train", "test"), "stream")
    said["text"] = np.where(x[:, 2] > 0, "storm warning tonight", "quiet sunny morning")
    return said


def one(n):
    import warnings

    from assay.assess.durability import Columns, Question, assess, read_log, watch_log

    log = frame(n)
    features = tuple(f"f{i}" for i in range(8))
    start = time.perf_counter()
    columns = Columns(time="when", target="label", proba=("p",), split="part", text="text", features=features)
    question = Question(window="month", floor=0.7, direction="x-y")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_log(log, columns)
        found = assess(read, question)
        middle = time.perf_counter()
        watch_log(read, question)
    end = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    unknown = [estimate.name for estimate in found.estimates if estimate.value is None]
    print(f"{n:9,} rows: assess {middle - start:6.1f} s, watch {end - middle:5.2f} s, {memory:6,.0f} MB, "
          f"{len(found.tables)} tables; without a value: {', '.join(unknown) or 'nothing'}", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return one(args.one)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for n in args.sizes:
        subprocess.run([sys.executable, __file__, "--one", str(n)], env=env, check=True)
    return None


if __name__ == "__main__":
    main()
