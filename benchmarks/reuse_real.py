"""Real transfer: what pretraining is worth, on real weights and data that packages carry, with the whole page.

Run: python benchmarks/reuse_real.py FOLDER [--rows N] [--only DATA] [--page FILE]

Images: EfficientNet-Lite0, 1 and 2 (ImageNet) on MNIST, scikit-learn's digits, and pieces of documents in 12 typefaces.
Texts: all-MiniLM-L6 and paraphrase-MiniLM-L3 on 20 Newsgroups, Reuters R8, tweets of two authors, and Chinese reviews,
which neither was trained to read. Frozen features are made once; a logistic probe learns from nested label budgets in
five draws, beside each model's untrained twin where its format has one. The same command again resumes.
Printed: gain over the twin at every budget, what pretraining is worth in labels, and who is on the front.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from assay.demo.weights import minilm_folder, paraphrase_minilm_onnx
from assay.study import Study

BUDGETS = [2, 5, 10, 20, "all"]
SPLIT = {"scheme": "stratified", "test": 0.4, "valid": 0.2}
IMAGES = {"MNIST": "py:assay.demo.data:mnist5k", "digits": "sklearn:digits",
          "typefaces": "py:assay.demo.documents:typefaces"}  # fmt: skip
TEXTS = {"Reuters R8": "py:assay.demo.data:reuters_r8", "20 Newsgroups": "py:assay.demo.data:newsgroups20",
         "tweets": "py:assay.demo.data:election_tweets", "Chinese reviews": "py:assay.demo.data:chinese_reviews"}  # fmt: skip


IMAGE_ROWS, TEXT_ROWS = 800, 1000


def study(rows: int | None, only: list[str], store: str | None) -> Study:
    """The study, whole or on some of its data."""
    lite = [{"uri": f"py:assay.demo.weights:efficientnet_lite{i}", "label": f"EfficientNet-Lite{i}"} for i in range(3)]
    mini = [
        {"uri": f"st:{minilm_folder()}", "label": "all-MiniLM-L6"},
        {"uri": f"onnx:{paraphrase_minilm_onnx()}", "label": "paraphrase-MiniLM-L3"},
    ]
    data: list[dict[str, Any]] = [
        {"uri": uri, "label": label, "rows": rows or (IMAGE_ROWS if label in IMAGES else TEXT_ROWS), "split": SPLIT}
        for label, uri in [*IMAGES.items(), *TEXTS.items()]
        if label in only or not only
    ]
    kinds = {label in IMAGES for label in (entry["label"] for entry in data)}
    return Study(
        name="what pretraining is worth", models=[*(lite if True in kinds else []), *(mini if False in kinds else [])],
        data=data, recipes=["probe"], split=SPLIT, budgets=BUDGETS, draws=5, metrics=["accuracy"],
        features={"store": store},
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, help="rows of each data set; 800 images and 1,000 texts unless named")
    parser.add_argument("--only", action="append", default=[], choices=[*IMAGES, *TEXTS], help="a data set; repeatable")
    parser.add_argument("--store", help="a feature store shared with other studies")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    start = time.perf_counter()
    run = study(given.rows, given.only, given.store).run(given.folder)
    assert run.tally is not None
    print(f"{run.tally.done} trials in {run.tally.seconds:.0f} s, {run.tally.failed} failed {run.tally.errors}")
    found = run.reusability()
    print(found.verdict, "\n")
    for row in found.tables["budget_curve"]:
        print(f"{row['target']:16s} {row['model']:22s} {row['budget']:4d} a class: {row['score'].value:.3f}, gain over "
              f"the twin {row['gain']}, worth {row['labels_saved']}")  # fmt: skip
    for row in found.tables["pareto"]:
        print(f"{row['target']:16s} {row['model']:22s} on the front {row['p_on_front']:.2f}, "
              f"wins {row['share_of_weights']:.2f} of weightings")  # fmt: skip
    for row in found.tables["across_tasks"]:
        print(row["model"], "mean gain", row["mean_gain"], "worst", row["worst_gain"], "on", row["worst_on"],
              "beats twin", row["beats_twin"], "static best", row["beats_static_best"], "not served", row["not_served"])  # fmt: skip
    page = run.report(given.page) if given.page else run.report()
    print(f"page {page}, {time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
