"""Jobs of recipes that change the network: three classes of digits on a tiny convolutional network."""

from dataclasses import replace

import numpy as np

from assay.adapt.parameters import resolve
from assay.contracts import AdaptJob
from assay.dataset import Dataset
from assay.sources.data import load_data
from assay.sources.models import load_model
from assay.spec import DataSlice, TrialSpec

TINY = "py:assay.testing.tiny_networks:convolutions"


def small_digits() -> Dataset:
    """Images of 0, 1 and 2, of 16 × 16 pixels."""
    small = load_data("sklearn:digits").with_classes(["0", "1", "2"])
    return replace(small, load=lambda rows: [image.resize((16, 16)) for image in small.load(rows)])


def digits_job(method, data, model=TINY, **params) -> AdaptJob:
    """180 rows: 100 to learn from, 30 to validate and 50 to test on."""
    loaded = load_model(model) if isinstance(model, str) else model
    part = DataSlice(data=data.ref, split="s")
    spec = TrialSpec(model=loaded.ref, train=part, test=part, recipe=resolve(method, params), draw=0, seed=0)
    rows = np.arange(180)
    return AdaptJob(
        spec=spec, task=data.task, targets=data.targets, train=rows[:100], valid=rows[100:130], test=rows[130:],
        model=loaded, dataset=data,
    )  # fmt: skip
