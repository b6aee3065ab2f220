"""Feature statistics of a data set as one file: mean, covariance and count, in place of the items themselves.

A source that may not leave its house, or is too large to be read again, is still something to be near to. The file is
safetensors: no code in it, and its header says what made the features.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from assay.errors import DataError, ShapeError
from assay.similarity import Moments
from assay.store.paths import write_whole

KIND = "assay/statistics/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatistics:
    """What a file of statistics holds."""

    moments: Moments
    """Mean, covariance and number of items."""
    extractor: str
    """The model that made the features, as uri and revision."""
    data: str
    """The data set's name."""


def write_statistics(path: Path, moments: Moments, *, extractor: str, data: str) -> None:
    """Write mean (d,), covariance (d, d) and count to one file, whole or not at all.

    Raises:
        StoreError: when the file cannot be written.
    """
    arrays = {"mean": moments.mean, "covariance": moments.covariance}
    about = {"kind": KIND, "n": str(moments.n), "extractor": extractor, "data": data}
    write_whole(path, lambda temporary: save_file(arrays, temporary, metadata=about))


def read_statistics(path: Path) -> StoredStatistics:
    """The statistics that `write_statistics` wrote.

    Raises:
        DataError: when the file is none, or its arrays are no mean and covariance.
    """
    try:
        with safe_open(path, framework="np") as file:
            about, names = file.metadata() or {}, set(file.keys())
            if about.get("kind") != KIND or not {"mean", "covariance"} <= names:
                raise DataError(
                    f"{path} holds no feature statistics; write them with assay similarity --save-statistics"
                )
            mean, covariance = (np.asarray(file.get_tensor(name)) for name in ("mean", "covariance"))
        moments = Moments.of_covariance(mean, covariance, int(about["n"]))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(f"{path} cannot be read as feature statistics: {error}") from error
    except ShapeError as error:
        raise DataError(f"{path}: {error}") from error
    return StoredStatistics(moments=moments, extractor=about["extractor"], data=about["data"])
