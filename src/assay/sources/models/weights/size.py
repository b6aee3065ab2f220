"""Width, FLOPs, parameters and bytes of a network, measured by one pass over one item or on the meta device."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from assay.contracts import Batch
from assay.errors import UsageError


def measure(network: Any, example: Batch) -> tuple[int, float | None, float | None]:
    """Width d of the features, floating-point operations and activations of one item.

    A multiply and an add count as two; only matrix products, convolutions and attention are counted, as
    `torch.utils.flop_counter` does. It sees nothing of recurrent layers, so a network with one has an unknown number.
    Activations are the numbers that convolutions and linear layers put out (Dollár, Singh and Girshick 2021, Fast and
    accurate model scaling, section 3). A network on the meta device is measured without any arithmetic.

    Args:
        network: A torch module called as `network(**tensors) -> (b, d)`.
        example: A batch of one item.

    Returns:
        (d, FLOPs or None, activations or None)

    Raises:
        UsageError: when the network does not give (1, d).
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    device = device_of(network)
    tensors = {name: torch.from_numpy(array).to(device) for name, array in example.items()}
    with _frozen(network), torch.no_grad(), _counted(network) as outputs, FlopCounterMode(display=False) as counter:
        features = network(**tensors)
    if not isinstance(features, torch.Tensor) or features.ndim != 2 or features.shape[0] != 1:
        shape = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features).__name__
        raise UsageError(f"the network gives {shape} for one item where (1, d) is needed; pool its output to one row")
    recurrent = any(isinstance(module, torch.nn.RNNBase) for module in network.modules())
    if recurrent:
        return int(features.shape[1]), None, None
    return int(features.shape[1]), float(counter.get_total_flops()), float(sum(outputs)) or None


@contextmanager
def _counted(network: Any) -> Generator[list[int]]:
    """Inside, the sizes of what convolutions and linear layers put out are listed."""
    import torch

    sizes: list[int] = []
    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)

    def count(_module: Any, _inputs: Any, output: Any) -> None:
        sizes.append(int(output.numel()))

    hooks = [module.register_forward_hook(count) for module in network.modules() if isinstance(module, kinds)]
    try:
        yield sizes
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _frozen(network: Any) -> Generator[None]:
    """Inside, no parameter asks for a gradient: the counter's hooks fail on those that are passed on as they are."""
    asking = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)


def parameters_of(network: Any) -> int:
    """Number of parameters, shared ones counted once."""
    return sum(parameter.numel() for parameter in network.parameters())


def bytes_of(network: Any) -> int:
    """Bytes of parameters and buffers in memory."""
    return sum(t.numel() * t.element_size() for t in (*network.parameters(), *network.buffers()))


def device_of(network: Any) -> Any:
    """The device of the first parameter or buffer; the CPU for a network with neither."""
    import torch

    first = next(iter((*network.parameters(), *network.buffers())), None)
    return torch.device("cpu") if first is None else first.device
