"""What is particular to each source: pooling, heads, graphs and the libraries' own numbers."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from assay.errors import UnknownNameError, UsageError
from assay.sources.models import describe_model, load_model
from assay.sources.models.networks.pooling import pool
from assay.sources.models.weights.graph import count_flops
from assay.testing import tiny

TEXTS = ["the cat runs", "dog", "the music of this story is great and the actor is good", ""]


def images(count=3, size=20):
    rng = np.random.default_rng(5)
    return [rng.integers(0, 255, (size, size, 3), dtype=np.uint8) for _ in range(count)]


def test_pooling_reads_real_tokens_only():
    """By hand: padding never counts, whichever pooling."""
    hidden = torch.tensor([[[1.0], [3.0], [100.0]], [[-2.0], [-4.0], [-6.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])

    assert pool(hidden, mask, "mean").flatten().tolist() == [2.0, -4.0]
    assert pool(hidden, mask, "max").flatten().tolist() == [3.0, -2.0]
    assert pool(hidden, mask, "cls").flatten().tolist() == [1.0, -2.0]
    assert pool(hidden, mask, "last").flatten().tolist() == [3.0, -6.0]
    unmasked = [pool(hidden, None, how).flatten()[0].item() for how in ("mean", "max", "last")]
    assert unmasked == pytest.approx([104 / 3, 100.0, 100.0])


def test_a_decoder_is_read_at_its_last_real_token(gpt2):
    """GPT-2 has no padding token; one is lent, masked, and the last real token is read."""
    import transformers

    model = load_model(f"hf:{gpt2}")
    full = transformers.GPT2Model.from_pretrained(gpt2).eval()
    for text in TEXTS[:3]:
        ids = torch.from_numpy(model.collate([text])["input_ids"])
        with torch.no_grad():
            expected = full(ids).last_hidden_state[0, -1].numpy()
        beside = model.encode(model.collate([text, TEXTS[2]]))[0]
        np.testing.assert_allclose(beside, expected, atol=1e-5)
    assert model.info.pooling == "last"


def test_an_encoder_says_that_its_pooling_was_chosen(bert):
    """A source that declares none has a note, which goes when the user chooses."""
    chosen, default = load_model(f"hf:{bert}?pooling=cls"), load_model(f"hf:{bert}")

    assert any("declares no pooling" in note for note in default.info.notes)
    assert not any("declares no pooling" in note for note in chosen.info.notes)
    assert (default.info.pooling, chosen.info.pooling) == ("mean", "cls")


def test_a_classifiers_head_gives_the_librarys_probabilities(tmp_path, vit):
    """Texts and images: source probabilities are the softmax of the library's own logits, with its labels."""
    import transformers

    folder = tiny.text_encoder(tmp_path / "head", classes=4)
    cases = [
        (load_model(f"hf:{folder}"), transformers.BertForSequenceClassification.from_pretrained(folder).eval(), TEXTS),
        (load_model(f"hf:{vit}"), transformers.ViTForImageClassification.from_pretrained(vit).eval(), images()),
    ]
    for model, full, items in cases:
        batch = {name: torch.from_numpy(array) for name, array in model.collate(items).items()}
        taken = {"pixel_values": batch["pixels"]} if "pixels" in batch else batch
        with torch.no_grad():
            expected = full(**taken).logits.softmax(dim=1).numpy()
        np.testing.assert_allclose(model.source_probabilities(model.collate(items)), expected, atol=1e-5)
        assert len(model.info.labels) == expected.shape[1]


def test_of_a_model_of_images_and_texts_the_image_half_is_read(tmp_path):
    """CLIP: pixels in, the image half's own pooling out, and none of the text half's parameters."""
    import transformers

    from assay.sources.models.networks.transformer import quiet

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.CLIPConfig(
        text_config={**sizes, "vocab_size": 48}, vision_config={**sizes, "image_size": 32, "patch_size": 8}
    )
    with quiet():
        full = transformers.CLIPModel(config).eval()
        full.save_pretrained(tmp_path)
        transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32).save_pretrained(tmp_path)
    model = load_model(f"hf:{tmp_path}")
    batch = model.collate(images(size=40))
    with torch.no_grad():
        expected = full.vision_model(pixel_values=torch.from_numpy(batch["pixels"])).pooler_output.numpy()

    np.testing.assert_allclose(model.encode(batch), expected, atol=1e-5)
    assert model.info.parameters == sum(p.numel() for p in full.vision_model.parameters())
    assert "the image half of a model of images and texts" in model.info.notes
    assert describe_model(f"hf:{tmp_path}").width == model.info.width


