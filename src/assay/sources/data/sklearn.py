"""`sklearn:NAME`: the small data sets that scikit-learn brings: digits as images, the others as rows of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.dataset import Dataset
from assay.errors import UnknownNameError
from assay.sources.data.arrays import from_arrays
from assay.sources.data.options import check_known, split_name
from assay.spec import DataRef

NAMES = ("breast_cancer", "diabetes", "digits", "iris", "wine")


def load(ref: DataRef, *, offline: bool = False) -> Dataset:  # noqa: ARG001 - nothing is downloaded
    """One of scikit-learn's own data sets; `digits` are 8 × 8 grey images.

    Raises:
        UnknownNameError: for another name.
    """
    name, options = split_name(ref.name)
    check_known(options, (), ref.uri)
    if name not in NAMES:
        raise UnknownNameError("data set", name, NAMES, where="sklearn")
    from sklearn import datasets

    bunch: Any = getattr(datasets, f"load_{name}")()
    if name == "digits":
        pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)
        return from_arrays(pixels, bunch.target, name=name, ref=ref, modality="image")
    if name == "diabetes":
        return from_arrays(bunch.data, bunch.target, name=name, ref=ref, modality="table", task="regression")
    classes = [str(label) for label in bunch.target_names]
    return from_arrays(bunch.data, bunch.target, name=name, ref=ref, modality="table", classes=classes)
