"""One file a place that data come from; `load_data` is the way in, `draw` parts the rows."""

from assay.sources.data.arrays import from_arrays
from assay.sources.data.assembly import take
from assay.sources.data.draws import Draws, draw, rows_in_window
from assay.sources.data.duplicates import Duplicates, find_duplicates
from assay.sources.data.frames import from_frame
from assay.sources.data.loading import load_data
from assay.sources.data.parts import Split

__all__ = [
    "Draws", "Duplicates", "Split", "draw", "find_duplicates", "from_arrays", "from_frame", "load_data",
    "rows_in_window", "take",
]  # fmt: skip