SMALL = {"num_attention_heads": 2, "num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64}


def whisper():
    import transformers

    sizes = {
        "d_model": 32,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_attention_heads": 2,
    }
    config = transformers.WhisperConfig(
        **sizes, decoder_layers=1, vocab_size=60, pad_token_id=0, decoder_start_token_id=1
    )
    return transformers.WhisperModel(config), transformers.WhisperFeatureExtractor()


def spectrogram_transformer():
    import transformers

    config = transformers.ASTConfig(**SMALL, max_length=64, num_mel_bins=32)
    return transformers.ASTModel(config), transformers.ASTFeatureExtractor(max_length=64, num_mel_bins=32)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the library's filter bank: empty bands at so few
@pytest.mark.parametrize("make", [whisper, spectrogram_transformer])
def test_speech_models_of_other_shapes_are_read_by_their_encoder(tmp_path, make):
    """Whisper's decoder is left out and its 30 seconds are filled; a spectrogram transformer takes no mask."""
    from assay.sources.models.networks.transformer import quiet

    with quiet():
        full, extractor = make()
        full.eval().save_pretrained(tmp_path)
        extractor.save_pretrained(tmp_path)
    model = load_model(f"hf:{tmp_path}")
    waves = [(np.random.default_rng(k).normal(0, 0.1, 4000 + 999 * k).astype(np.float32), 16_000) for k in range(2)]
    (values,) = model.collate(waves).values()
    encoder = full.get_encoder() if full.config.is_encoder_decoder else full
    with torch.no_grad():
        expected = encoder(torch.from_numpy(values)).last_hidden_state.mean(dim=1).numpy()

    np.testing.assert_allclose(model.encode(model.collate(waves)), expected, atol=1e-5)
    assert model.info.parameters == sum(p.numel() for p in encoder.parameters())


def test_describing_a_classifier_counts_what_loading_counts(tmp_path):
    """The pooling layer that a text classifier's head needs is counted both times."""
    folder = tiny.text_encoder(tmp_path / "head", classes=4)

    assert describe_model(f"hf:{folder}") == load_model(f"hf:{folder}").info


def test_timms_head_gives_timms_own_logits():
    """Features and classifier apart give what the model gives in one."""
    import timm

    model = load_model("random:timm:test_efficientnet", seed=3)
    from assay.sources.models.weights.twin import drawn

    with drawn(3):
        whole = timm.create_model("test_efficientnet").eval()
    batch = model.collate(images())
    with torch.no_grad():
        expected = whole(torch.from_numpy(batch["pixels"])).softmax(dim=1).numpy()
    np.testing.assert_allclose(model.source_probabilities(batch), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small", "mnasnet0_5"])
def test_torchvisions_head_gives_torchvisions_own_logits(name):
    """Cutting off the last layer and putting it back changes nothing."""
    from torchvision import models

    from assay.sources.models.weights.twin import drawn

    model = load_model(f"random:torchvision:{name}?size=64", seed=3)
    with drawn(3):
        whole = models.get_model(name, weights=None).eval()
    batch = model.collate(images())
    with torch.no_grad():
        expected = whole(torch.from_numpy(batch["pixels"])).softmax(dim=1).numpy()
    np.testing.assert_allclose(model.source_probabilities(batch), expected, atol=1e-6)
    assert len(model.info.labels) == 1000


def test_a_torchvision_model_without_a_linear_layer_has_features_too():
    """SqueezeNet ends in a convolution; its maps are averaged and it has no head."""
    model = load_model("random:torchvision:squeezenet1_1?size=64")

    assert model.info.width == 512
    assert model.source_probabilities(model.collate(images())) is None


@pytest.mark.parametrize("pooling", ["mean", "weightedmean"])
def test_sentence_encoders_give_the_librarys_own_features(tmp_path, pooling):
    """Read here or run by the library, prompts and cutting included, the features are those of `encode`."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    from assay.sources.models.networks.transformer import quiet

    with quiet():
        start = modules.Transformer(str(tiny.text_encoder(tmp_path / "inner")))
        library = SentenceTransformer(
            modules=[start, modules.Pooling(32, pooling), modules.Normalize()],
            device="cpu",
            prompts={"query": "read this "},
            default_prompt_name="query",
        )
        library.max_seq_length = 12
        library.save(str(tmp_path / "st"))
    model = load_model(f"st:{tmp_path / 'st'}")
    texts = [*TEXTS, "the cat runs " * 9]

    expected = library.encode(texts, show_progress_bar=False)
    np.testing.assert_allclose(model.encode(model.collate(texts)), expected, atol=1e-6)
    assert (model.info.pooling == "its own") == (pooling == "weightedmean")


def test_describing_a_sentence_encoder_equals_loading_it(tmp_path):
    """Dense layers and normalisation are told from the folder's settings."""
    folder = tiny.sentence_encoder(tmp_path / "st")

    assert describe_model(f"st:{folder}") == load_model(f"st:{folder}").info


def test_a_graphs_flops_are_counted_as_torchs(tmp_path):
    """By hand: two convolutions of known size; and parameters are the graph's arrays."""
    model = load_model(f"onnx:{tiny.onnx_image_file(tmp_path / 'm.onnx')}")
    first, second = 2 * (8 * 7 * 7) * (3 * 9), 2 * (6 * 5 * 5) * (8 * 9)

    assert model.info.flops == first + second
    assert model.info.parameters == 8 * 27 + 8 + 6 * 72
    torch_copy = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(8, 6, 3, bias=False))
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        torch_copy(torch.zeros(1, 3, 16, 16))
    assert counter.get_total_flops() == model.info.flops


def test_a_graph_equals_the_network_that_it_was_made_from(tmp_path):
    """The same weights in torch give the same features."""
    path = tiny.onnx_image_file(tmp_path / "m.onnx")
    model = load_model(f"onnx:{path}?deviation=0.25&mean=0.5")
    arrays = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in onnx.load(path).graph.initializer}
    batch = model.collate(images())
    hidden = torch.conv2d(torch.from_numpy(batch["pixels"]), arrays["w1"], arrays["b1"], stride=2).relu()
    expected = torch.conv2d(hidden, arrays["w2"]).mean(dim=(2, 3)).numpy()

    np.testing.assert_allclose(model.encode(batch), expected, atol=1e-5)
    assert model.info.preprocessing["mean"] == [0.5] * 3
    assert not any("states no preprocessing" in note for note in model.info.notes)


