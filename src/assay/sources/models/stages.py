"""The stages of a network from input to output: what fine-tuning unfreezes one after another.

Stages are found from the order of a network's layers, not from a list of architectures. The trunk is the sequence of
blocks that holds nearly all parameters: the encoder's layers of BERT, the blocks of ViT, `layer1` to `layer4` of
ResNet. What stands before it is the stem, what stands after it belongs to the last block.
"""

from __future__ import annotations

from torch import nn

from assay.errors import UnknownNameError

STEM = "stem"
TRUNK_SHARE = 0.8
"""A child with this share of the parameters that stand in sequences of blocks holds the trunk."""
WRAPPER_SHARE = 0.95
"""A child with this share of all parameters, where nothing is a sequence, is a wrapper around the rest."""


def stages(network: nn.Module) -> list[tuple[str, list[str]]]:
    """Parameters by stage, from input to output; each parameter is in exactly one.

    Args:
        network: Any torch module whose layers are registered in the order in which they run.

    Returns:
        (name, names of parameters as in `network.named_parameters()`): the stem first, where it has parameters, then a
        stage for each block under the block's module name; the last block has what follows it too.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        >>> stages(net)
        [('0', ['0.weight', '0.bias']), ('1', ['1.weight', '1.bias'])]
    """
    blocks = trunk(network)
    names = [name for name, _ in network.named_parameters()]
    if len(blocks) < 2:
        return [(STEM, names)] if names else []
    held: dict[str, list[str]] = {STEM: [], **{block: [] for block in blocks}}
    after = set(modules_after(network, blocks[-1]))
    for name in names:
        inside = next((block for block in blocks if name.startswith(f"{block}.")), None)
        late = any(name.startswith(f"{module}.") for module in after)
        held[inside or (blocks[-1] if late else STEM)].append(name)
    return [(stage, owned) for stage, owned in held.items() if owned]


def trunk(network: nn.Module) -> list[str]:
    """Module names of the blocks, in order; empty for a network of a single layer.

    Blocks are the parts of the sequence that holds most parameters, or the network's own parts where there is none.
    """
    path, module = "", network
    while True:
        kids = [(name, kid) for name, kid in module.named_children() if _size(kid)]
        if _is_sequence(module) and len(kids) > 1:
            return [path + name for name, _ in kids]
        chains = [(name, kid) for name, kid in kids if _has_sequence(kid)]
        compound = [(name, kid) for name, kid in kids if any(True for _ in kid.children())]
        kids, share = (chains, TRUNK_SHARE) if chains else (compound or kids, WRAPPER_SHARE)
        total = sum(_size(kid) for _, kid in kids)
        main = next(((name, kid) for name, kid in kids if _size(kid) >= share * total), None)
        if main is None:
            return [path + name for name, _ in kids]
        path, module = f"{path}{main[0]}.", main[1]


def modules_before(network: nn.Module, block: str) -> list[str]:
    """Modules registered before a block, beside it or beside what holds it, in order."""
    return [name for name, late in _siblings(network, block) if not late]


def modules_after(network: nn.Module, block: str) -> list[str]:
    """Modules registered after a block, beside it or beside what holds it."""
    return [name for name, late in _siblings(network, block) if late]


def known_block(network: nn.Module, stage: str) -> str:
    """The stage's module name, checked.

    Raises:
        UnknownNameError: The network has no such stage, or it is the stem.
    """
    blocks = trunk(network)
    if stage not in blocks:
        raise UnknownNameError("stage", stage, blocks)
    return stage


def _siblings(network: nn.Module, block: str) -> list[tuple[str, bool]]:
    """(module name, whether it comes after the block), level by level from the root."""
    found: list[tuple[str, bool]] = []
    path, module = "", network
    for step in block.split("."):
        late = False
        for name, _ in module.named_children():
            if name == step:
                late = True
            else:
                found.append((path + name, late))
        path, module = f"{path}{step}.", module.get_submodule(step)
    return found


def _is_sequence(module: nn.Module) -> bool:
    return isinstance(module, (nn.Sequential, nn.ModuleList))


def _has_sequence(module: nn.Module) -> bool:
    """Whether the module is, or holds, a sequence of at least two parts with parameters."""
    return any(
        _is_sequence(inner) and sum(1 for kid in inner.children() if _size(kid)) > 1 for inner in module.modules()
    )


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
