"""Tiny models of images and texts in the real format of transformers, and a way to plant what they should know.

With random weights the two halves of a dual encoder have nothing to do with each other; `plant` sets the last layer of
the text half so that each prompt points where an image does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.sources.models.networks.transformer import quiet
from assay.sources.models.weights.twin import drawn
from assay.testing.tiny import OWN_SEEDS, SPECIAL, WORDS, tokenizer

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SIDE = 32


def dual_encoder(folder: Path, *, seed: int = 0, siglip: bool = False) -> Path:
    """A CLIP, or a SigLIP, of two layers a half for images of 32 pixels, with its tokenizer."""
    import transformers

    texts = {**SIZES, "vocab_size": len(SPECIAL) + len(WORDS), "max_position_embeddings": 16}
    marks = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    vision = {**SIZES, "image_size": SIDE, "patch_size": 8}
    with drawn(OWN_SEEDS + seed), quiet():
        if siglip:
            config: Any = transformers.SiglipConfig(text_config={**texts, **marks}, vision_config=vision)
            model: Any = transformers.SiglipModel(config)
            reader: Any = transformers.SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
        else:
            config = transformers.CLIPConfig(
                text_config={**texts, **marks}, vision_config=vision, projection_dim=24
            )  # fmt: skip
            model = transformers.CLIPModel(config)
            reader = transformers.CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE)
        _save(folder, model, reader)
    return folder


def plant(folder: Path, prompts: Sequence[str], images: Sequence[Any]) -> Path:
    """Change the text half's last layer so that the k-th prompt gives the vector of the k-th image.

    Args:
        folder: What `dual_encoder` wrote; changed in place.
        prompts: k texts whose tokens differ.
        images: k images that differ.
    """
    import torch
    import transformers

    with quiet(), torch.no_grad():
        model: Any = transformers.AutoModel.from_pretrained(folder).eval()
        coded = transformers.AutoTokenizer.from_pretrained(folder)(
            list(prompts), padding="max_length", max_length=16, truncation=True, return_tensors="pt"
        )
        pixels = transformers.AutoImageProcessor.from_pretrained(folder)(images=list(images), return_tensors="pt")
        wanted = model.get_image_features(**pixels).pooler_output.double().numpy()
        last: Any = model.text_model.head if model.config.model_type == "siglip" else model.text_projection
        seen: list[Any] = []
        hook = last.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
        masked = {} if model.config.model_type == "siglip" else {"attention_mask": coded["attention_mask"]}
        model.get_text_features(input_ids=coded["input_ids"], **masked)
        hook.remove()
        weight = (np.linalg.pinv(seen[0].double().numpy()) @ wanted).T
        last.weight.copy_(torch.from_numpy(weight))
        if last.bias is not None:
            last.bias.zero_()
        model.save_pretrained(folder)
    return folder


def _save(folder: Path, model: Any, reader: Any) -> None:
    model.eval().save_pretrained(folder)
    reader.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA tiny model of images and texts.\n", encoding="utf-8")
