"""Preprocessing: value for value what each model's own library does, and clear refusals."""

import numpy as np
import pytest
import torch
from PIL import Image

from assay.errors import DataError, UsageError
from assay.sources.models import load_model
from assay.sources.models.inputs.images import ImageInputs, TransformedImages
from assay.sources.models.inputs.texts import TextInputs
from assay.sources.models.inputs.waveforms import MelInputs, as_waveform, mel_spectrogram, resampled


def picture(width, height, mode="RGB", seed=0):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).convert(mode)


PICTURES = [
    picture(50, 70),
    picture(400, 300, seed=1),
    picture(28, 28, "L"),
    picture(90, 40, "RGBA"),
    picture(33, 99, "P"),
]


@pytest.mark.parametrize(
    "name",
    ["resnet18.a1_in1k", "vit_tiny_patch16_224.augreg_in21k", "tf_efficientnet_lite0.in1k", "convnext_atto.d2_in1k"],
)
def test_pixels_equal_timms_own_transform(name):
    """Size, crop, interpolation and normalisation are those of timm, to rounding, for every shape and mode of image."""
    import timm

    model = load_model(f"random:timm:{name}")
    config = timm.data.resolve_data_config({}, pretrained_cfg=timm.models.get_pretrained_cfg(name).to_dict())
    transform = timm.data.create_transform(**config, is_training=False)
    expected = torch.stack([transform(image.convert("RGB")) for image in PICTURES]).numpy()

    assert isinstance(model._inputs, ImageInputs)
    np.testing.assert_allclose(model.collate(PICTURES)["pixels"], expected, atol=2e-6)


def test_rare_crops_go_through_timms_own_transform():
    """A way of cropping that is not read here is left to timm, with the same values."""
    import timm

    model = load_model("random:timm:test_vit?size=48")
    model._inputs = _inputs_with_border(timm.models.get_pretrained_cfg("test_vit").to_dict())
    transform = timm.data.create_transform(**model._inputs.settings, is_training=False)
    expected = torch.stack([transform(image.convert("RGB")) for image in PICTURES]).numpy()

    np.testing.assert_array_equal(model.collate(PICTURES)["pixels"], expected)


def _inputs_with_border(cfg):
    from types import SimpleNamespace

    from assay.sources.models.request import Request
    from assay.sources.models.timm import _inputs
    from assay.spec import ModelRef

    request = Request(ref=ModelRef.parse("timm:test_vit"), path="test_vit", options={"size": "48"})
    inputs = _inputs(SimpleNamespace(pretrained_cfg=cfg | {"crop_mode": "border"}), request)
    assert isinstance(inputs, TransformedImages)
    return inputs


def test_attention_pooling_and_size_are_taken_from_timm():
    """A SigLIP pools by attention, which goes with the blocks behind; another size rebuilds its positions."""
    model = load_model("random:timm:vit_base_patch16_siglip_224.webli?layer=1&size=32")

    assert (model.info.pooling, model.info.preprocessing["size"]) == ("mean", [32, 32])
    assert model.collate(PICTURES)["pixels"].shape == (len(PICTURES), 3, 32, 32)
    assert model.encode(model.collate(PICTURES)).shape == (len(PICTURES), 768)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_pixels_equal_torchvisions_own_transform(name):
    """The weights' own transform gives the same values."""
    from torchvision import models

    model = load_model(f"random:torchvision:{name}")
    transform = models.get_model_weights(name).DEFAULT.transforms()
    expected = torch.stack([transform(image.convert("RGB")) for image in PICTURES]).numpy()

    np.testing.assert_allclose(model.collate(PICTURES)["pixels"], expected, atol=2e-6)


def test_pixels_equal_transformers_own_processor(vit):
    """A folder's processor is used as it is described there."""
    import transformers

    model = load_model(f"hf:{vit}")
    processor = transformers.ViTImageProcessor.from_pretrained(vit)
    expected = processor(images=[image.convert("RGB") for image in PICTURES], return_tensors="np")["pixel_values"]

    np.testing.assert_allclose(model.collate(PICTURES)["pixels"], expected, atol=1e-6)


def test_grey_images_take_a_shorter_way_to_the_same_values():
    """A grey image resized as one channel equals the same image resized as three, to the last bit."""
    inputs = ImageInputs(
        size=(24, 24), shorter=30, mean=(0.5, 0.4, 0.3), deviation=(0.2, 0.3, 0.4), interpolation="bicubic"
    )
    grey = picture(64, 48, "L")

    np.testing.assert_array_equal(inputs([grey])["pixels"], inputs([grey.convert("RGB")])["pixels"])


