"""What tuning buys on real weights: models × optimizer × learning rate × weight decay × 5 seeds, every cell of the grid.

    .venv/bin/python benchmarks/tuning_grid.py FOLDER [--only images|texts] [--rows N] [--texts N] [--store DIR]

Images: EfficientNet-Lite0, 1 and 2 on MNIST-5k. Texts: two MiniLM on Reuters R8. The heads of a model train as one batch;
`assay configurability` then reads the run folders FOLDER/images and FOLDER/texts. The same command again resumes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from assay.assess.configurability import configurability
from assay.demo.weights import minilm_folder, paraphrase_minilm_onnx
from assay.ledger.searches import trials_of_run
from assay.report.documents import write_json
from assay.report.figures import to_svg
from assay.study import Study

HEAD = {
    "method": "head",
    "epochs": 10,
    "space": {
        "optimizer": ["sgd", "adam", "adamw", "lbfgs"],
        "lr": {"choices": [1e-4, 1e-3, 1e-2, 1e-1, 1.0], "when": {"optimizer": ["sgd", "adam", "adamw"]}},
        "weight_decay": [0.0, 1e-4, 1e-2],
    },
}
SHARED: dict[str, Any] = {
    "recipes": [HEAD], "seeds": 5, "metrics": ["accuracy"],
    "baselines": {"majority": False, "raw": False, "untrained": False},
    "split": {"scheme": "stratified", "test": 0.4, "valid": 0.2},
}  # fmt: skip


def images(rows: int | None) -> dict[str, Any]:
    data: dict[str, Any] = {"uri": "py:assay.demo.data:mnist5k", "label": "MNIST"}
    models = [{"uri": f"py:assay.demo.weights:efficientnet_lite{i}", "label": f"Lite{i}"} for i in range(3)]
    return {"name": "tuning, images", "models": models, "data": [{**data, "rows": rows} if rows else data], **SHARED}


def texts(rows: int | None) -> dict[str, Any]:
    data: dict[str, Any] = {"uri": "py:assay.demo.data:reuters_r8", "label": "Reuters R8"}
    models = [
        {"uri": f"st:{minilm_folder()}", "label": "all-MiniLM-L6"},
        {"uri": f"onnx:{paraphrase_minilm_onnx()}", "label": "paraphrase-MiniLM-L3"},
    ]
    return {"name": "tuning, texts", "models": models, "data": [{**data, "rows": rows} if rows else data], **SHARED}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("images", "texts"))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--texts", type=int)
    parser.add_argument("--store")
    given = parser.parse_args()
    studies = {"images": images(given.rows), "texts": texts(given.texts)}
    for name, keys in studies.items():
        if given.only not in (None, name):
            continue
        if given.store:
            keys["features"] = {"store": given.store}
        start = time.perf_counter()
        run = Study(**keys).run(given.folder / name, offline=True, quiet=True)
        assert run.tally is not None
        rows = [row for row in run.folder.trials() if row.status == "ok"]
        heads = sum(row.seconds or 0.0 for row in rows)
        made = run.folder.ledger.get("features").values()
        print(f"\n{name}: {run.tally.done} trials run, {run.tally.reused} already there, {run.tally.failed} failed, in "
              f"{time.perf_counter() - start:.0f} s; features of {sum(f['rows'] for f in made):,} items took "
              f"{sum(f['seconds'] for f in made):.0f} s, training {len(rows)} heads {heads:.1f} s", flush=True)  # fmt: skip
        found = configurability(trials_of_run(run.folder), source=name)
        write_json([found], given.folder / f"{name}.json")
        for figure in found.figures:
            (given.folder / f"{name}-{figure.name}.svg").write_text(to_svg(figure), encoding="utf-8")
        print(found.verdict)
        for row in found.tables.get("importance", ()):
            print(f"  {' × '.join(row['parameters'])}, {row['region']}: {row['share'].value:.3f} "
                  f"[{row['share'].low:.3f}, {row['share'].high:.3f}], p = {row['p_adjusted']:.3f}"
                  f"{', claimed' if row['claimed'] else ''}")  # fmt: skip


if __name__ == "__main__":
    main()
