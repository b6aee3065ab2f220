"""What export needs to serve an adapted model: its learned numbers, in safetensors, one file a trial."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from assay.errors import StoreError
from assay.store.paths import RunPaths, write_whole


def save_state(paths: RunPaths, key: str, state: Mapping[str, np.ndarray]) -> None:
    """Keep the learned numbers of a trial."""
    arrays = {name: np.ascontiguousarray(values) for name, values in state.items()}
    write_whole(paths.states / f"{key}.safetensors", lambda temporary: save_file(arrays, temporary))


def load_state(paths: RunPaths, key: str) -> dict[str, np.ndarray]:
    """The learned numbers of a trial.

    Raises:
        StoreError: when they are missing or damaged.
    """
    path = paths.states / f"{key}.safetensors"
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path} cannot be read ({error}); `assay run` with the same study makes it again") from error
