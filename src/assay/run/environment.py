"""What a run ran on: versions, machine, threads; recorded once and named by its digest."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from assay.canon import key_of

_PACKAGES = (
    "assay", "keras", "numpy", "onnxruntime", "openvino", "optuna", "pandas", "peft", "scikit-learn", "scipy",
    "sentence-transformers", "timm", "torch", "torchvision", "transformers",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """Versions, processor, memory, threads and accelerator of this process, as plain values."""
    import psutil

    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": int(psutil.virtual_memory().total),
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "accelerator": _accelerator(),
    }


def environment_key(record: dict[str, Any]) -> str:
    """The digest that trials carry."""
    return key_of(record)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        return platform.processor()


def _accelerator() -> str | None:
    """The name of the first CUDA device, asked only of a torch that is already loaded."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name(0))
