"""Similarity on real weights and data that packages carry: the matrix, the maps and the warnings, as one page.

Run: python benchmarks/similarity_real.py STORE [--rows 500] [--only images|texts] [--page FILE] [--lite 0 1 2] [--brief]

Images: EfficientNet-Lite (ImageNet) on MNIST, scikit-learn's digits, and pieces of documents in 12 typefaces. Texts:
all-MiniLM-L6 and paraphrase-MiniLM-L3 on 20 Newsgroups, Reuters R8, tweets of two authors, and Chinese reviews. STORE
keeps the features. Printed: the distance beyond its floor of every two data sets, by every measure, and seconds.
Passed: every two of these data sets are told apart by every measure of features (p ≤ 0.05), and no interval is empty.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from assay.demo.weights import minilm_folder, paraphrase_minilm_onnx
from assay.report.page import write_report
from assay.run.similarity import QUICK, SimilarityPlan, measure_similarity, similarity
from assay.similarity import Effort
from assay.sources.data import load_data
from assay.sources.models import load_model
from assay.store.features import FeatureStore

IMAGES = {"MNIST": "py:assay.demo.data:mnist5k", "digits": "sklearn:digits",
          "typefaces": "py:assay.demo.documents:typefaces"}  # fmt: skip
TEXTS = {"20 Newsgroups": "py:assay.demo.data:newsgroups20", "Reuters R8": "py:assay.demo.data:reuters_r8",
         "tweets": "py:assay.demo.data:election_tweets", "Chinese reviews": "py:assay.demo.data:chinese_reviews"}  # fmt: skip


BRIEF = Effort(resamples=40, splits=10, permutations=39, most=100)


def plan(rows: int, only: str | None, lite: list[int], effort: Effort) -> SimilarityPlan:
    models = {f"EfficientNet-Lite{i}": f"py:assay.demo.weights:efficientnet_lite{i}" for i in lite}
    texts = {"all-MiniLM-L6": f"st:{minilm_folder()}", "paraphrase-MiniLM-L3": f"onnx:{paraphrase_minilm_onnx()}"}
    wanted = {**({} if only == "texts" else models), **({} if only == "images" else texts)}
    data = {**({} if only == "texts" else IMAGES), **({} if only == "images" else TEXTS)}
    return SimilarityPlan(
        models={label: lambda uri=uri: load_model(uri, offline=True) for label, uri in wanted.items()},
        targets={label: load_data(uri, offline=True) for label, uri in data.items()}, rows=rows, effort=effort,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--only", choices=("images", "texts"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--lite", type=int, nargs="*", default=[0, 1, 2], choices=(0, 1, 2))
    parser.add_argument("--brief", action="store_true", help="fewer and smaller resamples")
    given = parser.parse_args()
    start, store = time.perf_counter(), FeatureStore(given.store)
    wanted = plan(given.rows, given.only, given.lite, BRIEF if given.brief else QUICK)
    if given.page is not None:
        assessment = similarity(wanted, store)
        write_report([assessment], given.page)
        rows = [*assessment.tables["similarity"], *assessment.tables.get("models_similarity", ())]
        print(assessment.verdict, *assessment.caveats, f"page: {given.page}", sep="\n")
    else:
        study = measure_similarity(wanted, store)
        rows = [{"measure": c.measure, "source": c.source, "target": c.target, "extractor": c.extractor,
                 "distance": c.value, "beyond_floor": c.beyond_floor, "p_value": c.p_value}
                for c in (*study.comparisons, *study.models)]  # fmt: skip
    for row in rows:
        beyond = "" if row["beyond_floor"] is None else f"{row['beyond_floor']:.3g}"
        print(f"{row['extractor'][:34]:34s} {row['source'][:22]:22s} {row['target'][:18]:18s} {row['measure'][:24]:24s} "
              f"{row['distance']!s:42s} beyond {beyond:8s} p {row['p_value']}")  # fmt: skip
    features = [row for row in rows if row["measure"] in ("Fréchet distance", "squared MMD", "KID", "proxy-A-distance")]
    apart = all(row["p_value"] <= 0.05 for row in features)
    closed = all(row["distance"].width for row in rows if row["distance"].level is not None)
    print(f"{'pass' if apart else 'FAIL'}  every two data sets are told apart by every measure of features")
    print(f"{'pass' if closed else 'FAIL'}  no interval is empty")
    print(f"{time.perf_counter() - start:.0f} s, features included where they were not there")
    return 0 if apart and closed else 1


if __name__ == "__main__":
    sys.exit(main())
