"""What this machine has: versions, extras, memory, disk, devices; one plain row a check."""

from __future__ import annotations

import importlib.util
import os
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from assay.run.environment import environment

MODULES = {
    "torch": ("torch", "PIL"), "vision": ("torchvision", "timm"), "text": ("transformers", "sentence_transformers"),
    "audio": ("soundfile",), "hub": ("huggingface_hub", "datasets"), "onnx": ("onnx", "onnxruntime"),
    "openvino": ("openvino",), "keras": ("keras",), "report": ("altair", "vl_convert"), "tune": ("optuna",),
    "ot": ("ot",), "peft": ("peft",), "postgres": ("psycopg",), "ray": ("ray",), "slurm": ("submitit",),
    "energy": ("codecarbon",),
}  # fmt: skip
"""Extra → the modules that it brings."""


def extra_of(module: str) -> str | None:
    """The first extra that brings a module; None where none does."""
    top = module.split(".")[0]
    return next((extra for extra, modules in MODULES.items() if top in modules), None)


def examine() -> list[dict[str, Any]]:
    """One row a check: `check`, `state` (ok, missing, bad), `found`, `advice`."""
    return [*_machine(), *_torch_floor(), *(_extra(name, modules) for name, modules in MODULES.items())]


def _machine() -> list[dict[str, Any]]:
    record = environment()
    free = shutil.disk_usage(Path.cwd()).free
    memory = psutil.virtual_memory()
    return [
        _row("python", "ok", record["python"]),
        _row("processor", "ok", f"{record['processor']}, {os.cpu_count()} cores"),
        _row("memory", "ok", f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"),
        _row("disk", "ok" if free > 2**30 else "bad", f"{free / 2**30:.1f} GiB free here",
             None if free > 2**30 else "free some space: features and predictions need room"),
        _row("accelerator", "ok", _cuda()),
    ]  # fmt: skip


def _torch_floor() -> list[dict[str, Any]]:
    """Torch below 2.10 can be made to run code by a weights file, even when told to load weights only."""
    try:
        found = version("torch")
    except PackageNotFoundError:
        return []
    release = tuple(int(part) for part in found.split("+")[0].split(".")[:2] if part.isdigit())
    if release >= (2, 10):
        return [_row("torch", "ok", found)]
    return [_row("torch", "bad", found, "upgrade for safe loading: pip install 'torch>=2.10'")]


def _extra(name: str, modules: tuple[str, ...]) -> dict[str, Any]:
    absent = [module for module in modules if importlib.util.find_spec(module) is None]
    if not absent:
        return _row(f"extra {name}", "ok", ", ".join(modules))
    return _row(f"extra {name}", "missing", f"no {', '.join(absent)}", f"pip install 'assay[{name}]'")


def _cuda() -> str:
    if importlib.util.find_spec("torch") is None:
        return "not looked for: torch is not installed"
    import torch

    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else "none; the processor does the work"


def _row(check: str, state: str, found: str, advice: str | None = None) -> dict[str, Any]:
    return {"check": check, "state": state, "found": found, "advice": advice}
