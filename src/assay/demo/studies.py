"""The demo's study: real weights and real data that arrive as packages, so that no model hub is needed."""

from __future__ import annotations

from typing import Any

IMAGE_ROWS = 800
TEXT_ROWS = 1000


def demo_study(*, full: bool = False) -> dict[str, Any]:
    """The study that `assay demo` runs, as the keys of a study file.

    Images: MNIST's 5,000 digits with EfficientNet-Lite0, 1 and 2. Texts: Reuters R8 with MiniLM in two formats. Every
    model runs beside its untrained twin where its format has one. The samples are stratified and the same for all; both
    text models read the first 128 tokens.

    Args:
        full: All items, and scikit-learn's digits besides.
    """
    from assay.demo.weights import minilm_folder, paraphrase_minilm_onnx

    images = {"uri": "py:assay.demo.data:mnist5k", "label": "MNIST"}
    texts = {
        "uri": "py:assay.demo.data:reuters_r8",
        "label": "Reuters R8",
        "split": {"scheme": "stratified", "test": 0.4},
    }
    digits = {"uri": "sklearn:digits", "label": "digits"}
    if not full:
        images, texts = {**images, "rows": IMAGE_ROWS}, {**texts, "rows": TEXT_ROWS}
    lite = [{"uri": f"py:assay.demo.weights:efficientnet_lite{i}", "label": f"EfficientNet-Lite{i}"} for i in range(3)]
    return {
        "name": "demo, full" if full else "demo",
        "models": [
            *lite,
            {"uri": f"st:{minilm_folder()}?max_length=128", "label": "all-MiniLM-L6"},
            {"uri": f"onnx:{paraphrase_minilm_onnx()}", "label": "paraphrase-MiniLM (ONNX)"},
        ],
        "data": [images, digits, texts] if full else [images, texts],
        "recipes": ["probe"],
        "split": {"scheme": "stratified", "test": 0.4, "valid": 0.2},
        "metrics": ["accuracy", "f1_macro", "log_loss"],
    }
