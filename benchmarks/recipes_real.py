"""Every way to adapt a real model side by side: frozen, fine-tuned, LoRA, pulled to its weights, replayed, compressed.

    .venv/bin/python benchmarks/recipes_real.py FOLDER [--rows 500] [--only images|texts]

EfficientNet-Lite0 on scikit-learn's digits, and all-MiniLM-L6 on Reuters R8 (32 tokens). Each recipe is a trial of one
study in FOLDER, so the same command again resumes; printed are the test score, the seconds of adapting, and for
compressed networks the share of the whole network's score, seconds and bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from assay.demo.weights import minilm_folder
from assay.study import Study

TUNED = {"head_epochs": 2, "epochs": 2}
RECIPES = {
    "probe": {"method": "probe"},
    "fine-tuned, last stage": {"method": "finetune", "unfreeze": "last", **TUNED},
    "fine-tuned, all": {"method": "finetune", **TUNED},
    "fine-tuned, L2-SP 0.01": {"method": "finetune", "l2_sp": 0.01, **TUNED},
    "LoRA, rank 8": {"method": "lora", **TUNED},
    "int8": {"method": "compress", "way": "int8"},
    "half precision": {"method": "compress", "way": "half"},
    "30 % less depth": {"method": "compress", "way": "depth"},
    "30 % of the weights zero": {"method": "compress", "way": "prune"},
    "30 % less depth, distilled": {"method": "compress", "way": "depth", "distil": True},
}
REPLAYED = {"method": "finetune", "replay": "py:assay.demo.data:mnist5k", "replay_weight": 0.5, **TUNED}


def studies(rows: int) -> dict[str, tuple[dict[str, dict], Study]]:
    """Name → recipes and the study of them."""
    split = {"scheme": "stratified", "test": 0.4, "valid": 0.2}
    baselines = {"untrained": False, "raw": False}
    images = {**RECIPES, "fine-tuned, MNIST replayed": REPLAYED}
    images.pop("LoRA, rank 8")  # adapters stand beside dense layers, and this network has none in its blocks
    return {
        "images": (images, Study(models=[{"uri": "py:assay.demo.weights:efficientnet_lite0", "label": "EfficientNet-Lite0"}],
                                 data=[{"uri": "sklearn:digits", "rows": rows}], recipes=list(images.values()),
                                 split=split, baselines=baselines)),
        "texts": (RECIPES, Study(models=[{"uri": f"st:{minilm_folder()}?max_length=32", "label": "all-MiniLM-L6"}],
                                 data=[{"uri": "py:assay.demo.data:reuters_r8", "rows": rows}],
                                 recipes=list(RECIPES.values()), split=split, baselines=baselines)),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--only", choices=("images", "texts"))
    wanted = parser.parse_args()
    for name, (recipes, study) in studies(wanted.rows).items():
        if wanted.only in (None, name):
            run = study.run(wanted.folder / name, offline=True)
            rows = [row for row in run.folder.trials() if row.role == "model"]
            print(f"\n{name}: {wanted.rows} rows\n{'recipe':28s} accuracy  seconds")
            for told, row in zip(recipes, rows, strict=True):
                score = row.scores.get("test", {}).get("accuracy") if row.status == "ok" else None
                shown = f"{score:8.3f}  {row.cost_seconds:7.1f}" if score is not None else f"failed: {row.error}"
                print(f"{told:28s} {shown}", flush=True)
            page = run.report()
            print(f"page: {page}")


if __name__ == "__main__":
    main()
