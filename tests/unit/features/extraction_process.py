"""A process that extracts features with a slow fake, to be killed or doubled: FOLDER LOG ITEMS BATCH SECONDS."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from feature_fakes import Blender, rows_data

from assay.features import extract as extract_module
from assay.store.features import FeatureStore

if __name__ == "__main__":
    folder, log, items, batch, seconds = sys.argv[1:]
    data, width = rows_data(int(items)), 64
    extract_module.SHARD_BYTES = 4 * int(batch) * width * 4  # four batches a shard
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    extract_module.extract(
        Blender(width=width, seconds=float(seconds), log=log), data, np.arange(len(data)), store=FeatureStore(folder),
        batch_size=int(batch),
    )  # fmt: skip
    sys.stdout.write("done\n")
