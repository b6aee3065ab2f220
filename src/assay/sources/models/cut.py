"""Cutting a network between two stages, so that the later ones can be trained from stored activations.

The second part runs the network's own forward pass with every earlier layer passed over: each gives an empty array of
the shape that it would have given, and the stored activations enter at the cut. Masks and positions are made as ever,
whatever the architecture. Whether this is exact is tried on an example before a cut is handed out.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from assay.errors import UsageError
from assay.sources.models.stages import known_block, modules_after, modules_before, trunk

Shape = tuple[int, ...]


def cut(network: nn.Module, stage: str, example: Mapping[str, Tensor]) -> tuple[Prefix, Suffix]:
    """The network before a stage, and from that stage on.

    The second part shares its parameters and buffers with the network, so that training it trains the network.

    Args:
        network: A torch module called as `network(**tensors) -> (b, d)`; it is put into evaluation mode.
        stage: Name of a stage other than the stem, as `stages` gives it.
        example: A batch of at least two items.

    Returns:
        (prefix, suffix): `prefix(**tensors)` gives a dictionary of tensors, rows first, that may be stored and joined;
        `suffix(**stored)` gives (b, d). Texts stored together must have been padded to one length, recordings to the
        example's.

    Raises:
        UnknownNameError: There is no such stage.
        UsageError: The network cannot be cut there: later stages read more than the stage's first input.
    """
    block = known_block(network, stage)
    network.eval()
    try:
        prefix, suffix = Prefix(network, block), Suffix(network, block, example)
        with torch.no_grad():
            whole, joined = network(**example), suffix(**prefix(**example))
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UsageError(f"the network cannot be cut at {stage!r}: {error}") from error
    if whole.shape != joined.shape or not torch.allclose(whole, joined, rtol=1e-4, atol=1e-5):
        raise UsageError(f"the network cannot be cut at {stage!r}: later stages read more than this stage's input")
    return prefix, suffix


class Prefix:
    """The network before a stage: tensors → what the suffix takes. No gradient flows through it."""

    def __init__(self, network: nn.Module, block: str) -> None:
        self._network = network
        self._block = network.get_submodule(block)

    def __call__(self, **tensors: Tensor) -> dict[str, Tensor]:
        """The stage's first input as `activations`, and those inputs of the network that are small: ids and masks."""
        hook = self._block.register_forward_pre_hook(_stop, with_kwargs=True)
        try:
            with torch.no_grad():
                self._network(**tensors)
        except _ReachedError as reached:
            return {"activations": reached.value, **{name: t for name, t in tensors.items() if t.ndim <= 2}}
        finally:
            hook.remove()
        raise UsageError("the stage is never reached in the network's forward pass")


class Suffix(nn.Module):
    """The network from a stage on; as a module it has the parameters and buffers of these stages only."""

    def __init__(self, network: nn.Module, block: str, example: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._whole = (network,)  # in a tuple, so that earlier stages do not become ours
        self._entry = block
        self._inputs = {name: (tuple(t.shape[1:]), t.dtype) for name, t in example.items()}
        self._skipped = _record_earlier(network, block, example)
        blocks = trunk(network)
        names = [*blocks[blocks.index(block) :], *modules_after(network, blocks[-1])]
        self.stages = nn.ModuleList(network.get_submodule(name) for name in names)

    def forward(self, activations: Tensor, **small: Tensor) -> Tensor:
        """Stored activations, and the small inputs stored with them, → (b, d)."""
        network = self._whole[0]
        tensors = dict(small)
        for name, (shape, kind) in self._inputs.items():
            if name not in tensors:
                tensors[name] = torch.zeros((), dtype=kind, device=activations.device).expand(len(activations), *shape)

        def enter(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return _with_first(args, kwargs, activations)

        with ExitStack() as stack:
            for module, shape_in, output in self._skipped:
                stack.enter_context(_passed_over(module, shape_in, output))
            hook = network.get_submodule(self._entry).register_forward_pre_hook(enter, with_kwargs=True)
            stack.callback(hook.remove)
            return network(**tensors)


class _ReachedError(Exception):
    """Ends a forward pass at the cut, carrying what the stage was to read."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


def _stop(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    raise _ReachedError(_first_tensor(args, kwargs))


def _first_tensor(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            return value
    raise TypeError("a layer before the cut reads no tensor")


def _with_first(args: tuple[Any, ...], kwargs: dict[str, Any], value: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with their first tensor replaced."""
    for k, old in enumerate(args):
        if isinstance(old, Tensor):
            return (*args[:k], value, *args[k + 1 :]), kwargs
    name = next(name for name, old in kwargs.items() if isinstance(old, Tensor))
    return args, {**kwargs, name: value}


def _record_earlier(
    network: nn.Module, block: str, example: Mapping[str, Tensor]
) -> list[tuple[nn.Module, Shape, Any]]:
    """Modules that run before the block and never after it, with shapes of their first input and of their output."""
    entered = False
    seen: dict[str, tuple[nn.Module, Shape, Any]] = {}

    def enter(_: nn.Module, __: Any) -> None:
        nonlocal entered
        entered = True

    def record(name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> None:
            if entered or name in seen:
                seen.pop(name, None)
            else:
                shapes = tree_map_only(Tensor, lambda t: _Hollow(tuple(t.shape), t.dtype), output)
                seen[name] = (module, tuple(_first_tensor(args, kwargs).shape), shapes)

        return hook

    candidates = [(name, network.get_submodule(name)) for name in modules_before(network, block)]
    with ExitStack() as stack, torch.no_grad():
        for name, module in candidates:
            stack.callback(module.register_forward_hook(record(name), with_kwargs=True).remove)
        stack.callback(network.get_submodule(block).register_forward_pre_hook(enter).remove)
        network(**example)
    return list(seen.values())


class _Hollow:
    """Shape and type of an array that is never computed."""

    def __init__(self, shape: Shape, kind: torch.dtype) -> None:
        self.shape = shape
        self.kind = kind

    def like(self, was: Shape, now: Tensor) -> Tensor:
        """An empty array: sides that equalled the input's follow the input, the others stay."""
        follows = [k < min(len(was), now.ndim) and side == was[k] for k, side in enumerate(self.shape)]
        sides = [now.shape[k] if follow else self.shape[k] for k, follow in enumerate(follows)]
        return torch.zeros((), dtype=self.kind, device=now.device).expand(sides)


@contextmanager
def _passed_over(module: nn.Module, was: Shape, output: Any) -> Generator[None]:
    """Inside, the module gives empty arrays of the right shape without computing anything."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        now = _first_tensor(args, kwargs)
        return tree_map_only(_Hollow, lambda hollow: hollow.like(was, now), output)

    module.forward = forward
    try:
        yield
    finally:
        del module.forward
