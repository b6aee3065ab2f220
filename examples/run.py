"""Run an example from Python: `python examples/run.py resnet18_mnist_sweep [--stand-in]`.

With `--stand-in`, hub weights and data are swapped for tiny ones of the same kind, and training is cut short.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ruamel.yaml import YAML

from assay import Run, Study

HERE = Path(__file__).parent
IMAGES = {"uri": "random:torchvision:resnet18?size=32", "label": "stand-in"}
TEXTS = {"uri": "py:assay.testing.models:fake_texts", "label": "stand-in"}


def stand_in(tree: dict) -> dict:
    """The same study on a small untrained model and little data, every phase of training cut to one epoch."""
    text = any(str(model).startswith("hf:") for model in tree["models"])
    data = "py:assay.demo.data:reuters_r8" if text else "sklearn:digits"
    entries = [{**(entry if isinstance(entry, dict) else {}), "uri": data, "rows": 150} for entry in tree["data"]]
    recipes = [short(recipe) if isinstance(recipe, dict) else recipe for recipe in tree["recipes"]]
    return {**tree, "models": [TEXTS if text else IMAGES], "data": entries, "recipes": recipes, "seeds": 1}


def short(recipe: dict) -> dict:
    """A recipe with one epoch a phase, and at most two values of each setting of its grid."""
    epochs = {name: 1 for name in ("head_epochs", "epochs") if recipe.get(name)}
    grid = {name: values[:2] for name, values in recipe.get("grid", {}).items()}
    return {**recipe, **epochs, **({"grid": grid} if grid else {})}


def main(arguments: list[str] | None = None) -> Run:
    """Run the named example and print its verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(path.stem for path in HERE.glob("*.yaml")))
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--run", type=Path, default=None)
    options = parser.parse_args(arguments)
    tree = YAML(typ="safe", pure=True).load((HERE / f"{options.name}.yaml").read_text(encoding="utf-8"))
    study = Study(**(stand_in(tree) if options.stand_in else tree))
    run = study.run(options.run or Path("runs") / options.name)
    for assessment in run.selection():
        print(assessment.verdict)
    print(run.report())
    return run


if __name__ == "__main__":
    main()
