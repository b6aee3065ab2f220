"""Names of weights that never change: sha256 of files, or of the arrays themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

READ = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".keras", ".h5", ".json", ".txt", ".model", ".py", ".data")
"""Endings of the files that decide what a model folder computes; notes and pictures do not."""


def digest_files(root: Path) -> str:
    """sha256 of a file, or of a folder's weights, configuration and vocabulary by name and content."""
    if root.is_file():
        return _file_digest(root)
    whole = hashlib.sha256()
    for path in model_files(root):
        whole.update(f"{path.relative_to(root).as_posix()}\0{_file_digest(path)}\n".encode())
    return whole.hexdigest()


def model_files(root: Path) -> list[Path]:
    """Files below a folder that decide what the model computes, hidden ones left out, in order of name."""
    found = (path for path in root.rglob("*") if path.suffix in READ and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


def digest_state(state: Iterable[tuple[str, Any]]) -> str:
    """sha256 of named tensors: names, types, shapes and bytes, in order of name."""
    import torch

    whole = hashlib.sha256()
    for name, tensor in sorted(state, key=lambda pair: pair[0]):
        if not isinstance(tensor, torch.Tensor):
            whole.update(f"{name}\0{tensor!r}\n".encode())
            continue
        flat = tensor.detach().cpu().contiguous()
        whole.update(f"{name}\0{flat.dtype}{tuple(flat.shape)}\n".encode())
        whole.update(flat.reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
