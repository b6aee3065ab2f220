"""What `rank` and `select` are asked: which models on which data, how to judge them, and what may be spent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.assess.selection.combination import Past
from assay.dataset import Dataset
from assay.errors import UsageError
from assay.run.contenders import Loader, Say

_BUDGET = re.compile(r"^\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>s|m|min|h|trials?|money)?\s*$")
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent; None where there is no limit."""

    seconds: float | None = None
    trials: int | None = None
    """A trial is one model on one sample."""

    @classmethod
    def parse(cls, text: str, *, per_hour: float | None = None) -> Budget:
        """The budget that a user typed: `90s`, `10m`, `2h`, `12 trials`, or `2.50 money` with the price of an hour.

        Raises:
            UsageError: for anything else.
        """
        match = _BUDGET.match(text)
        if match is None or match["unit"] is None:
            raise UsageError(
                "a budget is a time such as 10m, 90s or 2h, a number such as '12 trials', or money, '2.50 money' "
                f"with --per-hour; got {text!r}"
            )
        number, unit = float(match["number"]), match["unit"]
        if unit in _SECONDS:
            return cls(seconds=number * _SECONDS[unit])
        if unit == "money":
            if not per_hour:
                raise UsageError("a budget in money needs the price of an hour: --per-hour 3.20")
            return cls(seconds=3600 * number / per_hour)
        return cls(trials=int(number))


def _silent(text: str) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: which models, which data, and how to judge."""

    models: Sequence[str]
    """Names as users type them."""
    data: Dataset
    """The data; a name, as users type it, is loaded at once."""
    metric: str | None = None
    """None for accuracy, or R² for real targets."""
    twins: bool = False
    """Whether each model's untrained twin is run as a baseline."""
    priors: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    """Free rankings by name: model → number, higher is better. The first decides who is looked at first."""
    past: Past | None = None
    """Scores reached on other data sets, for the calibrated combination."""
    generalise: bool = False
    """Whether the leader is scored on rows it did not learn from, with calibration and abstention."""
    shifted: Dataset | None = None
    """Data of the same classes from elsewhere; the leader is scored on them too."""
    probes: bool = False
    """Whether the leader's test items and learned labels are spoilt to see what that costs."""
    level: float = 0.95
    rng_seed: int = 0
    load: Loader | None = None
    """How a name becomes a model; None for `assay.sources.models.load_model`."""
    store: Path | None = None
    """Folder that keeps features; None for one that is thrown away."""
    device: str = "auto"
    engine: str = "auto"
    say: Say = _silent
    """Told what goes on."""

    def __post_init__(self) -> None:
        if isinstance(self.data, str):
            from assay.sources.data import load_data

            object.__setattr__(self, "data", load_data(self.data))

    @property
    def measure(self) -> str:
        """The metric."""
        return self.metric or ("accuracy" if self.data.task.is_classification else "r2")
