"""Tiny models saved by the real libraries in their real formats: stand-ins for hub weights, made in milliseconds.

Each function writes one model with random weights drawn from a seed and returns its path, so that
`load_model(f"hf:{text_encoder(folder)}")` takes the way that a downloaded model takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from assay.rng import stream
from assay.sources.models.weights.twin import drawn

LINES = (
    "the a of to and is was in it this film book plot music actor scene story good bad great awful dull fine slow",
    "bright cat dog runs reads sees loves hates red blue green model data tree house river road winter summer",
)
WORDS = tuple(word for line in LINES for word in line.split())
OWN_SEEDS = 10_000
"""Added to each seed, so that no tiny model equals an untrained twin."""
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tokenizer(*, marks: bool = True) -> Any:
    """A word-level tokenizer of a few dozen words; without marks it adds nothing and cannot pad, as GPT-2's."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: code for code, word in enumerate((*SPECIAL, *WORDS))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[1]))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    if not marks:
        names = {"unk_token": SPECIAL[1], "eos_token": SPECIAL[3]}
        return PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=32, **names)
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=32, **names)


def text_encoder(folder: Path, *, seed: int = 0, classes: int = 0) -> Path:
    """A BERT of three layers in the format of transformers; with a classifier where `classes` is given."""
    import transformers

    config = transformers.BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
        initializer_range=0.2,
        **_labels(classes or 2),
    )
    kind = transformers.BertForSequenceClassification if classes else transformers.BertModel
    return _save(folder, lambda: kind(config), seed, tokenizer())


def decoder(folder: Path, *, seed: int = 0) -> Path:
    """A GPT-2 of three layers, whose tokenizer has no padding token, in the format of transformers."""
    import transformers

    config = transformers.GPT2Config(
        vocab_size=len(SPECIAL) + len(WORDS),
        n_positions=40,
        n_embd=32,
        n_layer=3,
        n_head=2,
        bos_token_id=3,
        eos_token_id=3,
        initializer_range=0.2,
    )
    return _save(folder, lambda: transformers.GPT2LMHeadModel(config), seed, tokenizer(marks=False))


def image_encoder(folder: Path, *, seed: int = 0, classes: int = 3) -> Path:
    """A ViT of two layers for images of 32 pixels, with a classifier, in the format of transformers."""
    import transformers

    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=32,
        patch_size=8,
        initializer_range=0.2,
        **_labels(classes),
    )
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    return _save(folder, lambda: transformers.ViTForImageClassification(config), seed, processor)


def speech_encoder(folder: Path, *, seed: int = 0) -> Path:
    """A wav2vec 2.0 of two layers in the format of transformers."""
    import transformers

    config = transformers.Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16, 16),
        conv_stride=(10, 8),
        conv_kernel=(20, 16),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )
    extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    return _save(folder, lambda: transformers.Wav2Vec2Model(config), seed, extractor)


def sentence_encoder(folder: Path, *, seed: int = 0) -> Path:
    """A BERT with mean pooling, a dense layer and normalisation, in the format of sentence-transformers."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    inner = text_encoder(folder.with_name(folder.name + "-inner"), seed=seed)
    with drawn(OWN_SEEDS + seed), _quietly():
        steps: list[Any] = [modules.Transformer(str(inner)), modules.Pooling(32, "mean")]
        steps += [modules.Dense(32, 12), modules.Normalize()]
        SentenceTransformer(modules=steps, device="cpu").save(str(folder))
    return folder


def timm_folder(folder: Path, *, seed: int = 0, name: str = "test_efficientnet") -> Path:
    """One of timm's own tiny networks, as timm's export to the hub writes it."""
    import timm

    with drawn(OWN_SEEDS + seed):
        model = timm.create_model(name, num_classes=5)
    folder.mkdir(parents=True, exist_ok=True)
    timm.models.save_for_hf(model, str(folder), safe_serialization=True)
    return folder


def torchvision_weights(path: Path, *, seed: int = 0, name: str = "shufflenet_v2_x0_5") -> Path:
    """Weights of a torchvision network as a safetensors file, for `torchvision:name@path`."""
    from safetensors.torch import save_file
    from torchvision import models

    with drawn(OWN_SEEDS + seed):
        state = models.get_model(name, weights=None).state_dict()
    save_file(state, path)
    return path


def keras_file(path: Path, *, seed: int = 0) -> Path:
    """A small convolutional classifier of five classes for images of 16 pixels, in the format of Keras 3."""
    import os

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    start: Any = keras.initializers.RandomNormal(stddev=0.3, seed=seed)
    layers = keras.layers
    keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu", kernel_initializer=start),
            layers.BatchNormalization(),
            layers.Conv2D(8, 3, activation="relu", kernel_initializer=start),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax", kernel_initializer=start),
        ]
    ).save(path)
    return path


def onnx_image_file(path: Path, *, seed: int = 0) -> Path:
    """Two convolutions, a rectifier and the mean over places, images of 16 pixels → (b, 6), as an ONNX file."""
    from onnx import TensorProto, helper

    rng = stream(seed, "tiny onnx")
    nodes = [
        helper.make_node("Conv", ["pixels", "w1", "b1"], ["h1"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Relu", ["h1"], ["h2"]),
        helper.make_node("Conv", ["h2", "w2"], ["h3"], kernel_shape=[3, 3]),
        helper.make_node("ReduceMean", ["h3", "places"], ["features"], keepdims=0),
    ]
    arrays = {
        "w1": rng.normal(0, 0.3, (8, 3, 3, 3)),
        "b1": rng.normal(0, 0.3, 8),
        "w2": rng.normal(0, 0.3, (6, 8, 3, 3)),
        "places": np.array([2, 3]),
    }
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["b", 3, 16, 16])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["b", 6])
    return _save_graph(path, nodes, [pixels], [features], arrays)


def onnx_text_file(folder: Path, *, seed: int = 0) -> Path:
    """A table of tokens, a dense layer and the hyperbolic tangent, (b, t) → (b, t, 8), with its tokenizer beside it."""
    from onnx import TensorProto, helper

    rng = stream(seed, "tiny onnx")
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer().backend_tokenizer.save(str(folder / "tokenizer.json"))
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["h1"]),
        helper.make_node("MatMul", ["h1", "w"], ["h2"]),
        helper.make_node("Add", ["h2", "b"], ["h3"]),
        helper.make_node("Tanh", ["h3"], ["last_hidden_state"]),
    ]
    words = len(SPECIAL) + len(WORDS)
    arrays = {"table": rng.normal(size=(words, 16)), "w": rng.normal(size=(16, 8)), "b": rng.normal(size=8)}
    names = ("input_ids", "attention_mask")
    taken = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "t"]) for name in names]
    given = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "t", 8])]
    return _save_graph(folder / "model.onnx", nodes, taken, given, arrays)


def _save_graph(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], arrays: dict[str, Any]) -> Path:
    import onnx
    from onnx import helper, numpy_helper

    kept = [
        numpy_helper.from_array(array.astype(np.float32) if array.dtype.kind == "f" else array, name)
        for name, array in arrays.items()
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializer=kept)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))
    return path


def _save(folder: Path, build: Any, seed: int, reader: Any) -> Path:
    """A model of transformers and what prepares its input, in one folder."""
    with drawn(OWN_SEEDS + seed), _quietly():
        build().save_pretrained(folder)
        reader.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nA tiny model.\n", encoding="utf-8")
    return folder


def _labels(classes: int) -> dict[str, Any]:
    return {"num_labels": classes}


def _quietly() -> Any:
    from assay.sources.models.networks.transformer import quiet

    return quiet()
