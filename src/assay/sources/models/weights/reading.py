"""Reading weights without running anything: safetensors first, torch files with `weights_only`, the rest refused.

A pickle can run any code when it is read. `torch.load(weights_only=True)` admits tensors and plain containers only;
what it does not admit is refused here unless the user gave their word for that one model.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from assay.errors import DataError, UntrustedError

PICKLED = "the weights are a torch pickle, read with weights_only"
"""The note that such a model carries."""
TRUSTED = "a file that can run code was loaded on the user's word"
"""The note that a trusted model carries."""


def read_state(path: Path, *, uri: str, trust: bool = False) -> dict[str, Any]:
    """Tensors by name from a `.safetensors` file or a torch file.

    Args:
        path: The file.
        uri: The model as the user typed it, for messages.
        trust: The user's word that this one file may run code.

    Returns:
        The state, unwrapped from the containers that training scripts put around it.

    Raises:
        UntrustedError: The file holds more than tensors, and `trust` is not given. Nothing of it was run.
        DataError: The file is damaged.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path, uri)
    return _unwrapped(_read_pickle(path, uri, trust=trust), path, uri)


@contextmanager
def refusing_pickles(path: Path | str, uri: str) -> Generator[None]:
    """Inside, a library's refusal to unpickle becomes UntrustedError, and its other complaints DataError."""
    try:
        yield
    except pickle.UnpicklingError as error:
        raise untrusted(path, uri, "it holds more than tensors") from error
    except (EOFError, RuntimeError, OSError, ValueError, SafetensorError) as error:
        if "weights_only" in str(error) or "torch.load" in str(error):
            raise untrusted(path, uri, "it holds more than tensors") from error
        raise DataError(f"{uri}: the weights in {path} cannot be read: {error}") from error


def untrusted(path: Path | str, uri: str, why: str) -> UntrustedError:
    """The refusal, with the way to insist."""
    return UntrustedError(
        f"{uri}: {path} could run code when it is loaded ({why}), so it was not loaded. Use safetensors or ONNX "
        "instead; if you know where the file comes from, give your word for this one model: trust=True in Python, "
        "`trust: true` beside its uri in a study"
    )


def weights_file(folder: Path, *, uri: str) -> Path:
    """The file of weights in a folder, safetensors before torch files.

    Raises:
        DataError: There is none.
    """
    for ending in (".safetensors", ".bin", ".pth", ".pt"):
        found = sorted(
            folder.glob(f"*{ending}"), key=lambda path: (path.stem not in ("model", "pytorch_model"), path.name)
        )
        if found:
            return found[0]
    raise DataError(f"{uri}: there are no weights in {folder}; a .safetensors file is expected")


def notes_on(path: Path, *, trust: bool) -> tuple[str, ...]:
    """What a reader should know of how a file, or the weights in a folder, were read."""
    safe = any(path.glob("*.safetensors")) if path.is_dir() else path.suffix == ".safetensors"
    return () if safe else (TRUSTED,) if trust else (PICKLED,)


def _read_safetensors(path: Path, uri: str) -> dict[str, Any]:
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{uri}: the weights in {path} cannot be read: {error}") from error


def _read_pickle(path: Path, uri: str, *, trust: bool) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on unusual protocols; what cannot be read is refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not trust:
            raise untrusted(path, uri, "it holds more than tensors") from error
    except (EOFError, RuntimeError, OSError, ValueError) as error:
        raise DataError(f"{uri}: the weights in {path} cannot be read: {error}") from error
    return torch.load(path, map_location="cpu", weights_only=False)  # on the user's explicit word


def _unwrapped(loaded: Any, path: Path, uri: str) -> dict[str, Any]:
    if hasattr(loaded, "state_dict"):
        loaded = loaded.state_dict()
    for name in ("state_dict_ema", "model_ema", "state_dict", "model_state", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(name), Mapping):
            loaded = loaded[name]
            break
    if not isinstance(loaded, Mapping):
        raise DataError(f"{uri}: {path} holds {type(loaded).__name__} where tensors by name are needed")
    return {str(name).removeprefix("module."): value for name, value in loaded.items()}