def test_any_array_of_a_graph_can_be_read(tmp_path):
    """An inner array named by the user is pooled like an output; an unknown one names the nearest."""
    path = tiny.onnx_image_file(tmp_path / "m.onnx")

    assert load_model(f"onnx:{path}?output=h2").info.width == 8
    with pytest.raises(UnknownNameError, match="features"):
        load_model(f"onnx:{path}?output=feature")


def test_an_operation_that_is_not_counted_makes_flops_unknown(tmp_path):
    """A graph with a recurrent layer or one of a vendor's own has no number rather than a wrong one."""
    graph = onnx.load(tiny.onnx_image_file(tmp_path / "m.onnx"))
    graph.graph.node[1].domain = "com.vendor"

    assert count_flops(graph, {}) is None


def test_graphs_that_read_something_else_are_refused(tmp_path):
    """The message lists what the graph reads and what is supported."""
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 3]) for name in ("left", "right")]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", 3])
    graph = helper.make_graph([helper.make_node("Add", ["left", "right"], ["y"])], "g", inputs, [output])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "m.onnx")

    with pytest.raises(UsageError, match="reads left"):
        load_model(f"onnx:{tmp_path}/m.onnx")


def test_preprocessing_beside_a_file_is_read(tmp_path):
    """`preprocessor_config.json`, as transformers writes it, decides size, interpolation and normalisation."""
    path = tiny.onnx_image_file(tmp_path / "m.onnx")
    (tmp_path / "preprocessor_config.json").write_text(
        '{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "resample": 3, "size": {"shortest_edge": 18}}'
    )
    stated = load_model(f"onnx:{path}").info.preprocessing

    assert (stated["mean"], stated["interpolation"], stated["shorter"]) == ([0.1, 0.2, 0.3], "bicubic", 18)
    with pytest.raises(UsageError, match="one number or three"):
        load_model(f"onnx:{path}?mean=1,2")


def test_keras_features_and_head_are_keras_own(tmp_path):
    """What enters the last dense layer, and its softmax; another layer by its name."""
    import keras

    path = tiny.keras_file(tmp_path / "m.keras")
    model, whole = load_model(f"keras:{path}"), keras.models.load_model(path)
    batch = model.collate(images())
    bytes_in = torch.from_numpy(batch["pixels"]).permute(0, 2, 3, 1)
    expected = whole(bytes_in, training=False).detach().numpy()

    np.testing.assert_allclose(model.source_probabilities(batch), expected, atol=1e-6)
    assert batch["pixels"].max() > 100
    named = load_model(f"keras:{path}?layer={whole.layers[1].name}")
    assert named.info.width == 8
    assert named.source_probabilities(batch) is None
    with pytest.raises(UnknownNameError, match="layer"):
        load_model(f"keras:{path}?layer=none")
