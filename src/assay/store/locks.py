"""One writer at a time: a lock on a file, released by the system itself when its holder dies.

Waiting is told in a log line, and may be interrupted or limited. Threads of one process exclude each other too.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from assay.errors import StoreError

LOG = logging.getLogger("assay.store")
POLL_SECONDS = 0.1


@contextmanager
def locked(path: Path, *, wait_seconds: float | None = None) -> Generator[None]:
    """Hold the lock of `path` for the length of a `with` block.

    Args:
        path: The lock file; made when it is not there, and left in place.
        wait_seconds: How long to wait for another holder; None for as long as it takes, 0 for not at all.

    Raises:
        StoreError: when the lock is still held after `wait_seconds`, or the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _open(path)
    except OSError as error:
        raise StoreError(f"{path} could not be opened: {error.strerror or error}") from error
    try:
        _acquire(handle, path, wait_seconds)
        yield
    finally:
        os.close(handle)  # closing releases the lock


def _open(path: Path) -> int:
    """A handle to lock by; where nothing can be written, the file that a writer once left will do."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return os.open(path, os.O_RDONLY)


def _acquire(handle: int, path: Path, wait_seconds: float | None) -> None:
    start, told = time.monotonic(), False
    while not _try_lock(handle):
        if wait_seconds is not None and time.monotonic() - start >= wait_seconds:
            raise StoreError(f"{path.parent} is in use by another process; try again when it is done")
        if not told:
            LOG.warning("waiting for another process that writes to %s", path.parent)
            told = True
        time.sleep(POLL_SECONDS)


def _try_lock(handle: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
