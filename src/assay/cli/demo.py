"""`assay demo`: the main job on real pretrained models and real data, without a model hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import Json, Reporting
from assay.cli.output import note


def command(
    full: Annotated[bool, typer.Option("--full", help="All items, and scikit-learn's digits besides.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The run folder.")] = Path("assay-demo"),
    json: Json = False,
) -> int:
    """Compare five real pretrained models on an image and a text task, and write the report."""
    from assay.cli.run import finish
    from assay.demo.studies import demo_study
    from assay.study import Study

    tree = demo_study(full=full)
    note(f"{len(tree['models'])} models, {len(tree['data'])} data sets; run folder: {out}")
    result = Study(**tree).run(out, offline=True)
    status = finish(result, Reporting(json=json))
    note(f"next: assay ls {out}    assay reusability {out}    assay export {out} EfficientNet-Lite0")
    note("yours: write a study file (README, Your own study), then: assay plan study.yaml; assay run study.yaml")
    return status
