"""Energy, where it was asked for: through codecarbon, which reads the processor's counters or, without them, estimates.

This file imports no torch, so that recipes which need none can be measured too.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

from assay.errors import MissingExtraError

JOULES_A_KWH = 3.6e6


class EnergyMeter:
    """Measures between `start` and `stop`, as often as one likes; `close` ends it.

    Raises:
        MissingExtraError: codecarbon is not installed.
    """

    def __init__(self) -> None:
        try:
            from codecarbon import OfflineEmissionsTracker
        except ImportError as error:
            raise MissingExtraError("energy", "measuring energy") from error
        self._task = 0
        self._tracker = _quietly(
            OfflineEmissionsTracker, country_iso_code="USA", save_to_file=False, log_level="critical",
            allow_multiple_runs=True,
        )  # fmt: skip

    def start(self) -> None:
        """From here on."""
        self._task += 1
        _quietly(self._tracker.start_task, f"stretch {self._task}")

    def stop(self) -> float:
        """Joules since the start, of the whole machine as far as codecarbon can tell."""
        return float(_quietly(self._tracker.stop_task).energy_consumed) * JOULES_A_KWH

    def close(self) -> None:
        """Free what it holds."""
        _quietly(self._tracker.stop)


def _quietly(call: Any, *args: Any, **kwargs: Any) -> Any:
    """The call without the notices that codecarbon gives on machines whose counters it cannot read."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(*args, **kwargs)
    finally:
        logging.disable(before)
