"""Weights that are elsewhere: a hub's repositories and single files behind a URL, from the cache where they are in it.

What is fetched is a folder or file on this disk; everything after that reads local files only, so that a hub name and a
local folder take the same way. Offline, nothing here opens a socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from assay.errors import DataError, OfflineError, UnknownNameError, UsageError
from assay.sources.models.request import Request
from assay.sources.models.weights.digest import digest_files

SETTINGS = ("*.json", "*.txt", "*.model", "*.py", "README.md", "*.jinja")
"""Files of a repository that describe a model: configuration, vocabulary, card."""
ELSEWHERE = ("onnx/*", "openvino/*", "coreml/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf", "checkpoint*/*")
"""Copies of the weights for other programs."""


@dataclass(frozen=True, slots=True)
class Stock:
    """A folder that holds a model's files."""

    folder: Path
    """Where they are."""
    revision: str
    """The hub's commit, or sha256 of a local folder's files; empty where only the configuration was asked for."""


def stock(name: str, *, uri: str, offline: bool, weights: bool = True, revision: str = "") -> Stock:
    """The folder of a model: a local folder as it is, anything else as a repository of the Hugging Face hub.

    Args:
        name: A local folder, or `owner/name` with an optional `@revision`.
        uri: The model as the user typed it, for messages.
        offline: Whether only the cache may be used.
        weights: False fetches the configuration alone.
        revision: A commit that an earlier run resolved; anything else, such as a digest, is left aside.

    Returns:
        Folder and revision.

    Raises:
        UnknownNameError: The hub has no such repository or revision.
        OfflineError: It is not in the cache, and the network may not or cannot be used.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Stock(folder, digest_files(folder) if weights else "")
    if _looks_like_a_path(name):
        raise UnknownNameError("folder", name, _neighbours(folder), where=uri)
    if _is_commit(revision) and "@" not in name:
        name = f"{name}@{revision}"
    first = _snapshot(name, uri=uri, offline=offline, patterns=[*SETTINGS, *(["*.safetensors"] if weights else [])])
    if weights and not any(first.folder.rglob("*.safetensors")):
        _snapshot(name, uri=uri, offline=offline, patterns=["*.bin", "*.pth", "*.pt"])
        if not any(path.suffix in (".bin", ".pth", ".pt") for path in first.folder.rglob("*")):
            raise (
                _offline_error(uri, name)
                if offline
                else UsageError(f"{uri}: the repository holds no weights for torch")
            )
    return first


def stock_of(request: Request, *, weights: bool = True) -> Stock:
    """`stock` for what a request names, at the revision that it names."""
    return stock(
        request.path,
        uri=request.ref.uri,
        offline=request.offline,
        weights=weights,
        revision=request.ref.revision,
    )


def fetch_url(url: str, *, uri: str, offline: bool) -> Path:
    """The file behind a URL, in torch's folder of checkpoints; its name's digest is checked where it carries one.

    Raises:
        OfflineError: It is not there, and the network may not or cannot be used.
        DataError: What came is not the file whose digest the name carries.
    """
    import torch

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rsplit("/", 1)[-1]
    if path.is_file():
        return path
    hint = f"{uri}: {path.name} is not in {folder}; fetch {url} on a machine with network and put the file there"
    if offline:
        raise OfflineError(hint)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=_hash_in(path.name), progress=False)
    except (URLError, OSError) as error:
        raise OfflineError(f"{hint} ({error})") from error
    except RuntimeError as error:  # the digest in the name is not the file's
        raise DataError(f"{uri}: {url} did not give the file that its name promises: {error}") from error
    return path


def cached_repositories() -> list[str]:
    """Names of the model repositories in the hub's cache."""
    from huggingface_hub import constants

    folders = Path(constants.HF_HUB_CACHE).glob("models--*--*")
    return sorted(folder.name.removeprefix("models--").replace("--", "/", 1) for folder in folders)


def _snapshot(name: str, *, uri: str, offline: bool, patterns: list[str]) -> Stock:
    from huggingface_hub import errors, snapshot_download

    repository, _, revision = name.partition("@")
    try:
        path = snapshot_download(
            repository,
            revision=revision or None,
            allow_patterns=patterns,
            ignore_patterns=list(ELSEWHERE),
            local_files_only=offline,
        )
    except errors.GatedRepoError as error:
        raise OfflineError(
            f"{uri}: the repository is gated; accept its terms on the hub and run `hf auth login`"
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise UnknownNameError("model", repository, cached_repositories(), where="the hub and on this disk") from error
    except errors.RevisionNotFoundError as error:
        raise UnknownNameError("revision", revision, (), where=repository) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.HfHubHTTPError, OSError) as error:
        raise _offline_error(uri, repository) from error
    return Stock(Path(path), Path(path).name)


def _offline_error(uri: str, repository: str) -> OfflineError:
    from huggingface_hub import constants

    entry = f"models--{repository.partition('@')[0].replace('/', '--')}"
    return OfflineError(
        f"{uri}: the model is not in the cache {constants.HF_HUB_CACHE}, and the hub cannot be reached or may not be. "
        f"On a machine with network run `hf download {repository.partition('@')[0]}` and copy the folder {entry} into "
        "the cache here, or name a local folder in place of the hub name"
    )


def _looks_like_a_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or name.endswith("/") or name.count("/") > 1 or "\\" in name


def _is_commit(revision: str) -> bool:
    return len(revision) == 40 and all(c in "0123456789abcdef" for c in revision)


def _neighbours(path: Path) -> list[str]:
    """Folders beside a missing one, as the user would type them."""
    parent = path.parent
    return [str(other) for other in parent.iterdir() if other.is_dir()] if parent.is_dir() else []


def _hash_in(name: str) -> str | None:
    """The start of sha256 that torch's file names carry: `resnet50-11ad3fa6.pth`."""
    last = name.rsplit(".", 1)[0].rsplit("-", 1)[-1]
    return last if len(last) >= 8 and all(c in "0123456789abcdef" for c in last) else None
