"""One file a place that data come from; `load_data` is the way in."""

from assay.sources.data.arrays import from_arrays
from assay.sources.data.assembly import take
from assay.sources.data.frames import from_frame
from assay.sources.data.loading import load_data

__all__ = ["from_arrays", "from_frame", "load_data", "take"]
