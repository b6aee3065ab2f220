"""`torchvision:NAME`: the image data sets of torchvision, with their published train and test parts.

`torchvision:CIFAR10?root=data` looks in `data`; without `root` in ~/.cache/assay/torchvision. Other options go to the
data set's class: `torchvision:EMNIST?split=letters`.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.dataset import Dataset
from assay.errors import DataError, MissingExtraError, OfflineError, UnknownNameError
from assay.sources.data.assembly import assemble, in_memory
from assay.sources.data.function import typed
from assay.sources.data.items.files import Skipped, look_at
from assay.sources.data.options import check_known, single, split_name
from assay.sources.data.targets import encode_classes
from assay.spec import DataRef

_PARTS = ("train", "val", "valid", "validation", "test")
_OWN = ("self", "root", "download", "transform", "target_transform", "transforms", "loader")


def load(ref: DataRef, *, offline: bool = False) -> Dataset:
    """The images of all published parts, one data set.

    Raises:
        UnknownNameError: for a name or option that torchvision does not have.
        OfflineError: for files that are not there when nothing may be fetched, with the folder they belong in.
        DataError: for a data set whose targets are no classes.
        MissingExtraError: without torchvision.
    """
    name, options = split_name(ref.name)
    kind = _class(name, ref)
    parameters = inspect.signature(kind.__init__).parameters
    check_known(options, [word for word in ("root", *parameters) if word not in _OWN or word == "root"], ref.uri)
    fixed = {key: typed(single(options, key) or "", parameters[key].default) for key in options if key != "root"}
    root = Path(single(options, "root", "~/.cache/assay/torchvision") or ".").expanduser()
    if "root" in parameters:
        fixed["root"] = str(root)
    if "download" in parameters:
        fixed["download"] = not offline
    parts = _parts(kind, fixed, parameters, ref, root)
    return _joined(ref, parts)


def _class(name: str, ref: DataRef) -> Any:
    try:
        from torchvision import datasets
        from torchvision.datasets import VisionDataset
    except ModuleNotFoundError as error:
        raise MissingExtraError("vision", f"data {ref.uri!r}") from error
    found: dict[str, Any] = {
        word: value for word, value in vars(datasets).items()
        if inspect.isclass(value) and issubclass(value, VisionDataset) and value is not VisionDataset
    }  # fmt: skip
    if name not in found:
        raise UnknownNameError("data set", name, found, where="torchvision")
    return found[name]


def _parts(kind: Any, fixed: dict[str, Any], parameters: Any, ref: DataRef, root: Path) -> dict[str, Any]:
    """The data set's published parts by name; one without a name where it has no parts."""
    if "train" in parameters and "train" not in fixed:
        choices = [("train", {"train": True}), ("test", {"train": False})]
    elif "split" in parameters and "split" not in fixed:
        choices = [(part, {"split": part}) for part in _PARTS]
    else:
        choices = [("", {})]
    parts: dict[str, Any] = {}
    for part, choice in choices:
        try:
            parts[part] = kind(**fixed, **choice)
        except ValueError as error:
            if len(choices) != len(_PARTS):  # a split that this data set does not have is passed over
                raise DataError(f"{ref.uri}: {error}") from error
        except (RuntimeError, OSError, ModuleNotFoundError) as error:
            raise OfflineError(
                f"{ref.uri}: not found in {root} and not fetched ({str(error).splitlines()[0]}); put torchvision's "
                f"files for it there, or load it once with a network"
            ) from error
    if not parts:
        raise DataError(f"{ref.uri}: none of the splits {', '.join(_PARTS)} is there; name one with split=")
    return parts


def _joined(ref: DataRef, parts: dict[str, Any]) -> Dataset:
    items, splits, labels = Joined(list(parts.values())), list[str](), list[Any]()
    for part, made in parts.items():
        splits += [part] * len(made)
        labels += _labels(made, ref)
    first = next(iter(parts.values()))
    names = getattr(first, "classes", None)
    task, targets = encode_classes(np.asarray(labels), where=ref.uri, classes=_used(names, labels))
    files = [path for made in parts.values() for path, _ in getattr(made, "samples", ())]
    if len(files) == len(items):  # a folder of files: they need not be decoded to be digested
        paths = [Path(path) for path in files]
        looked = look_at(paths, [str(path) for path in paths], modality="image", skip=False, skipped=Skipped())
        load_rows, digests = looked.load, looked.digests
    else:
        load_rows, digests = in_memory(items)
    return assemble(
        ref, modality="image", task=task, targets=targets, load=load_rows, digests=digests,
        splits=splits if "" not in parts else None,
    )  # fmt: skip


class Joined:
    """The images of several parts, one after the other."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, row: Any) -> Any:
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._parts[part][int(row) - int(self._starts[part])][0]


def _labels(made: Any, ref: DataRef) -> list[Any]:
    """The targets of one part, without decoding its images where the data set keeps them apart."""
    for name in ("targets", "labels", "_labels"):
        kept = getattr(made, name, None)
        if kept is not None and len(kept) == len(made):
            return [int(value) for value in kept]
    labels = [made[row][1] for row in range(len(made))]
    if any(np.ndim(label) > 0 or isinstance(label, dict) for label in labels[:1]):
        raise DataError(f"{ref.uri}: its targets are no classes, such as {str(labels[0])[:60]}")
    return [int(label) for label in labels]


def _used(names: Any, labels: list[Any]) -> list[str] | None:
    """The class names, where there is one for each code; None where codes must serve."""
    if names is None or len(set(labels)) != len(names) or max(labels) >= len(names):
        return None
    return [str(name if not isinstance(name, tuple) else name[0]) for name in names]
