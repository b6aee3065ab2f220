"""Untrained twins: the same architecture with weights drawn afresh from a seed.

Where a library draws initial weights by itself, `drawn` gives it a seeded stream and leaves torch's own state as it
was. Where only a trained network is at hand, `redraw` starts each of its layers anew by the layer's own rule.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from assay.rng import seed_of, stream

T = TypeVar("T")


@contextmanager
def drawn(seed: int) -> Generator[None]:
    """Inside, torch draws from `seed` alone; afterwards its global state, and Python's, are what they were."""
    import torch

    state = random.getstate()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "untrained twin"))
        random.seed(seed_of(seed, "untrained twin"))
        try:
            yield
        finally:
            random.setstate(state)


def bare(build: Callable[[], T]) -> T:
    """The architecture without weights, on the meta device, or with arbitrary ones where it cannot be built so."""
    import torch

    try:
        with torch.device("meta"):
            return build()
    except (NotImplementedError, RuntimeError):
        with drawn(0):
            return build()


def redraw(network: Any, seed: int) -> Any:
    """The network with every parameter drawn anew, in place.

    A layer that has `reset_parameters` starts by its own rule, any other parameter by name and shape. Running
    statistics start anew too. Buffers that are no statistics (positions, masks) stay.

    Returns:
        The same network.
    """
    import torch

    rng = stream(seed, "untrained twin")
    with drawn(seed), torch.no_grad():
        for name, module in network.named_modules():
            own = dict(module.named_parameters(recurse=False))
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
                continue
            for label, parameter in own.items():
                fresh = draw(f"{name}.{label}", tuple(parameter.shape), rng)
                parameter.copy_(torch.from_numpy(fresh).to(parameter))
    return network


def draw(name: str, shape: tuple[int, ...], rng: np.random.Generator, *, outputs_last: bool = False) -> np.ndarray:
    """Initial weights by name and shape alone: biases and means 0, scales and variances 1, tables and kernels normal.

    Kernels of two and more dimensions get the deviation sqrt(2 / fan in), which keeps the size of what passes a
    rectifier (He, Zhang, Ren and Sun, 2015, Delving Deep into Rectifiers, equation 10); tables whose name says
    embedding, position or token get 0.02.

    Args:
        name: Full name of the array.
        shape: Its shape.
        rng: Where the numbers come from.
        outputs_last: Whether a kernel's outputs are its last side, as in Keras, and not its first, as in torch.

    Returns:
        A float32 array of the shape.
    """
    full = name.lower()
    if any(word in full for word in ("embed", "position", "token")):
        return rng.normal(0.0, 0.02, shape).astype(np.float32)
    if len(shape) < 2:
        one = any(word in full.rsplit(".", 1)[-1] for word in ("weight", "scale", "gamma", "var"))
        return np.full(shape, 1.0 if one else 0.0, dtype=np.float32)
    inputs = shape[:-1] if outputs_last else shape[1:]
    return rng.normal(0.0, np.sqrt(2.0 / np.prod(inputs)), shape).astype(np.float32)
