"""Files of every kind for the tests of data sources."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture(rng):
    """A function that writes a small picture under a path, in the format of its suffix."""

    def write(path, size=(24, 16), mode="RGB"):
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
        Image.fromarray(rng.integers(0, 255, shape).astype(np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def photos(tmp_path, picture):
    """A folder of two classes with three pictures each."""
    for label in ("cat", "dog"):
        for number in range(3):
            picture(tmp_path / "photos" / label / f"{number}.png")
    return tmp_path / "photos"