def test_sixteen_bit_greys_keep_their_brightness():
    """A 16-bit image is scaled to 8 bits and not cut off at 255."""
    inputs = ImageInputs(size=(4, 4), mean=(0.0,) * 3, deviation=(1.0,) * 3, mode="none")
    deep = Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16))

    np.testing.assert_allclose(inputs([deep])["pixels"], 128 / 255, atol=1e-6)


def test_an_item_of_another_kind_is_named():
    """A text given to an image model, and the reverse, is an error about the item."""
    with pytest.raises(DataError, match="type str where the model reads images"):
        load_model("random:timm:test_vit").collate(["a text"])
    with pytest.raises(DataError, match="type Image where the model reads texts"):
        TextInputs(ids_of=lambda texts: [[1] for _ in texts], max_length=8, pad=0, blank=1)([picture(4, 4)])
    with pytest.raises(DataError, match="pairs of waveform and rate"):
        as_waveform("speech.wav")
    with pytest.raises(UsageError, match="unknown interpolation"):
        ImageInputs(size=(4, 4), mean=(0.0,) * 3, deviation=(1.0,) * 3, interpolation="cubic")([picture(8, 8)])
    with pytest.raises(DataError, match="8 × 8 pixels where the model reads 4 × 4"):
        ImageInputs(size=(4, 4), mean=(0.0,) * 3, deviation=(1.0,) * 3, mode="none")([picture(8, 8)])


def test_texts_are_padded_to_the_longest_and_no_further(bert):
    """Ids, mask and length follow the batch; a text is cut at the model's longest length."""
    model = load_model(f"hf:{bert}")
    batch = model.collate(["the cat", "the cat runs", "dog " * 100])

    assert {name: array.shape for name, array in batch.items()} == dict.fromkeys(batch, (3, 32))
    assert model.collate(["the cat", "the cat runs"])["input_ids"].shape == (2, 5)
    assert batch["attention_mask"].sum(axis=1).tolist() == [4, 5, 32]
    assert batch["input_ids"][0, 4:].tolist() == [0] * 28


def test_an_empty_text_has_features_too(bert, gpt2):
    """Where the tokenizer gives no token at all, one stands in, and the features are finite."""
    for folder in (bert, gpt2):
        model = load_model(f"hf:{folder}")
        alone, beside = model.encode(model.collate([""])), model.encode(model.collate(["", "the cat runs"]))

        assert np.isfinite(alone).all()
        np.testing.assert_allclose(alone[0], beside[0], atol=1e-5)


def test_waveforms_are_checked_and_brought_to_one_channel():
    """Stereo is averaged; empty and non-finite recordings are refused."""
    left, right = np.ones(8, dtype=np.float32), np.zeros(8, dtype=np.float32)

    np.testing.assert_array_equal(as_waveform((np.stack([left, right]), 8000))[0], np.full(8, 0.5))
    np.testing.assert_array_equal(as_waveform((np.stack([left, right], axis=1), 8000))[0], np.full(8, 0.5))
    with pytest.raises(DataError, match="at least one"):
        as_waveform((np.zeros(0), 8000))
    with pytest.raises(DataError, match="NaN"):
        as_waveform((np.array([0.0, np.nan]), 8000))


def test_resampling_keeps_a_tone():
    """A tone of 440 Hz is still one at another rate."""
    seconds = np.arange(8000) / 8000
    moved = resampled(np.sin(2 * np.pi * 440 * seconds).astype(np.float32), 8000, 16_000)

    spectrum = np.abs(np.fft.rfft(moved))
    assert abs(np.fft.rfftfreq(len(moved), 1 / 16_000)[spectrum.argmax()] - 440) < 2


@pytest.mark.slow
def test_the_mel_spectrogram_equals_librosas():
    """Frames, bands and power are those of the reference implementation."""
    librosa = pytest.importorskip("librosa")
    wave = np.random.default_rng(0).normal(0, 0.05, 5000).astype(np.float32)
    expected = librosa.feature.melspectrogram(y=wave, sr=16_000, n_fft=400, hop_length=160, n_mels=40).T

    mine = mel_spectrogram(wave, rate=16_000, window=400, hop=160, channels=40)
    np.testing.assert_allclose(mine, expected, atol=1e-6 * float(expected.max()))


@pytest.mark.parametrize(("samples", "windows"), [(1000, 1), (25_600, 1), (40_000, 2), (70_000, 5)])
def test_windows_cover_a_recording(samples, windows):
    """Each recording has at least one window, and further ones while three quarters of them are sound."""
    noise = np.random.default_rng(0).normal(0, 0.05, samples).astype(np.float32)

    batch = MelInputs()([(noise, 16_000), (noise[:500], 16_000)])
    assert batch["mask"].sum(axis=1).tolist() == [windows, 1]
    assert batch["mels"].shape == (2, windows, 160, 40)
