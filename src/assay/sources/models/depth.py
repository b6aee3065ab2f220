"""Shortened models: the first k blocks of a network, read by its own pooling, the rest left out and never computed."""

from __future__ import annotations

from torch import nn

from assay.errors import UsageError
from assay.sources.models.stages import modules_after, trunk


def shorten(network: nn.Module, layer: int | None, *, uri: str) -> str:
    """Leave out, in place, all blocks after the first `layer` ones and the norms and projections behind them.

    What is read is the output of block `layer` as it stands, pooled as the whole model is; for transformers' texts that
    is what their library calls hidden state `layer`. 0 reads the stem. With all blocks kept, nothing is left out.

    Args:
        network: The network, pooling included.
        layer: k; None changes nothing.
        uri: The model as the user typed it, for messages.

    Returns:
        `k of n`, or nothing where `layer` is None.

    Raises:
        UsageError: The network has fewer blocks, or no sequence of blocks.
    """
    if layer is None:
        return ""
    blocks = trunk(network)
    if not blocks or layer > len(blocks):
        raise UsageError(f"{uri}: layer must be between 0 and {len(blocks)}, the number of its blocks; got {layer}")
    if layer < len(blocks):
        for name in modules_after(network, blocks[-1]):
            _set(network, name, _hollowed(network.get_submodule(name)))
        _drop(network, blocks[layer:])
    return f"{layer} of {len(blocks)}"


def _drop(network: nn.Module, blocks: list[str]) -> None:
    """Take the blocks out of their sequence with what stands between them; elsewhere put identities in their place."""
    path, _, first = blocks[0].rpartition(".")
    parent = network.get_submodule(path)
    if not isinstance(parent, (nn.ModuleList, nn.Sequential)):
        for name in blocks:
            _set(network, name, nn.Identity())
        return
    names = [name for name, _ in parent.named_children()]
    for name in names[names.index(first) :]:
        delattr(parent, name)


def _hollowed(module: nn.Module) -> nn.Module:
    """The module without what computes: layers with parameters and activations become identities, pooling stays."""
    if any(True for _ in module.parameters(recurse=False)) or type(module).__module__ == "torch.nn.modules.activation":
        return nn.Identity()
    for name, kid in list(module.named_children()):
        setattr(module, name, _hollowed(kid))
    return module


def _set(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
