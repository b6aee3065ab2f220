"""Every model source, on a tiny model that the real library saved in its real format, against the shipped suite."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from assay.builtin import MODEL_SOURCES
from assay.contracts import Model
from assay.sources.models import load_model
from assay.testing import tiny
from assay.testing.models import ModelSuite

TEXTS = ("the cat runs", "a dull film", "the music of this story is great and the actor is good", "winter")


def images() -> list[Image.Image]:
    rng = np.random.default_rng(7)
    sizes = [(40, 50), (64, 33), (32, 32), (90, 70)]
    colours = [Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)) for size in sizes]
    return [*colours[:3], colours[3].convert("L")]


def waves() -> list[tuple[Any, int]]:
    rng = np.random.default_rng(7)
    return [(rng.normal(0, 0.1, 2000 + 700 * k).astype(np.float32), 16_000) for k in range(4)]


def rows() -> list[list[float]]:
    return np.random.default_rng(7).normal(size=(4, 6)).tolist()


# Name of a case -> (source, how to write the model below a folder, its items).
CASES: dict[str, tuple[str, Callable[[Path], Any], Callable[[], Sequence[Any]]]] = {
    "timm": ("timm", lambda at: tiny.timm_folder(at / "timm"), images),
    "timm-vit": ("timm", lambda at: tiny.timm_folder(at / "vit", name="test_vit"), images),
    "torchvision": ("torchvision", lambda at: _shufflenet(at / "w.safetensors"), images),
    "hf-text": ("hf", lambda at: tiny.text_encoder(at / "bert"), lambda: TEXTS),
    "hf-text-classifier": ("hf", lambda at: tiny.text_encoder(at / "head", classes=4), lambda: TEXTS),
    "hf-decoder": ("hf", lambda at: tiny.decoder(at / "gpt2"), lambda: TEXTS),
    "hf-image": ("hf", lambda at: tiny.image_encoder(at / "hfvit"), images),
    "hf-audio": ("hf", lambda at: tiny.speech_encoder(at / "speech"), waves),
    "st": ("st", lambda at: tiny.sentence_encoder(at / "st"), lambda: TEXTS),
    "onnx-image": ("onnx", lambda at: tiny.onnx_image_file(at / "image.onnx"), images),
    "onnx-text": ("onnx", lambda at: tiny.onnx_text_file(at / "text"), lambda: TEXTS),
    "keras": ("keras", lambda at: tiny.keras_file(at / "model.keras"), images),
    "py": ("py", lambda at: _own_module(at / "own.py"), rows),
    "fake": ("py", lambda at: "assay.testing.models:fake_images", images),
}  # fmt: skip


def _shufflenet(path: Path) -> str:
    return f"shufflenet_v2_x0_5@{tiny.torchvision_weights(path)}"


def _own_module(path: Path) -> str:
    path.write_text(
        "import torch\n"
        "from assay.sources.models.weights.twin import drawn\n"
        "def factory():\n"
        "    with drawn(11):\n"
        "        return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4))\n"
    )
    return f"{path}:factory"


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Name of a case → the name to load it by, written once."""
    root, done = tmp_path_factory.mktemp("models"), {}

    def name_of(case: str) -> str:
        source, write, _ = CASES[case]
        if case not in done:
            done[case] = f"{source}:{write(root)}"
        return done[case]

    return name_of


@pytest.mark.parametrize("case", list(CASES))
class TestModelSources(ModelSuite):
    """The suite of `assay.testing`, once for each case."""

    case: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _choose(self, case, written):
        self.case, self._name = case, written(case)

    def make(self) -> Model:
        return load_model(self._name, offline=True)

    def twin(self, seed: int) -> Model:
        return load_model(f"random:{self._name}", offline=True, seed=seed)

    def items(self) -> Sequence[Any]:
        return CASES[self.case][2]()


def test_every_built_in_source_is_covered():
    """A source added to the registry without a case here is noticed."""
    assert {source for source, _, _ in CASES.values()} == set(MODEL_SOURCES)
