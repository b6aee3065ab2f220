"""Every error that Assay raises on purpose, and the exit status that the command line gives it.

AssayError
├── UsageError            2   the call, the study file or the table cannot be used as it stands
│   ├── SpecError         2   a study file: all its faults at once, each with its place
│   ├── UnknownNameError  2   no such model, data set, recipe, metric, column: with the nearest names
│   ├── ShapeError        2   an array of the wrong shape
│   └── DataError         2   data or a table that cannot be read: with file, row, column
├── GateError             1   a gate stated with --fail-if does not hold
├── TrialError            3   one trial failed; the rest is saved
│   ├── NonFiniteError    3   a model gave NaN or infinity
│   │   └── DivergedError 3   a training whose loss became NaN or infinite
│   ├── OutOfMemoryError  3   the smallest batch does not fit
│   └── PrunedError       3   a search ended it before its time; its row says skipped
├── NothingToAssessError  4   there are no rows that the question could be asked of
├── MachineError          5   this machine: a missing extra, no such model offline, a full disk
│   ├── MissingExtraError 5   with the command that installs it
│   ├── OfflineError      5   with what to put where
│   ├── StoreError        5   a run folder that is damaged, locked or of a newer version
│   └── UntrustedError    5   a file that could run code, refused
└── InternalError        70   a fault of Assay itself

A message says what was wrong, where, and what would have worked. `nearest` finds the names to suggest.
This file imports nothing of Assay.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class AssayError(Exception):
    """Base of all errors raised on purpose; `exit_status` is what the command line ends with."""

    exit_status = 70


class UsageError(AssayError):
    """The call cannot be used as it stands."""

    exit_status = 2


class SpecError(UsageError):
    """A study file with faults; `faults` holds (place, message) for each of them."""

    def __init__(self, source: str, faults: Sequence[tuple[str, str]]) -> None:
        self.source = source
        self.faults = tuple(faults)
        lines = "\n".join(f"  {place}: {message}" if place else f"  {message}" for place, message in self.faults)
        count = f"{len(self.faults)} fault" + ("s" if len(self.faults) != 1 else "")
        super().__init__(f"{source}: {count}\n{lines}")


class UnknownNameError(UsageError):
    """No such name; the message offers the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(set(known)))
        super().__init__(f"unknown {kind} {name!r}{f' in {where}' if where else ''}{suggest(name, self.known)}")


class ShapeError(UsageError):
    """An array of the wrong shape."""


class DataError(UsageError):
    """Data or a table that cannot be read or used; the message names file, row and column."""


class GateError(AssayError):
    """A gate that the user stated does not hold."""

    exit_status = 1


class TrialError(AssayError):
    """One trial failed; it becomes a row of the ledger, and the study goes on."""

    exit_status = 3
    reason = "error"
    """The kind of failure, in a word or two: what a map of failures counts."""


class NonFiniteError(TrialError):
    """A model or a loss gave NaN or infinity."""

    reason = "not finite"


class DivergedError(NonFiniteError):
    """The loss of a training became NaN or infinite."""

    reason = "diverged"


class OutOfMemoryError(TrialError):
    """Memory ran out at the smallest batch."""

    reason = "out of memory"


class PrunedError(TrialError):
    """A search ended the trial before its time, since others promise more."""

    reason = "pruned"


class NothingToAssessError(AssayError):
    """There are no rows of which the question could be asked."""

    exit_status = 4


class MachineError(AssayError):
    """Something about this machine stands in the way."""

    exit_status = 5


class MissingExtraError(MachineError):
    """A part of Assay needs packages that are not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        super().__init__(f"{needed_for} needs packages that are not installed: pip install 'assay[{extra}]'")


class OfflineError(MachineError):
    """Something is not on this machine and cannot be fetched."""


class StoreError(MachineError):
    """A run folder that is damaged, locked, full or of a newer version."""


class UntrustedError(MachineError):
    """A file that could run code when loaded, refused without the user's explicit word."""


class InternalError(AssayError):
    """A fault of Assay itself."""


def nearest(name: str, known: Iterable[str], *, limit: int = 3) -> list[str]:
    """Names in `known` nearest to `name`, best first; empty when none is near."""
    pool = sorted(set(known))
    folded: dict[str, str] = {}
    for other in pool:
        folded.setdefault(other.casefold(), other)
    hits = difflib.get_close_matches(name.casefold(), list(folded), n=limit, cutoff=0.6)
    if not hits:
        hits = [key for key in folded if name.casefold() and name.casefold() in key][:limit]
    return [folded[hit] for hit in hits]


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest names, or all of them when they are few, or nothing."""
    pool = sorted(set(known))
    near = nearest(name, pool)
    if near:
        return f"; did you mean {' or '.join(repr(item) for item in near)}?"
    if 0 < len(pool) <= 12:
        return f"; known: {', '.join(pool)}"
    return ""
