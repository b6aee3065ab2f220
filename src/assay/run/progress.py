"""What a person sees while a study runs: stages, items, rate and time left; nothing when output is no terminal."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any


class Progress(AbstractContextManager["Progress"]):
    """Two lines on standard error: the trials of the study, and the stage at work."""

    def __init__(self, *, quiet: bool | None = None) -> None:
        self._quiet = not sys.stderr.isatty() if quiet is None else quiet
        self._bars: Any = None
        self._stage: Any = None
        self._total: Any = None

    def __enter__(self) -> Progress:
        if not self._quiet:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            self._bars = Bars(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def trials(self, done: int, total: int) -> None:
        """So many of the trials are done."""
        if self._bars is None:
            return
        if self._total is None:
            self._total = self._bars.add_task("trials", total=total, rate="")
        self._bars.update(self._total, completed=done)

    def stage(self, text: str, total: int | None = None) -> None:
        """A new stage begins, of `total` items."""
        if self._bars is None:
            return
        if self._stage is not None:
            self._bars.remove_task(self._stage)
        self._stage = self._bars.add_task(text, total=total, rate="")

    def items(self, done: int, total: int, rate: float | None = None) -> None:
        """So many items of the stage are done, at `rate` items a second."""
        if self._bars is not None and self._stage is not None:
            shown = "" if rate is None else f"{rate:,.0f}/s"
            self._bars.update(self._stage, completed=done, total=total, rate=shown)
