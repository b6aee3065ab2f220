"""Shipped with Assay: a fake for every seam, and the suite that every built-in and plugin must pass."""

from assay.testing.adapters import AdapterSuite
from assay.testing.data import DataSuite, fake_dataset
from assay.testing.engines import EngineSuite
from assay.testing.models import ModelSuite, fake_images, fake_rows, fake_texts

__all__ = [
    "AdapterSuite",
    "DataSuite",
    "EngineSuite",
    "ModelSuite",
    "fake_dataset",
    "fake_images",
    "fake_rows",
    "fake_texts",
]
